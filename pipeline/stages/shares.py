"""Near hashes of a large corpus: the search shared out among all workers, the same pairs from any number of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.vision.matching import Join, Pairs, joined, together
from pipeline.vision.multiindex import Hashes

_FEW = 1_000_000  # hashes are joined here sooner than they reach a worker

Spread = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]
"""Gives the results of a function over items, in their order."""


@dataclass(frozen=True)
class Part:
    """One of `share[1]` parts of a join, for a worker; `right` is None where hashes are joined with themselves."""

    left: Hashes
    right: Hashes | None
    radius: int
    share: tuple[int, int]


def shared(spread: Spread, workers: int) -> Join:
    """A join that `spread` does side by side, a part for each worker, where there are a million hashes or more."""

    def near(left: Hashes, right: Hashes, radius: int) -> Pairs:
        if workers < 2 or len(left) + len(right) < _FEW:
            return joined(left, right, radius)
        other = None if right is left else right
        return together(list(spread(join_part, [Part(left, other, radius, (k, workers)) for k in range(workers)])))

    return near


def join_part(part: Part) -> Pairs:
    """What a worker does with a part."""
    return joined(part.left, part.left if part.right is None else part.right, part.radius, part.share)
