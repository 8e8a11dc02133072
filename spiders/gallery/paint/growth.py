"""Things that grow: trees near and far, grass, reeds."""

from __future__ import annotations

import numpy as np

from spiders.gallery.paint.canvas import Array, Canvas, Rng, curve, mix, moved
from spiders.gallery.paint.light import Light


def tree(rng: Rng, canvas: Canvas, hour: Light, kind: str, foot: tuple[float, float], height: float) -> None:
    """One tree of a kind (round, fir, poplar, bare, palm, pine) whose trunk stands at `foot`."""
    {"round": _round, "fir": _fir, "poplar": _poplar, "bare": _bare, "palm": _palm, "pine": _pine}[kind](
        rng, canvas, hour, foot, height
    )


def _trunk(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], height: float, width: float) -> Array:
    x, y = foot
    lean = rng.normal(0, 0.08) * height
    line = curve([(x, y), (x + lean * 0.3, y - height * 0.5), (x + lean, y - height)], 12)
    canvas.stroke(line, np.linspace(width, width * 0.4, 12), mix(hour.rocks[0], hour.leaves[0], 0.5))
    canvas.stroke(moved(line, width * 0.15, 0), np.linspace(width * 0.3, 1, 12), hour.rocks[1], 0.7)
    return line


def _leafage(rng: Rng, canvas: Canvas, hour: Light, centre: tuple[float, float], radii: tuple[float, float]) -> None:
    """A mass of leaves: dark dabs first, lit ones on top and to the light's side."""
    area = max(radii[0] * radii[1], 1)
    count = int(np.clip(area / 4, 14, 130))
    t, r = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.random(count))
    places = np.stack([np.cos(t) * r, np.sin(t) * r], 1)
    lit = np.clip(0.45 - 0.35 * places[:, 1] - 0.15 * places[:, 0] + rng.normal(0, 0.18, count), 0, 0.99)
    order = np.argsort(lit)
    tones = hour.leaves[(lit * len(hour.leaves)).astype(int)] * rng.uniform(0.85, 1.1, (count, 1))
    size = np.sqrt(area) * rng.uniform(0.12, 0.28, (count, 1)) * np.array([1.2, 0.8])
    canvas.dabs((places * radii + centre)[order], size[order], np.clip(tones, 0, 1)[order])


def _round(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], height: float) -> None:
    top = _trunk(rng, canvas, hour, foot, height * 0.6, height * 0.07)[-1]
    for _ in range(rng.integers(2, 5)):
        shift = rng.normal(0, 0.14, 2) * height
        radii = height * rng.uniform(0.16, 0.3), height * rng.uniform(0.12, 0.24)
        _leafage(rng, canvas, hour, (top[0] + shift[0], top[1] - height * 0.1 + shift[1]), radii)


def _poplar(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], height: float) -> None:
    _trunk(rng, canvas, hour, foot, height * 0.3, height * 0.04)
    _leafage(rng, canvas, hour, (foot[0], foot[1] - height * 0.55), (height * rng.uniform(0.07, 0.12), height * 0.45))


def _fir(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], height: float) -> None:
    x, y = foot
    tone = mix(hour.leaves[0], hour.leaves[1], rng.uniform(0, 0.8))
    spread = height * rng.uniform(0.16, 0.26)
    for step in np.linspace(0.08, 0.92, 7):
        half, level = spread * (1.05 - step), y - height * step
        points = [
            (x - half, level),
            (x - half * 0.3, level - height * 0.12),
            (x, level - height * 0.22),
            (x + half * 0.3, level - height * 0.12),
            (x + half, level + height * rng.normal(0, 0.01)),
        ]
        canvas.polygon(points, tone * rng.uniform(0.85, 1.1))
        canvas.polygon([points[2], points[3], points[4], (x + half * 0.3, level)], mix(tone, hour.leaves[2], 0.3), 0.7)


def _pine(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], height: float) -> None:
    line = _trunk(rng, canvas, hour, foot, height * 0.9, height * 0.06)
    for step in rng.uniform(0.55, 1, rng.integers(3, 6)):
        x, y = line[int(step * 11)]
        shift = rng.normal(0, 0.16) * height
        canvas.stroke([(x, y), (x + shift, y - 4)], [height * 0.02, 1], hour.rocks[0])
        _leafage(rng, canvas, hour, (x + shift, y - height * 0.03), (height * 0.2, height * 0.06))


def _bare(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], height: float) -> None:
    tone = mix(hour.rocks[0], hour.leaves[0], 0.4)
    stack: list[tuple[Array, float, float, float]]
    stack = [(np.array(foot), -np.pi / 2 + rng.normal(0, 0.1), height * 0.34, height * 0.06)]
    while stack:
        start, angle, length, width = stack.pop()
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        canvas.stroke(np.stack([start, end]), [width, width * 0.65], tone)
        if length > height * 0.07:
            turns = rng.uniform(0.25, 0.65, 2) * (1, -1)
            stack += [(end, angle + float(turn), length * rng.uniform(0.62, 0.82), width * 0.62) for turn in turns]


def _palm(rng: Rng, canvas: Canvas, hour: Light, foot: tuple[float, float], height: float) -> None:
    top = _trunk(rng, canvas, hour, foot, height * 0.8, height * 0.05)[-1]
    for angle in np.linspace(-0.3, np.pi + 0.3, 9) + rng.normal(0, 0.1, 9):
        reach = height * rng.uniform(0.25, 0.4)
        tip = moved(top, np.cos(angle) * reach, -np.sin(angle) * reach * 0.5 + reach * 0.3)
        middle = moved(top, np.cos(angle) * reach * 0.5, -np.sin(angle) * reach * 0.5 - reach * 0.05)
        line = curve([top, middle, tip], 10)
        canvas.stroke(line, height * 0.05 * np.sin(np.linspace(0.5, np.pi, 10)), hour.leaves[rng.integers(0, 3)])


def grass(rng: Rng, canvas: Canvas, tones: Array, top: float, count: int, size: float) -> None:
    """Blades below `top` (pixels), longer and sparser towards the lower edge."""
    depth = np.sort(rng.random(count)) ** 1.2
    y = top + depth * (canvas.height - top) * 1.05
    starts = np.stack([rng.uniform(0, canvas.width, count), y], 1)
    length = size * (0.2 + depth) * rng.uniform(0.5, 1.3, count)
    ends = starts - np.stack([rng.normal(0, 0.35, count) * length, length], 1)
    canvas.lines(starts, ends, tones[rng.integers(0, len(tones), count)] * rng.uniform(0.8, 1.15, (count, 1)))


def blossoms(rng: Rng, canvas: Canvas, tones: Array, top: float, count: int, size: float) -> None:
    """Small blossoms scattered below `top` in drifts of one colour, larger when nearer."""
    drift = rng.uniform((0, top), (canvas.width, canvas.height), (6, 2))
    which = rng.integers(0, 6, count)
    places = drift[which] + rng.normal(0, 1, (count, 2)) * (canvas.width * 0.2, (canvas.height - top) * 0.18)
    places = places[places[:, 1] > top]
    depth = (places[:, 1] - top) / max(canvas.height - top, 1)
    radii = (size * (0.25 + depth) * rng.uniform(0.6, 1.2, len(places)))[:, None] * (1, 0.8)
    paints = tones[which[: len(places)] % len(tones)] * rng.uniform(0.85, 1.1, (len(places), 1))
    canvas.dabs(places, radii, np.clip(paints, 0, 1))
