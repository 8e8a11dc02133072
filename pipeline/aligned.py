"""Faces before and after alignment as people look at them: a contact sheet, a film, mean faces, landmarks, what was
refused with the number that decided. Drawn from an edition; files of the corpus, wiped when a picture is taken down."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline import tables
from pipeline.errors import Reason, Rejected, UsageError
from pipeline.reasons import FACE_REASONS, words
from pipeline.schema import ID_DIGITS
from pipeline.storage import Root
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_scaled
from pipeline.vision.faces import points_of
from pipeline.vision.resize import fit_square

MEAN_OF, FRAMES, PAIRS, MARKED, A_REASON = 200, 48, 40, 24, 8
_SIDE, _TILE, _LARGE, _SMALL, _LABEL = 128, 96, 256, 176, 18
_FRAME_MS = 250
_GROUND, _INK = (32, 32, 32), (230, 230, 230)
_IRISES = ((468, 469), (473, 474))  # centre and a point of the edge of each
_ANGLES = ("yaw", "pitch", "roll")
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Row:
    """A picture, or a face of one, of the edition: where it lies before and after, its faces, why it was refused."""

    id: str
    format: str | None
    faces: Sequence[Mapping[str, Any]]
    reason: str | None
    value: float | None
    detail: str | None
    shard: str | None
    offset: int
    size: int


@dataclass(frozen=True)
class _Pair:
    before: Pixels
    after: Pixels


class Aligned:
    """The faces of one edition. Raises UsageError when its manifest has no `align`, or nothing was aligned yet."""

    def __init__(self, root: Root, edition: Mapping[str, Any]) -> None:
        self._root, self._edition = root, edition
        if not edition["manifest"].get("align"):
            raise UsageError(f"Corpus {edition['corpus']} does not align faces: write `align: {{}}` into its manifest.")
        folders = edition["folders"]
        self._shards = f"{folders['prepared']}/shards"
        self._out = f"corpora/{edition['corpus']}/aligned/{folders['prepared'].rsplit('/', 1)[-1]}/sheets"
        if not self.kept and not self.refused:
            raise UsageError(
                f"No face of {edition['corpus']} was aligned or refused yet: run `pipeline align --corpus "
                f"{edition['corpus']}` first."
            )

    # rows

    @cached_property
    def rows(self) -> list[Row]:
        """Every row of the edition once, by id; of several the one that was kept."""
        made: dict[str, Row] = {}
        for name in self._edition["partitions"]:
            for row in self._partition(name):
                if row.id not in made or row.reason is None:
                    made[row.id] = row
        left_out = set(self._edition.get("left_out") or ())
        return [made[one] for one in sorted(made) if one[:ID_DIGITS] not in left_out]

    def _partition(self, name: str) -> Iterable[Row]:
        folders = self._edition["folders"]
        wanted = ["id", "reason", "reason_value", "detail", "shard", "offset", "size"]
        after = tables.read(self._root, folders["prepared"], name, wanted).to_pylist()
        if "expanded" in folders:
            before = tables.read(self._root, folders["expanded"], name, ["format", "faces"]).to_pylist()
        else:
            formats = tables.read(self._root, folders["crawled"], name, ["format"])["format"].to_pylist()
            found = tables.read(self._root, folders["faces"], name, ["faces"])["faces"].to_pylist()
            before = [{"format": one, "faces": faces} for one, faces in zip(formats, found, strict=True)]
        for row, what in zip(after, before, strict=True):
            yield Row(
                row["id"], what["format"], what["faces"] or [], row["reason"], row["reason_value"], row["detail"],
                row["shard"], row["offset"] or 0, row["size"] or 0,
            )  # fmt: skip

    @cached_property
    def kept(self) -> list[Row]:
        """Those that were aligned, in the order of their ids, which is as good as at random."""
        return [row for row in self.rows if row.reason is None and row.shard is not None]

    @cached_property
    def refused(self) -> dict[str, list[Row]]:
        """Those that were refused for their faces, by reason, the number that decided rising."""
        made: dict[str, list[Row]] = {}
        for reason in map(str, FACE_REASONS):
            rows = [row for row in self.rows if row.reason == reason]
            if rows:
                made[reason] = sorted(rows, key=lambda row: (row.value is None, row.value or 0.0, row.id))
        return made

    def reasons(self) -> list[dict[str, Any]]:
        """For each reason how many, and the least, middle and greatest number that decided; as `--json` has it."""
        made = []
        for reason, rows in self.refused.items():
            values = [row.value for row in rows if row.value is not None]
            spread = [float(v) for v in np.percentile(values, (0, 50, 100), method="nearest")] if values else None
            made.append({"reason": reason, "count": len(rows), "numbers": spread})
        return made

    # files

    def draw(self, landmarks: bool = False) -> dict[str, str]:
        """Draw what is not there yet; the paths of the files by what they show.

        `sheet`, `gif`, `mp4` and `means` when a face was aligned, `refused` when one was refused, `landmarks` when
        asked for.
        """
        made: dict[str, str] = {}
        if self.kept:
            names = {"sheet": "jpg", "gif": "gif", "mp4": "mp4", "means": "png"}
            ids = [row.id for row in self.kept[:MEAN_OF]]
            made |= {what: self._path(what, ids, ending) for what, ending in names.items()}
            if not all(self._root.exists(path) for path in made.values()):
                pairs = self._pairs(self.kept[:MEAN_OF])
                for what, data in _drawn(pairs).items():
                    self._root.commit(made[what], data)
        if self.refused:
            said = [word for heading, rows in self._lines() for word in (heading, *(row.id for row in rows))]
            made["refused"] = self._made(self._path("refused", said, "jpg"), self._refused)
        if landmarks:
            rows = [row for row in self.rows if row.faces][:MARKED]
            path = self._path("landmarks", [row.id for row in rows], "jpg")
            made["landmarks"] = self._made(path, lambda: self._landmarks(rows))
        return made

    def _made(self, path: str, draw: Callable[[], bytes]) -> str:
        if not self._root.exists(path):
            self._root.commit(path, draw())
        return path

    def _path(self, what: str, shown: Sequence[str], ending: str) -> str:
        """A file by what it shows: ids and words. Another name for anything else, so that no old one stands for it."""
        made_of = hashlib.sha256("\n".join(shown).encode()).hexdigest()[:8]
        return f"{self._out}/{what}-{made_of}.{ending}"

    def _lines(self) -> list[tuple[str, list[Row]]]:
        """For each reason its heading, and some of its rows from the least number that decided to the greatest."""
        made = []
        for reason, rows in self.refused.items():
            places = sorted({*np.linspace(0, len(rows) - 1, A_REASON).astype(int).tolist()})
            made.append((f"{reason}  {len(rows):,}", [rows[at] for at in places]))
        return made

    def _pairs(self, rows: Sequence[Row]) -> list[_Pair]:
        """Each picture as the middle of its original, and as aligned, both uint8 (128, 128, 3)."""
        made = []
        for row in rows:
            before, _ = self._original(row, 2 * _SIDE)
            if before is not None:
                data = self._root.read_range(f"{self._shards}/{row.shard}", row.offset, row.size)
                after = Image.open(io.BytesIO(data)).convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
                made.append(_Pair(np.asarray(fit_square(before, _SIDE)), np.asarray(after)))
        return made

    def _original(self, row: Row, side: int) -> tuple[Image.Image | None, float]:
        """The original in sRGB, its longer side `side` or more where it has as many, and its pixels for one of the
        file's; None where it is gone or cannot be read any more."""
        path = tables.original_path(row.id, row.format) if row.format else ""
        if not path or not self._root.exists(path):
            return None, 1.0
        try:
            header, picture = open_scaled(self._root.read(path), side, "YCbCr")
            return to_srgb(picture)[0], picture.width / header.width
        except Rejected:
            return None, 1.0

    def _refused(self) -> bytes:
        """A line of pictures for each reason, with boxes and the number that decided."""
        lines = [
            (heading, [(self._marked(row, _SMALL, False), _number(row)) for row in rows])
            for heading, rows in self._lines()
        ]
        return _jpeg(_sheet(lines, _SMALL))

    def _landmarks(self, rows: Sequence[Row]) -> bytes:
        tiles = [(self._marked(row, _LARGE, True), _angles(row)) for row in rows]
        lines = [("", tiles[at : at + 4]) for at in range(0, len(tiles), 4)]
        return _jpeg(_sheet(lines, _LARGE))

    def _marked(self, row: Row, side: int, points: bool) -> Image.Image:
        """The original on a square of `side`, with the box and the eyes of every face, and its points if asked."""
        square = Image.new("RGB", (side, side), _GROUND)
        picture, scale = self._original(row, 2 * side)
        if picture is None:
            return square
        smaller = side / max(picture.size)
        picture = picture.resize(
            (max(1, round(picture.width * smaller)), max(1, round(picture.height * smaller))), Image.Resampling.LANCZOS
        )
        corner = (side - picture.width) // 2, (side - picture.height) // 2
        square.paste(picture, corner)
        draw = ImageDraw.Draw(square)
        for face in row.faces:
            _mark(draw, face, scale * smaller, np.array(corner), points)
        return square


