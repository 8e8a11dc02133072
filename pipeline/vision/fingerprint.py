"""The canonical picture and its hash in all eight turns and mirrors: what finds whole copies, and flat ones.

The canonical picture is upright, grey, without uniform borders, and squared to 64×64 by averaging areas. Its hash
is that of `hashing` (Krawetz, "Looks Like It", 2011): the 8×8 lowest frequencies of a DCT, each compared with their
median. Both are matrix products written out here; no library resizes anything, so that hashes do not move when one
does.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.vision.multiindex import Hashes

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Box = tuple[int, int, int, int]

TURNS = 8
"""Views of a picture. Turn t transposes if t & 4, then flips top to bottom if t & 2 and left to right if t & 1."""

_SIDE, _KEPT = 64, 8
_NOISE, _STEP = 4.0, 8.0  # grey levels a border may vary within a line, and from its first line
_LEAST_LEFT = 0.3
_ODD = np.where(np.arange(_KEPT) % 2, -1.0, 1.0)


def content(grey: Grey) -> Box:
    """x0, y0, x1, y1 of what is left of a picture (h, w) without its uniform borders, each side of its own colour.

    An axis that would lose more than 70 % is left whole.
    """
    y0, y1 = _ends(grey, 1)
    x0, x1 = _ends(grey[y0:y1], 0)
    above, below = _ends(grey[y0:y1, x0:x1], 1)
    return x0, y0 + above, x1, y0 + below


def turned_hashes(grey: Grey) -> Hashes:
    """The hashes (8,) uint64 of the picture (h, w) in the order of `TURNS`; the first is that of the picture as is."""
    low = _WAVES @ _averaged(grey) @ _WAVES.T
    views = [
        (low.T if turn & 4 else low) * (_ODD[:, None] if turn & 2 else 1.0) * (_ODD if turn & 1 else 1.0)
        for turn in range(TURNS)
    ]
    return _numbers(np.stack(views))


def turn_matrix(turn: int) -> Floats:
    """(2, 3): where a point x, y of the unit square lies after the turn."""
    matrix = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]) if turn & 4 else np.eye(2, 3)
    for row, flipped in enumerate((turn & 1, turn & 2)):
        if flipped:
            matrix[row] = (0.0, 0.0, 1.0) - matrix[row]
    return matrix


def is_mirror(turn: int) -> bool:
    """Whether the turn mirrors the picture, rather than only turning it."""
    return bool(turn.bit_count() % 2)


def _ends(grey: Grey, axis: int) -> tuple[int, int]:
    """First and last line along the other axis that belong to the picture."""
    part = grey.astype(np.float32)
    mean = part.mean(axis)
    spread = np.sqrt(np.maximum(np.square(part).mean(axis) - np.square(mean), 0))
    first, last = _border(mean, spread), len(mean) - _border(mean[::-1], spread[::-1])
    return (first, last) if last - first >= _LEAST_LEFT * len(mean) else (0, len(mean))


def _border(mean: NDArray[np.float32], spread: NDArray[np.float32]) -> int:
    inside = (spread > _NOISE) | (np.abs(mean - mean[0]) > _STEP)
    return int(inside.argmax()) if inside.any() else 0


def _averaged(grey: Grey) -> Floats:
    """(64, 64): each the mean of its share of the picture."""
    height, width = grey.shape
    return (_shares(height) @ grey.astype(np.float32) @ _shares(width).T).astype(np.float64)


@lru_cache(maxsize=256)
def _shares(count: int) -> NDArray[np.float32]:
    """(64, count): how much of each of `count` pixels belongs to each of 64 equal stretches; rows sum to 1."""
    edges = np.linspace(0, count, _SIDE + 1)
    at = np.arange(count)
    overlap = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    overlap = np.maximum(overlap, 0)
    return np.asarray(overlap / overlap.sum(1, keepdims=True), np.float32)


def _numbers(low: Floats) -> Hashes:
    """(n, 8, 8) coefficients to (n,) hashes, rounded before they are compared, so that blank pictures agree."""
    flat = low.round(3).reshape(len(low), -1) + 0.0
    bits = flat > np.median(flat, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").reshape(-1).astype(np.uint64)


def _cosines() -> Floats:
    """(8, 64): the eight lowest frequencies of the DCT, integrated over each pixel; each row of unit range."""
    edges = np.linspace(0, 1, _SIDE + 1)
    waves = [np.diff(np.sin(np.pi * u * edges)) / (np.pi * u) for u in range(1, _KEPT)]
    return np.stack([np.diff(edges), *waves])


_WAVES = _cosines()
