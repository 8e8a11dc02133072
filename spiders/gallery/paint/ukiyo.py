"""Colour woodcuts: waves, the mountain, rain, bridges, birds and flowers, in flat colours with outlines."""

from __future__ import annotations

import numpy as np

from spiders.gallery.paint.canvas import (
    Array,
    Canvas,
    Colour,
    Rng,
    axes,
    choice,
    colours,
    curve,
    ellipse_points,
    line_noise,
    mix,
    moved,
    noise,
    pick,
    smooth,
    vary,
)
from spiders.gallery.paint.finish import paper

SKIES = colours("#e8d8b0 #c8d4cc #e8c0a0 #b8ccd8 #f0e0c0 #d8a890 #9cb8c8 #d8d0b0")
BLUES = colours("#1c3c6c #2c5c8c #184858 #3c4c7c #245070")
GREENS = colours("#4c6c4c #6c8450 #3c5c50 #88945c")
REDS = colours("#b84c34 #c8683c #a83c3c #d08858")
INK = np.array([0.1, 0.11, 0.15], np.float32)
SCENES = ("wave", "wave", "mountain", "mountain", "rain", "bridge", "birds", "night")


def ukiyo_e(rng: Rng, height: int, width: int) -> Array:
    """A woodcut of one of six kinds."""
    scene = choice(rng, SCENES)
    sheet = paper(rng, height, width, np.array([0.93, 0.88, 0.76], np.float32), 0.08)
    canvas = Canvas(height, width, sheet, crisp=True)
    _bokashi(rng, canvas, scene == "night")
    {"wave": _wave, "mountain": _mountain, "rain": _rain, "bridge": _bridge, "birds": _birds, "night": _night}[scene](
        rng, canvas
    )
    if rng.random() < 0.8:
        _cartouche(rng, canvas)
    grain = noise(rng, height, width, 40, 2, 9)
    canvas.a *= (0.97 + 0.06 * grain)[..., None]
    return mix(canvas.a, canvas.a * sheet, 0.6)


def _outlined(canvas: Canvas, points: Array, paint: Colour, wide: float = 1.6) -> None:
    canvas.polygon(points, paint)
    closed = np.concatenate([points, points[:1]])
    canvas.stroke(closed, wide, INK, 0.9)


def _bokashi(rng: Rng, canvas: Canvas, night: bool) -> None:
    """A sky that fades from the upper edge and again at the horizon."""
    y, _ = axes(canvas.height, canvas.width)
    ground = pick(rng, SKIES) if not night else mix(pick(rng, BLUES), 0.0, 0.35)
    canvas.over(np.ones((canvas.height, canvas.width), np.float32), ground, 0.8)
    top = np.broadcast_to(np.exp(-y / rng.uniform(0.06, 0.22)), (canvas.height, canvas.width))
    canvas.over(top, pick(rng, BLUES) if not night else INK, 0.85)
    if rng.random() < 0.6:
        band = np.exp(-((y - rng.uniform(0.3, 0.7)) ** 2) / rng.uniform(0.002, 0.02))
        canvas.over(np.broadcast_to(band, top.shape), pick(rng, REDS) if not night else pick(rng, BLUES), 0.6)


def _fuji(rng: Rng, canvas: Canvas, base: float, scale: float) -> None:
    """The mountain, with or without snow."""
    width = canvas.width
    x, tall = rng.uniform(0.15, 0.85) * width, canvas.height * scale
    half = tall * rng.uniform(1.1, 1.9)
    t = np.linspace(-1, 1, 60)
    slope = np.sign(t) * np.abs(t) ** 0.75
    points = np.stack([x + t * half, base - tall * (1 - np.abs(slope)) * (1 - 0.05 * np.exp(-(t**2) * 300))], 1)
    paint = pick(rng, np.concatenate([REDS, BLUES, GREENS]))
    _outlined(canvas, points, paint)
    if rng.random() < 0.75:
        cut = tall * rng.uniform(0.25, 0.5)
        upper = points[np.abs(t) < 0.3]
        teeth = np.stack(
            [
                np.linspace(upper[-1, 0], upper[0, 0], 15),
                np.full(15, base - tall + cut) + np.tile([0, tall * 0.12], 8)[:15],
            ],
            1,
        )
        canvas.polygon(np.concatenate([upper, teeth]), (0.95, 0.94, 0.9))
    y, _ = axes(canvas.height, canvas.width)
    fade = smooth(
        np.broadcast_to(y * canvas.height, (canvas.height, canvas.width)), base - tall * 0.5, base
    ) * canvas.shape(points)
    canvas.over(fade, pick(rng, GREENS), 0.6)


