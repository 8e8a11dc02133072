"""Ink on paper or silk: misty mountains, bamboo, orchids, plum branches, with inscriptions and seals."""

from __future__ import annotations

import numpy as np

from spiders.gallery.paint.canvas import (
    Array,
    Canvas,
    Rng,
    colours,
    curve,
    line_noise,
    mix,
    moved,
    noise,
    pick,
    smooth,
    vary,
)
from spiders.gallery.paint.finish import paper

PAPERS = colours("#e8dcc0 #d8c8a0 #f0e8d8 #c8b48c #e0d8c8 #b8a47c #ece4d4")
INKS = colours("#101014 #1c1c20 #181410 #141c24")


def ink_wash(rng: Rng, height: int, width: int) -> Array:
    """An ink picture of one of six subjects."""
    canvas = Canvas(
        height, width, paper(rng, height, width, vary(rng, pick(rng, PAPERS), 4), rng.uniform(0.05, 0.16)), crisp=True
    )
    ink = pick(rng, INKS)
    subjects = (_mountains, _mountains, _bamboo, _bamboo, _orchid, _plum, _waterside, _rocks)
    subjects[int(rng.integers(len(subjects)))](rng, canvas, ink)
    if rng.random() < 0.7:
        _inscription(rng, canvas, ink)
    if rng.random() < 0.75:
        _seal(rng, canvas, rng.uniform(0.06, 0.94), rng.uniform(0.06, 0.94))
    return canvas.a


def _wash(rng: Rng, canvas: Canvas, mask: Array, ink: Array, strength: float) -> None:
    """Diluted ink, cloudy where it dried."""
    cloud = noise(rng, canvas.height, canvas.width, 5, 4)
    canvas.over(mask * (0.45 + 0.75 * cloud), ink, strength)


def _blade(
    rng: Rng, canvas: Canvas, root: Array, angle: float, length: float, wide: float, ink: Array, depth: float
) -> None:
    """A leaf in one stroke: thin, swelling, thin."""
    bend = rng.normal(0, 0.25)
    steps = np.linspace(0, 1, 14)
    turn = angle + bend * steps
    line = root + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1), axis=0) * length / 14
    canvas.stroke(line, wide * np.sin(np.pi * steps**0.7) + 0.4, ink, depth)


def _mountains(rng: Rng, canvas: Canvas, ink: Array) -> None:
    """Ranges that come out of the mist, with pines, huts and a boat."""
    height, width = canvas.height, canvas.width
    y = np.arange(height, dtype=np.float32)[:, None]
    layers = int(rng.integers(2, 7))
    tint = mix(ink, pick(rng, colours("#2c4c5c #4c4030 #304838 #1c1c20")), rng.uniform(0, 0.9))
    start = rng.uniform(0.2, 0.5)
    for layer in range(layers):
        near = (layer + 1) / layers
        base = height * (start + (0.95 - start) * layer / layers)
        rise = height * rng.uniform(0.1, 0.42)
        peaks = line_noise(rng, width, rng.uniform(1, 4), 6, 0.55)
        crest = base - rise * np.clip(peaks + 0.3, -0.3, 1.4)
        depth = y - crest[None, :]
        body = np.clip(depth + 0.5, 0, 1) * np.exp(-np.maximum(depth, 0) / (height * rng.uniform(0.06, 0.2)))
        texture = 0.6 + 0.8 * (noise(rng, height, width, 14, 4, 0.35) - 0.3)
        canvas.over(np.clip(body * texture, 0, 1), mix(tint, 0.6, 0.35 * (1 - near)), 0.25 + 0.65 * near)
        edge = (
            np.exp(-(depth**2) / (1.5 + 2 * near)) * (depth > -2) * smooth(noise(rng, height, width, 10, 3), 0.3, 0.6)
        )
        canvas.over(edge, ink, 0.75 * near)
        for _ in range(int(rng.integers(0, 7) * near)):
            x = int(rng.integers(4, width - 4))
            _pine(
                rng,
                canvas,
                np.array([x, crest[x] + 3]),
                height * rng.uniform(0.03, 0.1) * (0.4 + near),
                ink,
                0.4 + 0.5 * near,
            )
    if rng.random() < 0.6:
        _boat(
            rng,
            canvas,
            ink,
            (rng.uniform(0.15, 0.85) * width, rng.uniform(0.75, 0.93) * height),
            width * rng.uniform(0.04, 0.1),
        )


