"""Whether a file that would not decode ends before its format says it should: cut short, or damaged inside?"""

from __future__ import annotations

from collections.abc import Callable


def is_missing(data: bytes, kind: str) -> bool:
    """Whether the end of a `kind` file (a name of `pipeline.sniff`) is not there.

    To be asked of files that failed to decode: many a whole picture lacks its last marker.
    """
    check = _CHECKS.get(kind)
    return check is not None and check(data)


def _jpeg(data: bytes) -> bool:
    """No end-of-image marker after the first scan has begun (ITU-T T.81, annex B)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xDA:
            return data.find(b"\xff\xd9", at) < 0
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at + 4 > len(data)


def _boxes(data: bytes) -> bool:
    """A top-level box of an ISO media file reaches past the end (ISO/IEC 14496-12)."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:
            return False
        at += size
    return at > len(data)


def _jp2(data: bytes) -> bool:
    """A box reaches past the end, or a code stream has no end marker (ITU-T T.800)."""
    if data.startswith(b"\xff\x4f"):
        return not data.rstrip(b"\x00").endswith(b"\xff\xd9")
    return _boxes(data)


_CHECKS: dict[str, Callable[[bytes], bool]] = {
    "jpeg": _jpeg,
    "png": lambda data: b"IEND" not in data[-64:],
    "webp": lambda data: int.from_bytes(data[4:8], "little") + 8 > len(data),
    "gif": lambda data: not data.rstrip(b"\x00").endswith(b";"),
    "bmp": lambda data: int.from_bytes(data[2:6], "little") > len(data),
    "avif": _boxes,
    "jp2": _jp2,
}
