"""What a camera wrote into a picture: when it was taken, with what, where, and whether it moves. JPEG and HEIF alone.

EXIF 2.32 (CIPA DC-008) in JPEG's APP1 or as an item of HEIF (ISO/IEC 14496-12 and 23008-12). Nothing here raises for
what a file says: damaged metadata is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from pipeline.sniff import HEAD, sniff

_SEGMENTS, _ENTRIES, _BOXES = 64, 512, 256  # files that say they have more are damaged
_LARGEST = 4 * 2**20
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
_MAKE, _MODEL, _CHANGED, _CAMERA, _GPS = 0x010F, 0x0110, 0x0132, 0x8769, 0x8825
_TAKEN, _MADE_DIGITAL, _OFFSET_CHANGED, _OFFSET, _OFFSET_DIGITAL = 0x9003, 0x9004, 0x9010, 0x9011, 0x9012
_WHEN = re.compile(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_OFFSETS = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")
_EARLIEST = 1826
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_MOVES = re.compile(rb"(MotionPhoto|MicroVideo)(=\"1\"|>1<)")

_Tags = Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Shot:
    """`taken` is ISO 8601 by the camera's clock, with its offset from UTC where the camera wrote it; `camera` maker and
    model; `place` latitude and longitude in degrees; `moves` says that a film is appended to the picture."""

    taken: str | None = None
    camera: str | None = None
    place: tuple[float, float] | None = None
    moves: bool = False


def read(file: BinaryIO) -> Shot:
    """What a file says; of the pixels nothing is read. Raises OSError alone."""
    kind = sniff(_at(file, 0, HEAD))
    if kind == "jpeg":
        return _jpeg(file)
    return _heif(file) if kind == "heif" else Shot()


def shot(tiff: bytes, moves: bool = False) -> Shot:
    """What EXIF says that begins with its TIFF header."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return Shot(moves=moves)
    first = _tags(tiff, _number(tiff[4:8], order), order)
    camera = _tags(tiff, _number(first.get(_CAMERA, b""), order), order)
    where = _tags(tiff, _number(first.get(_GPS, b""), order), order)
    taken = (
        _when(camera.get(_TAKEN), camera.get(_OFFSET)) or _when(camera.get(_MADE_DIGITAL), camera.get(_OFFSET_DIGITAL))
        or _when(first.get(_CHANGED), camera.get(_OFFSET_CHANGED))
    )  # fmt: skip
    return Shot(taken, _camera(first), _place(where, order), moves)


# the formats