def _pine(rng: Rng, canvas: Canvas, foot: Array, size: float, ink: Array, depth: float) -> None:
    line = curve(
        [foot, moved(foot, rng.normal(0, 0.15) * size, -size * 0.5), moved(foot, rng.normal(0, 0.3) * size, -size)], 8
    )
    canvas.stroke(line, np.linspace(size * 0.09, 1, 8), ink, depth)
    for at in line[2:]:
        for turn in (-1, 1):
            half = size * rng.uniform(0.15, 0.4)
            canvas.ellipse((at[0] + turn * half * 0.6, at[1]), (half * 0.6, size * 0.05), ink, turn * 8, depth * 0.8)


def _boat(rng: Rng, canvas: Canvas, ink: Array, foot: tuple[float, float], size: float) -> None:
    x, y = foot
    canvas.stroke(
        curve([(x - size, y - size * 0.15), (x, y + size * 0.15), (x + size, y - size * 0.2)], 12),
        np.sin(np.linspace(0.3, 2.9, 12)) * size * 0.22,
        ink,
        0.85,
    )
    canvas.stroke([(x + size * 0.2, y), (x + size * 0.25, y - size * 0.55)], size * 0.12, ink, 0.8)
    canvas.polygon(
        [(x - size * 0.05, y - size * 0.5), (x + size * 0.55, y - size * 0.5), (x + size * 0.25, y - size * 0.75)],
        ink,
        0.8,
    )
    for row in range(3):
        canvas.stroke(
            [
                (x - size * rng.uniform(1, 2), y + size * (0.3 + row * 0.2)),
                (x + size * rng.uniform(1, 2), y + size * (0.3 + row * 0.2)),
            ],
            0.8,
            ink,
            0.3,
        )


def _bamboo(rng: Rng, canvas: Canvas, ink: Array) -> None:
    """Stalks with nodes, and leaves in bundles; the far ones paler."""
    height, width = canvas.height, canvas.width
    lean = rng.normal(0, 0.15)
    stalks = np.sort(rng.uniform(0.2, 0.95, int(rng.integers(1, 8))))
    for depth in stalks:
        x, wide = rng.uniform(0.05, 0.95) * width, min(height, width) * rng.uniform(0.012, 0.045) * (0.5 + depth)
        span = height * rng.uniform(0.1, 0.24)
        foot = np.array([x, height * 1.05])
        tone = 0.15 + 0.7 * depth**1.5
        while foot[1] > -span * 0.5:
            tip = moved(foot, lean * span + rng.normal(0, 2), -span)
            canvas.stroke(
                np.stack([foot, (foot + tip) / 2, moved(tip, 0, 3)]), np.array([wide, wide * 0.86, wide]), ink, tone
            )
            canvas.stroke(
                np.stack([moved(foot, wide * 0.2, 0), moved(tip, wide * 0.2, 3)]),
                wide * 0.25,
                mix(ink, 1.0, 0.75),
                tone * 0.5,
            )
            canvas.stroke([moved(tip, -wide * 0.6, 1.5), moved(tip, wide * 0.6, 1.5)], 2, ink, min(1, tone * 1.3))
            if rng.random() < 0.55:
                _bundle(rng, canvas, tip, ink, tone, span)
            foot = tip - (0, 3)
    for _ in range(rng.integers(2, 9)):
        _bundle(rng, canvas, rng.uniform(0, 1, 2) * (width, height * 0.7), ink, rng.uniform(0.3, 0.95), height * 0.16)


def _bundle(rng: Rng, canvas: Canvas, root: Array, ink: Array, tone: float, size: float) -> None:
    twig = root + rng.normal(0, 0.5, 2) * size
    canvas.stroke(np.stack([root, twig]), 1.5, ink, tone)
    down = rng.choice([1.2, 1.9]) + rng.normal(0, 0.2)
    for _ in range(rng.integers(3, 8)):
        _blade(
            rng,
            canvas,
            twig,
            down + rng.normal(0, 0.5),
            size * rng.uniform(0.5, 1.1),
            size * rng.uniform(0.06, 0.12),
            ink,
            tone * rng.uniform(0.75, 1.1),
        )


