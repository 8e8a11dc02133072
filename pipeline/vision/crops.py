"""Squares of a picture, of any size and turn, drawn small: what the networks that see faces look at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Crop:
    """A square of a picture: centre (x, y) and side in pixels, turned clockwise by `angle` in radians."""

    centre: Floats
    side: float
    angle: float

    def matrix(self, size: int) -> Floats:
        """From points of the crop drawn at `size` × `size` to points of the picture, (2, 3)."""
        along, down = (turn(self.angle) * self.side / size for turn in (math.cos, math.sin))
        (x, y), half = self.centre, size / 2
        return np.array([[along, -down, x - half * (along - down)], [down, along, y - half * (along + down)]])


class Picture:
    """An sRGB picture (h, w, 3) of which crops are drawn: it is halved as often as they ask, each time once."""

    def __init__(self, pixels: Pixels) -> None:
        self._halved = [np.ascontiguousarray(pixels)]
        self.height, self.width = (int(side) for side in pixels.shape[:2])

    @property
    def side(self) -> int:
        """Pixels of the longer side."""
        return max(self.height, self.width)

    @property
    def size(self) -> Floats:
        """Width and height, (2,)."""
        return np.array([self.width, self.height], np.float64)

    @property
    def whole(self) -> Crop:
        """The square around all of it."""
        return Crop(self.size / 2, self.side, 0.0)

    def draw(self, crop: Crop, size: int) -> Pixels:
        """A crop at `size` × `size`, black beyond the picture, out of one to two pixels for one."""
        level = self._level(crop.side / size)
        pixels, scale = self._halved[level], 0.5**level
        matrix = crop.matrix(size) * scale
        reach = (crop.side * 0.7072 + 2) * scale + 2
        x0, y0 = (int(v) for v in np.floor(crop.centre * scale - reach).clip(0))
        x1, y1 = (int(v) for v in np.ceil(crop.centre * scale + reach).clip(0))
        part = pixels[y0:y1, x0:x1]
        if part.size == 0:
            return np.zeros((size, size, 3), np.uint8)
        # OpenCV counts from the centre of the first pixel
        matrix[:, 2] += 0.5 * (matrix[:, 0] + matrix[:, 1]) - (x0 + 0.5, y0 + 0.5)
        drawn: Pixels = cv2.warpAffine(
            part, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT
        )
        return drawn

    def _level(self, shrink: float) -> int:
        """How often the picture is to be halved for a crop drawn `shrink` times smaller; it is halved so far."""
        level = int(math.log2(max(shrink, 1.0)))
        while len(self._halved) <= level and min(self._halved[-1].shape[:2]) > 1:
            last = self._halved[-1]
            height, width = (side // 2 for side in last.shape[:2])
            even = last[: 2 * height, : 2 * width]  # by exact factors it takes a tenth of the time
            self._halved.append(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))
        return min(level, len(self._halved) - 1)


def rotation(angle: float) -> Floats:
    """The matrix (2, 2) that turns clockwise, y down, by an angle in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
