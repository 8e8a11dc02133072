"""Abstract pictures: fields of colour, and geometry."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from spiders.gallery.paint.canvas import (
    Array,
    Canvas,
    Rng,
    axes,
    choice,
    colours,
    curve,
    ellipse_points,
    mix,
    moved,
    noise,
    pick,
    ramp,
    smooth,
    vary,
)

FIELDS = (
    "#2c0c10 #8c1c1c #d84820 #f0a030 #20141c",
    "#101c3c #1c3c7c #3c7ca8 #c8b060 #0c1020",
    "#e8d8b0 #d89c3c #a84828 #3c2820 #f0ece0",
    "#141414 #34302c #6c6860 #c8c0b0 #501c18",
    "#2c4c38 #6c9c5c #d8d08c #e8e8d8 #184048",
    "#5c2c5c #b05c8c #f0b8b0 #f8e8d0 #2c2448",
    "#f0e8e0 #e0a8a0 #b0c8d0 #f0d890 #88a0b0",
    "#c81c24 #f0ece4 #182c70 #f0c820 #141418",
    "#e87828 #d0305c #402060 #f0d0a0 #20a0a0",
    "#708070 #a8b0a0 #d8d4c8 #4c4c48 #989080",
    "#003c50 #0090a0 #e0e0c0 #f06040 #102028",
    "#38180c #703818 #b87838 #e8c080 #181010",
)
"""Palettes: five colours each."""


def palette(rng: Rng) -> Array:
    """Five colours that go together, in random order."""
    five = vary(rng, colours(FIELDS[int(rng.integers(len(FIELDS)))]), 12, 0.15, 0.08)
    return np.asarray(five[rng.permutation(5)])


def colour_field(rng: Rng, height: int, width: int) -> Array:
    """Large areas of colour: hovering blocks, bands, stains, torn shapes, squares, veils."""
    canvas = Canvas(height, width)
    paints = palette(rng)
    _wash(rng, canvas, paints[0], np.ones((height, width), np.float32))
    kinds = (_blocks, _blocks, _zips, _stains, _torn, _nested, _veils, _horizon)
    kinds[int(rng.integers(len(kinds)))](rng, canvas, paints)
    return canvas.a


def _wash(rng: Rng, canvas: Canvas, paint: Array, mask: Array) -> None:
    """A thin, cloudy layer of one colour."""
    cloud = noise(rng, canvas.height, canvas.width, rng.uniform(2, 7), 5, rng.uniform(0.6, 2))
    tones = np.stack([paint * 0.72, paint, mix(paint, 1.0, 0.18)])
    canvas.over(mask, ramp(cloud, tones))


def _ragged(rng: Rng, canvas: Canvas, corners: tuple[float, float, float, float], rough: float) -> Array:
    """A rectangle (left, top, right, bottom as parts) with soft, brushed edges."""
    y, x = axes(canvas.height, canvas.width)
    shift = rough * (noise(rng, canvas.height, canvas.width, 9, 4) - 0.5)
    left, top, right, bottom = corners
    inside = np.minimum(np.minimum(x - left, right - x), np.minimum(y - top, bottom - y)) + shift
    return smooth(inside, -0.004, 0.02)


def _blocks(rng: Rng, canvas: Canvas, paints: Array) -> None:
    count = int(rng.integers(1, 5))
    cuts = np.concatenate([[0], np.sort(rng.uniform(0.12, 0.88, count - 1)), [1]])
    upright = rng.random() < 0.15
    margin, gap = rng.uniform(0.03, 0.14), rng.uniform(0.01, 0.04)
    for index, (first, last) in enumerate(pairwise(cuts)):
        start, end = (margin + (1 - 2 * margin) * cut for cut in (first, last))
        shift = rng.normal(0, 0.02)
        box = (margin + shift, start + gap, 1 - margin + shift, end - gap)
        box = (box[1], box[0], box[3], box[2]) if upright else box
        _wash(rng, canvas, paints[1 + index % 4], _ragged(rng, canvas, box, rng.uniform(0.02, 0.09)))


def _zips(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Bands from edge to edge, upright, level or slanted."""
    y, x = axes(canvas.height, canvas.width)
    slope = float(rng.choice([0, 0, 0, rng.normal(0, 0.6)]))
    along = x + slope * y if rng.random() < 0.65 else np.broadcast_to(y + slope * x, (canvas.height, canvas.width))
    wobble = 0.015 * (noise(rng, canvas.height, canvas.width, 5, 3) - 0.5)
    for _ in range(rng.integers(1, 10)):
        at, half = rng.uniform(0, 1), rng.choice([rng.uniform(0.003, 0.02), rng.uniform(0.02, 0.16)])
        band = 1 - smooth(np.abs(along - at + wobble), half, half + rng.uniform(0.002, 0.02))
        _wash(rng, canvas, pick(rng, paints[1:]), band)


