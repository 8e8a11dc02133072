"""A picture turned, scaled and moved onto a square, so that the face in it is where all faces are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
Point = tuple[float, float]

EYES: tuple[Point, Point] = ((0.35, 0.4), (0.65, 0.4))
"""Where the eyes of an aligned picture are, as shares of its side."""
_BOX_ROOM = 1.4
_SOFT = 0.03  # of the side: how far what is reflected is blurred
_FADE = 0.05  # of the side: how far beyond the edge it is so in full


def by_eyes(eyes: Sequence[float], size: int, targets: tuple[Point, Point] = EYES) -> Floats:
    """The similarity (2, 3) that takes both eye centres, x, y, x, y in pixels, to `targets` of a square of `size`.

    Raises ValueError when both eyes are at the same place.
    """
    return _similarity(np.array(eyes, np.float64).reshape(2, 2), np.array(targets, np.float64) * size)


def by_ffhq(eyes: Sequence[float], mouth: Sequence[float], size: int) -> Floats:
    """The crop of the FFHQ data set, by eyes and mouth corners: Karras and others 2018 (arXiv 1812.04948), C."""
    left, right = np.array(eyes, np.float64).reshape(2, 2)
    middle = (left + right) / 2
    down = np.array(mouth, np.float64).reshape(2, 2).mean(axis=0) - middle
    across = right - left
    axis = across - down[::-1] * (-1, 1)
    axis *= max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down)) / max(np.hypot(*axis), 1e-9)
    centre = middle + 0.1 * down
    return _similarity(np.array([centre - axis, centre + axis]), np.array([[0.0, 0.5], [1.0, 0.5]]) * size)


def by_box(box: Sequence[float], size: int) -> Floats:
    """An upright square around the box x0, y0, x1, y1, with a fifth of room on each side."""
    low, high = np.array(box[:2], np.float64), np.array(box[2:], np.float64)
    half = np.array([_BOX_ROOM * (high - low).max() / 2, 0])
    centre = (low + high) / 2
    return _similarity(np.array([centre - half, centre + half]), np.array([[0.0, 0.5], [1.0, 0.5]]) * size)


def scale_of(matrix: Floats) -> float:
    """How many times a similarity (2, 3) enlarges."""
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def landed(matrix: Floats, points: Sequence[float]) -> list[float]:
    """Where points x, y, … of the picture are in the square."""
    moved = np.array(points, np.float64).reshape(-1, 2) @ matrix[:, :2].T + matrix[:, 2]
    return [float(value) for value in moved.ravel()]


def share_outside(matrix: Floats, size: int, original: tuple[int, int]) -> float:
    """How much of the square of `size` comes from beyond an original of (width, height), 0 to 1."""
    return float((_beyond(matrix, size, original) > 0).mean())


def draw(image: Image.Image, matrix: Floats, size: int) -> Image.Image:
    """The square (RGB, `size` × `size`) to which the similarity `matrix` (2, 3) takes an RGB picture.

    One cubic interpolation. When it shrinks, the original is first smoothed by as much as the shrinking asks (and by
    more than four times halved, each by exact averages), so that nothing aliases. What lies beyond the original is
    its reflection, the more blurred the farther out.
    """
    pixels, reduced = np.asarray(image), int(1 / (2 * scale_of(matrix)))
    smaller = matrix.copy()
    if reduced > 1:
        pixels = np.asarray(image.reduce(reduced))
        smaller[:, :2] *= reduced
    square = _warped(pixels, smaller, size)
    beyond = _beyond(matrix, size, image.size)
    if beyond.max() > 0:
        soft = cv2.GaussianBlur(square, (0, 0), _SOFT * size, borderType=cv2.BORDER_REFLECT).astype(np.float64)
        share = (beyond / (_FADE * size)).clip(0, 1)[..., None]
        square = np.rint(square + (soft - square) * share).astype(np.uint8)
    return Image.fromarray(square)


def _warped(pixels: NDArray[np.uint8], matrix: Floats, size: int) -> NDArray[np.uint8]:
    """`matrix` maps points of `pixels` to the square; both count from the corner of the first pixel."""
    shrink = 1 / scale_of(matrix)
    if shrink > 1:
        # the blur a pixel of the output makes, less the one a pixel of the original has
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.5 * np.sqrt(shrink**2 - 1), borderType=cv2.BORDER_REFLECT)
    centred = matrix.copy()
    centred[:, 2] += 0.5 * matrix[:, :2].sum(axis=1) - 0.5  # OpenCV counts from the centre of the first pixel
    square: NDArray[np.uint8] = cv2.warpAffine(
        pixels, centred, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return square


def _similarity(source: Floats, target: Floats) -> Floats:
    """The turn, scale and shift (2, 3) that take two points (2, 2) to two others."""
    a, b = (complex(*(points[1] - points[0])) for points in (source, target))
    if a == 0:
        raise ValueError("both eyes are at the same place")
    turn = b / a
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.hstack([linear, (target[0] - linear @ source[0])[:, None]])


def _beyond(matrix: Floats, size: int, original: tuple[int, int]) -> Floats:
    """How far beyond the original's edges each of the square's pixel centres is, in pixels of the square."""
    steps = np.arange(size) + 0.5
    grid = np.stack(np.meshgrid(steps, steps), axis=-1) - matrix[:, 2]
    points = grid @ np.linalg.inv(matrix[:, :2]).T
    out = np.maximum(-points, points - np.array(original)).clip(0)
    return np.asarray(np.hypot(out[..., 0], out[..., 1]) * scale_of(matrix))
