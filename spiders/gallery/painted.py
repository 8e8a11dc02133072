"""A painted gallery: which works it has, painting them into a cache with two processes, planting the plants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.errors import Fatal
from spiders.gallery.names import Cast, cast, title
from spiders.gallery.plant import COPIES, PLANTS, kind_of, planted
from spiders.gallery.score import Truth
from spiders.gallery.works import Artist, Work, completion_year, digest, hex_id, image_folder, name_slug, number, share

FAMILIES = (
    "landscape", "portrait", "seascape", "still life", "geometry", "cityscape", "flowers", "ink wash", "vanitas",
    "pointillism", "colour field", "woodcut",
)  # fmt: skip
EVERY = 12
"""Every twelfth work is a plant."""
QUALITY = 85
EPOCH = 1_700_000_000
"""Modification time, in seconds since 1970, of the first picture; each further one is a minute younger."""
PROCESSES = 2
CHILD = "from spiders.gallery.painted import main; main()"
MUSEUMS = ("Museum of the Weir", "Kunsthalle Ostermark", "Galleria Celeste", "Private Collection", "Old Harrow Museum")
TAGS = {
    "landscape": "forests-and-trees, sky, mountains",
    "seascape": "boats-and-ships, sea, waves",
    "portrait": "faces",
    "still life": "fruits-and-vegetables, vases",
    "cityscape": "houses-and-buildings, streets",
    "vanitas": "skulls, candles",
    "flowers": "flowers-and-plants",
    "geometry": "geometric",
    "ink wash": "bamboo, mountains",
    "woodcut": "waves, mountains",
    "pointillism": "parks-and-gardens, people",
    "colour field": "abstract",
}
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Slot:
    """One place in a gallery: what is painted there and, for a plant, its kind and what it copies."""

    seed: int
    index: int

    @cached_property
    def kind(self) -> str | None:
        """The kind of plant, or None."""
        return kind_of(self.index // EVERY) if self.index % EVERY == EVERY - 1 else None

    @cached_property
    def source(self) -> Slot:
        """The slot whose picture is shown here: for a copy one of the eleven before it."""
        if self.kind not in COPIES:
            return self
        back = 1 + int((EVERY - 1) * share(self.seed, "copied", self.index))
        return Slot(self.seed, self.index - back)

    @cached_property
    def family(self) -> str:
        """The family of pictures."""
        if self.kind is not None:
            return FAMILIES[digest(self.seed, "family", self.index) % len(FAMILIES)]
        turn = self.index - self.index // EVERY
        block = sorted(FAMILIES, key=lambda name: share(self.seed, turn // len(FAMILIES), name))
        return block[turn % len(FAMILIES)]

    @cached_property
    def picture(self) -> int:
        """The seed of the picture within its family."""
        return digest(self.seed, "picture", self.index) % 2**31

    @property
    def key(self) -> str:
        """What the work's ids are made from."""
        return f"painted/{self.seed}/{self.index}"


def build(
    seed: int, count: int, cache: Path, faces: Path | None, progress: Progress | None = None
) -> tuple[list[Artist], list[Work], Truth]:
    """A gallery of `count` works, plants among them, its pictures under `cache`; and the truth about the plants.

    A larger gallery of the same seed begins with the same works. Pictures already in the cache are not painted
    again. Raises Fatal when painting fails.
    """
    slots = [Slot(seed, index) for index in range(count)]
    folder = cache / _edition(faces)
    files = {slot.index: _file(folder, slot) for slot in slots}
    wanted = {(slot.source.family, slot.source.picture, files[slot.source.index]) for slot in slots}
    _paint_all(sorted(wanted), faces, progress)
    people = cast(seed)
    works, truth, sizes = _Works(people), [], {}
    for slot in slots:
        served = files[slot.source.index] if slot.kind is None else _plant(folder, slot, files[slot.source.index])
        sizes[slot.index] = _size(slot)
        works.add(slot, served, sizes[slot.index])
        if slot.kind is not None:
            truth.append(_told(slot, works.works[-1], works.works[slot.source.index]))
    return works.artists(), works.works, {"seed": seed, "count": count, "planted": truth}


def _edition(faces: Path | None) -> str:
    """The name of a cache folder: it changes with how pictures are painted and with the photographs used."""
    from spiders.gallery.paint import VERSION

    names = sorted(file.name for file in faces.iterdir()) if faces else []
    return f"painted-v{VERSION}-{sha256(' '.join(names).encode()).hexdigest()[:6]}"


def _file(folder: Path, slot: Slot) -> Path:
    return folder / slot.family.replace(" ", "-") / f"{slot.picture:010d}.jpg"


def _size(slot: Slot) -> tuple[int, int]:
    from spiders.gallery.paint import size_of

    return size_of(slot.source.family, slot.source.picture)


def _paint_all(wanted: Sequence[tuple[str, int, Path]], faces: Path | None, progress: Progress | None) -> None:
    """Paint what is not there yet, in two processes of their own."""
    missing = [(family, seed, str(file)) for family, seed, file in wanted if not file.is_file()]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        running = [
            _start(Path(folder) / str(part), missing[part::PROCESSES], faces)
            for part in range(min(PROCESSES, len(missing)))
        ]
        while any(process.poll() is None for process in running):
            time.sleep(0.05)
            if progress:
                progress(sum(Path(file).is_file() for _, _, file in missing), len(missing))
        if any(process.returncode for process in running):
            raise Fatal("Painting the practice gallery failed; is the cache folder writable and the disk not full?")


def _start(order: Path, jobs: Sequence[tuple[str, int, str]], faces: Path | None) -> subprocess.Popen[bytes]:
    order.write_text(json.dumps({"jobs": jobs, "faces": str(faces) if faces else None}))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(order)], env=environment)


