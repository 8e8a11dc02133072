"""How well a face can be seen: how light it is around the eyes, and how sharp it is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# From the brow to the pouch below, around each eye.
_SOCKETS = (
    (33, 160, 158, 133, 153, 144, 226, 31, 228, 229, 230, 231, 232, 233, 244, 225, 224, 223, 222, 221),
    (362, 385, 387, 263, 373, 380, 446, 261, 448, 449, 450, 451, 452, 453, 464, 445, 444, 443, 442, 441),
)
_FACE = 468  # points without the irises
_SIDE = 128


def eye_light(grey: NDArray[np.uint8], points: Floats) -> float:
    """Mean brightness of both eye sockets, each weighted by how much of it is seen, over the median of the face.

    `grey` (256, 256) shows the face upright, `points` (478, 2) are in its pixels. About 0.7 to 1 for open or closed
    eyes and clear glasses; sunglasses are under 0.4. A face without light gives 1.
    """
    shades = cv2.calcHist([grey], [0], _inside(points[:_FACE], grey.shape), [256], [0, 256]).ravel().cumsum()
    level = float(np.searchsorted(shades, shades[-1] / 2))
    seen = [_inside(points[list(socket)], grey.shape) for socket in _SOCKETS]
    counts = [cv2.countNonZero(mask) for mask in seen]
    light = sum(cv2.mean(grey, mask)[0] * count for mask, count in zip(seen, counts, strict=True))
    return float(light / sum(counts) / level) if sum(counts) and level > 0 else 1.0


def sharpness(grey: NDArray[np.uint8], points: Floats) -> float:
    """Standard deviation of the Laplacian over that of the brightness, within the face, at 128 pixels a side.

    A face of less pixels than that is soft, and so is one out of focus: under 0.1; sharp ones are above 0.2.
    """
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    face = _inside(points[:_FACE] * (_SIDE / grey.shape[0]), small.shape)
    contrast, edges = (cv2.meanStdDev(of, mask=face)[1].item() for of in (small, cv2.Laplacian(small, cv2.CV_32F)))
    return float(edges / contrast) if contrast > 0 else 0.0


def _inside(points: Floats, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A mask of the pixels within the convex hull of points (n, 2): 1 there, 0 elsewhere."""
    drawn = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(drawn, cv2.convexHull(np.round(points).astype(np.int32)), 1)
    return drawn
