"""Still lifes with fruit and vessels, and vanitas pieces with skulls."""

from __future__ import annotations

import cv2
import numpy as np

from spiders.gallery.paint.canvas import Array, Canvas, Rng, choice, colours, mix, noise, pick, ramp, smooth, vary
from spiders.gallery.paint.solids import (
    PROFILES,
    ball,
    book,
    candle,
    disc,
    drapery,
    lathe,
    leaf,
    shadow,
    stops,
    table,
)

FRUIT = {
    "apple": ("#b82c20 #8ca838 #d8b840 #a02828", 1.0, 0.92),
    "orange": ("#e08420 #e89830", 0.95, 0.93),
    "lemon": ("#e8cc3c #d8b428", 1.15, 0.82),
    "pear": ("#b8b048 #c8a048 #98a048", 0.85, 1.0),
    "peach": ("#e8a070 #e08858 #d87860", 1.0, 0.95),
    "plum": ("#50305c #3c3058 #6c3850", 0.75, 0.72),
    "melon": ("#94a050 #b0a860", 2.0, 1.7),
}
GROUNDS = colours("#1c1410 #2c2018 #38342c #54606c #7c8c90 #a8a490 #8c6c4c #5c3c30 #3c4438 #b8a888 #6c7858 #20242c")
WOODS = colours("#6c4424 #8c6038 #4c3020 #a88054 #3c2c24")
CLOTHS = colours("#e8e4d8 #d8d0c0 #c0c8d0 #8c2c24 #2c4c5c #c89c48 #405038")
GLAZES = colours("#2c4c7c #8c3c24 #c8c4b8 #3c5c4c #a87c3c #54302c #d8d0bc #5c7c8c #242c28 #b86c3c")


def still_life(rng: Rng, height: int, width: int) -> Array:
    """Fruit, vessels, bread and fish on a table."""
    canvas = Canvas(height, width)
    side = float(rng.choice([-1, 1]))
    level = rng.uniform(0.35, 0.72) * height
    _wall(rng, canvas, pick(rng, GROUNDS), side)
    cloth = vary(rng, pick(rng, CLOTHS)) if rng.random() < 0.6 else None
    table(rng, canvas, level, vary(rng, pick(rng, WOODS)), cloth)
    kinds = ("vessel", "vessel", "fruit", "fruit", "fruit", "bowl", "glass", "bread", "fish", "grapes", "plate")
    scale = min(height, width) * rng.uniform(0.75, 1.3)
    count = int(rng.integers(3, 13))
    for depth in np.sort(rng.uniform(0.02, 0.6, count)):
        foot = (rng.uniform(0.08, 0.92) * width, level + (height - level) * depth * 0.9)
        _thing(rng, canvas, choice(rng, kinds), foot, scale * (0.8 + 0.5 * depth), side)
    return canvas.a


def vanitas(rng: Rng, height: int, width: int) -> Array:
    """Skulls with candles, books, glasses and withering flowers in the dark."""
    canvas = Canvas(height, width)
    side = float(rng.choice([-1, 1]))
    close = rng.random() < 0.35
    level = height * (rng.uniform(0.7, 0.95) if close else rng.uniform(0.5, 0.72))
    _wall(rng, canvas, pick(rng, GROUNDS) * rng.uniform(0.25, 0.9), side)
    table(
        rng,
        canvas,
        level,
        vary(rng, pick(rng, WOODS)) * 0.7,
        vary(rng, pick(rng, CLOTHS)) * 0.7 if rng.random() < 0.4 else None,
    )
    size = min(height, width) * (rng.uniform(0.65, 0.95) if close else rng.uniform(0.3, 0.55))
    if not close:
        for _ in range(rng.integers(1, 6)):
            foot = rng.uniform(0.05, 0.95) * width, level + (height - level) * rng.uniform(0, 0.3)
            kind = choice(rng, ("book", "book", "candle", "glass", "vessel", "rose", "hourglass"))
            _thing(rng, canvas, kind, foot, size * rng.uniform(1.2, 2.2), side)
    heads = 1 if close or rng.random() < 0.75 else int(rng.integers(2, 6))
    for _ in range(heads):
        x, y = rng.uniform(0.25, 0.75) * width, level + (height - level) * rng.uniform(0.1, 0.5)
        if heads > 1:
            x, y = rng.uniform(0.1, 0.9) * width, level + (height - level) * rng.uniform(-0.2, 0.7)
        shadow(canvas, (x, y), size * 0.45, side, 0.7)
        skull(rng, canvas, (x, y - size * 0.5), size, side)
    if rng.random() < 0.4:
        _thing(
            rng,
            canvas,
            choice(rng, ("rose", "book", "fruit", "candle")),
            (rng.uniform(0.05, 0.95) * width, height * rng.uniform(0.85, 0.98)),
            size * 1.3,
            side,
        )
    return canvas.a


