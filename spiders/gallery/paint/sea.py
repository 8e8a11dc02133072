"""Seascapes: calm and storm, beaches, cliffs, harbours, ships."""

from __future__ import annotations

import numpy as np

from spiders.gallery.paint.canvas import Array, Canvas, Rng, axes, choice, curve, mix, noise, ramp, smooth
from spiders.gallery.paint.land import house, ridge, rocky
from spiders.gallery.paint.light import Light, light, paint_sky

HOURS = ("noon", "morning", "dusk", "golden", "storm", "overcast", "moon", "rose", "spring")
SCENES = ("open", "beach", "cliffs", "storm", "harbour", "regatta")


def seascape(rng: Rng, height: int, width: int) -> Array:
    """The sea in one of six kinds of scene."""
    scene = choice(rng, SCENES)
    hour = light(rng, ("storm", "overcast", "moon", "dusk") if scene == "storm" else HOURS)
    horizon = rng.uniform(0.25, 0.72)
    canvas = Canvas(height, width)
    sun_x, _ = paint_sky(rng, canvas, hour, horizon)
    if scene == "harbour" or rng.random() < 0.25:
        paint = mix(rocky(rng, canvas, mix(hour.rocks, hour.leaves, 0.4), 0), hour.haze, 0.6)
        ridge(rng, canvas, horizon * height, height * rng.uniform(0.04, 0.16), 0.4, paint)
    _sea(rng, canvas, hour, horizon, sun_x, rng.uniform(0.7, 1.0) if scene == "storm" else rng.uniform(0.05, 0.6))
    if scene in ("cliffs", "harbour"):
        _cliff(rng, canvas, hour, horizon)
    _fleet(rng, canvas, hour, horizon, {"regatta": 9, "harbour": 6, "open": 3}.get(scene, 2))
    if scene == "storm":
        _breakers(rng, canvas, hour, horizon)
    if scene == "beach":
        _beach(rng, canvas, hour, horizon)
    if scene == "harbour":
        _quay(rng, canvas, hour, horizon)
    return canvas.a


def _sea(rng: Rng, canvas: Canvas, hour: Light, horizon: float, sun_x: float, swell: float) -> None:
    """Water in perspective: waves grow towards the viewer; the sun leaves a glittering road."""
    height, width = canvas.height, canvas.width
    top = int(horizon * height)
    rows = np.arange(height - top, dtype=np.float32)
    depth = (rows + 1) / (height - top)
    field = noise(rng, 256, 256, 14, 4, rng.uniform(2, 5))
    v = (40 / (depth + 0.09)).astype(np.float32)
    u = (np.arange(width)[None, :] - width / 2) / (depth[:, None] * 2 + 0.25) * rng.uniform(0.5, 1.1)
    waves = field[v.astype(int)[:, None] % 256, (u + rng.integers(256)).astype(int) % 256]
    waves = waves + 0.35 * (noise(rng, height - top, width, 4, 3, 4) - 0.5)
    tone = np.clip(0.5 + (waves - 0.5) * (0.5 + swell) + 0.3 * (0.5 - depth[:, None]), 0, 1)
    canvas.a[top:] = ramp(tone, hour.water)
    far = np.exp(-depth * 7)[:, None, None]
    canvas.a[top:] += 0.6 * far * (mix(hour.haze, hour.sky[-1], 0.5) - canvas.a[top:])
    road = np.exp(-((np.arange(width)[None, :] - sun_x) ** 2) / (2 * (width * (0.03 + 0.1 * depth[:, None])) ** 2))
    glitter = road * smooth(waves, 0.5, 0.75) * hour.glow
    canvas.a[top:] += glitter[..., None] * (mix(hour.sun, 1.0, 0.3) - canvas.a[top:])
    foam = smooth(waves + 0.25 * swell * depth[:, None], 0.86, 1.0)
    canvas.a[top:] += 0.7 * foam[..., None] * (mix(hour.clouds[1], hour.sky[-1], 0.3) - canvas.a[top:])


def _breakers(rng: Rng, canvas: Canvas, hour: Light, horizon: float) -> None:
    """Large waves with lit crests and spray."""
    height, width = canvas.height, canvas.width
    for depth in np.sort(rng.uniform(0.2, 1, rng.integers(3, 7))):
        base = height * (horizon + (1 - horizon) * depth)
        rise = height * 0.22 * depth * rng.uniform(0.6, 1.4)
        paint = ramp(noise(rng, height, width, 7, 4, 3), hour.water * rng.uniform(0.7, 1.1))
        steps = np.linspace(-0.05, 1.05, 9) * width
        crest = base - rise * rng.uniform(0, 1, 9)
        line = curve(np.stack([steps, crest], 1), 60)
        canvas.over(
            canvas.shape(np.concatenate([line, [(width * 1.1, base + rise), (-width * 0.1, base + rise)]])), paint
        )
        spray = line + np.stack([np.zeros(60), rng.uniform(-1, 3, 60)], 1)
        canvas.stroke(spray, rng.uniform(0, 1, 60) ** 2 * rise * 0.3, mix(hour.clouds[1], hour.haze, 0.3), 0.8)
        dots = line[rng.integers(0, 60, 50)] - np.abs(rng.normal(0, rise * 0.25, (50, 2))) * (0.2, 1)
        canvas.dabs(dots, np.full((50, 2), 1 + rise * 0.02), np.tile(hour.clouds[1], (50, 1)))


