"""Everything that is measured of one picture, from one decode."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pipeline.vision.colour import visible
from pipeline.vision.decode import MAX_PIXELS, Header, open_scaled, open_upright
from pipeline.vision.hashing import HASH_SIDE, phash, phash_grey
from pipeline.vision.quality import Quality, assess


@dataclass(frozen=True)
class Measurement(Header, Quality):
    """What a file says of its picture, how it looks, and its perceptual hash (unsigned 64 bits)."""

    phash: int


def measure(data: bytes, *, exact_hash: bool = False, max_pixels: int = MAX_PIXELS) -> Measurement:
    """Measure a file. Raises Rejected as `decode.open_upright` does.

    A JPEG is decoded once, at the smallest DCT scale that keeps the longer side at 512 pixels or more. Such a
    decode skips arithmetic, not data: the whole entropy-coded stream is read, so that files cut short are
    found as surely as by a full decode. The hash is that of `hashing.phash_fast`; `exact_hash` decodes once
    more, in full, for that of `hashing.phash`. Quality is the same either way.
    """
    header, image = open_scaled(data, HASH_SIDE, "YCbCr", max_pixels)
    grey = image.getchannel(0) if image.mode == "YCbCr" else visible(image).convert("L")
    scale = max(1, round(max(header.width, header.height) / max(image.size)))
    hashed = phash(open_upright(data, max_pixels)) if exact_hash else phash_grey(grey)
    return Measurement(**asdict(header), **asdict(assess(image, grey, scale)), phash=hashed)