def of_edition(root: Root, edition: Mapping[str, Any], echo: Callable[[str], None]) -> dict[str, str]:
    """Draw the faces of an edition; the paths of the files. None when not one picture got so far."""
    try:
        files = Aligned(root, edition).draw()
    except UsageError:
        return {}
    echo(f"faces    {root.address(files['gif'] if 'gif' in files else files['refused'])}")
    return files


# drawing


def _drawn(pairs: Sequence[_Pair]) -> dict[str, bytes]:
    """The sheet, the films and the means of pairs."""
    from gan import film

    if not pairs:
        return {}
    means = np.hstack([_mean([pair.before for pair in pairs]), _mean([pair.after for pair in pairs])])
    frames = [np.hstack([pair.before, pair.after]) for pair in pairs[:FRAMES]] + [means]
    sink = io.BytesIO()
    Image.fromarray(means).save(sink, "PNG")
    return {
        "sheet": _jpeg(_before_after(pairs[:PAIRS])), "means": sink.getvalue(),
        "gif": film.gif(frames, _FRAME_MS), "mp4": film.mp4(frames, _FRAME_MS),
    }  # fmt: skip


def _mean(pictures: Sequence[Pixels]) -> Pixels:
    total = np.zeros(pictures[0].shape, np.float64)
    for picture in pictures:
        total += picture
    return np.rint(total / len(pictures)).astype(np.uint8)