def _claws(rng: Rng, canvas: Canvas, line: Array, size: float) -> None:
    """Foam along a crest: white fingers with dark edges."""
    foam = np.array([0.95, 0.95, 0.9], np.float32)
    along = np.gradient(line, axis=0)
    normal = np.stack([along[:, 1], -along[:, 0]], 1) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    for at, out in zip(line[::2], normal[::2], strict=True):
        radius = size * rng.uniform(0.4, 1)
        place = at + out * size * rng.uniform(0, 1.2)
        canvas.ellipse((place[0], place[1]), (radius * 1.15, radius * 1.15), INK, 0, 0.8)
        canvas.ellipse((place[0], place[1]), (radius, radius), foam)
    drops = (
        line[rng.integers(0, len(line), 40)]
        + normal[rng.integers(0, len(line), 40)] * rng.uniform(1, 5, (40, 1)) * size
    )
    canvas.dabs(drops, np.full((40, 2), max(1, size * 0.18)), np.tile(foam, (40, 1)))


def _billow(rng: Rng, canvas: Canvas, x: float, base: float, tall: float, facing: float, blue: Array) -> None:
    """One great wave that curls over, with stripes that follow its back."""
    shape = np.array(
        [
            (-2.2, 0),
            (-1.2, -0.35),
            (-0.55, -0.8),
            (0, -1.0),
            (0.42, -0.9),
            (0.6, -0.62),
            (0.45, -0.5),
            (0.25, -0.62),
            (0.0, -0.55),
            (-0.05, -0.3),
            (0.25, -0.06),
            (1.1, 0),
        ]
    )
    shape = shape + rng.normal(0, 0.035, shape.shape)
    points = curve(shape, 90) * (facing, 1) * tall + (x, base)
    floor = np.array([(x + facing * tall * 1.4, canvas.height + 9), (x - facing * tall * 2.4, canvas.height + 9)])
    _outlined(canvas, np.concatenate([points, floor]), blue, 2)
    for step in (0.12, 0.24, 0.38, 0.52):
        inner = points[8:48] + np.stack(
            [np.full(40, -facing * tall * step * 0.25), np.linspace(step * 0.7, step * 0.35, 40) * tall], 1
        )
        canvas.stroke(
            inner, tall * 0.035 * np.sin(np.linspace(0.2, 2.9, 40)), mix(blue, 0.95, 0.55 if step < 0.3 else 0.75), 0.9
        )
    _claws(rng, canvas, points[22:62] if facing > 0 else points[22:62][::-1], tall * 0.045)


def _sea_lines(rng: Rng, canvas: Canvas, top: float, blue: Array) -> None:
    height, width = canvas.height, canvas.width
    canvas.polygon([(-5, top), (width + 5, top), (width + 5, height + 5), (-5, height + 5)], mix(blue, 0.85, 0.35))
    x = np.linspace(-5, width + 5, 40)
    for row in np.linspace(top + 4, height, int(rng.integers(7, 22))):
        swing = (row - top) / height * 20 + 1.5
        line = np.stack([x, row + swing * np.sin(x / width * rng.uniform(12, 40) + rng.uniform(0, 6))], 1)
        canvas.stroke(line, rng.uniform(1, 4), mix(blue, 0.0, 0.15) if rng.random() < 0.6 else (0.92, 0.93, 0.88), 0.75)


def _wave(rng: Rng, canvas: Canvas) -> None:
    height, width = canvas.height, canvas.width
    top = height * rng.uniform(0.45, 0.75)
    blue = vary(rng, pick(rng, BLUES), 8)
    if rng.random() < 0.65:
        _fuji(rng, canvas, top, rng.uniform(0.08, 0.25))
    _sea_lines(rng, canvas, top, blue)
    for depth in np.sort(rng.uniform(0.3, 1, int(rng.integers(1, 4)))):
        facing = float(rng.choice([-1, 1]))
        _billow(
            rng,
            canvas,
            rng.uniform(0.1, 0.9) * width,
            height * (0.7 + 0.3 * depth),
            height * rng.uniform(0.3, 0.75) * depth,
            facing,
            blue * rng.uniform(0.8, 1.15),
        )
        if rng.random() < 0.5:
            _skiff(rng, canvas, (rng.uniform(0.1, 0.9) * width, height * (0.65 + 0.3 * depth)), width * 0.16)


