"""Flowers: bouquets, single blooms from near, meadows, water lilies, branches."""

from __future__ import annotations

import numpy as np

from spiders.gallery.paint.canvas import (
    Array,
    Canvas,
    Rng,
    choice,
    colours,
    curve,
    ellipse_points,
    mix,
    noise,
    pick,
    ramp,
    vary,
)
from spiders.gallery.paint.growth import grass
from spiders.gallery.paint.land import water
from spiders.gallery.paint.light import light, paint_sky
from spiders.gallery.paint.solids import PROFILES, lathe, leaf, shadow, stops, table

BLOOMS = colours(
    "#d83c48 #f0a0b0 #f4e8e0 #f0c030 #e87828 #a04cb0 #5c50b8 #e85c90 #b82838 #f8d8a0 #7880d8 #ffffff #d070a8"
)
GREENS = colours("#2c4c20 #4c7030 #6c8c44 #38583c")
GROUNDS = colours("#24201c #38424c #6c7c80 #b8b49c #d8ccb0 #586850 #8c5c48 #c8b8c0 #1c2430 #9cb0bc #e4d8c8")
KINDS = ("rose", "daisy", "sunflower", "tulip", "poppy", "dahlia", "iris")
SCENES = ("bouquet", "bouquet", "bouquet", "near", "near", "meadow", "lilies", "branch")


def flowers(rng: Rng, height: int, width: int) -> Array:
    """Flowers in one of five settings."""
    canvas = Canvas(height, width)
    scene = choice(rng, SCENES)
    {"bouquet": _bouquet, "near": _near, "meadow": _meadow, "lilies": _lilies, "branch": _branch}[scene](rng, canvas)
    return canvas.a


def bloom(rng: Rng, canvas: Canvas, centre: tuple[float, float], size: float, kind: str, tone: Array) -> None:
    """One flower of a kind, `size` its radius in pixels."""
    tilt = rng.uniform(0.55, 1.0)
    turn = rng.uniform(0, 360)
    if kind == "rose":
        _rings(
            rng,
            canvas,
            centre,
            size,
            tone,
            ((8, 0.62, 0.45), (7, 0.45, 0.4), (6, 0.28, 0.33), (5, 0.14, 0.24), (3, 0.04, 0.14)),
            tilt,
        )
    elif kind == "dahlia":
        rings = tuple((int(16 - 2 * k), 0.78 - 0.16 * k, 0.26 - 0.02 * k) for k in range(5))
        _rings(rng, canvas, centre, size, tone, rings, tilt)
    elif kind in ("daisy", "sunflower"):
        count = int(rng.integers(10, 22))
        _petals(rng, canvas, centre, size, tone, count, 0.55, 0.2 if kind == "daisy" else 0.24, tilt, turn)
        heart = np.array([0.86, 0.66, 0.14] if kind == "daisy" else [0.26, 0.15, 0.07], np.float32)
        _heart(rng, canvas, centre, size * (0.26 if kind == "daisy" else 0.42), heart, tilt)
    elif kind == "poppy":
        _petals(rng, canvas, centre, size, tone, 5, 0.45, 0.55, tilt, turn)
        _heart(rng, canvas, centre, size * 0.22, np.array([0.1, 0.08, 0.1], np.float32), tilt)
    elif kind == "iris":
        _petals(rng, canvas, (centre[0], centre[1] + size * 0.1), size, tone, 3, 0.5, 0.34, 0.9, 90)
        _petals(
            rng, canvas, (centre[0], centre[1] - size * 0.1), size * 0.85, mix(tone, 1.0, 0.25), 3, 0.45, 0.26, 0.9, -90
        )
        _heart(rng, canvas, centre, size * 0.14, np.array([0.95, 0.75, 0.2], np.float32), 1)
    else:
        _tulip(rng, canvas, centre, size, tone)


def _petals(
    rng: Rng, canvas: Canvas, centre: tuple[float, float], size: float, tone: Array, count: int, reach: float,
    breadth: float, tilt: float, turn: float,
) -> None:  # fmt: skip
    """One ring of petals with lit tips and a vein."""
    for index in rng.permutation(count):
        angle = np.deg2rad(turn + 360 * index / count + rng.normal(0, 5))
        along = np.array([np.cos(angle), np.sin(angle) * tilt])
        middle = np.asarray(centre) + along * size * reach
        bent = float(np.rad2deg(np.arctan2(along[1], along[0])))
        petal = tone * rng.uniform(0.8, 1.08)
        canvas.ellipse((middle[0], middle[1]), (size * 0.48, size * breadth), np.clip(petal * 0.72, 0, 1), bent)
        tip = middle + along * size * 0.06
        canvas.ellipse((tip[0], tip[1]), (size * 0.4, size * breadth * 0.8), np.clip(petal, 0, 1), bent)
        glow = middle + along * size * 0.16
        canvas.ellipse(
            (glow[0], glow[1] - size * 0.03),
            (size * 0.24, size * breadth * 0.45),
            mix(np.clip(petal, 0, 1), 1.0, 0.35),
            bent,
            0.6,
        )


