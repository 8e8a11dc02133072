"""Landscapes: mountains, hills, lakes and rivers, woods, fields and deserts."""

from __future__ import annotations

import numpy as np

from spiders.gallery.paint.canvas import (
    Array,
    Canvas,
    Rng,
    axes,
    choice,
    curve,
    line_noise,
    mix,
    noise,
    ramp,
    smooth,
)
from spiders.gallery.paint.growth import blossoms, grass, tree
from spiders.gallery.paint.light import HOURS, Light, light, paint_sky

SCENES = ("peaks", "hills", "lake", "river", "wood", "field", "desert", "valley")


def landscape(rng: Rng, height: int, width: int) -> Array:
    """A landscape of one of eight kinds, at any hour."""
    scene = choice(rng, SCENES)
    hours = ("desert", "dusk", "golden", "noon") if scene == "desert" else tuple(set(HOURS) - {"desert"})
    hour = light(rng, tuple(sorted(hours)))
    horizon = rng.uniform(0.45, 0.8) if scene in ("peaks", "valley") else rng.uniform(0.25, 0.7)
    canvas = Canvas(height, width)
    paint_sky(rng, canvas, hour, horizon)
    _distance(rng, canvas, hour, horizon, 4 if scene in ("peaks", "valley", "lake") else 2, scene)
    if scene == "lake":
        water(rng, canvas, hour, horizon * height, min(1.0, horizon + rng.uniform(0.2, 0.5)) * height)
        horizon = rng.uniform(0.75, 0.95)
        _shore(rng, canvas, hour, horizon)
    else:
        _ground(rng, canvas, hour, horizon, scene)
    if scene == "wood":
        _wood(rng, canvas, hour, horizon)
    else:
        _scatter(rng, canvas, hour, horizon, "palm" if scene == "desert" and rng.random() < 0.3 else None)
    if rng.random() < 0.35 and scene not in ("wood", "peaks", "lake"):
        house(rng, canvas, hour, (rng.uniform(0.1, 0.9) * width, (horizon + rng.uniform(0.05, 0.25)) * height))
    return canvas.a


def ridge(rng: Rng, canvas: Canvas, base: float, rise: float, rough: float, paint: Array) -> None:
    """A range whose crest stands at `base - rise × noise` pixels, filled down with `paint`."""
    crest = base - rise * (line_noise(rng, canvas.width, rng.uniform(1.5, 5), 6, rough) * 0.6 + 0.4)
    y = np.arange(canvas.height, dtype=np.float32)[:, None]
    canvas.over(np.clip(y - crest[None, :] + 0.5, 0, 1), paint)


def rocky(rng: Rng, canvas: Canvas, stops: Array, snow: float) -> Array:
    """Shaded rock over the whole canvas: creases lit from one side, snow on what is steep and high."""
    height, width = canvas.height, canvas.width
    relief = noise(rng, height, width, rng.uniform(4, 9), 5)
    side = int(rng.choice([-3, 3]))
    lit = np.clip(0.45 + 3.5 * (relief - np.roll(relief, (side, 2), (1, 0))), 0, 1)
    paint = ramp(lit, stops)
    if snow <= 0:
        return paint
    white = smooth(relief + 0.35 * lit, 1.05 - snow, 1.25 - snow)[..., None]
    return np.asarray(paint * (1 - white) + white * (0.6 + 0.4 * lit[..., None]), np.float32)


def _distance(rng: Rng, canvas: Canvas, hour: Light, horizon: float, layers: int, scene: str) -> None:
    height = canvas.height
    high = {"peaks": 1.0, "lake": 0.7, "valley": 0.8, "desert": 0.35}.get(scene, 0.2)
    snow = rng.uniform(0.3, 0.7) if scene == "peaks" or rng.random() < 0.2 else 0.0
    for layer in range(layers):
        near = (layer + 1) / (layers + 1)
        stops = mix(hour.rocks, hour.leaves, min(1, near + 0.1) if scene != "desert" else 0.0)
        paint = mix(rocky(rng, canvas, stops, snow * (1 - near)), hour.haze, 0.75 * (1 - near))
        rise = horizon * height * high * (1.1 - 0.7 * near) * rng.uniform(0.4, 1.1)
        ridge(rng, canvas, horizon * height * (1 + 0.02 * layer), rise, 0.6 if scene == "peaks" else 0.42, paint)