def _skiff(rng: Rng, canvas: Canvas, foot: tuple[float, float], size: float) -> None:
    x, y = foot
    tilt = rng.normal(0, 0.2) * size
    hull = curve([(x - size, y - size * 0.3 - tilt), (x, y + size * 0.12), (x + size, y - size * 0.35 + tilt)], 20)
    deck = hull[::-1] - (0, size * 0.14)
    _outlined(canvas, np.concatenate([hull, deck]), (0.78, 0.64, 0.42))
    for head in hull[4:16:2]:
        canvas.ellipse((head[0], head[1] - size * 0.18), (size * 0.06, size * 0.06), (0.86, 0.72, 0.58))


def _hills(rng: Rng, canvas: Canvas, base: float, count: int) -> None:
    for layer in range(count):
        level = base + (canvas.height - base) * layer / count
        crest = level - canvas.height * rng.uniform(0.03, 0.14) * (
            line_noise(rng, canvas.width, rng.uniform(1, 3), 3, 0.4) + 0.4
        )
        points = np.stack([np.arange(canvas.width), crest], 1)[::4]
        floor = np.array([(canvas.width + 5, canvas.height + 5), (-5, canvas.height + 5)])
        _outlined(
            canvas, np.concatenate([points, floor]), vary(rng, pick(rng, np.concatenate([GREENS, SKIES, BLUES])), 8)
        )


def _conifer(rng: Rng, canvas: Canvas, foot: tuple[float, float], size: float) -> None:
    """A pine with a bent trunk and flat clouds of needles."""
    x, y = foot
    bend = rng.normal(0, 0.3)
    line = curve([(x, y), (x + bend * size * 0.5, y - size * 0.45), (x - bend * size * 0.2, y - size)], 16)
    canvas.stroke(line, np.linspace(size * 0.09, size * 0.03, 16), (0.32, 0.24, 0.2))
    for at in line[6:]:
        if rng.random() < 0.7:
            centre = moved(at, rng.normal(0, 0.2) * size, 0)
            _outlined(
                canvas,
                ellipse_points((centre[0], centre[1]), (size * rng.uniform(0.14, 0.3), size * 0.07)),
                pick(rng, GREENS) * 0.8,
                1.2,
            )


def _mountain(rng: Rng, canvas: Canvas) -> None:
    height, width = canvas.height, canvas.width
    base = height * rng.uniform(0.5, 0.8)
    if rng.random() < 0.4:
        canvas.ellipse(
            (rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.4) * height), (height * 0.06,) * 2, pick(rng, REDS)
        )
    _fuji(rng, canvas, base, rng.uniform(0.25, 0.6))
    if rng.random() < 0.6:
        for _ in range(rng.integers(1, 5)):
            y = rng.uniform(0.15, 0.9) * base
            span = np.sort(rng.uniform(-0.2, 1.2, 2)) * width
            bar = np.array([(span[0], y), (span[1], y), (span[1], y + height * 0.03), (span[0], y + height * 0.03)])
            canvas.polygon(bar, (0.94, 0.92, 0.86), 0.85, 2)
    if rng.random() < 0.4:
        _sea_lines(rng, canvas, base, vary(rng, pick(rng, BLUES)))
        for _ in range(rng.integers(0, 4)):
            _skiff(
                rng, canvas, (rng.uniform(0, 1) * width, rng.uniform(base + 8, height)), width * rng.uniform(0.05, 0.12)
            )
    else:
        _hills(rng, canvas, base, int(rng.integers(1, 5)))
    for _ in range(rng.integers(0, 7)):
        _conifer(
            rng,
            canvas,
            (rng.uniform(0, 1) * width, rng.uniform(base + 10, height * 1.03)),
            height * rng.uniform(0.15, 0.5),
        )


def _rain(rng: Rng, canvas: Canvas) -> None:
    height, width = canvas.height, canvas.width
    _hills(rng, canvas, height * rng.uniform(0.35, 0.6), int(rng.integers(2, 5)))
    if rng.random() < 0.6:
        _span(rng, canvas, height * rng.uniform(0.5, 0.8))
    for _ in range(rng.integers(2, 9)):
        _umbrella(
            rng,
            canvas,
            (rng.uniform(0.05, 0.95) * width, rng.uniform(0.6, 0.95) * height),
            height * rng.uniform(0.06, 0.13),
        )
    slant = rng.normal(0, 0.25)
    starts = rng.uniform((-0.2, -0.3), (1.2, 1), (int(rng.integers(120, 300)), 2)) * (width, height)
    lengths = height * rng.uniform(0.1, 0.4, len(starts))
    for start, length in zip(starts, lengths, strict=True):
        canvas.stroke([start, moved(start, slant * length, length)], 0.9, INK, 0.5)