def _cliff(rng: Rng, canvas: Canvas, hour: Light, horizon: float) -> None:
    """Cliffs that enter from one side, with their foot in the surf; at times an arch or a lighthouse."""
    height, width = canvas.height, canvas.width
    left = rng.random() < 0.5
    reach, foot = rng.uniform(0.25, 0.65), horizon + rng.uniform(0.03, 0.4)
    top = horizon - rng.uniform(0.08, 0.4)
    xs = np.linspace(0, reach, 7)
    ys = np.linspace(top, foot - 0.05, 7) + rng.normal(0, 0.035, 7)
    line = curve(np.stack([xs, ys], 1), 40)
    points = np.concatenate([[(-0.05, top)], line, [(reach + 0.03, foot), (-0.05, foot + 0.03)]])
    points[:, 0] = points[:, 0] if left else 1 - points[:, 0]
    mask = canvas.shape(points * (width, height))
    canvas.over(mask, rocky(rng, canvas, mix(hour.rocks, hour.leaves, rng.uniform(0, 0.4)), 0))
    y, _ = axes(height, width)
    surf = smooth(noise(rng, height, width, 12, 3, 4) - np.abs(y - foot) * 14, 0.1, 0.4)
    canvas.over(surf * (1 - mask * 0.6), mix(hour.clouds[1], hour.water[2], 0.2), 0.8)
    if rng.random() < 0.3:
        _lighthouse(rng, canvas, hour, points[3] * (width, height))


def _lighthouse(rng: Rng, canvas: Canvas, hour: Light, foot: Array) -> None:
    x, y = foot
    size = canvas.height * rng.uniform(0.12, 0.25)
    wall = mix(hour.rocks[3], 1.0, 0.3)
    canvas.polygon(
        [(x - size * 0.1, y), (x + size * 0.1, y), (x + size * 0.06, y - size), (x - size * 0.06, y - size)], wall
    )
    canvas.polygon([(x + size * 0.02, y), (x + size * 0.1, y), (x + size * 0.06, y - size), (x, y - size)], wall * 0.7)
    canvas.ellipse((x, y - size * 1.05), (size * 0.07, size * 0.08), mix(hour.sun, (1, 0.6, 0.2), 0.3))


def _beach(rng: Rng, canvas: Canvas, hour: Light, horizon: float) -> None:
    """Sand with the line of the surf, and at times boats drawn up or people far away."""
    height, width = canvas.height, canvas.width
    near = horizon + (1 - horizon) * rng.uniform(0.3, 0.75)
    tilt = rng.normal(0, 0.2)
    xs = np.linspace(-0.05, 1.05, 8)
    line = curve(np.stack([xs, near + tilt * (xs - 0.5) + rng.normal(0, 0.02, 8)], 1), 50) * (width, height)
    floor = [(width * 1.1, height * 1.1), (-width * 0.1, height * 1.1)]
    sand = ramp(noise(rng, height, width, 6, 5, 3), mix(hour.rocks[1:], hour.sun, 0.25))
    canvas.over(canvas.shape(np.concatenate([line, floor]), 2), sand)
    for back in (0, height * 0.025, height * 0.06):
        wobble = np.stack([np.zeros(50), rng.normal(0, 1.2, 50) - back], 1)
        canvas.stroke(line + wobble, rng.uniform(1, height * 0.02, 50), mix(hour.clouds[1], hour.water[2], 0.25), 0.85)
    for _ in range(rng.integers(0, 9)):
        x, y = rng.uniform(0, 1) * width, min(near + abs(tilt) / 2 + rng.uniform(0, 1 - near), 1) * height
        _figure(rng, canvas, (x, y), height * rng.uniform(0.03, 0.06))


def _quay(rng: Rng, canvas: Canvas, hour: Light, horizon: float) -> None:
    """Houses in a row on a quay that runs in from one side."""
    height, width = canvas.height, canvas.width
    level = height * (horizon + rng.uniform(0.02, 0.06))
    first, last = sorted(rng.uniform(-0.2, 1.2, 2) * width)
    if last - first < width * 0.3:
        last = first + width * 0.4
    for x in np.arange(first, last - width * 0.1, width * rng.uniform(0.1, 0.16)):
        house(rng, canvas, hour, (x + width * 0.05, level))
    points = [
        (first, level - 2),
        (last, level - 2),
        (last - 3, level + height * 0.04),
        (first + 3, level + height * 0.04),
    ]
    canvas.polygon(points, mix(hour.rocks[1], hour.water[0], 0.3))


