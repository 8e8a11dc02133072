"""The geometry of charts drawn as inline SVG: bars, curves and hashes. Pure functions from numbers to paths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 200
_LEFT, _BOTTOM, _TOP, _RIGHT = 60, 24, 8, 8
_POINTS = 240
_APART = 1e-3
_OUTLIERS = 200  # one value in so many may lie above the box
_ROUND = (1, 2, 5, 10)
FRAME = 176  # pixels on the longer side of the frames that `schema.SELECTED` has its models in


@dataclass(frozen=True)
class Segment:
    """A part of a bar that is 100 units wide: where it starts, how wide it is, what it stands for."""

    label: str
    count: int
    start: float
    width: float


@dataclass(frozen=True)
class Chart:
    """Curves in a box of `WIDTH` × `HEIGHT`: SVG paths by name, and the ticks (text, position in pixels)."""

    curves: Mapping[str, str]
    x_ticks: Sequence[tuple[str, float]]
    y_ticks: Sequence[tuple[str, float]]


def segments(parts: Sequence[tuple[str, int]], total: int | None = None) -> list[Segment]:
    """Parts of a bar side by side, in proportion to `total` (default: their sum)."""
    whole = max(total if total is not None else sum(count for _, count in parts), 1)
    made, start = [], 0.0
    for label, count in parts:
        width = 100 * count / whole
        made.append(Segment(label, count, round(start, 3), round(width, 3)))
        start += width
    return made


def chart(x: Sequence[float], series: Mapping[str, Sequence[float]]) -> Chart | None:
    """Curves of `series` over `x`, which rises; None when there are fewer than two points apart."""
    if len(x) < 2 or not series or x[-1] - x[0] < _APART:
        return None
    values = sorted(v for curve in series.values() for v in curve)
    low, high = min(0.0, values[0]), max(values[-1 - len(values) // _OUTLIERS], values[0] + 1e-6, 1e-6)
    across, down = (WIDTH - _LEFT - _RIGHT) / (x[-1] - x[0]), (HEIGHT - _TOP - _BOTTOM) / (high - low)

    def at(a: float, b: float) -> tuple[float, float]:
        return round(_LEFT + (a - x[0]) * across, 1), round(_TOP + (high - min(b, high)) * down, 1)

    every = max(1, len(x) // _POINTS)
    curves = {}
    for name, curve in series.items():
        points = [at(x[i], _mean(curve[i : i + every])) for i in range(0, len(x), every)]
        curves[name] = "M" + "L".join(f"{a:g} {b:g}" for a, b in points)
    return Chart(
        curves,
        [(f"{tick:g}", at(tick, low)[0]) for tick in ticks(x[0], x[-1], 6)],
        [(f"{tick:g}", at(x[0], tick)[1]) for tick in ticks(low, high, 4)],
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers from `low` to `high`, at most about `count` of them and at least one (`count` 3 or more)."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(factor for factor in _ROUND if raw <= factor * power * (1 + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def squares(bits: int) -> str:
    """An SVG path with a unit square for each set bit of a 64-bit number, in rows of 8, highest bit first."""
    return "".join(f"M{i % 8} {i // 8}h1v1h-1z" for i in range(64) if bits >> (63 - i) & 1)


def same_scale(sizes: Sequence[tuple[int, int]], longest: int, shortest: int = 24) -> list[tuple[int, int]]:
    """Sizes on the page that keep the proportions between pictures: the longest side of all is `longest`.

    A picture that would be too small to see is shown with a longer side of `shortest`.
    """
    scale = longest / max((max(size) for size in sizes), default=1)
    made = []
    for width, height in sizes:
        factor = max(scale, shortest / max(width, height))
        made.append((max(1, round(width * factor)), max(1, round(height * factor))))
    return made


@dataclass(frozen=True)
class Overlay:
    """A kept picture laid over its copy in a frame of `width` × `height`: its own size there and an SVG transform."""

    width: float
    height: float
    over: tuple[float, float]
    transform: str


def overlay(kept: tuple[int, int], copy: tuple[int, int], model: Sequence[float] | None, words: str) -> Overlay:
    """How to draw the kept picture over the copy, both given as width and height in pixels.

    `model` is that of `schema.SELECTED`, in frames 176 pixels long; without one the kept picture is stretched to fit.
    """
    (width, height), own = _framed(copy), _framed(kept)
    if model is None or len(model) != 6 or not all(math.isfinite(number) for number in model):
        return Overlay(width, height, own, f"scale({width / own[0]:.5f} {height / own[1]:.5f})")
    a, b, c, d, e, f = model
    mirrored = f" translate({own[0]:.3f} 0) scale(-1 1)" if words.startswith("mirrored") else ""
    return Overlay(width, height, own, f"matrix({a:.6f} {d:.6f} {b:.6f} {e:.6f} {c:.4f} {f:.4f}){mirrored}")


def _framed(size: tuple[int, int]) -> tuple[float, float]:
    scale = min(1.0, FRAME / max(size))
    return round(size[0] * scale, 3), round(size[1] * scale, 3)