def _before_after(pairs: Sequence[_Pair]) -> Image.Image:
    """Four pairs a line, each as found and as aligned."""
    width = 4 * (2 * _TILE + 8)
    sheet = Image.new("RGB", (width, -(-len(pairs) // 4) * (_TILE + 4)), _GROUND)
    for place, pair in enumerate(pairs):
        left, top = place % 4 * (2 * _TILE + 8), place // 4 * (_TILE + 4)
        for at, pixels in enumerate((pair.before, pair.after)):
            tile = Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
            sheet.paste(tile, (left + at * (_TILE + 1), top))
    return sheet


def _sheet(lines: Sequence[tuple[str, Sequence[tuple[Image.Image, str]]]], side: int) -> Image.Image:
    """Lines of pictures with a word under each, and above each line its heading, if any."""
    columns = max((len(tiles) for _, tiles in lines), default=1)
    heights = [(_LABEL if heading else 0) + side + _LABEL for heading, _ in lines]
    sheet = Image.new("RGB", (columns * (side + 4), sum(heights)), _GROUND)
    draw, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(12), 0
    for (heading, tiles), height in zip(lines, heights, strict=True):
        draw.text((4, top + 1), heading, _INK, font)
        for column, (tile, text) in enumerate(tiles):
            left = column * (side + 4)
            sheet.paste(tile, (left, top + height - side - _LABEL))
            draw.text((left + 2, top + height - _LABEL + 1), text, _INK, font)
        top += height
    return sheet


def _mark(draw: ImageDraw.ImageDraw, face: Mapping[str, Any], scale: float, shift: NDArray[Any], points: bool) -> None:
    box = (np.array(face["box"]).reshape(2, 2) * scale + shift).ravel().tolist()
    draw.rectangle(box, outline=(255, 96, 64))
    for x, y in np.array(face["eyes"]).reshape(2, 2) * scale + shift:
        draw.line((x - 3, y, x + 3, y), fill=(96, 255, 96))
        draw.line((x, y - 3, x, y + 3), fill=(96, 255, 96))
    if points and face["landmarks"]:
        found = points_of(face["landmarks"], face["box"]) * scale + shift
        draw.point([(float(x), float(y)) for x, y in found[:468]], fill=(64, 224, 255))
        for centre, edge in _IRISES:
            reach = float(np.hypot(*(found[edge] - found[centre])))
            x, y = found[centre]
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), outline=(255, 224, 64))


def _number(row: Row) -> str:
    """The number that decided, as words; of an odd angle also which one it is."""
    angles = {round(face[name], 3): name for face in row.faces for name in _ANGLES}
    which = angles.get(round(row.value, 3)) if row.value is not None and row.reason == Reason.ODD_ANGLE else None
    return words(row.reason, row.value, row.detail or which) or ""


def _angles(row: Row) -> str:
    face = row.faces[0]
    turned = " ".join(f"{name} {round(face[name])}°" for name in _ANGLES)
    return f"{turned}  {face['score']:.2f}  {face['eye_distance']:.0f} px"


def _jpeg(picture: Image.Image) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=88)
    return sink.getvalue()


def text(edition: Mapping[str, Any], found: Aligned, files: Mapping[str, str]) -> str:
    """What there is, for a terminal."""
    rows = found.reasons()
    lines = [f"Corpus {edition['corpus']}: {len(found.kept):,} faces aligned, "
             f"{sum(row['count'] for row in rows):,} pictures refused for their faces"]  # fmt: skip
    lines += [f"  {row['reason']:16} {row['count']:>7,}  {_spread(row['reason'], row['numbers'])}".rstrip()
              for row in rows]  # fmt: skip
    return "\n".join([*lines, "", *(f"{what:10} {path}" for what, path in files.items())])


def _spread(reason: str, numbers: Sequence[float] | None) -> str:
    """The least, middle and greatest number that decided, as words; one alone where they are one."""
    said = list(dict.fromkeys(words(reason, number, None) or "" for number in numbers or ()))
    return f"{said[0]} to {said[-1]}, {said[len(said) // 2]} in the middle" if len(said) > 1 else "".join(said)