def _wall(rng: Rng, canvas: Canvas, ground: Array, side: float) -> None:
    """What is behind: a plain wall, a hanging, or a niche, lighter towards the light."""
    height, width = canvas.height, canvas.width
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    lit = np.clip(0.35 + 0.3 * side * x + 0.5 * (noise(rng, height, width, 3, 4) - 0.4), 0, 1)
    canvas.a[:] = ramp(lit, stops(vary(rng, ground), gloss=0.25))
    if rng.random() < 0.3:
        cloth = drapery(rng, height, width, stops(vary(rng, pick(rng, CLOTHS)) * 0.7, gloss=0.2), rng.normal(0, 0.6))
        edge = rng.uniform(0.2, 0.8)
        mask = smooth(side * (np.broadcast_to(x, (height, width)) - 2 * edge + 1) + rng.normal(0, 0.3) * 0.4, 0, 0.05)
        canvas.over(mask, cloth)


def _thing(rng: Rng, canvas: Canvas, kind: str, foot: tuple[float, float], scale: float, side: float) -> None:
    {
        "vessel": _vessel,
        "fruit": _fruit,
        "bowl": _bowl,
        "glass": _glass,
        "bread": _bread,
        "fish": _fish,
        "grapes": _grapes,
        "plate": _plate,
        "book": _books,
        "candle": _candle,
        "rose": _rose,
        "hourglass": _hourglass,
    }[kind](rng, canvas, foot, scale, side)


