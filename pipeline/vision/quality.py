"""How a picture looks, in numbers: light, sharpness, colour, margins, and what compression left."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.vision.borders import margins
from pipeline.vision.colour import visible

STANDARD_SIDE = 256
"""Grey is judged at this longer side, so that sizes compare."""

MARGIN_SIDE = 128
"""Margins are judged at this longer side or up to twice it, colour at half of that."""

BLOCK, BLOCK_SIDE = 8, 512
"""Side of the blocks of JPEG; blockiness is judged on the middle of the picture up to the other side."""

CHROMA = 10
"""Levels between the largest and the smallest of a pixel's red, green and blue above which it counts as coloured: the
noise that JPEG gives to grey stays below."""

_OPPONENTS: NDArray[np.float32] = np.array([[1, -1, 0], [0.5, 0.5, -1]], np.float32)
_FLOOR = 0.5
_GAP = 2.0


@dataclass(frozen=True)
class Quality:
    """Of the picture reduced to a longer side of 256 pixels; smaller pictures are taken as they are.

    brightness      mean grey, 0 to 255
    contrast        RMS contrast: standard deviation of grey, 0 to 127.5 (Peli, "Contrast in complex images", 1990)
    entropy         of the histogram of the 256 greys, 0 to 8 bits (Shannon, "A mathematical theory of communication",
                    1948): 0 for a blank, 1 for a line drawing in two tones, about 7 for a photograph
    sharpness       variance of the Laplacian of grey (kernel 0 1 0, 1 -4 1, 0 1 0): 0 for a blank, tens for a
                    blurred photograph, hundreds for a sharp one, thousands for fine texture and noise
                    (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000)
    colourfulness   0 for grey, about 33 moderate, above 80 extreme, at a longer side of 64 to 127 pixels
                    (Hasler and Süsstrunk, "Measuring colourfulness in natural images", 2003)
    coloured        share of the pixels, 0 to 1, with a chroma above 10 of 255, at the same side: below 0.01 for a grey
                    picture, also as a JPEG; toned photographs count as coloured
    border          share of the area, 0 to 1, in plain margins and bars (`borders.margins`)
    letterbox       the same when they lie above and below, or left and right, alone and evenly; else 0
    """

    brightness: float
    contrast: float
    entropy: float
    sharpness: float
    colourfulness: float
    coloured: float
    border: float
    letterbox: float


@dataclass(frozen=True)
class Views:
    """A picture as quality is judged: `grey` (h, w) at a longer side of 256 at most, `small`, grey (h, w) or RGB
    (h, w, 3), at one of 128 to 255."""

    grey: NDArray[np.uint8]
    small: NDArray[np.uint8]


def views(image: Image.Image, grey: Image.Image) -> Views:
    """Of an upright picture of any mode, given its grey (mode L, the same size) too."""
    return Views(_standard(grey), _reduced(image))


def assess(seen: Views) -> Quality:
    """Measure a picture."""
    mean, deviation = cv2.meanStdDev(seen.grey)
    _, edges = cv2.meanStdDev(cv2.Laplacian(seen.grey, cv2.CV_16S, ksize=1))
    colours = (0.0, 0.0) if seen.small.ndim == 2 else _colours(seen.small)
    return Quality(
        float(mean[0, 0]), float(deviation[0, 0]), entropy(seen.grey), float(edges[0, 0]) ** 2,
        *colours, *margins(seen.small),
    )  # fmt: skip


def colourfulness(rgb: NDArray[np.uint8]) -> float:
    """Hasler and Süsstrunk's M3 of an RGB picture (h, w, 3): spread and mean of the opponent colours."""
    mean, deviation = cv2.meanStdDev(cv2.transform(rgb.astype(np.float32), _OPPONENTS))
    return float(np.hypot(*deviation[:2, 0]) + 0.3 * np.hypot(*mean[:2, 0]))