def _rings(
    rng: Rng, canvas: Canvas, centre: tuple[float, float], size: float, tone: Array,
    rings: tuple[tuple[int, float, float], ...], tilt: float,
) -> None:  # fmt: skip
    """Rings of petals of decreasing size: (count, distance, radius)."""
    for ring, (count, reach, radius) in enumerate(rings):
        start = rng.uniform(0, 6.3)
        for index in range(count):
            angle = start + index * 2 * np.pi / count + rng.normal(0, 0.1)
            x = centre[0] + np.cos(angle) * size * reach
            y = centre[1] + np.sin(angle) * size * reach * tilt
            petal = np.clip(tone * (0.62 + 0.12 * ring) * rng.uniform(0.85, 1.12), 0, 1)
            canvas.ellipse((x, y), (size * radius, size * radius * 0.85), petal * 0.8)
            shift = size * radius * 0.18
            canvas.ellipse(
                (x + np.cos(angle) * shift, y + np.sin(angle) * shift - shift * 0.4),
                (size * radius * 0.8, size * radius * 0.66),
                np.clip(mix(petal, 1.0, 0.12), 0, 1),
            )


def _heart(rng: Rng, canvas: Canvas, centre: tuple[float, float], size: float, tone: Array, tilt: float) -> None:
    canvas.ellipse(centre, (size, size * tilt), tone * 0.7)
    count = int(np.clip(size * 3, 8, 60))
    reach, angle = np.sqrt(rng.random(count)) * size, rng.uniform(0, 6.3, count)
    places = np.stack([centre[0] + np.cos(angle) * reach, centre[1] + np.sin(angle) * reach * tilt - size * 0.08], 1)
    canvas.dabs(places, np.full((count, 2), size * 0.12), np.clip(tone * rng.uniform(0.7, 1.5, (count, 1)), 0, 1))


def _tulip(rng: Rng, canvas: Canvas, centre: tuple[float, float], size: float, tone: Array) -> None:
    x, y = centre
    for shift, shade in ((-0.32, 0.7), (0.32, 0.78), (0.0, 1.0)):
        line = curve([(x, y + size * 0.8), (x + size * (shift - 0.34), y), (x + size * shift, y - size * 0.85),
                      (x + size * (shift + 0.34), y), (x, y + size * 0.8)], 30)  # fmt: skip
        canvas.polygon(line, np.clip(tone * shade * rng.uniform(0.9, 1.1), 0, 1))
        canvas.stroke(line[6:14], size * 0.08, np.clip(mix(tone, 1.0, 0.4), 0, 1), 0.6)


def _bouquet(rng: Rng, canvas: Canvas) -> None:
    """Flowers in a vase on a table, before a wall."""
    height, width = canvas.height, canvas.width
    ground = stops(vary(rng, pick(rng, GROUNDS)), gloss=0.3)
    canvas.a[:] = ramp(np.clip(noise(rng, height, width, 3, 5) * 0.7 + 0.1, 0, 1), ground)
    side = float(rng.choice([-1, 1]))
    level = rng.uniform(0.72, 0.9) * height
    table(rng, canvas, level, vary(rng, pick(rng, colours("#6c4424 #a08460 #4c3c34 #c8c0b0 #5c6c74"))), None)
    size = min(height, width)
    foot = rng.uniform(0.35, 0.65) * width, level + (height - level) * rng.uniform(0.2, 0.6)
    tall = size * rng.uniform(0.22, 0.42)
    kind = choice(rng, ("vase", "jug", "urn", "pot", "cylinder", "bowl"))
    if kind == "bowl":
        tall *= 0.5
    shadow(canvas, foot, tall * 0.5, side)
    mouth = foot[0], foot[1] - tall
    spread_x, spread_y = size * rng.uniform(0.2, 0.4), size * rng.uniform(0.2, 0.36)
    middle = mouth[0] + rng.normal(0, 0.05) * size, mouth[1] - spread_y * rng.uniform(0.6, 0.95)
    _foliage(rng, canvas, mouth, middle, (spread_x * 1.1, spread_y * 1.15))
    glaze = stops(
        vary(rng, pick(rng, colours("#2c4c7c #c8c4b8 #3c5c4c #a87c3c #54302c #d8d0bc #242c28 #b86c3c"))), gloss=0.7
    )
    pattern = (noise(rng, 64, 64, 6, 2) - 0.5) * 0.8 if rng.random() < 0.35 else None
    lathe(canvas, foot, tall, PROFILES[kind], glaze, side, 1, pattern)
    tones = BLOOMS[rng.choice(len(BLOOMS), int(rng.integers(1, 5)), replace=False)]
    kinds = rng.choice(KINDS, int(rng.integers(1, 4)), replace=False)
    count = int(rng.integers(5, 26))
    radius = size * rng.uniform(0.5, 0.8) / np.sqrt(count) * 0.42 + size * 0.02
    angle, reach = rng.uniform(0, 6.3, count), np.sqrt(rng.random(count))
    for a, r in sorted(zip(angle, reach, strict=True), key=lambda pair: -pair[1]):
        place = middle[0] + np.cos(a) * r * spread_x, middle[1] + np.sin(a) * r * spread_y
        bloom(
            rng, canvas, place, radius * rng.uniform(0.7, 1.2), str(rng.choice(kinds)), vary(rng, pick(rng, tones), 5)
        )
    for _ in range(rng.integers(0, 4)):
        place = rng.uniform(0.1, 0.9) * width, rng.uniform(level + 4, height)
        bloom(rng, canvas, place, radius * 0.5, str(kinds[0]), vary(rng, pick(rng, tones), 5))


