"""Everything that is measured of one picture, from one decode: first a look, then numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.vision.colour import visible
from pipeline.vision.decode import MAX_PIXELS, Header, draft_grey, open_scaled, open_upright
from pipeline.vision.hashing import HASH_SIDE, hash_pixels, phash, phash_pixels
from pipeline.vision.quality import BLOCK, STANDARD_SIDE, Quality, Views, assess, blockiness, views

_HALVED = 1024


@dataclass(frozen=True)
class Measurement(Header, Quality):
    """What a file says of its picture, how it looks, its perceptual hash (unsigned 64 bits), and how much the blocks of
    JPEG show (`quality.blockiness`; null unless it was asked for, and for pictures under 32 pixels)."""

    phash: int
    blockiness: float | None


@dataclass(frozen=True)
class Look:
    """A file that was decoded, reduced to the little that numbers are made of; `phash` and `blockiness` where more of
    it was needed."""

    header: Header
    views: Views
    hashed: NDArray[np.uint8]
    phash: int | None
    blockiness: float | None


def measure(
    data: bytes, *, exact_hash: bool = False, blocks: bool = False, max_pixels: int = MAX_PIXELS
) -> Measurement:
    """Measure a file: `numbers` of a `look`. Raises Rejected as `decode.open_upright` does."""
    return numbers(look(data, exact_hash=exact_hash, blocks=blocks, max_pixels=max_pixels))


def look(data: bytes, *, exact_hash: bool = False, blocks: bool = False, max_pixels: int = MAX_PIXELS) -> Look:
    """Decode a file. Raises Rejected as `decode.open_upright` does.

    A JPEG is decoded once, at the smallest DCT scale that keeps the longer side at 256 pixels or more. Such a
    decode skips arithmetic, not data: the whole entropy-coded stream is read, so that files cut short are
    found as surely as by a full decode. The hash is that of `hashing.phash_grey`; `exact_hash` decodes once
    more, in full, for that of `hashing.phash`, and `blocks` once more in grey. Quality is the same either way.
    """
    header, image = open_scaled(data, HASH_SIDE, "YCbCr", max_pixels)
    grey = image.getchannel(0) if image.mode == "YCbCr" else visible(image).convert("L")
    seen = views(image, grey)
    return Look(
        header, seen,
        hashed=seen.grey if max(grey.size) <= min(HASH_SIDE, STANDARD_SIDE) else hash_pixels(grey),
        phash=phash(open_upright(data, max_pixels)) if exact_hash else None,
        blockiness=_blockiness(data, header, grey, max_pixels) if blocks else None,
    )  # fmt: skip


def numbers(seen: Look) -> Measurement:
    """What there is to say of a file."""
    return Measurement(
        **vars(seen.header), **vars(assess(seen.views)),
        phash=phash_pixels(seen.hashed) if seen.phash is None else seen.phash,
        blockiness=seen.blockiness,
    )  # fmt: skip


def _blockiness(data: bytes, header: Header, grey: Image.Image, max_pixels: int) -> float | None:
    """Of the whole picture, or of a large JPEG at half its size, where the blocks can still be seen."""
    longest = max(header.width, header.height)
    if max(grey.size) < longest:
        grey = draft_grey(data, longest if longest < _HALVED else longest // 2, max_pixels)
    return blockiness(np.asarray(grey), BLOCK * max(grey.size) // longest if longest >= _HALVED else BLOCK)
