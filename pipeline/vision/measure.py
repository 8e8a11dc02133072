"""Everything that is measured of one picture, from one decode: first a look, then numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.vision.colour import visible
from pipeline.vision.decode import MAX_PIXELS, Header, draft_grey, open_scaled, open_upright
from pipeline.vision.fineness import fineness
from pipeline.vision.hashing import HASH_SIDE, hash_pixels, phash, phash_pixels
from pipeline.vision.quality import BLOCK, STANDARD_SIDE, Quality, Views, assess, blockiness, views

_HALVED = 1024


@dataclass(frozen=True)
class Measurement(Header, Quality):
    """What a file says of its picture, how it looks, its perceptual hash (unsigned 64 bits), how much the blocks of
    JPEG show (`quality.blockiness`) and how fine its detail is (`fineness.fineness`), both null unless they were asked
    for, and for pictures under 32 pixels."""

    phash: int
    blockiness: float | None
    fineness: float | None


@dataclass(frozen=True)
class Look:
    """A file that was decoded, reduced to the little that numbers are made of; `phash`, `blockiness` and `fineness`
    where more of it was needed."""

    header: Header
    views: Views
    hashed: NDArray[np.uint8]
    phash: int | None
    blockiness: float | None
    fineness: float | None


def measure(
    data: bytes, *, exact_hash: bool = False, blocks: bool = False, fine: bool = False, max_pixels: int = MAX_PIXELS
) -> Measurement:
    """Measure a file: `numbers` of a `look`. Raises Rejected as `decode.open_upright` does."""
    return numbers(look(data, exact_hash=exact_hash, blocks=blocks, fine=fine, max_pixels=max_pixels))


def look(
    data: bytes, *, exact_hash: bool = False, blocks: bool = False, fine: bool = False, max_pixels: int = MAX_PIXELS
) -> Look:
    """Decode a file. Raises Rejected as `decode.open_upright` does.

    A JPEG is decoded once, at the smallest DCT scale that keeps the longer side at 256 pixels or more. Such a
    decode skips arithmetic, not data: the whole entropy-coded stream is read, so that files cut short are
    found as surely as by a full decode. The hash is that of `hashing.phash_grey`; `exact_hash` decodes once
    more, in full, for that of `hashing.phash`, and `blocks` and `fine` once more in grey, together
    where the picture is under 1,024 pixels. Quality is the same either way.
    """
    header, image = open_scaled(data, HASH_SIDE, "YCbCr", max_pixels)
    grey = image.getchannel(0) if image.mode == "YCbCr" else visible(image).convert("L")
    seen = views(image, grey)
    seen_blocks, seen_detail = _closer(data, header, grey, blocks, fine, max_pixels)
    return Look(
        header, seen,
        hashed=seen.grey if max(grey.size) <= min(HASH_SIDE, STANDARD_SIDE) else hash_pixels(grey),
        phash=phash(open_upright(data, max_pixels)) if exact_hash else None,
        blockiness=seen_blocks,
        fineness=seen_detail,
    )  # fmt: skip


def numbers(seen: Look) -> Measurement:
    """What there is to say of a file."""
    return Measurement(
        **vars(seen.header), **vars(assess(seen.views)),
        phash=phash_pixels(seen.hashed) if seen.phash is None else seen.phash,
        blockiness=seen.blockiness,
        fineness=seen.fineness,
    )  # fmt: skip


def _closer(
    data: bytes, header: Header, grey: Image.Image, blocks: bool, fine: bool, max_pixels: int
) -> tuple[float | None, float | None]:
    """Blockiness and fineness, where they are wanted: of the whole picture, but blockiness of a large JPEG at half its
    size, where the blocks can still be seen. `grey` is what there is already."""
    if not (blocks or fine):
        return None, None
    longest = max(header.width, header.height)
    reduced = max(grey.size) < longest
    halved = reduced and longest >= _HALVED
    whole = np.asarray(draft_grey(data, longest, max_pixels) if reduced and (fine or not halved) else grey)
    found = fineness(whole) if fine else None
    if not blocks:
        return None, found
    if halved:
        whole = np.asarray(draft_grey(data, longest // 2, max_pixels))
    return blockiness(whole, BLOCK * max(whole.shape) // longest if longest >= _HALVED else BLOCK), found