def _umbrella(rng: Rng, canvas: Canvas, foot: tuple[float, float], size: float) -> None:
    x, y = foot
    robe = pick(rng, np.concatenate([BLUES, GREENS, REDS]))
    _outlined(
        canvas,
        np.array(
            [
                (x - size * 0.3, y),
                (x + size * 0.3, y),
                (x + size * 0.2, y - size * 0.8),
                (x - size * 0.2, y - size * 0.8),
            ]
        ),
        robe,
        1.2,
    )
    t = np.linspace(np.pi, 2 * np.pi, 20)
    dome = np.stack([x + size * 0.7 * np.cos(t), y - size * 0.75 + size * 0.4 * np.sin(t)], 1)
    _outlined(canvas, dome, mix(pick(rng, np.concatenate([SKIES, REDS])), 1.0, 0.2), 1.2)


def _span(rng: Rng, canvas: Canvas, level: float) -> None:
    """An arched wooden bridge from edge to edge."""
    height, width = canvas.height, canvas.width
    rise, thick = height * rng.uniform(0.05, 0.25), height * rng.uniform(0.03, 0.06)
    x = np.linspace(-0.05, 1.05, 30)
    arch = np.stack([x * width, level - rise * np.sin(np.clip(x, 0, 1) * np.pi)], 1)
    for at in arch[3:-3:4]:
        canvas.stroke([at, (at[0], height * 1.02)], thick * 0.35, (0.42, 0.33, 0.26))
    paint = mix(pick(rng, REDS), (0.7, 0.56, 0.38), rng.uniform(0, 1))
    _outlined(canvas, np.concatenate([arch, moved(arch[::-1], 0, thick)]), paint)
    canvas.stroke(arch - (0, thick * 1.1), thick * 0.2, INK)
    for at in arch[1:-1:2]:
        canvas.stroke([at, at - (0, thick * 1.2)], thick * 0.15, INK)
        if rng.random() < 0.35:
            _umbrella(rng, canvas, (at[0], at[1]), height * 0.08)


def _bridge(rng: Rng, canvas: Canvas) -> None:
    height, width = canvas.height, canvas.width
    base = height * rng.uniform(0.35, 0.6)
    if rng.random() < 0.5:
        _fuji(rng, canvas, base, rng.uniform(0.08, 0.2))
    _hills(rng, canvas, base - height * 0.04, 1)
    _sea_lines(rng, canvas, base, vary(rng, pick(rng, BLUES)))
    _span(rng, canvas, height * rng.uniform(0.55, 0.9))
    for _ in range(rng.integers(0, 5)):
        _skiff(rng, canvas, (rng.uniform(0, 1) * width, rng.uniform(base + 8, height)), width * rng.uniform(0.06, 0.14))
    for _ in range(rng.integers(0, 4)):
        _conifer(
            rng, canvas, (rng.uniform(0, 1) * width, height * rng.uniform(0.8, 1.05)), height * rng.uniform(0.3, 0.6)
        )


def _birds(rng: Rng, canvas: Canvas) -> None:
    """A branch with blossoms and one or more birds."""
    height, width = canvas.height, canvas.width
    size = min(height, width)
    petal = vary(rng, pick(rng, colours("#e8b0b0 #f0e8e0 #c85048 #e8c8d0 #e0a848")))
    ends = np.array(
        [
            (-0.03, rng.uniform(0, 1)),
            (rng.uniform(0.35, 0.6), rng.uniform(0.25, 0.75)),
            (rng.uniform(0.8, 1.03), rng.uniform(0, 1)),
        ]
    )
    if rng.random() < 0.5:
        ends = ends[:, ::-1]
    line = curve(ends * (width, height), 60)
    canvas.stroke(line, np.linspace(size * 0.06, size * 0.012, 60) * rng.uniform(0.8, 1.2, 60), (0.36, 0.28, 0.24))
    for at in line[rng.integers(4, 60, int(rng.integers(10, 26)))]:
        place = at + rng.normal(0, size * 0.06, 2)
        radius = size * rng.uniform(0.018, 0.04)
        if rng.random() < 0.4:
            _outlined(
                canvas,
                ellipse_points((place[0], place[1]), (radius * 1.6, radius * 0.6), rng.uniform(0, 180)),
                pick(rng, GREENS),
                1,
            )
            continue
        for angle in rng.uniform(0, 6.3) + np.arange(5) * 1.257:
            _outlined(
                canvas,
                ellipse_points(
                    (place[0] + radius * np.cos(angle), place[1] + radius * np.sin(angle)), (radius * 0.75,) * 2
                ),
                petal,
                0.9,
            )
        canvas.ellipse((place[0], place[1]), (radius * 0.4,) * 2, (0.85, 0.68, 0.2))
    for _ in range(rng.integers(1, 4)):
        at = line[int(rng.integers(10, 55))] + rng.normal(0, size * 0.05, 2)
        _bird(rng, canvas, (at[0], at[1]), size * rng.uniform(0.09, 0.2), float(rng.choice([-1, 1])))


