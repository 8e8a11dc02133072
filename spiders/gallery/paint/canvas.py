"""The painter's tools: noise, colour, and a canvas on which soft shapes are laid over each other.

Pictures are float32 arrays (height, width, 3), RGB, 0 to 1. Coordinates are (x, y) in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]
Rng = np.random.Generator
Colour = ArrayLike
SUBPIXEL = 4
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 40)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 40)[:-1])], 1)


def colour(text: str) -> Array:
    """`#rrggbb` as three floats."""
    return np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)


def colours(text: str) -> Array:
    """Several colours parted by spaces, as an array (n, 3)."""
    return np.stack([colour(word) for word in text.split()])


def vary(rng: Rng, given: Array, hue: float = 6, saturation: float = 0.12, value: float = 0.1) -> Array:
    """Colours (…, 3) moved together a little: hue in degrees, the others as fractions."""
    hsv = cv2.cvtColor(np.ascontiguousarray(given.reshape(1, -1, 3), np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + rng.normal(0, hue)) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * (1 + rng.normal(0, saturation)), 0, 1)
    hsv[..., 2] = np.clip(hsv[..., 2] * (1 + rng.normal(0, value)), 0, 1)
    rgb: Array = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).reshape(given.shape)
    return rgb


def mix(first: Colour, second: Colour, share: float) -> Array:
    """`share` of the second colour in the first."""
    return (np.asarray(first, np.float32) * (1 - share) + np.asarray(second, np.float32) * share).astype(np.float32)


def pick(rng: Rng, given: Array) -> Array:
    """One of the colours."""
    return np.asarray(given[rng.integers(len(given))], np.float32)


def ramp(field: Array, stops: Array) -> Array:
    """Colours for values 0 to 1: evenly spaced `stops` (n, 3), interpolated."""
    grid = np.linspace(0, 1, 256)
    places = np.linspace(0, 1, len(stops))
    table = np.stack([np.interp(grid, places, stops[:, channel]) for channel in range(3)], axis=1)
    index = np.clip(field * 255, 0, 255).astype(np.uint8)
    return np.asarray(np.take(table.astype(np.float32), index, axis=0))


def noise(rng: Rng, height: int, width: int, cells: float = 4, octaves: int = 4, stretch: float = 1) -> Array:
    """Fractal noise (height, width), mean about 0.5, spread over most of 0 to 1.

    `cells` blobs along the longer side in the first octave; `stretch` above 1 draws them out horizontally.
    """
    longer, weight, total = max(height, width), 1.0, 0.0
    coarse = 2 if longer > 160 and cells * 2**octaves < longer / 2 else 1
    rows, columns = -(-height // coarse), -(-width // coarse)
    field = np.zeros((rows, columns), np.float32)
    for octave in range(octaves):
        down = round(cells * 2**octave * height / longer * max(stretch, 1))
        across = round(cells * 2**octave * width / longer * max(1 / stretch, 1))
        grid = rng.random((min(max(2, down), rows) + 1, min(max(2, across), columns) + 1), np.float32)
        field += weight * cv2.resize(grid, (columns, rows), interpolation=cv2.INTER_CUBIC)
        total += weight
        weight *= 0.55
    field = np.clip((field / np.float32(total) - 0.5) * 1.7 + 0.5, 0, 1)
    return np.asarray(cv2.resize(field, (width, height)) if coarse > 1 else field)


def line_noise(rng: Rng, length: int, cells: float, octaves: int = 4, roughness: float = 0.5) -> Array:
    """Fractal noise along a line, mean about 0, mostly within -1 to 1."""
    places = np.linspace(0, 1, length)
    values = np.zeros(length)
    for octave in range(octaves):
        count = max(2, round(cells * 2**octave)) + 1
        values += roughness**octave * np.interp(places, np.linspace(0, 1, count), rng.uniform(-1, 1, count))
    return values.astype(np.float32)


def smooth(field: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((field - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def axes(height: int, width: int) -> tuple[Array, Array]:
    """y as a column and x as a row, each 0 to 1."""
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    return y, np.linspace(0, 1, width, dtype=np.float32)[None, :]


class Canvas:
    """A picture being painted; every method lays something over what is there.

    `crisp` draws smooth edges; without it opaque shapes have hard ones, which is faster and enough for a
    composition that is painted over in strokes.
    """

    def __init__(self, height: int, width: int, ground: Colour | Array = 1.0, crisp: bool = False) -> None:
        self.height = height
        self.width = width
        self.crisp = crisp
        self.a: Array = np.empty((height, width, 3), np.float32)
        self.a[:] = ground

    def over(self, mask: Array, paint: Colour | Array, opacity: float = 1) -> None:
        """Lay paint, a colour or a picture, through a mask (height, width) of 0 to 1."""
        self._lay(0, 0, mask, paint, opacity)

    def polygon(self, points: ArrayLike, paint: Colour, opacity: float = 1, soft: float = 0) -> None:
        """A filled polygon; `soft` is the blur of its edge in pixels."""
        corners = np.asarray(points, np.float32)
        if opacity == 1 and soft == 0 and not self.crisp:
            self.flat(corners, paint)
        elif (box := self._box(corners, soft)) is not None:
            self._lay(box[0], box[1], _soften(_fill(corners, box), soft), paint, opacity)

    def stamp(self, left: float, top: float, mask: Array, picture: Array, opacity: float = 1) -> None:
        """A small picture with its own mask, its upper left corner at `left`, `top`; may hang over the edge."""
        x, y = round(left), round(top)
        rows = slice(max(0, -y), min(mask.shape[0], self.height - y))
        columns = slice(max(0, -x), min(mask.shape[1], self.width - x))
        if rows.start < rows.stop and columns.start < columns.stop:
            part = self.a[y + rows.start : y + rows.stop, x + columns.start : x + columns.stop]
            part += (mask[rows, columns] * opacity)[..., None] * (picture[rows, columns] - part)

    def flat(self, points: ArrayLike, paint: Colour) -> None:
        """A filled polygon, opaque and with hard edges: the fast way to draw many small things."""
        corners = np.round(np.asarray(points, np.float32) * 2**SUBPIXEL).astype(np.int32)
        cv2.fillPoly(self.a, [corners], _scalar(paint), cv2.LINE_8, SUBPIXEL)

    def shape(self, points: ArrayLike, soft: float = 0) -> Array:
        """The mask of a polygon over the whole canvas."""
        return _soften(_fill(np.asarray(points, np.float32), (0, 0, self.width, self.height)), soft)

    def ellipse(
        self, centre: tuple[float, float], radii: tuple[float, float], paint: Colour, angle: float = 0,
        opacity: float = 1, soft: float = 0,
    ) -> None:  # fmt: skip
        """A filled ellipse turned by `angle` degrees."""
        if opacity == 1 and soft == 0 and not self.crisp:
            fixed = [round(float(value) * 2**SUBPIXEL) for value in (*centre, *radii)]
            tone = _scalar(paint)
            cv2.ellipse(
                self.a, (fixed[0], fixed[1]), (fixed[2], fixed[3]), float(angle), 0, 360, tone, -1, cv2.LINE_8, SUBPIXEL
            )
            return
        self.polygon(ellipse_points(centre, radii, angle), paint, opacity, soft)

    def stroke(self, points: ArrayLike, widths: float | ArrayLike, paint: Colour, opacity: float = 1) -> None:
        """A line through `points` (n, 2) whose width may change along it."""
        self.polygon(outline(np.asarray(points, np.float32), widths), paint, opacity)

    def lines(self, starts: Array, ends: Array, paints: Array, thickness: int = 1) -> None:
        """Many straight lines, each with its own colour, drawn fast and opaque."""
        scale = 2**SUBPIXEL
        for start, end, paint in zip((starts * scale).astype(int), (ends * scale).astype(int), paints, strict=True):
            cv2.line(self.a, start.tolist(), end.tolist(), paint.tolist(), thickness, cv2.LINE_8, SUBPIXEL)

    def dabs(self, centres: Array, radii: Array, paints: Array, angle: float = 0) -> None:
        """Many small ellipses: centres (n, 2), radii (n, 2), colours (n, 3)."""
        for (x, y), (rx, ry), paint in zip(centres.astype(int), np.maximum(radii, 1), paints, strict=True):
            cv2.ellipse(self.a, (int(x), int(y)), (round(rx), round(ry)), angle, 0, 360, paint.tolist(), -1)

    def _box(self, corners: Array, soft: float) -> tuple[int, int, int, int] | None:
        margin = int(3 * soft) + 2
        left, top = np.floor(corners.min(0)).astype(int) - margin
        right, bottom = np.ceil(corners.max(0)).astype(int) + margin
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, self.width), min(bottom, self.height)
        return (left, top, right, bottom) if right > left and bottom > top else None

    def _lay(self, left: int, top: int, mask: Array, paint: Colour | Array, opacity: float) -> None:
        height, width = mask.shape
        part = self.a[top : top + height, left : left + width]
        value = np.asarray(paint, np.float32)
        if value.shape == self.a.shape:
            change = cv2.subtract(value[top : top + height, left : left + width], part)
        else:
            change = cv2.subtract((*_scalar(value), 0.0), part)
        share = np.asarray(mask * np.float32(opacity), np.float32)
        part += cv2.multiply(change, cv2.merge([share, share, share]))


def _scalar(paint: Colour) -> list[float]:
    value = np.asarray(paint, float)
    return [float(value)] * 3 if value.ndim == 0 else value.tolist()


def _fill(corners: Array, box: tuple[int, int, int, int]) -> Array:
    left, top, right, bottom = box
    mask = np.zeros((bottom - top, right - left), np.uint8)
    fixed = np.round((corners - (left, top)) * 2**SUBPIXEL).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, SUBPIXEL)
    return mask.astype(np.float32) / 255


def _soften(mask: Array, soft: float) -> Array:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32) if soft > 0.3 else mask


def ellipse_points(centre: tuple[float, float], radii: tuple[float, float], angle: float = 0) -> Array:
    """The outline of an ellipse turned by `angle` degrees, as points (n, 2)."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turned = np.array([[cosine, sine], [-sine, cosine]]) * np.array(radii, float)[:, None]
    return np.asarray(_CIRCLE @ turned + centre, np.float32)


