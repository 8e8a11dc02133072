"""Sketches: the few kilobytes of a picture by which a copy of it is found and proved, whatever was done to it.

Local features are SIFT (Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", 2004) of the picture at
176 pixels. Each descriptor also gives a 64-bit code: the signs of 64 Walsh-Hadamard projections of its square roots
(Arandjelović and Zisserman, "Three things everyone should know to improve object retrieval", 2012) against fixed
medians, in integers. A mirrored picture has the same features with their descriptors reordered, so that nothing is
computed twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.vision.fingerprint import Box, Grey, content, turned_hashes
from pipeline.vision.multiindex import Hashes
from pipeline.vision.poses import Poses, packed

VERSION = "sift176+dct64/2"
"""Algorithm and version of everything in a sketch; raised when any of it changes."""

FRAME, THUMB = 176, 96
"""Longer sides, in pixels, of the picture whose features are taken, and of the thumbnail kept."""

LENGTH = 2048.0
"""Of the vectors in `Sketch.roots`."""

_MOST, _CODED, _DIM = 120, 60, 128
_SIGNS = 0x243F6A8885A308D313198A2E03707344  # of the columns: the fractional bits of pi
_MEDIANS = (
    1235, 239, -823, 161, -931, 304, -246, -153, -1005, -463, -166, -495, 144, -333, 114, -263, 411, 1491, 1609, 892,
    622, 1405, 233, 357, 421, -713, 761, 39, -204, -1090, -400, 818, 237, -1016, -222, 47, 720, -622, -1168, -254, -59,
    451, 160, 907, 1334, 385, -639, 649, -233, -1961, -926, -641, -290, 255, 448, -373, -556, -449, 261, -508, -694, 88,
    -639, 157,
)

_Number = TypeVar("_Number", np.uint8, np.float32)


@dataclass(frozen=True)
class Sketch:
    """What is kept of one picture.

    `size` is width and height of the frame in pixels; `points` (n, 4) float32 are x, y and diameter in its pixels
    and the angle in degrees, strongest first; `descriptors` (n, 128) uint8; `thumb` (h, w) uint8 is the grey
    thumbnail, enlarged where the picture is smaller; `tint` its mean Cb and Cr (128 is neutral); `turns` (8,) uint64
    the hashes of its content in all turns, `box` the content in pixels of the frame.
    """

    size: tuple[int, int]
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    thumb: Grey
    tint: tuple[int, int]
    turns: Hashes
    box: Box

    @cached_property
    def roots(self) -> NDArray[np.float32]:
        """Descriptors as vectors (n, 128) of length `LENGTH`, for comparison by their dot product.

        They are whole numbers so small that float32 sums of their products are exact in any order.
        """
        found = self.descriptors.astype(np.float32)
        return np.asarray(np.rint(LENGTH * np.sqrt(found / np.maximum(found.sum(1, keepdims=True), 1))), np.float32)


def sketch(grey: Grey, tint: tuple[int, int] = (128, 128)) -> Sketch:
    """Sketch an upright grey picture (h, w) uint8, best of 256 pixels or more at its longer side."""
    frame = grey if max(grey.shape) <= FRAME else _resized(grey, FRAME)
    keys, found = _sift().detectAndCompute(frame, None)
    order = np.argsort([-key.response for key in keys], kind="stable")[:_MOST]
    points = np.array([(*keys[k].pt, keys[k].size, keys[k].angle) for k in order], np.float32).reshape(-1, 4)
    descriptors = np.zeros((0, _DIM), np.uint8) if found is None else found[order].astype(np.uint8)
    x0, y0, x1, y1 = content(grey)
    share = frame.shape[1] / grey.shape[1], frame.shape[0] / grey.shape[0]
    box = (round(x0 * share[0]), round(y0 * share[1]), round(x1 * share[0]), round(y1 * share[1]))
    size = (frame.shape[1], frame.shape[0])
    return Sketch(size, points, descriptors, _resized(grey, THUMB), tint, turned_hashes(grey[y0:y1, x0:x1]), box)


def codes(made: Sketch, mirrored: bool = False) -> Hashes:
    """(m,) uint64 codes of the largest features, at most 60; `mirrored`: as the picture's mirror image has them."""
    found = made.descriptors[_largest(made)]
    found = mirror(found) if mirrored else found
    roots = np.rint(16 * np.sqrt(found.astype(np.float32)))  # whole numbers: their sums are exact
    return np.packbits(roots @ _projections() > np.array(_MEDIANS), axis=1).view(">u8").reshape(-1).astype(np.uint64)


def poses(made: Sketch) -> Poses:
    """(m,) uint32 poses of the features that have the `codes`."""
    return packed(made.points[_largest(made)], made.size)


def _largest(made: Sketch) -> NDArray[np.int64]:
    return np.argsort(-made.points[:, 2], kind="stable")[:_CODED]


def mirror(descriptors: NDArray[_Number]) -> NDArray[_Number]:
    """Descriptors (n, 128) as the mirrored picture has them: rows of cells swapped, directions reversed."""
    cells = descriptors.reshape(-1, 4, 4, 8)[:, ::-1]
    return cells[..., -np.arange(8) % 8].reshape(-1, _DIM)


def _resized(grey: Grey, side: int) -> Grey:
    """The picture with its longer side `side`."""
    share = side / max(grey.shape)
    size = (max(1, round(grey.shape[1] * share)), max(1, round(grey.shape[0] * share)))
    way = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=way), np.uint8)


@cache
def _sift() -> Any:
    return cv2.SIFT_create(nfeatures=_MOST)  # type: ignore[attr-defined]


@cache
def _projections() -> NDArray[np.float32]:
    """(128, 64) of ±1: rows of a Hadamard matrix, its columns with fixed signs."""
    rows, columns = np.arange(64, dtype=np.uint64)[:, None], np.arange(_DIM, dtype=np.uint64)
    parity = (np.bitwise_count(rows & columns) & 1).astype(np.int64)
    signs = np.array([1 - 2 * (_SIGNS >> column & 1) for column in range(_DIM)])
    return np.ascontiguousarray(((1 - 2 * parity) * signs).T, np.float32)