def water(rng: Rng, canvas: Canvas, hour: Light, top: float, bottom: float) -> None:
    """A still water between two rows that mirrors what stands above it, broken by ripples."""
    first, last = int(top), min(int(bottom), canvas.height)
    if last - first < 4:
        return
    rows = np.arange(last - first)
    depth = rows / (last - first)
    ripple = noise(rng, last - first, canvas.width, rng.uniform(8, 20), 3, 5) - 0.5
    source = np.clip(first - 1 - rows[:, None] * rng.uniform(0.7, 1.0) + ripple * 26 * depth[:, None], 0, first - 1)
    columns = np.clip(np.arange(canvas.width)[None, :] + ripple * 14, 0, canvas.width - 1)
    mirrored = canvas.a[source.astype(int), columns.astype(int)]
    tint = ramp(np.clip(0.35 + ripple + 0.2 * (1 - depth[:, None]), 0, 1), hour.water)
    canvas.a[first:last] = mix(mirrored, tint, rng.uniform(0.3, 0.6))
    glints = smooth(ripple, 0.24, 0.4)[..., None] * 0.5
    canvas.a[first:last] += glints * (mix(hour.sun, hour.sky[-1], 0.5) - canvas.a[first:last])


def _shore(rng: Rng, canvas: Canvas, hour: Light, level: float) -> None:
    stops = mix(hour.leaves, hour.rocks, rng.uniform(0, 0.8))
    ridge(rng, canvas, level * canvas.height, canvas.height * 0.12, 0.5, rocky(rng, canvas, stops, 0))
    grass(rng, canvas, hour.leaves, level * canvas.height, 260, canvas.height * 0.05)


def _ground(rng: Rng, canvas: Canvas, hour: Light, horizon: float, scene: str) -> None:
    height, width = canvas.height, canvas.width
    y, x = axes(height, width)
    top = horizon * height
    stops = hour.rocks if scene == "desert" else mix(hour.leaves, hour.rocks, rng.uniform(0, 0.35))
    for step in range(rng.integers(2, 5)):
        shade = noise(rng, height, width, rng.uniform(3, 8), 5, rng.uniform(1.5, 4))
        tone = np.clip(shade * 0.75 + rng.uniform(0, 0.3), 0, 1)
        ridge(rng, canvas, top + step * (height - top) * 0.22, (height - top) * 0.12, 0.35, ramp(tone, stops))
    if scene == "river":
        _winding(rng, canvas, horizon, ramp(noise(rng, height, width, 9, 3, 5), mix(hour.water, hour.sky[-1], 0.3)))
    elif scene == "field":
        _furrows(rng, canvas, hour, horizon)
    elif rng.random() < 0.4:
        _winding(rng, canvas, horizon, mix(hour.rocks[2], hour.sun, 0.2))
    canvas.over(0.35 * smooth(y, horizon + 0.25, 1.1) * (0.6 + 0.4 * x), hour.leaves[0])
    grass(rng, canvas, hour.leaves[1:], top + height * 0.1, 300, height * 0.05)
    if rng.random() < 0.45 and scene != "desert":
        tones = rng.uniform(0.35, 1, (3, 3)).astype(np.float32) * (1, rng.uniform(0.4, 1), rng.uniform(0.3, 1))
        blossoms(rng, canvas, tones.astype(np.float32), top + height * 0.12, int(rng.integers(60, 420)), height * 0.012)


def _winding(rng: Rng, canvas: Canvas, horizon: float, paint: Array) -> None:
    """A path or river from the lower edge to the horizon."""
    height, width = canvas.height, canvas.width
    steps = np.linspace(0, 1, 6)
    x = width * (rng.uniform(0.2, 0.8) + rng.normal(0, 0.22, 6) * (1 - steps) ** 0.6)
    y = height * (1.05 - (1.03 - horizon) * steps**0.75)
    line = curve(np.stack([x, y], 1), 40)
    widths = width * rng.uniform(0.12, 0.4) * np.linspace(1, 0.05, 40) ** 1.7
    canvas.over(
        canvas.shape(
            np.concatenate(
                [line - np.stack([widths, 0 * widths], 1) / 2, (line + np.stack([widths, 0 * widths], 1) / 2)[::-1]]
            ),
            1,
        ),
        paint,
    )