def _foliage(
    rng: Rng, canvas: Canvas, mouth: tuple[float, float], middle: tuple[float, float], spread: tuple[float, float]
) -> None:
    greens = vary(rng, GREENS, 10, 0.2, 0.15)
    for _ in range(rng.integers(25, 55)):
        angle, reach = rng.uniform(0, 6.3), np.sqrt(rng.random())
        tip = np.array([middle[0] + np.cos(angle) * reach * spread[0], middle[1] + np.sin(angle) * reach * spread[1]])
        canvas.stroke(np.stack([mouth, (mouth + tip) / 2 + rng.normal(0, 4, 2), tip]), 1.6, pick(rng, greens) * 0.7)
        leaf(
            canvas,
            (tip[0], tip[1]),
            rng.uniform(0, 6.3),
            spread[0] * rng.uniform(0.15, 0.4),
            pick(rng, greens) * rng.uniform(0.6, 1.1),
        )


def _near(rng: Rng, canvas: Canvas) -> None:
    """One to five flowers that fill the picture."""
    height, width = canvas.height, canvas.width
    paints = vary(rng, pick(rng, np.concatenate([GREENS, GROUNDS])))
    canvas.a[:] = ramp(noise(rng, height, width, rng.uniform(2, 5), 4), stops(paints, gloss=0.3))
    for _ in range(rng.integers(3, 14)):
        root = rng.uniform(0, width), rng.uniform(0, height)
        leaf(
            canvas, root, rng.uniform(0, 6.3), width * rng.uniform(0.2, 0.5), pick(rng, GREENS) * rng.uniform(0.5, 1.2)
        )
    kind, tone = choice(rng, KINDS), pick(rng, BLOOMS)
    count = int(rng.integers(1, 6))
    size = min(height, width) * rng.uniform(0.36, 0.62) / count**0.45
    for _ in range(count):
        place = (rng.uniform(0.2, 0.8) * width, rng.uniform(0.2, 0.75) * height)
        stem = curve(
            [
                place,
                (place[0] + rng.normal(0, 20), (place[1] + height) / 2),
                (place[0] + rng.normal(0, 40), height * 1.05),
            ],
            12,
        )
        canvas.stroke(stem, size * 0.1, pick(rng, GREENS))
        bloom(rng, canvas, place, size * rng.uniform(0.8, 1.15), kind, vary(rng, tone, 8))


def _meadow(rng: Rng, canvas: Canvas) -> None:
    """Flowers in the open, larger towards the viewer."""
    height, width = canvas.height, canvas.width
    hour = light(rng, ("noon", "morning", "spring", "golden", "overcast", "rose"))
    horizon = rng.uniform(-0.1, 0.45)
    if horizon > 0.08:
        paint_sky(rng, canvas, hour, horizon)
    mask = canvas.shape(
        [(-5, horizon * height), (width + 5, horizon * height), (width + 5, height + 5), (-5, height + 5)], 2
    )
    canvas.over(mask, ramp(noise(rng, height, width, 6, 4, 2), hour.leaves))
    grass(rng, canvas, hour.leaves, horizon * height, 700, height * 0.14)
    kinds = rng.choice(KINDS[:6], int(rng.integers(1, 4)), replace=False)
    tones = BLOOMS[rng.choice(len(BLOOMS), int(rng.integers(1, 4)), replace=False)]
    for depth in np.sort(rng.uniform(0.05, 1, int(rng.integers(25, 70)))):
        place = rng.uniform(0, 1) * width, height * (horizon + (1.02 - horizon) * depth)
        size = height * 0.09 * depth**1.3 + 2
        canvas.stroke([place, (place[0], place[1] + size * 3)], max(1, size * 0.12), hour.leaves[1])
        bloom(rng, canvas, place, size, str(rng.choice(kinds)), vary(rng, pick(rng, tones), 5))


