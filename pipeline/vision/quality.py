"""How a picture looks, in numbers: brightness, contrast, sharpness, colourfulness."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.vision.colour import visible

STANDARD_SIDE = 512
"""Grey is judged at this longer side, so that sizes compare."""

COLOUR_SIDE = 128
"""Colour is judged at this longer side or up to twice it."""

_OPPONENTS: NDArray[np.float32] = np.array([[1, -1, 0], [0.5, 0.5, -1]], np.float32)


@dataclass(frozen=True)
class Quality:
    """Of the picture reduced to a longer side of 512 pixels; smaller pictures are taken as they are.

    brightness      mean grey, 0 to 255
    contrast        RMS contrast: standard deviation of grey, 0 to 127.5 (Peli, 1990)
    sharpness       variance of the Laplacian of grey (kernel 0 1 0, 1 -4 1, 0 1 0): 0 for a blank, tens for a
                    blurred photograph, hundreds for a sharp one, thousands for fine texture and noise
                    (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000)
    colourfulness   0 for grey, about 33 moderate, above 80 extreme, at a longer side of 128 to 255 pixels
                    (Hasler and Süsstrunk, "Measuring colourfulness in natural images", 2003)
    """

    brightness: float
    contrast: float
    sharpness: float
    colourfulness: float


def assess(image: Image.Image, grey: Image.Image) -> Quality:
    """Measure an upright picture of any mode, given its grey (mode L, the same size) too."""
    pixels = _standard(grey)
    mean, deviation = cv2.meanStdDev(pixels)
    _, edges = cv2.meanStdDev(cv2.Laplacian(pixels, cv2.CV_16S, ksize=1))
    return Quality(float(mean[0, 0]), float(deviation[0, 0]), float(edges[0, 0]) ** 2, _colours(image))


def colourfulness(rgb: NDArray[np.uint8]) -> float:
    """Hasler and Süsstrunk's M3 of an RGB picture (h, w, 3): spread and mean of the opponent colours."""
    mean, deviation = cv2.meanStdDev(cv2.transform(rgb.astype(np.float32), _OPPONENTS))
    return float(np.hypot(*deviation[:2, 0]) + 0.3 * np.hypot(*mean[:2, 0]))


def _colours(image: Image.Image) -> float:
    """Reduced by a whole number before anything else is done: colour has no fine detail to lose."""
    if image.mode not in ("L", "RGB", "YCbCr"):
        image = visible(image)
    image = visible(image.reduce(max(1, max(image.size) // COLOUR_SIDE)))
    return 0.0 if image.mode == "L" else colourfulness(np.asarray(image))


def _standard(grey: Image.Image) -> NDArray[np.uint8]:
    """Lanczos, for it is nearest to the scaling in the DCT domain that a large JPEG has been through: by area
    averaging the sharpness of one picture would differ by 2.3 between sizes and formats, so by 1.3."""
    longest = max(grey.size)
    if longest > STANDARD_SIDE:
        size = (max(1, grey.width * STANDARD_SIDE // longest), max(1, grey.height * STANDARD_SIDE // longest))
        grey = grey.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(grey)