def entropy(grey: NDArray[np.uint8]) -> float:
    """Shannon's entropy of the greys (h, w) in bits, 0 to 8."""
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    shares = counts[counts > 0].astype(np.float64) / grey.size
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def blockiness(grey: NDArray[np.uint8], block: int = BLOCK) -> float | None:
    """How much larger steps are at the edges of the blocks of JPEG than elsewhere in the middle of a picture (h, w).

    1 when not at all, 1.6 at quality 30, 2.6 at 10; after Wang, Sheikh and Bovik ("No-reference perceptual quality
    assessment of JPEG compressed images", 2002), the grid taken where the steps are largest, so that it is found after
    cropping too. The mean over both directions; half a grey level is added to both sides of the ratio, for flat
    pictures have no steps at all. `block` is the blocks' side in these pixels, 4 where the picture was decoded at half
    its size. None for pictures under 32 pixels.
    """
    if min(grey.shape) < 4 * BLOCK:
        return None
    height, width = grey.shape
    top, left = max(0, height - BLOCK_SIDE) // 2, max(0, width - BLOCK_SIDE) // 2
    middle = grey[top : top + BLOCK_SIDE, left : left + BLOCK_SIDE]
    down = cv2.reduce(cv2.absdiff(middle[1:], middle[:-1]), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0]
    across = cv2.reduce(cv2.absdiff(middle[:, 1:], middle[:, :-1]), 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[0]
    return (_at_edges(down, block) + _at_edges(across, block)) / 2


def _at_edges(steps: NDArray[np.float32], block: int) -> float:
    """The step in the phase of the grid where it is largest, over the median phase; of each phase the median line, so
    that the edge of a margin is not taken for a grid."""
    whole = len(steps) // block * block
    phases = np.median(steps[:whole].reshape(-1, block), axis=0)
    return float((phases.max() + _FLOOR) / (np.median(phases) + _FLOOR))


def _coloured(rgb: NDArray[np.uint8]) -> float:
    red, green, blue = cv2.split(rgb)
    chroma = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    return int(cv2.countNonZero(cv2.threshold(chroma, CHROMA, 1, cv2.THRESH_BINARY)[1])) / int(chroma.size)


def _colours(rgb: NDArray[np.uint8]) -> tuple[float, float]:
    """`colourfulness` and `coloured` of an RGB picture (h, w, 3), halved: colour has no fine detail to lose."""
    half = (max(1, rgb.shape[1] // 2), max(1, rgb.shape[0] // 2))
    small = np.asarray(cv2.resize(rgb, half, interpolation=cv2.INTER_AREA), np.uint8)
    return colourfulness(small), _coloured(small)


def _reduced(image: Image.Image) -> NDArray[np.uint8]:
    """Grey (h, w) or RGB (h, w, 3), reduced by a whole number before anything else is done."""
    factor = max(1, max(image.size) // MARGIN_SIDE)
    if image.mode != "YCbCr":
        return np.asarray((image if image.mode in ("L", "RGB") else visible(image)).reduce(factor))
    size = (-(-image.width // factor), -(-image.height // factor))
    luma, blue, red = cv2.split(cv2.resize(np.asarray(image), size, interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.cvtColor(cv2.merge((luma, red, blue)), cv2.COLOR_YCrCb2RGB), np.uint8)


def _standard(grey: Image.Image) -> NDArray[np.uint8]:
    """Lanczos, for it is nearest to the scaling in the DCT domain that a large JPEG has been through: by area
    averaging the sharpness of one picture would differ by 2.3 between sizes and formats, so by 1.3."""
    longest = max(grey.size)
    if longest > STANDARD_SIDE:
        size = (max(1, grey.width * STANDARD_SIDE // longest), max(1, grey.height * STANDARD_SIDE // longest))
        grey = grey.resize(size, Image.Resampling.LANCZOS, reducing_gap=_GAP)
    return np.asarray(grey)
