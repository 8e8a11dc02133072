"""The bytes of pictures for live pages: made when they are asked for, by id, and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.errors import Rejected
from pipeline.storage import Root
from pipeline.web.pictures import GRID_SIDE, SIDE, thumbnail

LARGE = 1600
_SIDES = {"thumb": SIDE, "large": LARGE}
CACHE = "cache/pictures"
TYPES = {"webp": "image/webp", "gif": "image/gif", "mp4": "video/mp4", "webm": "video/webm", "png": "image/png"}


@dataclass(frozen=True)
class Source:
    """Where the bytes of a picture lie: a file, or `size` bytes of it from `offset`."""

    path: str
    offset: int | None = None
    size: int | None = None


def made(root: Root, name: str, kind: str, where: Source) -> bytes | None:
    """The picture `name` as WebP; None when it cannot be read. Thumbnails are kept in the cache."""
    if kind == "prepared":
        return _small(lambda: root.read_range(where.path, where.offset or 0, where.size or 0), GRID_SIDE)
    kept = f"{CACHE}/{name[:2]}/{name}-{kind}.webp"
    if root.exists(kept):
        return root.read(kept)
    data = _small(lambda: root.read(where.path), _SIDES[kind])
    if data is not None and kind == "thumb":
        root.commit_many([(kept, data)])
    return data


def file(root: Root, name: str, path: str) -> bytes | None:
    """A file of a run under the name pages have for it: grids become WebP, others stay as they are."""
    if name.endswith(".webp"):
        return _small(lambda: root.read(path), GRID_SIDE)
    return root.read(path) if root.exists(path) else None


def _small(read: Callable[[], bytes], side: int) -> bytes | None:
    try:
        return thumbnail(read(), side)
    except (FileNotFoundError, Rejected):
        return None