def main() -> None:
    """Entry of a painting process: paints the jobs of the file it is given."""
    import cv2

    from spiders.gallery.paint import paint

    cv2.setNumThreads(1)
    order = json.loads(Path(sys.argv[1]).read_text())
    for family, seed, name in order["jobs"]:
        file = Path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        paint(family, seed, order["faces"]).save(part, "JPEG", quality=QUALITY)
        os.replace(part, file)


def _plant(folder: Path, slot: Slot, source: Path) -> Path:
    """The file that a plant serves; an exact copy and a missing picture serve the painted one."""
    kind = str(slot.kind)
    file = folder / "plants" / f"{slot.seed}-{slot.index:06d}-{kind.replace(':', '-')}.bin"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(planted(kind, source.read_bytes(), digest(slot.seed, "plant", slot.index) % 2**31))
        os.replace(part, file)
    return file


def _told(slot: Slot, work: Work, original: Work) -> dict[str, object]:
    plant = PLANTS[str(slot.kind)]
    return {
        "id": work.id, "content_id": work.content_id, "kind": slot.kind,
        "expect": [reason.value for reason in plant.expect], "of": original.id if plant.copy else None,
    }  # fmt: skip


class _Works:
    """Collects works and gives each its ids, its slug and what the site says of it."""

    def __init__(self, people: Cast) -> None:
        self.people = people
        self.works: list[Work] = []
        self.taken = {artist.content_id for artist in people.artists}
        self.slugs: set[tuple[str, str]] = set()

    def artists(self) -> list[Artist]:
        """The artists who have works here, in the order of the alphabet."""
        present = {work.artist for work in self.works}
        return sorted((a for a in self.people.artists if a.slug in present), key=lambda artist: artist.last_first)

    def add(self, slot: Slot, file: Path, size: tuple[int, int]) -> None:
        """One work, whose picture is `file`."""
        plant = PLANTS.get(slot.kind or "")
        artist = self.people.for_family(slot.seed, slot.source.family, slot.key)
        ident = number("work", slot.key, self.taken)
        name, year_text = title(slot.seed, slot.source.family, slot.key), _year_text(slot, artist)
        work_slug = self._slug(artist, name, year_text, ident)
        suffix, marks = (plant.suffix, plant.marks) if plant else (".jpg", "")
        prefix = f"/{digest('shelf', slot.key) % 90_000 + 10_000}" if share("shelf?", slot.key) < 0.5 else ""
        file_name = f"{work_slug}{f'-{marks}' if marks else ''}{suffix}"
        os.utime(file, (EPOCH + 60 * slot.source.index,) * 2)
        self.works.append(Work(
            key=slot.key, id=hex_id(slot.key), content_id=ident, artist=artist.slug, slug=work_slug, title=name,
            file=str(file), path=f"{prefix}/images/{image_folder(artist.name)}/{file_name}",
            width=size[0], height=size[1],
            year_text=year_text, year=completion_year(year_text), gone=plant.gone if plant else (),
            forced=plant.forced if plant else (), **_about(slot),
        ))  # fmt: skip

    def _slug(self, artist: Artist, name: str, year_text: str | None, ident: int) -> str:
        text = name_slug(f"{name} {year_text or ''}", f"work-{ident}")
        if (artist.slug, text) in self.slugs:
            text = f"{text}-{ident}"
        self.slugs.add((artist.slug, text))
        return text


def _year_text(slot: Slot, artist: Artist) -> str | None:
    """A year of the artist's life as the site writes years: plain, about, from to, unknown, or nothing."""
    born = completion_year(artist.birth) or 1850
    year = (
        born + 20 + int(40 * share(slot.seed, "year", slot.key))
        if artist.birth_ms and artist.birth_ms > -6e13
        else None
    )
    chance = share(slot.seed, "dated", slot.key)
    if year is None or chance < 0.05:
        return None
    if chance < 0.07:
        return "?"
    if chance < 0.17:
        return f"c.{year}"
    return f"{year - 2} - {year}" if chance < 0.21 else str(year)


def _about(slot: Slot) -> dict[str, Any]:
    """Style, genre and the rest, each missing as often as on the site."""
    from spiders.gallery.paint import FAMILIES as PAINTED
    from spiders.gallery.paint import style_of

    def has(field: str, rate: float) -> bool:
        return share(slot.seed, field, slot.key) < rate

    family = slot.source.family
    style = style_of(family, slot.source.picture)
    inks = {"ink wash": "ink, paper", "woodcut": "woodblock print", "colour field": "acrylic, canvas"}
    return {
        "styles": (style,) if has("style", 0.912) else (),
        "genres": (PAINTED[family].genre,) if has("genre", 0.904) else (),
        "tags": tuple(TAGS[family].split(", ")) if has("tags", 0.658) else (),
        "technique": inks.get(family, "oil, canvas") if has("technique", 0.6) else None,
        "size_cm": (round(30 + 120 * share("x", slot.key), 1), round(30 + 120 * share("y", slot.key), 1))
        if has("size", 0.245)
        else None,
        "museum": _one(MUSEUMS, slot, "museum") if has("museum?", 0.21) else None,
        "location": _one(("Ostermark", "Vallombreuse", "Old Harrow"), slot, "place")
        if has("location?", 0.124)
        else None,
        "serie": _one(("The Course of the Year", "Views of the River", "Nocturnes"), slot, "serie")
        if has("serie?", 0.08)
        else None,
        "period": "Early Works" if has("period", 0.041) else None,
        "description": "Painted for practice; [i]nothing[/i] here is old." if has("description", 0.024) else None,
    }


def _one(options: Sequence[str], slot: Slot, name: str) -> str:
    return options[int(len(options) * share(slot.seed, name, slot.key))]