def _lilies(rng: Rng, canvas: Canvas) -> None:
    """Leaves and flowers that float on a pond."""
    height, width = canvas.height, canvas.width
    hour = light(rng, ("noon", "morning", "dusk", "golden", "spring", "rose", "overcast"))
    top = rng.uniform(0.02, 0.25)
    paint_sky(rng, canvas, hour, max(top, 0.1))
    bank = mix(hour.leaves[0], hour.leaves[1], 0.5)
    canvas.over(canvas.shape([(-5, -5), (width + 5, -5), (width + 5, top * height), (-5, top * height)], 6), bank, 0.8)
    water(rng, canvas, hour, top * height, height)
    canvas.over(
        noise(rng, height, width, 3, 4, 0.4),
        ramp(noise(rng, height, width, 4, 4), np.stack([hour.water[0], hour.leaves[1]])),
        0.6,
    )
    tones = BLOOMS[rng.choice(len(BLOOMS), 2, replace=False)]
    rafts = rng.uniform(0, 1, (int(rng.integers(2, 7)), 2))
    for depth in np.sort(rng.uniform(0.05, 1, int(rng.integers(25, 70)))):
        raft = rafts[rng.integers(len(rafts))]
        x, y = (
            (raft[0] + rng.normal(0, 0.13)) * width,
            height * (top + (1 - top) * np.clip(0.6 * depth + 0.4 * raft[1], 0, 1)),
        )
        size = width * 0.055 * (0.35 + depth)
        paint = mix(hour.leaves[rng.integers(1, 4)], hour.water[1], 0.25)
        canvas.polygon(ellipse_points((x, y), (size, size * 0.36)), paint * rng.uniform(0.8, 1.1))
        canvas.polygon(
            [(x, y), (x + size * 0.9, y - size * 0.12), (x + size * 0.9, y + size * 0.08)], hour.water[0], 0.8
        )
        if rng.random() < 0.3:
            bloom(rng, canvas, (x, y - size * 0.3), size * 0.55, "dahlia", vary(rng, pick(rng, tones), 5))


def _branch(rng: Rng, canvas: Canvas) -> None:
    """A flowering branch before the sky or a plain ground."""
    height, width = canvas.height, canvas.width
    ground = vary(rng, pick(rng, colours("#70b8c8 #a8d0d8 #e0d8b8 #3c6c8c #c8a050 #88a8a0")))
    canvas.a[:] = ramp(np.clip(noise(rng, height, width, 2, 4) * 0.5 + 0.4, 0, 1), stops(ground, gloss=0.4))
    bark = np.array([0.27, 0.2, 0.17], np.float32) * rng.uniform(0.7, 1.4)
    tone = pick(rng, BLOOMS[[1, 2, 7, 9, 11]])
    size = min(height, width) * rng.uniform(0.02, 0.04)
    for _ in range(rng.integers(2, 5)):
        start = np.array([rng.choice([-0.05, 1.05]) * width, rng.uniform(0.1, 1.1) * height])
        end = np.array([rng.uniform(0.2, 0.8) * width, rng.uniform(-0.1, 0.7) * height])
        line = curve(np.stack([start, (start + end) / 2 + rng.normal(0, 0.09, 2) * height, end]), 30)
        canvas.stroke(line, np.linspace(size * 1.4, size * 0.3, 30), bark)
        for at in line[rng.integers(4, 30, int(rng.integers(5, 10)))]:
            tip = at + rng.normal(0, 0.14, 2) * height
            twig = curve(np.stack([at, (at + tip) / 2 + rng.normal(0, 6, 2), tip]), 10)
            canvas.stroke(twig, np.linspace(size * 0.5, 1.2, 10), bark)
            for place in twig[rng.integers(2, 10, int(rng.integers(3, 8)))] + rng.normal(0, size, 2):
                bloom(
                    rng,
                    canvas,
                    (place[0], place[1]),
                    size * rng.uniform(0.6, 1.3),
                    "poppy",
                    vary(rng, tone, 4, 0.2, 0.04),
                )
