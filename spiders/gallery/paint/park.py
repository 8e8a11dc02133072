"""Out of doors in dots: parks, riversides, coasts and towns for the pointillists."""

from __future__ import annotations

import numpy as np

from spiders.gallery.paint.canvas import Array, Canvas, Rng, mix
from spiders.gallery.paint.land import landscape
from spiders.gallery.paint.sea import seascape
from spiders.gallery.paint.town import cityscape

SCENES = (landscape, landscape, seascape, cityscape)


def park(rng: Rng, height: int, width: int) -> Array:
    """A view with people who stroll, sit and carry parasols."""
    canvas = Canvas(height, width)
    scene = SCENES[int(rng.integers(len(SCENES)))]
    canvas.a[:] = mix(scene(rng, height, width), (0.9, 0.86, 0.74), rng.uniform(0.02, 0.14))
    ground = rng.uniform(0.6, 0.85)
    people = 0 if scene is seascape else int(rng.integers(0, 9))
    for depth in np.sort(rng.uniform(0, 1, people)):
        place = rng.uniform(0.04, 0.96) * width, height * (ground + (1.05 - ground) * depth)
        stroller(rng, canvas, place, height * (0.1 + 0.3 * depth) * rng.uniform(0.8, 1.2))
    return canvas.a


def stroller(rng: Rng, canvas: Canvas, foot: tuple[float, float], size: float) -> None:
    """A figure seen from the side, often with a parasol."""
    x, y = foot
    turn = float(rng.choice([-1, 1]))
    dress = np.clip(rng.uniform(0.15, 0.85) * rng.uniform(0.6, 1.3, 3), 0, 1).astype(np.float32)
    place = np.array([x, y])

    def part(points: list[tuple[float, float]]) -> Array:
        return np.asarray(np.array(points) * (turn * size, size) + place, np.float32)

    canvas.ellipse((x + turn * size * 0.3, y), (size * 0.4, size * 0.05), (0.2, 0.16, 0.3), 0, 0.5)
    canvas.polygon(
        part([(-0.16, 0), (0.15, 0), (0.07, -0.5), (0.1, -0.78), (-0.08, -0.78), (-0.06, -0.5), (-0.24, -0.25)]), dress
    )
    canvas.polygon(part([(-0.16, 0), (-0.02, 0), (-0.01, -0.5), (-0.24, -0.25)]), dress * 0.65)
    canvas.ellipse((x + turn * size * 0.01, y - size * 0.87), (size * 0.06, size * 0.075), (0.85, 0.66, 0.54))
    canvas.ellipse((x, y - size * 0.94), (size * 0.12, size * 0.035), dress * 0.5)
    if rng.random() < 0.55:
        cover = np.clip(rng.uniform(0.5, 1, 3), 0, 1).astype(np.float32)
        canvas.stroke(part([(0.1, -0.6), (0.16, -1.15)]), max(1.0, size * 0.02), (0.3, 0.2, 0.15))
        canvas.polygon(part([(-0.2, -1.0), (-0.1, -1.16), (0.16, -1.24), (0.4, -1.14), (0.5, -1.0)]), cover)
        canvas.polygon(part([(0.16, -1.0), (0.16, -1.24), (0.4, -1.14), (0.5, -1.0)]), cover * 0.75)
