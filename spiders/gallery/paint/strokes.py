"""Brush strokes: each kind is a map made once, through which any picture can be painted over in milliseconds.

A map tells for every pixel of a tile which stroke covers it. Painted through it, a stroke takes the colour
that the picture has at the stroke's middle, its own small change of tone, and a relief of bristle marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from spiders.gallery.paint.canvas import Array, Rng, noise

TILE = 768


@dataclass(frozen=True)
class Brush:
    """Length and width in pixels of a stroke, direction in degrees, and how far directions vary.

    `wander` degrees of slow turning over the tile; `stray` degrees from stroke to stroke.
    """

    length: float
    width: float
    angle: float = 0
    wander: float = 0
    stray: float = 10


BRUSHES = {
    "fine": Brush(9, 5, 0, 60, 30),
    "level": Brush(34, 9, 0, 14, 7),
    "upright": Brush(34, 9, 90, 14, 7),
    "slanted": Brush(32, 9, -45, 20, 8),
    "swirl": Brush(30, 7, 0, 320, 5),
    "dabs": Brush(15, 10, 0, 100, 60),
    "knife": Brush(40, 24, 20, 70, 40),
    "dots": Brush(7, 7, 0, 0, 90),
    "broad": Brush(60, 20, 10, 120, 25),
}


@dataclass(frozen=True)
class StrokeMap:
    """Per pixel of a tile: the way to the stroke's middle, the stroke's tone and the relief, -1 to 1."""

    dx: Array
    dy: Array
    tone: Array
    relief: Array


@lru_cache(maxsize=len(BRUSHES))
def stroke_map(name: str) -> StrokeMap:
    """The map of a kind of brush."""
    brush = BRUSHES[name]
    rng = np.random.default_rng(sorted(BRUSHES).index(name))
    count = int(3.2 * TILE * TILE / (brush.length * brush.width))
    middles = rng.uniform(-10, TILE + 10, (count, 2)).astype(np.float32)
    turning = noise(rng, TILE, TILE, 3, 2)
    places = np.clip(middles.astype(int), 0, TILE - 1)
    angles = (
        brush.angle + brush.wander * (turning[places[:, 1], places[:, 0]] - 0.5) + rng.normal(0, brush.stray, count)
    )
    lengths = brush.length * rng.uniform(0.7, 1.3, count)
    cover = _cover(middles, angles, lengths, brush.width)
    return _map(rng, cover, middles, np.deg2rad(angles), lengths, brush.width)


def _cover(middles: Array, angles: Array, lengths: Array, width: float) -> np.ndarray:
    """The number of the topmost stroke at each pixel, -1 where none is."""
    cover = np.full((TILE, TILE), -1, np.float32)
    for number, (middle, angle, length) in enumerate(zip(middles, angles, lengths, strict=True)):
        box = ((float(middle[0]), float(middle[1])), (float(length), float(width)), float(angle))
        cv2.ellipse(cover, box, float(number), -1)
    return cover.astype(np.int32)


def _map(rng: Rng, cover: np.ndarray, middles: Array, angles: Array, lengths: Array, width: float) -> StrokeMap:
    y, x = np.mgrid[0:TILE, 0:TILE].astype(np.float32)
    dx, dy = middles[cover, 0] - x, middles[cover, 1] - y
    turn = angles[cover]
    across = (-dx * np.sin(turn) + dy * np.cos(turn)) / width
    along = (dx * np.cos(turn) + dy * np.sin(turn)) / lengths[cover]
    bristles = rng.uniform(-1, 1, 4096).astype(np.float32)
    marks = bristles[(np.abs(across * width * 1.1 + cover * 17)).astype(int) % 4096]
    body = 1 - 2 * (np.abs(across * 2) ** 3 + 0.6 * np.abs(along * 2) ** 4)
    tone = rng.normal(0, 0.5, len(middles)).astype(np.float32)[cover]
    lit = cv2.GaussianBlur(body + 0.5 * marks, (0, 0), 0.8)
    relief = np.clip(1.2 * (lit - np.roll(lit, (2, 2), (0, 1))) + 0.25 * marks, -1, 1)
    bare = cover < 0
    return StrokeMap(*(np.where(bare, 0, field).astype(np.float32) for field in (dx, dy, tone, relief)))


def paint_over(
    rng: Rng, picture: Array, height: int, width: int, brush: str, scale: float, tone: float, relief: float
) -> Array:
    """The picture painted in strokes at another size: uint8 in, uint8 out, height × width.

    `scale` times the brush's size; `tone` and `relief` say how much strokes differ and how thick the paint is.
    """
    dx, dy, tones, reliefs = _placed(rng, stroke_map(brush), height, width, scale)
    rows, columns = picture.shape[:2]
    map_x = (np.arange(width, dtype=np.float32) + dx) * np.float32(columns / width)
    map_y = (np.arange(height, dtype=np.float32)[:, None] + dy) * np.float32(rows / height)
    laid = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    gain = 128 * (1 + tone * tones + relief * reliefs)
    gains = np.clip(gain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.multiply(laid, cv2.cvtColor(gains, cv2.COLOR_GRAY2RGB), scale=1 / 128))


def _placed(rng: Rng, strokes: StrokeMap, height: int, width: int, scale: float) -> tuple[Array, ...]:
    """A random part of the tile, mirrored at random and enlarged, as large as the picture."""
    rows, columns = min(TILE, int(height / scale) + 1), min(TILE, int(width / scale) + 1)
    top, left = rng.integers(0, TILE - rows + 1), rng.integers(0, TILE - columns + 1)
    flip_x, flip_y = 1 - 2 * rng.integers(0, 2), 1 - 2 * rng.integers(0, 2)
    parts = []
    for field in (strokes.dx, strokes.dy, strokes.tone, strokes.relief):
        part = field[top : top + rows, left : left + columns][::flip_y, ::flip_x]
        parts.append(cv2.resize(part, (width, height), interpolation=cv2.INTER_NEAREST))
    parts[0] *= width / columns * flip_x
    parts[1] *= height / rows * flip_y
    return tuple(parts)