def _vessel(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    kind = choice(rng, ("bottle", "vase", "jug", "urn", "pot"))
    height = scale * rng.uniform(0.25, 0.6)
    glaze = stops(vary(rng, pick(rng, GLAZES)), gloss=rng.uniform(0.2, 0.9))
    pattern = (noise(rng, 64, 64, rng.uniform(3, 9), 2, 3) - 0.5) * 0.7 if rng.random() < 0.4 else None
    shadow(canvas, foot, height * 0.4, side)
    if kind == "jug":
        x = foot[0] - side * height * 0.5
        canvas.ellipse((x, foot[1] - height * 0.55), (height * 0.22, height * 0.28), glaze[1])
        canvas.ellipse(
            (x, foot[1] - height * 0.55),
            (height * 0.14, height * 0.2),
            canvas.a[min(int(foot[1]), canvas.height - 1), 0],
        )
    lathe(canvas, foot, height, PROFILES[kind], glaze, side, 1, pattern)


def _fruit(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    """One to five fruits of a kind, in a heap."""
    kind = choice(rng, tuple(FRUIT))
    tones, rx, ry = FRUIT[kind]
    size = scale * rng.uniform(0.055, 0.09)
    count = 1 if kind == "melon" else int(rng.integers(1, 6))
    for index in range(count):
        paint = stops(vary(rng, pick(rng, colours(tones)), 8), gloss=0.45)
        lift = size * 1.4 if index >= 3 else 0
        centre = (
            foot[0] + (index % 3 - (count > 1) + 0.5 * (index >= 3)) * size * rx * 1.8,
            foot[1] - size * ry - lift,
        )
        if not lift:
            shadow(canvas, (centre[0], foot[1]), size * rx * 1.1, side)
        if kind == "pear":
            ball(
                canvas,
                (centre[0] + rng.normal(0, size * 0.1), centre[1] - size * 0.9),
                (size * 0.5, size * 0.75),
                paint,
                side,
            )
        ball(canvas, centre, (size * rx, size * ry), paint, side, 0.08)
        if kind in ("apple", "pear", "peach"):
            top = centre[1] - size * (ry if kind != "pear" else 1.55)
            canvas.stroke(
                [(centre[0], top + size * 0.2), (centre[0] + size * 0.15, top - size * 0.25)],
                max(1.5, size * 0.09),
                (0.2, 0.13, 0.07),
            )
            if rng.random() < 0.3:
                leaf(canvas, (centre[0], top), rng.uniform(-2.5, -0.6), size * 1.2, np.array([0.25, 0.36, 0.14]))


def _grapes(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    tone = vary(rng, pick(rng, colours("#3c2848 #98a850 #742c3c")), 8)
    size = scale * 0.026
    rows = int(rng.integers(4, 7))
    shadow(canvas, foot, size * rows, side)
    for row in range(rows):
        for column in range(rows - row):
            centre = (foot[0] + (column - (rows - row) / 2) * size * 1.75, foot[1] - size * (1 + row * 1.45))
            ball(
                canvas,
                (centre[0] + rng.normal(0, size * 0.3), centre[1]),
                (size, size),
                stops(tone * rng.uniform(0.75, 1.15), gloss=0.8),
                side,
                0.2,
            )
    for _ in range(rng.integers(0, 3)):
        leaf(
            canvas,
            (foot[0], foot[1] - size * rows * 1.3),
            rng.uniform(-3.4, 0.3),
            size * 5,
            np.array([0.3, 0.38, 0.15]),
        )


def _bowl(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    """A bowl with fruit heaped in it."""
    height = scale * rng.uniform(0.13, 0.2)
    shadow(canvas, foot, height, side)
    for _ in range(2):
        _fruit(rng, canvas, (foot[0] + rng.normal(0, height * 0.3), foot[1] - height * 0.75), scale, side)
    lathe(canvas, foot, height, PROFILES["bowl"], stops(vary(rng, pick(rng, GLAZES)), gloss=0.7), side)
    for shift in (-0.5, 0, 0.5):
        paint = stops(vary(rng, pick(rng, colours("#b82c20 #e08420 #b8b048 #e8a070 #e8cc3c")), 8), gloss=0.5)
        ball(canvas, (foot[0] + shift * height, foot[1] - height * 1.15), (height * 0.36, height * 0.34), paint, side)


def _glass(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    height = scale * rng.uniform(0.2, 0.34)
    shadow(canvas, foot, height * 0.25, side, 0.3)
    lathe(canvas, foot, height, PROFILES["goblet"], stops((0.75, 0.8, 0.78), gloss=1), side, 0.4)
    wine = pick(rng, colours("#5c1420 #c8a048 #8c3c20"))
    lathe(
        canvas,
        (foot[0], foot[1] - height * 0.5),
        height * 0.32,
        ((0, 1.0), (0.7, 0.9), (1, 0.5)),
        stops(wine, gloss=0.6),
        side,
        0.8,
    )


def _bread(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    size = scale * rng.uniform(0.1, 0.16)
    shadow(canvas, foot, size * 1.3, side)
    ball(
        canvas, (foot[0], foot[1] - size * 0.5), (size * 1.5, size * 0.62), stops((0.72, 0.48, 0.24), gloss=0.25), side
    )
    for shift in np.linspace(-0.8, 0.8, 4):
        x = foot[0] + shift * size
        canvas.stroke(
            [(x - size * 0.12, foot[1] - size * 0.6), (x + size * 0.2, foot[1] - size * 0.95)],
            size * 0.1,
            (0.88, 0.72, 0.46),
            0.8,
        )


def _fish(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    size = scale * rng.uniform(0.1, 0.16)
    turn = float(rng.choice([-1, 1]))
    disc(canvas, foot, size * 1.9, np.array([0.85, 0.83, 0.78], np.float32))
    x, y = foot[0], foot[1] - size * 0.2
    silver = vary(rng, np.array([0.5, 0.54, 0.56], np.float32), 20, 0.8)
    canvas.polygon(
        [(x - turn * size * 1.2, y), (x - turn * size * 1.8, y - size * 0.4), (x - turn * size * 1.7, y + size * 0.35)],
        silver * 0.8,
    )
    ball(canvas, (x, y), (size * 1.35, size * 0.38), stops(silver, gloss=0.8), side)
    canvas.ellipse((x + turn * size * 1.0, y - size * 0.05), (size * 0.09, size * 0.09), (0.95, 0.9, 0.7))
    canvas.ellipse((x + turn * size * 1.0, y - size * 0.05), (size * 0.05, size * 0.05), (0.05, 0.05, 0.05))


def _plate(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    disc(canvas, foot, scale * rng.uniform(0.16, 0.24), mix(pick(rng, GLAZES), 0.9, 0.6))
    _fruit(rng, canvas, foot, scale, side)


def _books(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    size, lift = scale * rng.uniform(0.2, 0.32), 0.0
    shadow(canvas, foot, size * 0.7, side)
    for _ in range(rng.integers(1, 4)):
        book(
            rng,
            canvas,
            (foot[0] + rng.normal(0, size * 0.08), foot[1] - lift),
            size,
            vary(rng, pick(rng, GLAZES)) * 0.8,
        )
        lift += size * 0.24


def _candle(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    candle(rng, canvas, foot, scale * rng.uniform(0.35, 0.6), side, rng.random() < 0.7)


def _rose(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    """A cut rose lying on the table."""
    size = scale * rng.uniform(0.05, 0.09)
    tone = vary(rng, pick(rng, colours("#a83040 #e0b0a0 #d8c8a8 #c86878")))
    tail = foot[0] - side * size * 5, foot[1] - size * rng.uniform(-0.5, 1.5)
    canvas.stroke(np.array([foot, tail]), size * 0.16, (0.2, 0.28, 0.12))
    leaf(
        canvas,
        ((foot[0] + tail[0]) / 2, (foot[1] + tail[1]) / 2),
        rng.uniform(-3, 0),
        size * 1.6,
        np.array([0.2, 0.3, 0.12]),
    )
    for ring in range(4):
        for angle in np.linspace(0, 2 * np.pi, 7 - ring)[:-1] + ring * 0.5:
            reach = size * (0.62 - 0.18 * ring)
            centre = foot[0] + np.cos(angle) * reach, foot[1] - size * 0.4 + np.sin(angle) * reach * 0.8
            canvas.ellipse(
                centre,
                (size * (0.5 - 0.08 * ring), size * (0.42 - 0.08 * ring)),
                tone * (0.6 + 0.13 * ring + 0.1 * rng.random()),
            )


def _hourglass(rng: Rng, canvas: Canvas, foot: tuple[float, float], scale: float, side: float) -> None:
    height = scale * rng.uniform(0.25, 0.4)
    wood = stops((0.42, 0.26, 0.14))
    glass = ((0, 0.26), (0.2, 0.24), (0.46, 0.04), (0.54, 0.04), (0.8, 0.24), (1, 0.26))
    lathe(canvas, foot, height, glass, stops((0.7, 0.74, 0.68), gloss=1), side, 0.5)
    lathe(canvas, foot, height * 0.25, ((0, 0.3), (0.5, 0.8), (1, 1.0)), stops((0.8, 0.66, 0.42), gloss=0.2), side, 0.9)
    for x in (-0.28, 0.28):
        canvas.stroke(
            [(foot[0] + x * height, foot[1]), (foot[0] + x * height, foot[1] - height)], height * 0.04, wood[2]
        )
    for level in (0.0, 1.0):
        lathe(
            canvas, (foot[0], foot[1] - height * level + height * 0.03), height * 0.07, ((0, 5.0), (1, 5.0)), wood, side
        )


def skull(rng: Rng, canvas: Canvas, centre: tuple[float, float], size: float, side: float) -> None:
    """A skull, turned and tilted at random, modelled as a relief and lit."""
    half = 72
    turn = rng.uniform(-0.75, 0.75)
    y, x = np.mgrid[-1.2 : 1.2 : 2 * half * 1j, -1.2 : 1.2 : 2 * half * 1j].astype(np.float32)
    depth, mask = _relief(rng, x, y, turn, rng.random() < 0.75)
    gx, gy = np.gradient(cv2.GaussianBlur(depth, (0, 0), 1.1), axis=1) * half, np.gradient(depth, axis=0) * half
    lit = (0.5 * side * gx * -1 + 0.45 * gy * 1 + 0.75) / np.sqrt(gx**2 + gy**2 + 1)
    pores = noise(rng, 2 * half, 2 * half, 9, 4)
    tone = np.clip(0.1 + 0.72 * np.clip(lit, 0, 1) + 0.2 * (pores - 0.5), 0, 1)
    hollow = smooth(-depth, -0.32, 0.1)
    bone = stops(vary(rng, np.array([0.82, 0.74, 0.56], np.float32), 6, 0.3), (0.1, 0.06, 0.04), 0.6)
    picture = ramp(tone * (1 - 0.75 * hollow * mask), bone)
    side_px = round(size * 1.2)
    matrix = cv2.getRotationMatrix2D((half, half), rng.normal(0, 14), side_px / (2 * half))
    matrix[:, 2] += side_px / 2 - half
    warped = cv2.warpAffine(np.dstack([picture, mask]), matrix, (side_px, side_px), flags=cv2.INTER_AREA)
    canvas.stamp(centre[0] - side_px / 2, centre[1] - side_px / 2, warped[..., 3], warped[..., :3])


def _bump(x: Array, y: Array, at: tuple[float, float], radii: tuple[float, float], power: float = 2) -> Array:
    """A round hill of height 1."""
    reach = np.abs((x - at[0]) / radii[0]) ** power + np.abs((y - at[1]) / radii[1]) ** power
    return np.asarray(np.sqrt(np.clip(1 - reach, 0, 1)), np.float32)


def _relief(rng: Rng, x: Array, y: Array, turn: float, jaw: bool) -> tuple[Array, Array]:
    """Height of a skull turned by `turn` (-1 profile left … 1 profile right) and its mask."""
    long = 1 + 0.12 * rng.normal()
    face = turn * 0.35
    dome = _bump(x, y, (-face * 0.5, -0.32), (0.78 + 0.14 * abs(turn), 0.66 * long), 2.3)
    cheeks = 0.72 * _bump(x, y, (face, 0.12), (0.56, 0.42), 2.6)
    upper = 0.66 * _bump(x, y, (face * 1.25, 0.45), (0.33, 0.3), 3)
    lower = 0.6 * _bump(x, y, (face * 1.2, 0.72), (0.38, 0.28), 3) if jaw else np.zeros_like(x)
    solid = np.maximum.reduce([dome, cheeks, upper, lower])
    mask = cv2.GaussianBlur((solid > 0.02).astype(np.float32), (0, 0), 1)
    cut = np.zeros_like(x)
    for eye in (-1, 1):
        shift = face * 1.15 + eye * 0.29 * (1 - 0.25 * abs(turn) * (eye * turn > 0))
        cut += 0.8 * _bump(x, y, (shift, 0.03), (0.2, 0.19), 2.5)
        cut += 0.3 * _bump(x, y, (face + eye * 0.62, 0.0), (0.16, 0.3))
    cut += 0.8 * _bump(x, y - 0.06 * np.abs(x - face * 1.4), (face * 1.4, 0.3), (0.11, 0.16), 1.6)
    teeth = 0.14 * (np.sin((x - face * 1.25) * 58) > 0.55) * _bump(x, y, (face * 1.25, 0.6), (0.32, 0.16), 4)
    gap = 0.5 * _bump(x, y, (face * 1.22, 0.62), (0.3, 0.03), 4) if jaw else 0
    return (solid - cut - teeth - gap).astype(np.float32), mask