def _jpeg(file: BinaryIO) -> Shot:
    tiff, moves, at = b"", False, 2
    for _ in range(_SEGMENTS):
        head = _at(file, at, 4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in (0xD9, 0xDA):
            break
        size = int.from_bytes(head[2:], "big")
        if head[1] == 0xE1:
            body = _at(file, at + 4, size - 2)
            tiff = tiff or (body[len(_EXIF) :] if body.startswith(_EXIF) else b"")
            moves |= body.startswith(_XMP) and _MOVES.search(body) is not None
        at += 2 + size
    return shot(tiff, moves)


def _heif(file: BinaryIO) -> Shot:
    found = {kind: (at, size) for kind, at, size in _boxes(file)}
    at, size = found.get(b"meta", (0, 0))
    meta = _at(file, at + 4, min(size - 4, _LARGEST))
    inner = {kind: meta[start : start + length] for kind, start, length in _parts(meta)}
    item = _item(inner.get(b"iinf", b""), b"Exif")
    body = b"".join(_at(file, *extent) for extent in _extents(inner.get(b"iloc", b""), item)) if item else b""
    return shot(body[4 + int.from_bytes(body[:4], "big") :], b"mpvd" in found)


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Each box of the file: its type, where its content begins, and how long that is."""
    at = 0
    for _ in range(_BOXES):
        head = _at(file, at, 16)
        size, start = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), 16
        if len(head) < 8 or size < start:
            return
        yield head[4:8], at + start, size - start
        at += size


def _parts(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """As `_boxes`, of the boxes within one."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            return
        yield data[at + 4 : at + 8], at + 8, size - 8
        at += size


def _item(iinf: bytes, kind: bytes) -> int:
    """The number of the item of a kind, 0 when there is none."""
    first = 6 if iinf[:1] == b"\0" else 8
    for box, at, _ in _parts(iinf[first:]):
        entry = iinf[first + at :]
        wide = 4 if entry[:1] == b"\3" else 2
        if box == b"infe" and entry[6 + wide : 10 + wide] == kind:
            return int.from_bytes(entry[4 : 4 + wide], "big")
    return 0


def _extents(iloc: bytes, item: int) -> list[tuple[int, int]]:
    """Where the bytes of an item lie in the file: offset and length of each part."""
    version, sizes = iloc[:1], iloc[4:6].ljust(2, b"\0")
    offset, length, base = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index = sizes[1] & 15 if version in (b"\1", b"\2") else 0
    wide = 4 if version == b"\2" else 2
    rest = _Numbers(iloc[6:])
    for _ in range(min(rest.next(wide), _ENTRIES)):
        number = rest.next(wide)
        inside = rest.next(2) & 15 if version in (b"\1", b"\2") else 0
        rest.next(2)
        start = rest.next(base)
        count = min(rest.next(2), _ENTRIES)
        parts = [(rest.next(index), rest.next(offset), rest.next(length)) for _ in range(count)]
        if number == item and not inside:
            return [(start + at, min(size, _LARGEST)) for _, at, size in parts]
    return []


class _Numbers:
    """Unsigned big-endian numbers one after the other; 0 beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def next(self, size: int) -> int:
        self._place += size
        return int.from_bytes(self._data[self._place - size : self._place], "big")


# the values


def _tags(tiff: bytes, at: int, order: str) -> _Tags:
    """The values of one directory by their tags; none where there is no directory."""
    if not at:
        return {}
    made: dict[int, bytes] = {}
    for entry in range(min(_number(tiff[at : at + 2], order), _ENTRIES)):
        field = tiff[at + 2 + 12 * entry :][:12]
        size = _SIZES.get(_number(field[2:4], order), 0) * _number(field[4:8], order)
        start = _number(field[8:12], order)
        value = field[8 : 8 + size] if size <= 4 else tiff[start : start + size]
        if size and len(value) == size:
            made.setdefault(_number(field[:2], order), value)
    return made


def _number(data: bytes, order: str) -> int:
    return int.from_bytes(data, "little" if order == "<" else "big")


def _when(value: bytes | None, offset: bytes | None) -> str | None:
    """A time as ISO 8601; None for what is none, such as `0000:00:00 00:00:00` of a camera without a clock."""
    found = _WHEN.match(_text(value))
    if found is None:
        return None
    try:
        taken = datetime(*(int(part) for part in found.groups()))  # type: ignore[arg-type]
    except ValueError:
        return None
    zone = _OFFSETS.match(_text(offset))
    return taken.isoformat() + (zone[0] if zone else "") if taken.year >= _EARLIEST else None


def _camera(first: _Tags) -> str | None:
    """Maker and model; the maker is left out where the model begins with it."""
    make, model = _text(first.get(_MAKE)), _text(first.get(_MODEL))
    if model.lower().startswith(make.lower()):
        return model or None
    return f"{make} {model}".strip()


def _place(where: _Tags, order: str) -> tuple[float, float] | None:
    latitude = _degrees(where.get(2, b""), where.get(1, b""), order)
    longitude = _degrees(where.get(4, b""), where.get(3, b""), order)
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    if not latitude and not longitude:  # what phones write that do not know
        return None
    return latitude, longitude


def _degrees(value: bytes, side: bytes, order: str) -> float | None:
    """Degrees of three fractions for degrees, minutes and seconds; south and west are negative."""
    if len(value) != 24 or side[:1] not in (b"N", b"S", b"E", b"W"):
        return None
    words = [_number(value[at : at + 4], order) for at in range(0, 24, 4)]
    if 0 in words[1::2]:
        return None
    whole, minutes, seconds = (top / bottom for top, bottom in zip(words[::2], words[1::2], strict=True))
    degrees = round(whole + minutes / 60 + seconds / 3600, 6)
    return -degrees if side[:1] in (b"S", b"W") else degrees


def _text(value: bytes | None) -> str:
    return (value or b"").split(b"\0")[0].decode("ascii", "replace").strip()


def _at(file: BinaryIO, start: int, size: int) -> bytes:
    if size <= 0 or start >= 2**62:
        return b""
    file.seek(start)
    return file.read(size)
