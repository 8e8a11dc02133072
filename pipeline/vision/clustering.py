"""Themes among feature vectors: spherical k-means, and the theme nearest to a vector."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float32]
Labels = NDArray[np.int32]

RESTARTS = 5
ITERATIONS = 100
SAMPLE = 20_000
"""Restarts compete on at most so many vectors; the best goes on with all."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def on_one_thread(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """`function`, on one thread: its sums are the same, to the bit, however many linear algebra would use."""

    @wraps(function)
    def limited(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with threadpool_limits(1):
            return function(*args, **kwargs)

    return limited


@on_one_thread
def spherical_kmeans(vectors: Floats, k: int, seed: int) -> tuple[Floats, Labels, Floats]:
    """Part vectors (n, d) into k clusters by direction (Dhillon and Modha, 2001).

    Returns the centres (float32 (k, d), unit length), and for each vector its cluster (int32, 0 the largest)
    and its distance (float32, 1 - cosine, 0 to 2) to that centre. Best of five greedy k-means++ starts
    (Arthur and Vassilvitskii, 2007); no cluster is empty. The same input and seed give the same bits on one
    kind of processor. Raises ValueError when there are fewer different directions than k,
    or a vector of length 0.
    """
    if k < 1:
        raise ValueError(f"k is {k}, but there must be at least one cluster")
    if k > len(vectors):
        raise ValueError(f"k is {k}, but there are only {len(vectors)} vectors")
    units = unit(vectors)
    if not units.any(axis=1).all():
        raise ValueError("a vector of length 0 has no direction")
    rng = np.random.default_rng(seed)
    few = units if len(units) <= SAMPLE else units[np.sort(rng.choice(len(units), SAMPLE, replace=False))]
    starts = [_settle(few, _spread_out(few, k, rng)) for _ in range(RESTARTS)]
    centres, _ = max(starts, key=lambda start: start[1])
    if len(few) < len(units):
        centres, _ = _settle(units, centres)
    labels = (units @ centres.T).argmax(axis=1)
    order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
    centres = np.ascontiguousarray(centres[order])
    return centres, *_assigned(units, centres)


def parted(vectors: Floats, k: int, seed: int) -> Labels:
    """The parts (n,) of `spherical_kmeans`; a vector of length 0 goes by its first direction, and where there are fewer
    different directions than k there are fewer parts."""
    units = unit(vectors)
    units[~units.any(axis=1), 0] = 1
    try:
        return spherical_kmeans(units, k, seed)[1]
    except ValueError:
        return spherical_kmeans(units, min(k, len(np.unique(units.round(2), axis=0))), seed)[1]


@on_one_thread
def assign(vectors: Floats, centres: Floats) -> tuple[Labels, Floats]:
    """The nearest of the centres (k, d), unit length, for each vector (n, d): cluster (int32) and distance."""
    return _assigned(unit(vectors), centres)


def _assigned(units: Floats, centres: Floats) -> tuple[Labels, Floats]:
    cosines = units @ centres.T
    labels = cosines.argmax(axis=1)
    return labels.astype(np.int32), np.clip(1 - cosines[np.arange(len(units)), labels], 0, 2)


def unit(vectors: Floats) -> Floats:
    """Each row at length 1; rows of zeros stay."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Floats = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return units


def _spread_out(units: Floats, k: int, rng: np.random.Generator) -> Floats:
    """First centres: each the best of a few drawn with a chance that grows with the distance to those before."""
    trials = 2 + int(np.log(k))
    chosen = [int(rng.integers(len(units)))]
    distance = _apart(units @ units[chosen[0]])
    while len(chosen) < k:
        total = distance.sum()
        if total == 0:
            raise ValueError(f"k is {k}, but there are only {len(chosen)} different vectors")
        drawn = np.searchsorted(distance.cumsum(), rng.random(trials) * total).clip(max=len(units) - 1)
        rivals = np.minimum(distance, _apart(units[drawn] @ units.T))
        best = int(rivals.sum(axis=1).argmin())
        chosen.append(int(drawn[best]))
        distance = rivals[best]
    return units[chosen]


def _apart(cosines: Floats) -> NDArray[np.float64]:
    """1 - cosine, and exactly 0 for what differs by no more than rounding does."""
    distance = 1 - cosines.astype(np.float64)
    return np.where(distance > 1e-6, distance, 0.0)


def _settle(units: Floats, centres: Floats) -> tuple[Floats, float]:
    """Lloyd's iterations until no vector moves; the centres, and the sum of cosines to them."""
    labels = np.full(len(units), -1)
    for _ in range(ITERATIONS):
        cosines = units @ centres.T
        moved = cosines.argmax(axis=1)
        best = cosines[np.arange(len(units)), moved]
        moved = _repaired(moved, best, len(centres))
        if np.array_equal(moved, labels):
            break
        labels = moved
        centres = unit(np.stack([units[labels == cluster].sum(axis=0) for cluster in range(len(centres))]))
    return centres, float(best.sum(dtype=np.float64))


def _repaired(labels: NDArray[np.int64], cosines: Floats, k: int) -> NDArray[np.int64]:
    """Give each empty cluster the vector that fits worst where it is and is not alone there."""
    sizes = np.bincount(labels, minlength=k)
    empty = np.flatnonzero(sizes == 0)
    worst = iter(np.argsort(cosines, kind="stable"))
    for cluster in empty:
        vector = next(v for v in worst if sizes[labels[v]] > 1)
        sizes[labels[vector]] -= 1
        labels[vector] = cluster
        sizes[cluster] = 1
    return labels
