"""The geometry of latents: points, ways between them, sums of them, neighbours.

Latents are drawn uniformly from the cube [−1, 1]^100. A straight way between two of them runs through the middle of
the cube, where hardly any were drawn (White 2016, "Sampling Generative Networks"). The spherical way here runs in the
coordinates in which the draw is normal, g = √2·erfinv(z): a great circle there, whose points are as likely as its
ends, and back.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from gan.nets import LATENT_DIM
from gan.sample import fixed_latents
from pipeline.errors import UsageError

Way = Literal["spherical", "linear"]
MOST_SAMPLES = 100_000
JITTER = 0.25  # of the nine neighbours in the paper
_EDGE = 1 - 1e-6  # in normal coordinates the faces of the cube are infinitely far away
_PARALLEL = 1e-6


def of_samples(numbers: list[int], seed: int) -> Tensor:
    """Latents (n, 100) of a run's samples by their numbers; those of its grids are the first ones, row by row.

    `seed` is the run's. Raises UsageError unless 0 ≤ number < 100,000.
    """
    if wrong := [number for number in numbers if not 0 <= number < MOST_SAMPLES]:
        raise UsageError(f"There is no sample {wrong[0]}: samples are numbered from 0 to {MOST_SAMPLES - 1:,}.")
    return fixed_latents(max(numbers, default=-1) + 1, seed)[numbers]


def to_normal(latents: Tensor) -> Tensor:
    """Uniform coordinates to normal ones; what lies outside the cube is moved to its faces."""
    return 2**0.5 * torch.erfinv(latents.double().clamp(-_EDGE, _EDGE))


def from_normal(points: Tensor) -> Tensor:
    """Normal coordinates to uniform ones, float32 within [−1, 1]."""
    return torch.erf(points / 2**0.5).float()


def lerp(a: Tensor, b: Tensor, shares: Tensor) -> Tensor:
    """Points (n, d) on the straight line from `a` to `b`, both (d,), at `shares` (n,) of the way."""
    return a + shares[:, None] * (b - a)


def slerp(a: Tensor, b: Tensor, shares: Tensor) -> Tensor:
    """Points (n, d) on the arc from `a` to `b` at even angles, the length going evenly from one's to the other's.

    Where both lie in one direction, or in opposite ones, no arc is the shortest: a straight line then.
    """
    lengths = a.norm(), b.norm()
    if min(lengths) == 0:
        return lerp(a, b, shares)
    u, v = a / lengths[0], b / lengths[1]
    angle = 2 * torch.atan2((u - v).norm(), (u + v).norm())
    if torch.sin(angle) < _PARALLEL:
        return lerp(a, b, shares)
    t = shares[:, None]
    arc: Tensor = (torch.sin((1 - t) * angle) * u + torch.sin(t * angle) * v) / torch.sin(angle)
    length: Tensor = lengths[0] + t * (lengths[1] - lengths[0])
    return arc * length


def between(a: Tensor, b: Tensor, shares: Tensor, way: Way) -> Tensor:
    """Latents (n, 100) on the way from one to the other; the ends are the ends exactly."""
    made = lerp(a, b, shares) if way == "linear" else from_normal(slerp(to_normal(a), to_normal(b), shares.double()))
    made = torch.where(shares[:, None] == 0, a, made)
    return torch.where(shares[:, None] == 1, b, made)


def walk(points: Tensor, steps: int, way: Way, loop: bool = False) -> Tensor:
    """A way through `points` (k, 100) with `steps` steps from each to the next: every point is on it once.

    With `loop` it leads back to the first point, which then is not repeated at its end: films go round.
    Raises UsageError for fewer than two points.
    """
    if len(points) < 2:
        raise UsageError("A walk needs two points or more: name samples, such as 3,17,42, or names.")
    stops = [*points, points[0]] if loop else list(points)
    shares = torch.arange(steps, dtype=torch.float64).div(steps).float()
    legs = [between(a, b, shares, way) for a, b in pairwise(stops)]
    return torch.cat(legs if loop else [*legs, stops[-1][None]])


def plane(corners: Tensor, rows: int, columns: int, way: Way) -> Tensor:
    """Latents (rows·columns, 100) between four corners (4, 100): top left, top right, bottom left, bottom right."""
    down, across = torch.linspace(0, 1, rows), torch.linspace(0, 1, columns)
    left, right = between(corners[0], corners[2], down, way), between(corners[1], corners[3], down, way)
    return torch.cat([between(a, b, across, way) for a, b in zip(left, right, strict=True)])


def mixed(terms: list[tuple[int, Tensor]]) -> Tensor:
    """The sum (100,) of the means of groups of latents (n, 100), each added (1) or subtracted (−1)."""
    total = torch.zeros(LATENT_DIM)
    for sign, latents in terms:
        total = total + sign * latents.mean(0)
    return total


def neighbours(latent: Tensor, seed: int = 0, jitter: float = JITTER) -> Tensor:
    """Nine latents (9, 100), `latent` in the middle and eight around it, moved by up to `jitter` in each dimension."""
    noise = torch.rand(9, LATENT_DIM, generator=torch.Generator().manual_seed(seed)).mul_(2).sub_(1)
    noise[4] = 0
    return latent + jitter * noise