def _orchid(rng: Rng, canvas: Canvas, ink: Array) -> None:
    """Long leaves in arcs from one tuft, a few flowers, at times a rock."""
    height, width = canvas.height, canvas.width
    root = np.array([rng.uniform(0.2, 0.8) * width, rng.uniform(0.65, 0.98) * height])
    if rng.random() < 0.4:
        _boulder(
            rng, canvas, ink, moved(root, rng.normal(0, 0.15) * width, 0), min(height, width) * rng.uniform(0.15, 0.3)
        )
    size = min(height, width) * rng.uniform(0.5, 0.95)
    for _ in range(rng.integers(6, 19)):
        angle = -np.pi / 2 + rng.normal(0, 0.75)
        steps = np.linspace(0, 1, 24)
        turn = angle + np.sign(np.cos(angle) + 1e-6) * steps**2 * rng.uniform(0, 1.6)
        line = (
            root
            + rng.normal(0, 4, 2)
            + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1), 0) * size * rng.uniform(0.5, 1) / 24
        )
        canvas.stroke(line, size * 0.02 * np.sin(np.pi * steps**0.6) + 0.6, ink, rng.uniform(0.45, 0.95))
    for _ in range(rng.integers(2, 7)):
        centre = moved(root, rng.normal(0, 0.3) * size, -rng.uniform(0.25, 0.8) * size)
        tint = mix(ink, pick(rng, colours("#5c4c8c #8c3c5c #4c4c50 #788c4c")), 0.8)
        for angle in rng.uniform(0, 6.3) + np.linspace(0, 4.5, 5):
            _blade(rng, canvas, centre, angle, size * 0.09, size * 0.03, tint, 0.7)


def _plum(rng: Rng, canvas: Canvas, ink: Array) -> None:
    """A knotted branch with blossoms in ink or red."""
    height, width = canvas.height, canvas.width
    petal = pick(rng, colours("#b83038 #d06070 #2c2c30 #e8e0d8 #903040"))
    size = min(height, width)
    edge = np.array([rng.choice([-0.03, 1.03]) * width, rng.uniform(0, 1.03) * height])
    stack = [
        (
            edge,
            float(np.arctan2(height * 0.4 - edge[1], width * 0.5 - edge[0])),
            size * 0.34,
            size * rng.uniform(0.03, 0.06),
        )
    ]
    while stack:
        start, angle, length, wide = stack.pop()
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        line = curve(np.stack([start, (start + end) / 2 + rng.normal(0, length * 0.1, 2), end]), 14)
        canvas.stroke(line, np.linspace(wide, wide * 0.6, 14) * rng.uniform(0.7, 1.3, 14), ink, rng.uniform(0.7, 0.95))
        if length > size * 0.09:
            turns = rng.normal(0, 0.75, int(rng.integers(1, 4)))
            stack += [
                (line[rng.integers(7, 14)], angle + t, length * rng.uniform(0.6, 0.9), wide * 0.55) for t in turns
            ]
        for at in line[rng.integers(0, 14, int(rng.integers(0, 4)))]:
            _blossom(rng, canvas, at + rng.normal(0, size * 0.015, 2), size * rng.uniform(0.012, 0.026), petal, ink)


def _blossom(rng: Rng, canvas: Canvas, centre: Array, size: float, petal: Array, ink: Array) -> None:
    for angle in rng.uniform(0, 6.3) + np.arange(5) * 1.257:
        place = centre + size * np.array([np.cos(angle), np.sin(angle)])
        canvas.ellipse((place[0], place[1]), (size * 0.75, size * 0.7), petal, 0, rng.uniform(0.5, 0.9))
    for angle in rng.uniform(0, 6.3, 5):
        canvas.stroke(np.stack([centre, centre + size * 0.8 * np.array([np.cos(angle), np.sin(angle)])]), 1, ink, 0.8)


def _waterside(rng: Rng, canvas: Canvas, ink: Array) -> None:
    """Reeds, lotus leaves, fish and birds over empty water."""
    height, width = canvas.height, canvas.width
    size = min(height, width)
    for _ in range(rng.integers(1, 6)):
        _lotus(rng, canvas, ink, rng.uniform(0.1, 0.9, 2) * (width, height), size * rng.uniform(0.08, 0.24))
    for _ in range(rng.integers(0, 16)):
        foot, up = np.array([rng.uniform(0, width), height * rng.uniform(0.8, 1.02)]), -np.pi / 2 + rng.normal(0, 0.25)
        _blade(rng, canvas, foot, up, height * rng.uniform(0.2, 0.5), size * 0.012, ink, rng.uniform(0.4, 0.9))
    for _ in range(rng.integers(0, 7)):
        place, span = rng.uniform((0, 0.05), (1, 0.5)) * (width, height), size * rng.uniform(0.02, 0.06)
        wings = np.array([(-1, -0.4), (-0.4, -0.5), (0, 0), (0.4, -0.5), (1, -0.4)]) * span + place
        canvas.stroke(curve(wings, 16), 2, ink, 0.85)
    for _ in range(rng.integers(0, 5)):
        place = rng.uniform((0.1, 0.4), (0.9, 0.95)) * (width, height)
        _carp(
            rng,
            canvas,
            mix(ink, pick(rng, colours("#c04830 #404048 #c8783c")), 0.8),
            place,
            size * rng.uniform(0.05, 0.12),
        )