def _furrows(rng: Rng, canvas: Canvas, hour: Light, horizon: float) -> None:
    """Rows that run to one point on the horizon, and sheaves or haycocks."""
    height, width = canvas.height, canvas.width
    vanish = np.array([rng.uniform(-0.2, 1.2) * width, horizon * height])
    for number in range(-16, 17):
        foot = np.array([width * 0.5 + number * width * 0.11, height * 1.1])
        start = vanish + (foot - vanish) * rng.uniform(0.12, 0.2)
        canvas.stroke(np.stack([start, foot]), [1, width * 0.035], hour.leaves[1 + number % 3], 0.75)
    if rng.random() < 0.6:
        for _ in range(rng.integers(1, 7)):
            depth = rng.uniform(0.15, 0.9)
            size = height * 0.2 * depth
            x, y = rng.uniform(0, width), (horizon + (1 - horizon) * depth) * height
            heap = [
                (x - size * 0.6, y),
                (x - size * 0.5, y - size * 0.5),
                (x, y - size),
                (x + size * 0.5, y - size * 0.5),
                (x + size * 0.6, y),
            ]
            canvas.ellipse((x + size * 0.3, y), (size, size * 0.2), hour.leaves[0], 0, 0.5, size * 0.05)
            canvas.polygon(curve(heap, 20), mix(hour.rocks[2], hour.sun, 0.25))
            canvas.polygon(curve(heap[2:], 12), mix(hour.rocks[1], hour.leaves[1], 0.4), 0.7, size * 0.06)


def _wood(rng: Rng, canvas: Canvas, hour: Light, horizon: float) -> None:
    """Many trees of one kind, the far ones pale, the near ones cut by the edge."""
    kind = choice(rng, ("round", "fir", "poplar", "bare", "pine"))
    for depth in np.sort(rng.uniform(0.05, 1, int(rng.integers(9, 20)))):
        size = canvas.height * (0.2 + 0.9 * depth)
        foot = (rng.uniform(0, 1) * canvas.width, canvas.height * (horizon + (1 - horizon) * depth * 0.85))
        tree(rng, canvas, _faded(hour, 0.5 * (1 - depth)), kind, foot, size)


def _scatter(rng: Rng, canvas: Canvas, hour: Light, horizon: float, kind: str | None) -> None:
    """A few trees, in a group, in a row or alone."""
    kind = kind or choice(rng, ("round", "round", "fir", "poplar", "bare", "pine"))
    middle, spread = rng.uniform(0, 1), rng.uniform(0.05, 0.4)
    for depth in np.sort(rng.uniform(0.05, 0.75, int(rng.integers(0, 9)))):
        foot = (
            (middle + rng.normal(0, spread)) * canvas.width,
            canvas.height * (horizon + (1 - horizon) * depth),
        )
        tree(rng, canvas, _faded(hour, 0.4 * (1 - depth)), kind, foot, canvas.height * (0.1 + 0.65 * depth))


def _faded(hour: Light, share: float) -> Light:
    return Light(
        hour.sky, hour.sun, hour.haze, mix(hour.leaves, hour.haze, share), mix(hour.rocks, hour.haze, share),
        hour.water, hour.clouds, hour.height, hour.glow,
    )  # fmt: skip


def house(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float]) -> None:
    """A small house with a pitched roof, lit from one side."""
    x, y = foot
    size = canvas.height * rng.uniform(0.05, 0.16)
    long = size * rng.uniform(1, 1.9)
    wall, roof = mix(hour.rocks[3], hour.sun, 0.3), mix(hour.rocks[1], (0.55, 0.2, 0.12), rng.uniform(0, 0.8))
    canvas.polygon([(x, y), (x + long, y), (x + long, y - size), (x, y - size)], wall)
    canvas.polygon(
        [
            (x, y),
            (x - size * 0.7, y - size * 0.1),
            (x - size * 0.7, y - size),
            (x - size * 0.35, y - size * 1.5),
            (x, y - size),
        ],
        wall * 0.7,
    )
    canvas.polygon(
        [
            (x - size * 0.35, y - size * 1.55),
            (x + long - size * 0.3, y - size * 1.5),
            (x + long * 1.05, y - size * 0.9),
            (x - size * 0.02, y - size * 0.9),
        ],
        roof,
    )
    for column in np.arange(0.15, 0.9, 0.3):
        left = x + long * column
        canvas.polygon(
            [
                (left, y - size * 0.7),
                (left + size * 0.2, y - size * 0.7),
                (left + size * 0.2, y - size * 0.3),
                (left, y - size * 0.3),
            ],
            hour.rocks[0] * 0.7,
        )
