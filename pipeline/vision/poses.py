"""Poses of local features: where a matched code lies in both pictures, and which matches agree on one placement.

Two matches of codes agree when the turn, growth and shift that one proposes (Lowe 2004, section 7) takes the other
where it lies. Chance matches hardly ever do, so that pairs of pictures can be told apart before any is looked at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.vision.multiindex import Indices

Poses = NDArray[np.uint32]

_STEPS = 16  # of sizes to the octave
_CIRCLE = 256  # of angles
_MIDDLE = 128
_TOLERANCE, _APART = 7.0, 3.0  # pixels of the frame
_GROWTH, _TURN = 0.5, 0.5  # logarithm, and radians
_PLENTY = 7  # matches that are enough however they lie: a copy squeezed at an angle keeps no sizes and angles
_MOST = 40  # matches of one pair that are compared with each other


def packed(points: NDArray[np.float32], size: tuple[int, int]) -> Poses:
    """Points (n, 4) of a frame of that size as (n,) uint32: x and y from its middle, size and angle, 8 bits each."""
    middle = (np.array(size) - 1) / 2
    place = np.rint(points[:, :2] - middle) + _MIDDLE
    scale = np.rint(_STEPS * np.log2(np.maximum(points[:, 2], 1)))
    angle = np.rint(points[:, 3] * (_CIRCLE / 360)) % _CIRCLE
    parts = np.clip(np.column_stack([place, scale, angle]), 0, 255).astype(np.uint32)
    return np.asarray(parts @ np.array([1, 1 << 8, 1 << 16, 1 << 24], np.uint32), np.uint32)


def mirrored(poses: Poses) -> Poses:
    """The poses of the mirrored picture's features."""
    x, angle = poses & 255, poses >> 24
    turned = (_CIRCLE + _CIRCLE // 2 - angle.astype(np.int64)) % _CIRCLE
    flipped = np.clip(2 * _MIDDLE - x.astype(np.int64), 0, 255)
    return np.asarray((poses & 0x00FFFF00) | flipped | (turned << 24), np.uint32)


def consistent(pair: Indices, a: Poses, b: Poses, votes: int) -> Indices:
    """The pairs, each once, of which a match agrees with `votes` - 1 others, or that have plenty.

    The matches of a pair follow each other.
    """
    if votes < 2:
        return np.unique(pair)
    at, to = _places(a), _places(b)
    ratio = _vectors(b) / _vectors(a)
    agreeing = np.zeros(len(pair), np.int64)
    for apart in range(1, _MOST):
        first = np.flatnonzero(pair[apart:] == pair[:-apart])
        if not len(first):
            break
        other = first + apart
        between = ratio[other] / ratio[first]
        mean = ratio[first] * np.sqrt(between)
        moved, aimed = at[other] - at[first], to[other] - to[first]
        agree = (np.abs(np.log(np.abs(between))) < _GROWTH) & (np.abs(np.angle(between)) < _TURN)
        agree &= (np.abs(mean * moved - aimed) < _TOLERANCE) & (np.minimum(np.abs(moved), np.abs(aimed)) > _APART)
        for side in (first, other):
            agreeing[side[agree]] += 1
    pairs, times = np.unique(pair, return_counts=True)
    crowded = pairs[times >= _PLENTY]
    return np.union1d(pair[agreeing >= votes - 1], crowded)


def _places(poses: Poses) -> NDArray[np.complex128]:
    x, y = (poses & 255).astype(np.float64), (poses >> 8 & 255).astype(np.float64)
    return np.asarray(x - _MIDDLE + 1j * (y - _MIDDLE), np.complex128)


def _vectors(poses: Poses) -> NDArray[np.complex128]:
    """Size and direction as one number."""
    size, angle = (poses >> 16 & 255).astype(np.float64), (poses >> 24).astype(np.float64)
    return np.asarray(np.exp2(size / _STEPS) * np.exp(2j * np.pi * angle / _CIRCLE), np.complex128)