def outline(points: Array, widths: float | ArrayLike) -> Array:
    """The polygon around a line through `points` that is `widths` wide."""
    along = np.gradient(points, axis=0)
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / length[:, None]
    half = np.broadcast_to(np.asarray(widths, np.float32), len(points))[:, None] / 2
    return np.concatenate([points + across * half, (points - across * half)[::-1]]).astype(np.float32)


def moved(points: ArrayLike, x: float, y: float) -> Array:
    """Points moved by x and y."""
    return np.asarray(points, np.float32) + np.array([x, y], np.float32)


def curve(points: ArrayLike, count: int = 30) -> Array:
    """A smooth line (count, 2) through given points (Catmull-Rom)."""
    p = np.asarray(points, np.float32)
    padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, len(p) - 1 - 1e-6, count)
    i, f = t.astype(int), (t % 1)[:, None].astype(np.float32)
    a, b, c, d = (padded[i + k] for k in range(4))
    line = 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)
    return np.asarray(line, np.float32)


def choice(rng: Rng, options: Sequence[str], weights: Sequence[float] | None = None) -> str:
    """One of the words; weights need not add up to 1."""
    chances = None if weights is None else np.asarray(weights, float) / np.sum(weights)
    return str(options[int(rng.choice(len(options), p=chances))])