def _stains(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Poured paint that soaked into the canvas."""
    for paint in paints[rng.permutation(5)][: rng.integers(2, 6)]:
        shape = noise(rng, canvas.height, canvas.width, rng.uniform(1.2, 3), 4, rng.uniform(0.4, 2))
        edge = rng.uniform(0.45, 0.62)
        _wash(rng, canvas, paint, smooth(shape, edge, edge + rng.uniform(0.01, 0.12)) * rng.uniform(0.6, 1))


def _torn(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Jagged, flame-like fields."""
    height, width = canvas.height, canvas.width
    for _ in range(rng.integers(3, 9)):
        x = rng.uniform(-0.1, 1.1) * width
        y = np.linspace(rng.uniform(-0.5, 0.4), rng.uniform(0.6, 1.4), 14) * height
        half = np.abs(rng.normal(0, 0.12, 14)) * width + 2
        line = np.stack([x + np.cumsum(rng.normal(0, 0.04, 14)) * width, y], 1)
        shape = np.concatenate([line - np.stack([half, 0 * half], 1), (line + np.stack([half, 0 * half], 1))[::-1]])
        _wash(rng, canvas, pick(rng, paints), canvas.shape(shape, 1))


def _nested(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Squares or rounds within each other, or side by side."""
    height, width = canvas.height, canvas.width
    rounds = rng.random() < 0.45
    cells = int(rng.choice([1, 1, 2, 3]))
    for row in range(cells):
        for column in range(cells):
            centre = np.array([(column + 0.5) * width / cells, (row + 0.5) * height / cells])
            size = np.array([width, height]) / cells * 0.48
            for step, scale in enumerate(np.linspace(1, rng.uniform(0.15, 0.4), int(rng.integers(2, 6)))):
                centre = moved(centre, 0, size[1] * rng.uniform(0, 0.05))
                half = size * scale
                points = ellipse_points(tuple(centre), tuple(half)) if rounds else [
                    centre - half, centre + half * (1, -1), centre + half, centre + half * (-1, 1)]  # fmt: skip
                canvas.polygon(points, paints[(1 + step + row + column) % 5] * rng.uniform(0.92, 1.05), 1, 0.6)


def _veils(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Overlapping transparent pours that hang from one edge."""
    height, width = canvas.height, canvas.width
    flip = rng.random() < 0.5
    for _ in range(rng.integers(4, 12)):
        x, wide = rng.uniform(0, 1) * width, width * rng.uniform(0.05, 0.22)
        deep = height * rng.uniform(0.4, 1.05)
        tip = x + rng.normal(0, 0.15) * width
        shape = curve(
            [(x - wide, -5), (x - wide * 0.7, deep * 0.5), (tip, deep), (x + wide * 0.8, deep * 0.45), (x + wide, -5)],
            40,
        )
        if flip:
            shape[:, 1] = height - shape[:, 1]
        _wash(rng, canvas, pick(rng, paints), canvas.shape(shape, rng.uniform(0.5, 4)) * rng.uniform(0.45, 0.85))


def _horizon(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """A field that turns slowly from one colour into another, with one light or dark place."""
    y, x = axes(canvas.height, canvas.width)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5) + 0.5
    field = along + 0.5 * (noise(rng, canvas.height, canvas.width, 2, 5) - 0.5)
    canvas.a[:] = ramp(np.clip(field, 0, 1), paints[: rng.integers(2, 5)])
    centre, radius = rng.uniform(0.2, 0.8, 2), rng.uniform(0.08, 0.3)
    reach = np.hypot((x - centre[0]) * canvas.width / canvas.height, y - centre[1])
    _wash(rng, canvas, paints[4], 1 - smooth(reach, radius, radius + rng.choice([0.01, 0.2])))


def geometry(rng: Rng, height: int, width: int) -> Array:
    """Geometric pictures: floating planes, grids, circles and arcs, stripes, triangles, interlocked planes."""
    ground = mix(pick(rng, colours("#ece4d0 #f0ece4 #d8d0bc #1c1c20 #e0d8c8 #c8c8c0")), 1.0, rng.uniform(0, 0.2))
    canvas = Canvas(height, width, ground, crisp=True)
    kinds = (_planes, _planes, _planes, _grid, _grid, _circles, _circles, _stripes, _shards, _facets, _discs)
    kinds[int(rng.integers(len(kinds)))](rng, canvas, palette(rng))
    return canvas.a


def _quad(centre: Array, size: Array, angle: float) -> Array:
    box = cv2.boxPoints(((float(centre[0]), float(centre[1])), (float(size[0]), float(size[1])), angle))
    return np.asarray(box, np.float32)


def _planes(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Rectangles, bars, circles and triangles that float along one or two directions."""
    longest = max(canvas.height, canvas.width)
    turns = rng.uniform(0, 180) + np.array([0, 90, rng.uniform(20, 70)])
    for size in np.sort(rng.pareto(1.3, int(rng.integers(6, 24))))[::-1]:
        centre = rng.uniform(0.1, 0.9, 2) * (canvas.width, canvas.height)
        extent = np.clip(longest * 0.07 * (0.4 + size), 6, longest * 0.45) * np.array(
            [1, rng.choice([1, 0.4, 0.12, 0.05])]
        )
        paint, kind = pick(rng, paints), rng.random()
        if kind < 0.7:
            canvas.polygon(_quad(centre, extent * 1.4, float(rng.choice(turns, p=[0.6, 0.25, 0.15]))), paint)
        elif kind < 0.85:
            canvas.ellipse(tuple(centre), (extent[0] * 0.5, extent[0] * 0.5), paint)
        else:
            canvas.polygon(_quad(centre, np.array([extent[0]] * 2), float(turns[0]))[:3], paint)


def _grid(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Black lines at right angles and a few coloured fields."""
    height, width = canvas.height, canvas.width
    xs = np.sort(np.concatenate([[0, 1], rng.uniform(0.05, 0.95, int(rng.integers(2, 9)))])) * width
    ys = np.sort(np.concatenate([[0, 1], rng.uniform(0.05, 0.95, int(rng.integers(2, 9)))])) * height
    filled = rng.uniform(0.12, 0.6)
    for x1, x2 in pairwise(xs):
        for y1, y2 in pairwise(ys):
            if rng.random() < filled:
                canvas.polygon([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], pick(rng, paints))
    thick = min(height, width) * rng.uniform(0.006, 0.03)
    ink = np.float32(rng.choice([0.06, 0.06, 0.9]))
    for x in xs[1:-1]:
        low, high = sorted(rng.choice(ys, 2, replace=False)) if rng.random() < 0.35 else (0, height)
        canvas.stroke([(x, low), (x, high)], thick * rng.uniform(0.7, 1.4), ink)
    for y in ys[1:-1]:
        low, high = sorted(rng.choice(xs, 2, replace=False)) if rng.random() < 0.35 else (0, width)
        canvas.stroke([(low, y), (high, y)], thick * rng.uniform(0.7, 1.4), ink)


def _circles(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Circles with halos, arcs, chequers and thin lines."""
    height, width = canvas.height, canvas.width
    longest = max(height, width)
    for _ in range(rng.integers(3, 9)):
        centre, radius = rng.uniform(0.1, 0.9, 2) * (width, height), longest * rng.uniform(0.03, 0.22)
        for scale in (1.0, rng.uniform(0.6, 0.9), rng.uniform(0.2, 0.5)):
            canvas.ellipse(tuple(centre), (radius * scale,) * 2, pick(rng, paints), 0, rng.uniform(0.6, 1))
    for _ in range(rng.integers(4, 16)):
        start, end = rng.uniform(-0.1, 1.1, (2, 2)) * (width, height)
        bent = (start + end) / 2 + rng.normal(0, 0.12, 2) * longest * rng.integers(0, 2)
        canvas.stroke(
            curve(np.stack([start, bent, end]), 30), longest * rng.choice([0.003, 0.006, 0.02]), pick(rng, paints) * 0.6
        )
    for _ in range(rng.integers(0, 4)):
        origin, cell, turn = (
            rng.uniform(0.1, 0.8, 2) * (width, height),
            longest * rng.uniform(0.015, 0.035),
            rng.uniform(0, 90),
        )
        for i in range(5):
            for j in range(4):
                if (i + j) % 2:
                    shift = (
                        np.array([i, j])
                        @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
                        * cell
                    )
                    canvas.polygon(_quad(origin + shift, np.array([cell, cell]), np.rad2deg(turn)), pick(rng, paints))


def _stripes(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Stripes that swell, bend or interfere."""
    y, x = axes(canvas.height, canvas.width)
    x = x * canvas.width / canvas.height
    centre = rng.uniform(0, 1, 2)
    kind = choice(rng, ("bend", "rings", "swell", "chevron"))
    bend = rng.uniform(0.02, 0.12) * np.sin((y if kind != "chevron" else x) * rng.uniform(4, 14) + rng.uniform(0, 6))
    field = {
        "bend": x + bend, "rings": np.hypot(x - centre[0], y - centre[1]) + bend * 0.3,
        "swell": x + 0.12 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) * 9) * np.sign(x - centre[0]),
        "chevron": y + np.abs(x - centre[0]) * rng.uniform(-1, 1),
    }[kind]  # fmt: skip
    steps = np.sin(field * rng.uniform(18, 70))
    order = (np.floor(field * rng.uniform(4, 12)) % len(paints)).astype(int)
    second = paints[np.broadcast_to(order, (canvas.height, canvas.width))]
    if rng.random() < 0.6:
        second = np.broadcast_to(pick(rng, paints), second.shape)
    canvas.over(
        np.broadcast_to(smooth(steps, -0.15, 0.15), (canvas.height, canvas.width)), np.asarray(second, np.float32)
    )


def _shards(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Long triangles that meet in one point or cross each other."""
    height, width = canvas.height, canvas.width
    focus = rng.uniform(0.1, 0.9, 2) * (width, height)
    for angle in np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(7, 22)))):
        reach = max(height, width) * rng.uniform(0.3, 1.4)
        spread = rng.uniform(0.03, 0.35)
        points = [focus + rng.normal(0, 6, 2)] + [
            focus + reach * np.array([np.cos(angle + d), np.sin(angle + d)]) for d in (0, spread)
        ]
        canvas.polygon(points, pick(rng, paints), rng.uniform(0.7, 1))


def _facets(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Interlocked planes, each with a lit edge: the cubist manner."""
    height, width = canvas.height, canvas.width
    browns = mix(paints, pick(rng, colours("#8c7458 #6c6c60 #a08c64 #54606c")), rng.uniform(0.2, 0.8))
    canvas.a[:] = ramp(noise(rng, height, width, 3, 3), browns[:3])
    turns = rng.uniform(0, 180, 4)
    for size in np.linspace(0.5, 0.06, int(rng.integers(45, 90))):
        centre = rng.normal(0.5, 0.26, 2) * (width, height)
        extent = max(height, width) * size * rng.uniform(0.4, 1, 2)
        quad = _quad(centre, extent, rng.choice(turns) + rng.normal(0, 6)) + rng.normal(0, extent[1] * 0.14, (4, 2))
        paint = pick(rng, browns)
        canvas.polygon(quad, paint * rng.uniform(0.75, 1.1))
        canvas.polygon(
            np.concatenate([quad[:2], (quad[2:] * 0.35 + quad[1::-1] * 0.65)]),
            mix(paint, 1.0, 0.3),
            0.7,
            extent[1] * 0.06,
        )
        canvas.polygon(
            np.concatenate([quad[2:], (quad[:2] * 0.3 + quad[3:1:-1] * 0.7)]), paint * 0.35, 0.6, extent[1] * 0.05
        )


def _discs(rng: Rng, canvas: Canvas, paints: Array) -> None:
    """Rings cut into sectors of changing colour."""
    height, width = canvas.height, canvas.width
    for _ in range(rng.integers(1, 6)):
        centre, size = rng.uniform(0.05, 0.95, 2) * (width, height), max(height, width) * rng.uniform(0.12, 0.5)
        cuts = int(rng.choice([2, 4, 4, 6]))
        for scale in np.linspace(1, 0.15, int(rng.integers(3, 7))):
            for sector in range(cuts):
                t = np.linspace(0, 2 * np.pi / cuts, 14) + sector * 2 * np.pi / cuts
                arc = centre + size * scale * np.stack([np.cos(t), np.sin(t)], 1)
                canvas.polygon(np.concatenate([[centre], arc]), pick(rng, paints) * rng.uniform(0.85, 1.1))