def _bird(rng: Rng, canvas: Canvas, at: tuple[float, float], size: float, facing: float) -> None:
    paint = vary(rng, pick(rng, np.concatenate([BLUES, REDS, GREENS])), 10)
    place = np.array(at)

    def part(points: list[tuple[float, float]]) -> Array:
        return np.asarray(curve(points, 30) * (facing * size, size) + place)

    _outlined(canvas, part([(-0.4, 0.1), (-1.4, 0.5), (-1.3, 0.68), (-0.3, 0.32)]), paint * 0.7, 1.2)
    _outlined(
        canvas,
        part(
            [
                (-0.6, 0.2),
                (-0.4, -0.25),
                (0.2, -0.5),
                (0.55, -0.6),
                (0.72, -0.38),
                (0.5, 0),
                (0.3, 0.4),
                (-0.2, 0.5),
                (-0.6, 0.2),
            ]
        ),
        paint,
        1.4,
    )
    _outlined(
        canvas,
        part([(0.2, -0.2), (-0.2, -0.15), (-0.85, 0.28), (-0.2, 0.3), (0.2, 0.05), (0.2, -0.2)]),
        mix(paint, 0.0, 0.3),
        1.2,
    )
    canvas.polygon(
        np.array([(0.68, -0.5), (0.98, -0.4), (0.7, -0.36)]) * (facing * size, size) + place, (0.85, 0.6, 0.2)
    )
    canvas.ellipse((place[0] + facing * size * 0.55, place[1] - size * 0.46), (size * 0.06,) * 2, INK)


def _night(rng: Rng, canvas: Canvas) -> None:
    """The moon over water or roofs, with pines and lanterns."""
    height, width = canvas.height, canvas.width
    centre, radius = (rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.4) * height), height * rng.uniform(0.05, 0.13)
    canvas.ellipse(centre, (radius * 2, radius * 2), (0.8, 0.85, 0.8), 0, 0.3, radius * 0.5)
    canvas.ellipse(centre, (radius, radius), (0.95, 0.94, 0.82))
    base = height * rng.uniform(0.5, 0.75)
    dark = BLUES * 0.6
    if rng.random() < 0.6:
        _sea_lines(rng, canvas, base, pick(rng, dark))
    else:
        _hills(rng, canvas, base, 3)
        shade = smooth(np.broadcast_to(axes(height, width)[0] * height, (height, width)), base - 10, base + 10)
        canvas.over(shade, pick(rng, dark), 0.55)
    for _ in range(rng.integers(1, 7)):
        _conifer(
            rng, canvas, (rng.uniform(0, 1) * width, rng.uniform(base, height * 1.05)), height * rng.uniform(0.2, 0.6)
        )
    for _ in range(rng.integers(0, 8)):
        x, y = rng.uniform(0, 1) * width, rng.uniform(base, height * 0.95)
        canvas.ellipse((x, y), (height * 0.045,) * 2, (1, 0.75, 0.4), 0, 0.4, 5)
        _outlined(canvas, ellipse_points((x, y), (height * 0.013, height * 0.02)), (0.95, 0.8, 0.5), 1)


def _cartouche(rng: Rng, canvas: Canvas) -> None:
    """A title slip with writing."""
    size = min(canvas.height, canvas.width) * rng.uniform(0.03, 0.05)
    x, y = rng.choice([0.05, 0.9]) * canvas.width, rng.uniform(0.04, 0.12) * canvas.height
    rows = int(rng.integers(4, 8))
    box = np.array([(x, y), (x + size * 1.5, y), (x + size * 1.5, y + size * rows * 1.2), (x, y + size * rows * 1.2)])
    _outlined(canvas, box, pick(rng, np.concatenate([SKIES, REDS])), 1.4)
    for row in range(rows):
        for _ in range(rng.integers(3, 7)):
            start = np.array([x + size * rng.uniform(0.2, 0.9), y + size * (row * 1.2 + rng.uniform(0.2, 0.9))])
            move = (size * 0.45, 0) if rng.random() < 0.5 else (0, size * 0.4)
            canvas.stroke(np.stack([start, start + move]), size * 0.09, INK)