def _lotus(rng: Rng, canvas: Canvas, ink: Array, centre: Array, radius: float) -> None:
    """A wavy leaf on its stalk."""
    foot = (centre[0] + rng.normal(0, 40), canvas.height * 1.02)
    canvas.stroke(curve(np.stack([centre, moved(centre, rng.normal(0, 20), radius), foot]), 14), 2.5, ink, 0.7)
    t = np.linspace(0, 2 * np.pi, 40)
    wavy = radius * (1 + 0.12 * np.sin(t * rng.integers(3, 7) + rng.uniform(0, 6)))
    edge = np.stack([centre[0] + wavy * np.cos(t), centre[1] + 0.55 * wavy * np.sin(t)], 1)
    _wash(rng, canvas, canvas.shape(edge, 1.5), ink, rng.uniform(0.4, 0.95))


def _carp(rng: Rng, canvas: Canvas, tint: Array, place: Array, span: float) -> None:
    """A fish seen from above."""
    line = curve(np.array([(-1, 0), (0, rng.normal(0, 0.3)), (1, 0)]) * span + place, 16)
    canvas.stroke(line, span * 0.42 * np.sin(np.linspace(0.25, 3.0, 16)) ** 0.8, tint, 0.85)
    canvas.polygon(line[-1] + np.array([(0, 0), (0.4, -0.3), (0.35, 0.3)]) * span, tint, 0.7)


def _boulder(rng: Rng, canvas: Canvas, ink: Array, centre: Array, size: float) -> None:
    t = np.linspace(0, 2 * np.pi, 26)
    radius = size * (1 + 0.35 * line_noise(rng, 26, 3, 3))
    radius[-1] = radius[0]
    points = curve(np.stack([centre[0] + radius * np.cos(t), centre[1] + 0.75 * radius * np.sin(t)], 1), 80)
    mask = canvas.shape(points)
    strokes = smooth(noise(rng, canvas.height, canvas.width, 22, 4, 0.5), 0.45, 0.75)
    canvas.over(mask * (0.25 + 0.6 * strokes), ink, 0.7)
    canvas.stroke(points, rng.uniform(1, 4, 80), ink, 0.8)


def _rocks(rng: Rng, canvas: Canvas, ink: Array) -> None:
    """Scholar's rocks with grass, bamboo or plum beside them."""
    height, width = canvas.height, canvas.width
    for _ in range(rng.integers(1, 5)):
        centre = rng.uniform((0.15, 0.35), (0.85, 0.95)) * (width, height)
        _boulder(rng, canvas, ink, centre, min(height, width) * rng.uniform(0.1, 0.32))
    second = (_bamboo, _orchid, _plum)[int(rng.integers(3))]
    second(rng, canvas, ink)


def _glyph(rng: Rng, canvas: Canvas, centre: tuple[float, float], size: float, ink: Array) -> None:
    """A few strokes that look like writing."""
    for _ in range(rng.integers(3, 8)):
        start = np.asarray(centre) + rng.uniform(-0.45, 0.45, 2) * size
        move = (
            (size * rng.uniform(0.3, 0.8), 0)
            if rng.random() < 0.5
            else (rng.normal(0, 0.1) * size, size * rng.uniform(0.3, 0.7))
        )
        canvas.stroke(np.stack([start, start + move]), np.array([0.14, 0.07]) * size, ink, 0.9)


def _inscription(rng: Rng, canvas: Canvas, ink: Array) -> None:
    """Columns of writing near a corner, with a seal below."""
    size = min(canvas.height, canvas.width) * rng.uniform(0.02, 0.05)
    x, top = rng.uniform(0.05, 0.95) * canvas.width, rng.uniform(0.03, 0.3) * canvas.height
    for column in range(rng.integers(1, 5)):
        for row in range(rng.integers(3, 12)):
            _glyph(rng, canvas, (x - column * size * 1.4, top + row * size * 1.25), size, ink)


def _seal(rng: Rng, canvas: Canvas, x: float, y: float) -> None:
    """A red seal."""
    size = min(canvas.height, canvas.width) * rng.uniform(0.03, 0.06)
    centre, red = (x * canvas.width, y * canvas.height), np.array([0.72, 0.14, 0.1], np.float32)
    half = size / 2
    canvas.polygon(
        [
            (centre[0] - half, centre[1] - half),
            (centre[0] + half, centre[1] - half),
            (centre[0] + half, centre[1] + half),
            (centre[0] - half, centre[1] + half),
        ],
        red,
        0.85,
    )
    _glyph(rng, canvas, centre, size * 0.75, np.array([0.93, 0.86, 0.76], np.float32))