def _figure(rng: Rng, canvas: Canvas, foot: tuple[float, float], size: float) -> None:
    x, y = foot
    tone = np.clip(rng.uniform(0.1, 0.8) * rng.uniform(0.6, 1.3, 3), 0, 1)
    canvas.flat(
        [
            (x - size * 0.18, y),
            (x + size * 0.18, y),
            (x + size * 0.1, y - size * 0.8),
            (x - size * 0.1, y - size * 0.8),
        ],
        tone,
    )
    canvas.ellipse((x, y - size * 0.9), (size * 0.1, size * 0.12), (0.75, 0.58, 0.46))


def _fleet(rng: Rng, canvas: Canvas, hour: Light, horizon: float, most: int) -> None:
    for depth in np.sort(rng.uniform(0.02, 0.6, int(rng.integers(0, most + 1)))):
        foot = rng.uniform(0.05, 0.95) * canvas.width, (horizon + (1 - horizon) * depth) * canvas.height
        size = canvas.height * (0.06 + 0.55 * depth) * rng.uniform(0.7, 1.2)
        (_ship if rng.random() < 0.3 else _boat)(rng, canvas, hour, foot, size)


def _hull(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], length: float, paint: Array) -> None:
    x, y = foot
    deep = length * 0.14
    points = [(x - length / 2, y - deep), (x + length * 0.55, y - deep * 1.2), (x + length * 0.4, y + deep * 0.3),
              (x - length * 0.38, y + deep * 0.3)]  # fmt: skip
    canvas.polygon(points, paint)
    canvas.polygon([points[0], points[1], (x + length * 0.5, y - deep * 0.8), (x - length * 0.47, y - deep * 0.6)],
                   mix(paint, hour.sun, 0.4))  # fmt: skip
    shadow = [
        (x - length * 0.4, y + deep * 0.3),
        (x + length * 0.42, y + deep * 0.3),
        (x + length * 0.25, y + deep * 1.8),
        (x - length * 0.25, y + deep * 1.8),
    ]
    canvas.polygon(shadow, mix(paint, hour.water[0], 0.5), 0.5, deep * 0.3)


def _boat(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], size: float) -> None:
    """A boat with one or two sails."""
    x, y = foot
    turn = rng.choice([-1, 1])
    sail = mix(hour.clouds[1], rng.uniform(0.55, 1, 3) * (1, 0.8, 0.65), rng.uniform(0, 0.6))
    _hull(rng, canvas, hour, foot, size * 0.75, (rng.uniform(0.05, 0.5, 3) * (1, 0.8, 0.7)).astype(np.float32))
    canvas.stroke([(x, y), (x + turn * size * 0.02, y - size)], [size * 0.03, size * 0.012], hour.rocks[0])
    main = curve(
        [(x, y - size), (x - turn * size * 0.32, y - size * 0.4), (x - turn * size * 0.36, y - size * 0.12)], 12
    )
    canvas.polygon(np.concatenate([main, [(x, y - size * 0.14)]]), sail)
    jib = curve([(x + turn * size * 0.02, y - size * 0.9), (x + turn * size * 0.22, y - size * 0.4),
                 (x + turn * size * 0.36, y - size * 0.13)], 12)  # fmt: skip
    canvas.polygon(np.concatenate([jib, [(x + turn * size * 0.03, y - size * 0.15)]]), sail * 0.82)


def _ship(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], size: float) -> None:
    """A ship with two or three masts of square sails."""
    x, y = foot
    dark = mix(hour.rocks[0], (0.2, 0.12, 0.08), 0.5)
    _hull(rng, canvas, hour, foot, size * 1.1, dark)
    for shift in np.linspace(-0.32, 0.36, int(rng.integers(2, 4))):
        mast, tall = x + shift * size, size * rng.uniform(0.85, 1.1)
        canvas.stroke([(mast, y), (mast, y - tall)], [size * 0.03, size * 0.01], dark)
        for low, high, wide in ((0.15, 0.42, 0.15), (0.44, 0.68, 0.12), (0.7, 0.88, 0.08)):
            bulge = size * 0.05
            points = [
                (mast - size * wide * 0.8, y - tall * high),
                (mast + size * wide * 0.8, y - tall * high),
                (mast + size * wide + bulge, y - tall * (low + high) / 2),
                (mast + size * wide, y - tall * low),
                (mast - size * wide, y - tall * low),
                (mast - size * wide + bulge, y - tall * (low + high) / 2),
            ]
            canvas.polygon(points, mix(hour.clouds[1], hour.sun, 0.3) * rng.uniform(0.75, 1))
    canvas.lines(
        np.array([[x + size * 0.5, y - size * 0.12]]), np.array([[x + size * 0.8, y - size * 0.3]]), dark[None]
    )
