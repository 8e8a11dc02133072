"""The pictures of a report: small WebP files named by id, made once, two at a time."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from pipeline import tables
from pipeline.errors import Rejected
from pipeline.storage import Root
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_scaled
from pipeline.web.facts import Picture

PICTURES = "pictures"
RUNS = "runs"
FACES = "faces"
SIDE = 160
GRID_SIDE = 1024
LARGE = ((800, 640), (3_000, 320))
"""Of at most so many pictures with pages of their own each is shown there so large: some 30 MB, which can be mailed."""
_THREADS = 2
_CHUNK = 32
_QUALITY = 82
_OURS = re.compile(
    r"pictures/(a-|l\d+-)?[0-9a-f]{64}(-\d+)?\.webp|runs/\d+-[0-9a-z_.+-]+\.(webp|gif|mp4|webm)"
    r"|faces/[a-z]+[0-9]?-[0-9a-f]+\.(png|gif|mp4)"
)

Named = tuple[str, bytes | None]


@dataclass(frozen=True)
class _Source:
    """Where the bytes of a picture lie: a file, or `size` bytes of it from `offset`."""

    path: str
    offset: int = 0
    size: int | None = None


class Pictures:
    """The pictures of a report: pages ask for them, `make` writes those that are not there yet.

    `address` and `prepared_address` give None for pictures that `make` could not read.
    """

    def __init__(self, root: Root, out: Root, shards: str) -> None:
        self._root = root
        self._out = out
        self._shards = shards
        self._wanted: dict[str, _Source] = {}
        self._large: int | None = None
        self._failed: set[str] = set()

    def ask(self, picture: Picture) -> None:
        """A page shows this picture as it came."""
        if picture.decoded:
            path = tables.original_path(picture.id, str(picture.format))
            self._wanted[_name(picture)] = _Source(path)

    def ask_prepared(self, picture: Picture) -> None:
        """A page shows this picture as the networks see it."""
        if picture.shard is not None and picture.offset is not None:
            place = _Source(f"{self._shards}/{picture.shard}", picture.offset, picture.size)
            self._wanted[_name(picture, "a-")] = place

    def ask_large(self, found: Sequence[Picture]) -> None:
        """These pictures have pages of their own: they are shown larger there, as far as they are few."""
        self._large = next((side for most, side in LARGE if len(found) <= most), None)
        for picture in found if self._large else ():
            if picture.decoded and max(picture.width or 0, picture.height or 0) > SIDE:
                self._wanted[_name(picture, f"l{self._large}-")] = _Source(
                    tables.original_path(picture.id, str(picture.format))
                )

    def ask_file(self, name: str, path: str) -> None:
        """A page shows the file `path` under `name`: grids become WebP, others stay as they are."""
        self._wanted[name] = _Source(path)

    def address(self, picture: Picture) -> str | None:
        """Where the picture lies, at most `SIDE` pixels long."""
        return self._made(_name(picture))

    def large_address(self, picture: Picture) -> str | None:
        """Where the picture lies as it is shown on its own page."""
        return self._made(_name(picture, f"l{self._large}-")) or self.address(picture)

    def file(self, name: str) -> str | None:
        """Where a file asked for by `ask_file` lies."""
        return self._made(name)

    def prepared_address(self, picture: Picture) -> str | None:
        """Where the prepared picture lies."""
        return self._made(_name(picture, "a-"))

    def _made(self, name: str) -> str | None:
        return name if name in self._wanted and name not in self._failed else None

    def make(self) -> int:
        """Write what is wanted and not there, delete what no page shows any more; returns how many were made."""
        there = {f"{folder}/{name}" for folder in (PICTURES, RUNS, FACES) for name in self._out.names(folder)}
        for name in there:
            if _OURS.fullmatch(name) and name not in self._wanted:
                self._out.delete(name)
        jobs = _chunks({name: source for name, source in self._wanted.items() if name not in there})
        made = 0
        with ThreadPoolExecutor(_THREADS) as pool:
            for results in pool.map(self._do, jobs):
                self._failed.update(name for name, data in results if data is None)
                made += self._out.commit_many((name, data) for name, data in results if data is not None)
        return made

    def _do(self, job: Mapping[str, _Source]) -> list[Named]:
        files = self._read(list(dict.fromkeys(source.path for source in job.values())))
        return [(name, _encoded(name, files[source.path], source)) for name, source in job.items()]

    def _read(self, paths: Sequence[str]) -> dict[str, bytes | None]:
        try:
            return dict(zip(paths, self._root.read_many(paths), strict=True))
        except FileNotFoundError:
            return {path: self._root.read(path) if self._root.exists(path) else None for path in paths}


class LivePictures:
    """The pictures as a server shows them: made when they are asked for."""

    def address(self, picture: Picture) -> str | None:
        """Where the picture lies as it came; None when it was never decoded."""
        return f"picture/{picture.id}/thumb.webp" if picture.decoded else None

    def large_address(self, picture: Picture) -> str | None:
        """Where the picture lies as large as a screen; None when it was never decoded."""
        return f"picture/{picture.id}/large.webp" if picture.decoded else None

    def prepared_address(self, picture: Picture) -> str | None:
        """Where the picture lies as the networks see it; None when it was not prepared."""
        return f"picture/{picture.id}/prepared.webp" if picture.shard is not None else None

    def file(self, name: str) -> str | None:
        """A file of a run lies where pages ask for it."""
        return name


def _name(picture: Picture, mark: str = "") -> str:
    return f"{PICTURES}/{mark}{picture.id}.webp"


def _chunks(wanted: Mapping[str, _Source]) -> list[dict[str, _Source]]:
    """Jobs of one shard, or of some dozen files."""
    shards: dict[str, dict[str, _Source]] = {}
    files: list[tuple[str, _Source]] = []
    for name, source in wanted.items():
        if source.size is not None:
            shards.setdefault(source.path, {})[name] = source
        else:
            files.append((name, source))
    return [*shards.values(), *(dict(files[at : at + _CHUNK]) for at in range(0, len(files), _CHUNK))]


def _encoded(name: str, data: bytes | None, source: _Source) -> bytes | None:
    """The file of the report; None when the picture is gone or cannot be read any more."""
    if data is None or not name.endswith(".webp"):
        return data
    if source.size is not None:
        data = data[source.offset : source.offset + source.size]
    large = re.match(rf"{PICTURES}/l(\d+)-", name)
    side = int(large[1]) if large else GRID_SIDE if name.startswith(f"{RUNS}/") else SIDE
    try:
        return thumbnail(data, side)
    except Rejected:
        return None


def thumbnail(data: bytes, side: int) -> bytes:
    """A picture of any format as upright sRGB WebP, its longer side at most `side` pixels, without metadata.

    Raises Rejected when the bytes are not a picture that can be read.
    """
    _, picture = open_scaled(data, 2 * side, "YCbCr")
    small, _ = to_srgb(picture)
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    sink = io.BytesIO()
    small.save(sink, "WEBP", quality=_QUALITY, method=2)
    return sink.getvalue()
