"""Numbers of themes that go on: each new theme continues the old one it shares most pictures with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline.vision.clustering import Labels


@dataclass(frozen=True)
class Renumbered:
    """`new` gives each fitted number its lasting one; `continued` those that go on, with the share of the old theme's
    pictures that stayed; `begun` are new, `ended` gone; `moved` of `pictures` known to both changed their theme."""

    new: dict[int, int]
    continued: dict[int, float]
    begun: list[int]
    ended: list[int]
    moved: int
    pictures: int

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def renumber(old: Labels, fitted: Labels, free: int) -> Renumbered:
    """Match themes of the same n pictures so that as many as can be keep their number (Kuhn, 1955).

    `old` and `fitted` (n,) int32, negative for none; themes that continue none get numbers from `free` on.
    """
    from scipy.optimize import linear_sum_assignment

    numbers = np.unique(fitted[fitted >= 0])
    known = np.unique(old[old >= 0])
    both = (old >= 0) & (fitted >= 0)
    shared = np.zeros((len(numbers), len(known)), np.int64)
    np.add.at(shared, (np.searchsorted(numbers, fitted[both]), np.searchsorted(known, old[both])), 1)
    pairs = [(i, j) for i, j in zip(*linear_sum_assignment(-shared), strict=True) if shared[i, j]]
    new = {int(numbers[i]): int(known[j]) for i, j in pairs}
    begun = [int(number) for number in numbers if number not in new]
    new |= {number: free + place for place, number in enumerate(begun)}
    size = {int(number): int((old == number).sum()) for number in known}
    continued = {int(known[j]): round(float(shared[i, j] / size[int(known[j])]), 4) for i, j in pairs}
    moved = int(both.sum()) - sum(int(shared[i, j]) for i, j in pairs)
    ended = sorted(int(number) for number in known if number not in continued)
    return Renumbered(new, continued, [new[number] for number in begun], ended, moved, int(both.sum()))
