"""Perceptual hashes: 64 bits that stay close when a picture is re-encoded, resized or retoned.

Algorithm: Krawetz, "Looks Like It", 2011, as the package imagehash defines it: the picture in grey at 32×32,
its DCT, the 8×8 lowest frequencies, each compared with their median. The bit of the lowest frequency is the
most significant, so `int(str(imagehash.phash(picture)), 16)` is the same number.

A median splits 64 values evenly, so nearly always 32 bits are set and distances are even.
"""

from __future__ import annotations

from functools import lru_cache

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

FAST, EXACT = "phash64-lanczos32-draft256/2", "phash64-imagehash/1"
"""Names of the hashes of `phash_grey`, as `measure` uses it, and `phash`: algorithm, resize filter and version."""

HASH_SIDE = 256
"""Scaled decodes for hashing keep the longer side at this many pixels or more."""

_SIDE, _KEPT = 32, 8
_COSINES: NDArray[np.float64] = np.cos(np.pi / (2 * _SIDE) * np.outer(np.arange(_KEPT), 2 * np.arange(_SIDE) + 1))


def phash(image: Image.Image) -> int:
    """`imagehash.phash(image, hash_size=8)` as an unsigned 64-bit number, bit for bit.

    Of pictures with transparency or more than 8 bits imagehash sees what Pillow's convert("L") makes of them.
    """
    return _number(imagehash.phash(image, hash_size=_KEPT).hash)


def phash_grey(grey: Image.Image) -> int:
    """The hash of an upright grey picture (mode L), best of 256 pixels or more at its longer side: that of
    `phash_pixels` of its `hash_pixels`."""
    return phash_pixels(hash_pixels(grey))


def hash_pixels(grey: Image.Image) -> NDArray[np.uint8]:
    """What of a grey picture (mode L) is hashed: of 512 pixels and more, blocks of it averaged."""
    factor = max(grey.size) // HASH_SIDE
    return np.asarray(grey if factor < 2 else grey.reduce(factor))


def phash_pixels(pixels: NDArray[np.uint8]) -> int:
    """The hash of grey pixels (h, w), unsigned 64 bits.

    From a decode scaled in the DCT domain, at most 4 bits from `phash` for over 99 % of opaque 8-bit pictures.

    Lanczos's filter to 32×32 and the cosines are one matrix product in each direction, of double precision and
    written out here, so that the hash does not move when a library does. Coefficients are rounded to 0.001 before they
    are compared, so that blank pictures of every grey agree.
    """
    low = (_waves(pixels.shape[0]) @ pixels.astype(np.float64) @ _waves(pixels.shape[1]).T).round(3) + 0.0
    middle = np.sort(low, axis=None)[_KEPT**2 // 2 - 1 : _KEPT**2 // 2 + 1]
    return _number(low > middle.sum() / 2)


@lru_cache(maxsize=2 * HASH_SIDE)
def _waves(count: int) -> NDArray[np.float64]:
    """(8, count): `count` pixels brought to 32 by Lanczos's filter of radius 3, and of these the 8 lowest cosines."""
    scale = count / _SIDE
    centres = (np.arange(_SIDE)[:, None] + 0.5) * scale
    at = (np.arange(count) + 0.5 - centres) / max(scale, 1.0)
    weights = np.where(np.abs(at) < 3, np.sinc(at) * np.sinc(at / 3), 0.0)
    return np.asarray(_COSINES @ (weights / weights.sum(axis=1, keepdims=True)), np.float64)


def _number(bits: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits.reshape(-1)).tobytes(), "big")
