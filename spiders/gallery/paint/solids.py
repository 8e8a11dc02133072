"""Solid things lit from one side: balls, turned vessels, books, candles, drapery, tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from spiders.gallery.paint.canvas import Array, Canvas, Colour, Rng, curve, ellipse_points, mix, noise, ramp, smooth

PROFILES = {
    "bottle": ((0, 0.12), (0.03, 0.15), (0.05, 0.12), (0.35, 0.13), (0.5, 0.36), (0.6, 0.4), (0.96, 0.4), (1, 0.34)),
    "vase": ((0, 0.34), (0.05, 0.27), (0.14, 0.24), (0.4, 0.5), (0.6, 0.5), (0.92, 0.26), (1, 0.3)),
    "jug": ((0, 0.3), (0.06, 0.25), (0.25, 0.26), (0.55, 0.5), (0.8, 0.48), (1, 0.34)),
    "urn": (
        (0, 0.5),
        (0.04, 0.46),
        (0.1, 0.3),
        (0.2, 0.34),
        (0.5, 0.42),
        (0.75, 0.2),
        (0.85, 0.12),
        (0.95, 0.3),
        (1, 0.32),
    ),
    "pot": ((0, 0.5), (0.06, 0.5), (0.1, 0.44), (0.5, 0.56), (0.9, 0.44), (1, 0.4)),
    "cylinder": ((0, 0.4), (1, 0.4)),
    "goblet": ((0, 0.3), (0.3, 0.34), (0.5, 0.22), (0.56, 0.05), (0.88, 0.05), (0.95, 0.26), (1, 0.28)),
    "bowl": ((0, 1.0), (0.1, 0.98), (0.5, 0.8), (0.8, 0.5), (0.88, 0.34), (1, 0.4)),
    "stick": (
        (0, 0.16),
        (0.06, 0.2),
        (0.1, 0.08),
        (0.5, 0.07),
        (0.6, 0.14),
        (0.66, 0.07),
        (0.9, 0.09),
        (0.95, 0.3),
        (1, 0.34),
    ),
}
"""Half width over height from the rim (0) to the foot (1), as parts of the height."""


def stops(paint: Colour, shade: Colour = (0.05, 0.04, 0.06), gloss: float = 0.5) -> Array:
    """Shadow, middle, light and gleam of one local colour."""
    base = np.asarray(paint, np.float32)
    return np.stack([mix(base * 0.2, shade, 0.5), base * 0.6, base, mix(base, 1.0, gloss)])


def ball(
    canvas: Canvas,
    centre: tuple[float, float],
    radii: tuple[float, float],
    paints: Array,
    side: float,
    bloom: float = 0,
) -> None:
    """A ball lit from the left (`side` -1) or the right (1) and above; `bloom` is rim light."""
    rx, ry = max(radii[0], 2), max(radii[1], 2)
    y, x = np.ogrid[-1.1 : 1.1 : round(2.2 * ry) * 1j, -1.1 : 1.1 : round(2.2 * rx) * 1j]
    reach = np.sqrt(x**2 + y**2)
    z = np.sqrt(np.clip(1 - reach**2, 0, 1))
    lit = 0.12 + 0.62 * np.clip(0.55 * side * x - 0.5 * y + 0.67 * z, 0, 1) + bloom * (1 - z) ** 2
    gleam = np.exp(-((x - 0.4 * side) ** 2 + (y + 0.42) ** 2) / 0.03)
    mask = np.clip((1 - reach) * min(rx, ry) + 0.5, 0, 1)
    canvas.stamp(centre[0] - 1.1 * rx, centre[1] - 1.1 * ry, mask.astype(np.float32), ramp(lit + 0.35 * gleam, paints))


def lathe(
    canvas: Canvas, foot: tuple[float, float], height: float, profile: ArrayLike, paints: Array, side: float,
    opacity: float = 1, pattern: Array | None = None,
) -> None:  # fmt: skip
    """A turned vessel that stands on `foot`; `pattern` (any size) is added to the light, -0.5 to 0.5."""
    points = np.asarray(profile, np.float32)
    rows = max(4, round(height))
    half = np.interp(np.linspace(0, 1, rows), points[:, 0], points[:, 1]) * height
    half = np.convolve(np.pad(half, 2, "edge"), np.ones(5) / 5, "valid")
    columns = 2 * round(float(half.max())) + 4
    x = np.arange(columns) - columns / 2 + 0.5
    u = np.clip(x[None, :] / np.maximum(half[:, None], 1), -1, 1)
    lit = 0.08 + 0.68 * np.clip(0.7 * side * u + 0.7 * np.sqrt(1 - u**2), 0, 1)
    lit = lit + 0.4 * np.exp(-((u - 0.5 * side) ** 2) / 0.012) * np.linspace(0.9, 0.3, rows)[:, None]
    if pattern is not None:
        lit = (
            lit + pattern[np.arange(rows)[:, None] % pattern.shape[0], ((u + 1) * pattern.shape[1] / 2.01).astype(int)]
        )
    mask = np.clip(half[:, None] - np.abs(x[None, :]) + 0.5, 0, 1).astype(np.float32)
    canvas.stamp(foot[0] - columns / 2, foot[1] - rows, mask, ramp(lit.astype(np.float32), paints), opacity)
    rim = half[0]
    canvas.ellipse((foot[0], foot[1] - rows), (rim, rim * 0.25), paints[1], 0, opacity)
    canvas.ellipse((foot[0], foot[1] - rows + 1), (rim * 0.86, rim * 0.19), paints[0], 0, opacity)


def shadow(canvas: Canvas, foot: tuple[float, float], size: float, side: float, depth: float = 0.5) -> None:
    """The shadow a thing throws on the table, away from the light."""
    canvas.ellipse(
        (foot[0] - side * size * 0.5, foot[1] - size * 0.02),
        (size * 1.1, size * 0.2),
        (0.04, 0.03, 0.04),
        0,
        depth,
        size * 0.08,
    )


def candle(rng: Rng, canvas: Canvas, foot: tuple[float, float], size: float, side: float, burning: bool) -> None:
    """A candle in a stick; a burning one shines."""
    lathe(canvas, foot, size * 0.55, PROFILES["stick"], stops((0.72, 0.55, 0.25), gloss=0.8), side)
    top = foot[1] - size * 0.55
    wax = stops((0.92, 0.87, 0.72))
    lathe(canvas, (foot[0], top), size * rng.uniform(0.15, 0.5), ((0, 0.06 / 0.3), (1, 0.06 / 0.3)), wax, side)
    if burning:
        tip = (foot[0], top - size * 0.5)
        canvas.ellipse(tip, (size * 0.5, size * 0.5), (1, 0.7, 0.3), 0, 0.3, size * 0.2)
        canvas.ellipse(tip, (size * 0.05, size * 0.12), (1, 0.8, 0.35), 0, 1, 1)
        canvas.ellipse((tip[0], tip[1] + size * 0.03), (size * 0.025, size * 0.06), (1, 0.98, 0.85), 0, 1, 1)


def book(rng: Rng, canvas: Canvas, foot: tuple[float, float], size: float, cover: Array) -> None:
    """A closed book lying on its side, seen from the front edge."""
    x, y = foot
    thick, slant = size * rng.uniform(0.14, 0.3), size * rng.uniform(0.1, 0.35)
    half, deep = size * 0.6, size * 0.2
    top = [
        (x - half, y - thick),
        (x + half, y - thick),
        (x + half + slant * 0.5, y - thick - deep),
        (x - half + slant, y - thick - deep),
    ]
    canvas.polygon(top, cover)
    canvas.polygon([(x - half, y), (x + half, y), (x + half, y - thick), (x - half, y - thick)], (0.8, 0.74, 0.6))
    for level in np.linspace(0.15, 0.85, 5):
        canvas.stroke([(x - half, y - thick * level), (x + half, y - thick * level)], 1, (0.6, 0.52, 0.4), 0.6)
    canvas.stroke([(x - half, y), (x + half, y)], max(2, thick * 0.16), cover * 0.7)
    canvas.stroke([(x - half, y - thick), (x + half, y - thick)], max(2, thick * 0.16), cover * 1.1)


def drapery(rng: Rng, height: int, width: int, paints: Array, slant: float) -> Array:
    """Hanging cloth: folds that run down, bend and fade into each other."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    bend = noise(rng, height, width, 2, 3) * rng.uniform(0.4, 1.4)
    phase = (x + slant * y) * rng.uniform(4, 10) + bend * 3
    folds = 0.5 + 0.5 * np.sin(phase * 2 * np.pi * 0.7)
    return ramp(np.clip(folds * (0.5 + 0.5 * noise(rng, height, width, 3, 3)) + 0.08, 0, 1), paints)


