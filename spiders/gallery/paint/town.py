"""Cityscapes: street canyons, skylines over water, squares, roofs; by day, at night and in rain."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spiders.gallery.paint.canvas import Array, Canvas, Rng, choice, colours, mix, noise, ramp, vary
from spiders.gallery.paint.growth import tree
from spiders.gallery.paint.land import water
from spiders.gallery.paint.light import Light, light, paint_sky

HOURS = ("noon", "morning", "dusk", "golden", "overcast", "moon", "autumn", "winter", "rose", "storm")
WALLS = colours("#c8a878 #b87858 #d8c8a0 #a89888 #8c7468 #d0b0a0 #98a0a8 #c8c0b0 #b0604c #e0d0b8 #788490")
ROOFS = colours("#8c3c28 #5c5c68 #74503c #a05838 #4c5460 #6c4040")
SCENES = ("street", "street", "river", "roofs", "square", "towers")


def cityscape(rng: Rng, height: int, width: int) -> Array:
    """A town in one of five kinds of view."""
    scene = choice(rng, SCENES)
    hour = light(rng, HOURS)
    canvas = Canvas(height, width)
    horizon = rng.uniform(0.4, 0.65)
    paint_sky(rng, canvas, hour, horizon)
    night = float(hour.sky.mean() < 0.35)
    walls = vary(rng, WALLS, 8, 0.2, 0.05) * (0.28 if night else 1)
    walls = mix(walls, hour.sun * (0.4 if night else 1), 0.15)
    {"street": _street, "river": _river, "roofs": _roofs, "square": _square, "towers": _towers}[scene](
        rng, canvas, hour, horizon, walls.astype(np.float32), night
    )
    return canvas.a


def _facade(
    rng: Rng, canvas: Canvas, corners: Array, wall: Array, night: float, floors: int, columns: int, sharp: bool = True
) -> None:
    """A wall with rows of windows; corners are top left, top right, bottom right, bottom left."""
    canvas.polygon(corners, wall)
    top_left, top_right, low_right, low_left = np.asarray(corners, np.float32)
    column, row = np.meshgrid(np.arange(columns), np.arange(floors))
    u, v = (column.ravel() + 0.5) / columns, (row.ravel() + 0.45) / floors
    du, dv = rng.uniform(0.35, 0.6) / columns / 2, rng.uniform(0.45, 0.7) / floors / 2
    us = (u[:, None] + du * np.array([-1, 1, 1, -1]))[..., None]
    vs = (v[:, None] + dv * np.array([-1, -1, 1, 1]))[..., None]
    windows = (top_left * (1 - us) + top_right * us) * (1 - vs) + (low_left * (1 - us) + low_right * us) * vs
    glass = wall * rng.uniform(0.25, 0.6) * rng.uniform(0.7, 1.3, (len(u), 1))
    shining = np.array([1, 0.8, 0.4]) * rng.uniform(0.6, 1, (len(u), 1))
    lit = rng.random((len(u), 1)) < (0.5 if night else 0.06)
    for window, paint in zip(windows, np.where(lit, shining, glass), strict=True):
        canvas.flat(window, paint)
    if sharp:
        canvas.stroke(np.stack([top_left, top_right]), 2, wall * 0.7)


def _street(rng: Rng, canvas: Canvas, hour: Light, horizon: float, walls: Array, night: float) -> None:
    """One-point perspective: houses on both sides, pavement, people, lamps."""
    height, width = canvas.height, canvas.width
    vanish = np.array([rng.uniform(0.25, 0.75) * width, horizon * height], np.float32)
    ground = ramp(noise(rng, height, width, 6, 4, 2), mix(hour.rocks[:3], walls.mean(0), 0.3) * (0.5 if night else 1))
    canvas.over(canvas.shape([(0, vanish[1]), (width, vanish[1]), (width, height), (0, height)]), ground)
    for side in (0, 1):
        edge = np.array([-0.05 if side == 0 else 1.05]) * width
        depths = 1 - np.cumsum(rng.uniform(0.1, 0.3, 9))
        depths = np.concatenate([[1.3], depths[depths > 0.04], [0.04]])
        for near, far in reversed(list(pairwise(depths))):
            tall, wall = height * rng.uniform(0.35, 1.1), walls[rng.integers(len(walls))] * rng.uniform(0.7, 1.05)
            x1, x2 = (vanish[0] + (edge[0] - vanish[0]) * d for d in (near, far))
            feet = [vanish[1] + (height * 1.02 - vanish[1]) * d * 0.8 for d in (near, far)]
            tops = [vanish[1] - tall * d for d in (near, far)]
            shade = mix(wall * (0.75 if side else 1.0), hour.haze, 0.5 * (1 - min(near, 1)))
            _facade(rng, canvas, np.array([(x1, tops[0]), (x2, tops[1]), (x2, feet[1]), (x1, feet[0])]), shade, night,
                    int(rng.integers(3, 6)), 3)  # fmt: skip
    if night or rng.random() < 0.25:
        water(rng, canvas, hour, vanish[1] + (height - vanish[1]) * 0.2, height)
    _crowd(rng, canvas, hour, vanish, night)


def _crowd(rng: Rng, canvas: Canvas, hour: Light, vanish: Array, night: float) -> None:
    height, width = canvas.height, canvas.width
    for depth in np.sort(rng.uniform(0.08, 0.8, int(rng.integers(2, 22)))):
        x = vanish[0] + (rng.uniform(0, 1) * width - vanish[0]) * depth
        y, size = vanish[1] + (height - vanish[1]) * depth, height * 0.3 * depth
        tone = _cloth(rng)
        canvas.polygon(
            [
                (x - size * 0.13, y),
                (x + size * 0.13, y),
                (x + size * 0.1, y - size * 0.78),
                (x - size * 0.1, y - size * 0.78),
            ],
            tone,
            0.95,
        )
        canvas.ellipse((x, y - size * 0.87), (size * 0.07, size * 0.1), mix((0.7, 0.52, 0.42), 0.0, 0.5 * night))
        canvas.ellipse((x + size * 0.2, y + 1), (size * 0.25, size * 0.04), (0.05, 0.05, 0.08), 0, 0.4)
        if rng.random() < 0.25:
            canvas.ellipse((x, y - size * 1.05), (size * 0.28, size * 0.1), _cloth(rng))
    if night or rng.random() < 0.4:
        for depth in (0.25, 0.45, 0.8):
            x, y = vanish[0] + (width * 0.88 - vanish[0]) * depth, vanish[1] + (height - vanish[1]) * depth * 0.9
            canvas.stroke([(x, y), (x, y - height * 0.5 * depth)], [4 * depth, 2 * depth], (0.08, 0.08, 0.1))
            canvas.ellipse(
                (x, y - height * 0.52 * depth), (height * 0.05 * depth,) * 2, (1, 0.86, 0.5), 0, 0.9, 6 * depth
            )


def _cloth(rng: Rng) -> Array:
    """Mostly sober colours, some bright."""
    grey = rng.uniform(0.08, 0.3) if rng.random() < 0.75 else rng.uniform(0.4, 0.9)
    return np.clip(grey * (1 + rng.uniform(-0.4, 0.4, 3)), 0, 1).astype(np.float32)


def _row(
    rng: Rng, canvas: Canvas, hour: Light, base: float, size: float, walls: Array, night: float, far: float
) -> None:
    """A row of houses seen from the front, standing on `base` (pixels)."""
    x = -size * rng.uniform(0, 1)
    while x < canvas.width:
        wide, tall = size * rng.uniform(0.5, 1.2), size * rng.uniform(0.7, 1.9)
        wall = mix(walls[rng.integers(len(walls))] * rng.uniform(0.8, 1.05), hour.haze, far)
        roof = mix(ROOFS[rng.integers(len(ROOFS))] * (0.35 if night else 1), hour.haze, far)
        peak = tall + wide * rng.uniform(0.2, 0.8)
        canvas.polygon([(x - 1, base - tall), (x + wide * 0.5, base - peak), (x + wide + 1, base - tall)], roof)
        corners = np.array([(x, base - tall), (x + wide, base - tall), (x + wide, base), (x, base)])
        _facade(rng, canvas, corners, wall, night, int(rng.integers(2, 6)), int(rng.integers(2, 4)), False)
        canvas.polygon(
            [(x + wide * 0.8, base), (x + wide, base), (x + wide, base - tall), (x + wide * 0.8, base - tall)],
            wall * 0.7,
            0.35,
        )
        x += wide * rng.uniform(0.97, 1.06)


def _landmark(rng: Rng, canvas: Canvas, hour: Light, base: float, size: float, wall: Array) -> None:
    """A dome or a steeple above the roofs."""
    x = rng.uniform(0.1, 0.9) * canvas.width
    canvas.polygon(
        [(x - size * 0.3, base), (x + size * 0.3, base), (x + size * 0.3, base - size), (x - size * 0.3, base - size)],
        wall,
    )
    canvas.polygon([(x, base), (x + size * 0.3, base), (x + size * 0.3, base - size), (x, base - size)], wall * 0.75)
    if rng.random() < 0.5:
        canvas.ellipse((x, base - size), (size * 0.38, size * 0.45), mix(wall, (0.4, 0.55, 0.5), 0.5))
        canvas.ellipse(
            (x - size * 0.12, base - size * 1.1), (size * 0.12, size * 0.25), mix(wall, hour.sun, 0.5), 0, 0.5, 3
        )
        canvas.stroke([(x, base - size * 1.4), (x, base - size * 1.9)], [size * 0.1, 1], wall * 0.8)
    else:
        canvas.polygon(
            [(x - size * 0.32, base - size), (x + size * 0.32, base - size), (x, base - size * 2.4)], wall * 0.55
        )
        canvas.polygon([(x, base - size), (x + size * 0.32, base - size), (x, base - size * 2.4)], wall * 0.4)


def _river(rng: Rng, canvas: Canvas, hour: Light, horizon: float, walls: Array, night: float) -> None:
    """A skyline mirrored in water, often with a bridge."""
    height = canvas.height
    base = horizon * height
    if rng.random() < 0.7:
        _landmark(
            rng,
            canvas,
            hour,
            base,
            height * rng.uniform(0.12, 0.28),
            mix(walls[rng.integers(len(walls))], hour.haze, 0.3),
        )
    _row(rng, canvas, hour, base - height * 0.02, height * rng.uniform(0.08, 0.16), walls, night, 0.45)
    _row(rng, canvas, hour, base, height * rng.uniform(0.08, 0.2), walls, night, 0.15)
    water(rng, canvas, hour, base, height)
    if rng.random() < 0.6:
        _bridge(rng, canvas, hour, base + (height - base) * rng.uniform(0.05, 0.5), walls[rng.integers(len(walls))])


def _bridge(rng: Rng, canvas: Canvas, hour: Light, level: float, stone: Array) -> None:
    width, size = canvas.width, canvas.height * rng.uniform(0.06, 0.16)
    spans = int(rng.integers(2, 7))
    canvas.polygon([(-5, level - size), (width + 5, level - size * 1.1), (width + 5, level), (-5, level)], stone * 0.8)
    for span in range(spans):
        x = (span + 0.5) * width / spans
        hole = np.stack([x + np.cos(np.linspace(0, np.pi, 20)) * width / spans * 0.4,
                         level + 2 - np.sin(np.linspace(0, np.pi, 20)) * size * 0.75], 1)  # fmt: skip
        canvas.polygon(hole, mix(hour.water[1], hour.rocks[0], 0.4))
    canvas.stroke([(-5, level - size), (width + 5, level - size * 1.1)], 3, mix(stone, hour.sun, 0.5))


def _roofs(rng: Rng, canvas: Canvas, hour: Light, horizon: float, walls: Array, night: float) -> None:
    """Roofs below the viewer, row behind row."""
    height = canvas.height
    levels = int(rng.integers(4, 8))
    if rng.random() < 0.6:
        _landmark(rng, canvas, hour, horizon * height, height * rng.uniform(0.1, 0.3), mix(walls[0], hour.haze, 0.3))
    for step in range(levels):
        near = (step + 1) / levels
        base = height * (horizon + (1.15 - horizon) * near**1.2)
        _row(rng, canvas, hour, base, height * (0.05 + 0.2 * near), walls, night, 0.6 * (1 - near))


def _square(rng: Rng, canvas: Canvas, hour: Light, horizon: float, walls: Array, night: float) -> None:
    """An open place with houses behind, trees and people."""
    height, width = canvas.height, canvas.width
    base = (horizon + 0.08) * height
    if rng.random() < 0.5:
        _landmark(rng, canvas, hour, base, height * rng.uniform(0.2, 0.34), walls[rng.integers(len(walls))])
    _row(rng, canvas, hour, base, height * rng.uniform(0.15, 0.3), walls, night, 0.12)
    ground = ramp(noise(rng, height, width, 5, 5, 3), mix(hour.rocks[1:], walls.mean(0), 0.4) * (0.5 if night else 1))
    canvas.over(canvas.shape([(0, base), (width, base), (width, height), (0, height)]), ground)
    for depth in np.sort(rng.uniform(0.05, 0.6, int(rng.integers(0, 6)))):
        foot = rng.uniform(0, 1) * width, base + (height - base) * depth
        tree(rng, canvas, hour, choice(rng, ("round", "bare", "poplar")), foot, height * (0.2 + 0.5 * depth))
    _crowd(rng, canvas, hour, np.array([width / 2, base]), night)


def _towers(rng: Rng, canvas: Canvas, hour: Light, horizon: float, walls: Array, night: float) -> None:
    """Modern towers, near ones cut by the upper edge."""
    height, width = canvas.height, canvas.width
    for depth in np.sort(rng.uniform(0, 1, int(rng.integers(10, 26)))):
        wide, tall = (
            width * rng.uniform(0.06, 0.16) * (0.5 + depth),
            height * rng.uniform(0.2, 0.8) * (0.6 + 0.6 * depth),
        )
        x, base = rng.uniform(-0.05, 1) * width, height * (0.7 + 0.35 * depth)
        wall = mix(walls[rng.integers(len(walls))] * rng.uniform(0.5, 1), hour.haze, 0.7 * (1 - depth))
        corners = np.array([(x, base - tall), (x + wide, base - tall), (x + wide, base), (x, base)])
        _facade(rng, canvas, corners, wall, night, int(rng.integers(5, 12)), int(rng.integers(2, 5)), False)
        side = wide * 0.25
        canvas.polygon(
            [(x + wide, base - tall), (x + wide + side, base - tall * 0.96), (x + wide + side, base), (x + wide, base)],
            wall * 0.6,
        )