def table(rng: Rng, canvas: Canvas, level: float, wood: Array, cloth: Array | None) -> None:
    """A table from `level` (pixels) down, in perspective, at times with a cloth that hangs over its edge."""
    height, width = canvas.height, canvas.width
    tilt = rng.normal(0, 0.02) * height
    surface = [(-5, level + tilt), (width + 5, level - tilt), (width + 5, height + 5), (-5, height + 5)]
    grain = noise(rng, height, width, 5, 4, 6)
    canvas.over(canvas.shape(surface), ramp(grain * 0.7 + 0.2, stops(wood, gloss=0.2)))
    front = level + (height - level) * rng.uniform(0.5, 0.95)
    canvas.polygon([(-5, front), (width + 5, front), (width + 5, height + 5), (-5, height + 5)], wood * 0.3, 0.8)
    if cloth is not None:
        _cloth(rng, canvas, level, front, cloth)


def _cloth(rng: Rng, canvas: Canvas, level: float, front: float, cloth: Array) -> None:
    height, width = canvas.height, canvas.width
    left, right = np.sort(rng.uniform(-0.3, 1.3, 2)) * width
    if right - left < width * 0.4:
        right = left + width * 0.6
    edge = [
        (left, level + 4),
        (right, level + 8),
        (right + width * 0.1, front),
        (right, height * 1.1),
        (left, height * 1.1),
        (left - width * 0.1, front),
    ]
    mask = canvas.shape(curve([*edge, edge[0]], 60), 1.5)
    lit = noise(rng, height, width, 3, 4)
    folds = np.clip(0.62 + 2.2 * (lit - np.roll(lit, (4, 5), (0, 1))), 0, 1)
    canvas.over(mask, ramp(folds, stops(cloth, (0.3, 0.3, 0.38), 0.7)))
    hanging = smooth(np.arange(height, dtype=np.float32)[:, None] * np.ones(width, np.float32), front, front + 8)
    canvas.over(mask * hanging, drapery(rng, height, width, stops(cloth, (0.2, 0.2, 0.28), 0.4), 0.1))


def leaf(canvas: Canvas, root: tuple[float, float], angle: float, length: float, paint: Array) -> None:
    """A leaf from its root, `angle` in radians, with a lit half and a midrib."""
    steps = np.linspace(0, 1, 12)
    line = np.stack([root[0] + np.cos(angle) * length * steps, root[1] + np.sin(angle) * length * steps], 1)
    width = np.sin(steps**0.8 * np.pi) * length * 0.38
    canvas.stroke(line, width, paint)
    across = np.array([-np.sin(angle), np.cos(angle)]) * length * 0.08
    canvas.stroke(line - across, width * 0.45, mix(paint, (0.9, 0.95, 0.6), 0.3), 0.7)


def disc(canvas: Canvas, centre: tuple[float, float], radius: float, paint: Array, tilt: float = 0.3) -> None:
    """A plate seen from the side."""
    canvas.polygon(ellipse_points(centre, (radius, radius * tilt)), paint * 0.6)
    canvas.polygon(ellipse_points((centre[0], centre[1] - radius * 0.05), (radius, radius * tilt)), paint)
    canvas.polygon(
        ellipse_points((centre[0], centre[1] - radius * 0.03), (radius * 0.7, radius * tilt * 0.65)), paint * 0.85
    )
