"""How far made pictures are from real ones: pure functions on features (n, d), which `gan.spaces` makes.

A figure means something only in its space and beside its floor, the same figure of real pictures against other
real ones: so names carry the space (`kid-efflite0@64`), and `gan.measure` prints the floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError

Features = NDArray[np.float32]
Floats = NDArray[np.float64]

KID_SUBSETS = 20
KID_SUBSET = 1000
FRECHET_LEAST = 5000
_BLOCK = 512  # rows of a table of distances that are in memory at once
_NEAR_ZERO = 1e-12  # squared distances below this share of the squared lengths are rounding: equal features


@dataclass(frozen=True)
class Kid:
    """Kernel distance: its mean over subsets, and the standard deviation among them."""

    mean: float
    sd: float


@dataclass(frozen=True)
class Prdc:
    """Shares 0…1; `density` may exceed 1."""

    precision: float
    """Of fakes that lie among the reals."""
    recall: float
    """Of reals that lie among the fakes."""
    density: float
    """How many neighbourhoods of reals a fake lies in, of those expected."""
    coverage: float
    """Of reals that have a fake nearer than their k-th nearest real."""


def kid(
    a: NDArray[Any],
    b: NDArray[Any],
    subsets: int = KID_SUBSETS,
    subset_size: int | None = None,
    rng: np.random.Generator | None = None,
) -> Kid:
    """Kernel Inception Distance of Bińkowski et al. 2018: the squared maximum mean discrepancy under (x·y/d + 1)³.

    The unbiased estimate: around 0 for equal distributions at any number of pictures, and at times a little below.
    Mean and deviation over `subsets` draws of `subset_size` features from each side; by default half of the smaller
    side, at most 1,000, so that draws differ and the deviation says something. Without `rng` the draws are always
    the same. Raises ValueError for arrays of other widths, fewer than four features, or too large subsets.
    """
    _check(a, b)
    least = min(len(a), len(b))
    size = min(KID_SUBSET, least // 2) if subset_size is None else subset_size
    if not 2 <= size <= least:
        raise ValueError(f"subsets of {size} cannot be drawn from {least} features")
    rng = rng or np.random.default_rng(0)
    draws = []
    for _ in range(subsets):
        some_a, some_b = rng.choice(len(a), size, replace=False), rng.choice(len(b), size, replace=False)
        draws.append(_mmd(a[some_a], b[some_b]))
    return Kid(float(np.mean(draws)), float(np.std(draws)))


def _mmd(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Unbiased squared discrepancy of as many `a` as `b`: the diagonals of the inner sums are left out."""
    n = len(a)
    inner = sum(float(_kernel(x, x).sum() - _kernel_diagonal(x).sum()) for x in (a, b))
    return inner / (n * (n - 1)) - 2 * float(_kernel(a, b).mean())


def _kernel(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    return _cubed((a @ b.T).astype(np.float64), a.shape[1])


def _kernel_diagonal(a: NDArray[Any]) -> Floats:
    return _cubed(np.einsum("ij,ij->i", a, a, dtype=np.float64), a.shape[1])


def _cubed(products: Floats, width: int) -> Floats:
    products /= width
    products += 1
    cubed: Floats = products**3
    return cubed


def prdc(reals: NDArray[Any], fakes: NDArray[Any], k: int = 3) -> Prdc:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    A neighbourhood is the ball around a feature that ends at its `k`-th nearest other of the same side. Recall and
    coverage fall with the number of fakes, so compare equal numbers only. Exact copies have balls of radius 0:
    recall 0 with density 1 means copies. Raises ValueError for arrays of other widths or no more than `k` features.
    """
    _check(reals, fakes)
    if min(len(reals), len(fakes)) <= k:
        raise ValueError(f"{k} neighbours need more than {k} features on each side")
    reals, fakes = _centred(reals, fakes)
    real_radii, fake_radii = _radii(reals, k), _radii(fakes, k)
    inside = 0  # pairs of a fake and a real whose ball holds it
    precise = np.zeros(len(fakes), bool)
    recalled, covered = np.zeros(len(reals), bool), np.zeros(len(reals), bool)
    for rows, distances in _blocks(fakes, reals):
        near = distances < real_radii
        inside += int(near.sum())
        precise[rows] = near.any(axis=1)
        covered |= near.any(axis=0)
        recalled |= (distances < fake_radii[rows, None]).any(axis=0)
    return Prdc(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        density=inside / (k * len(fakes)),
        coverage=float(covered.mean()),
    )


def nearest(fakes: NDArray[Any], reals: NDArray[Any]) -> tuple[Floats, NDArray[np.int64]]:
    """The distance (n,) of each fake to the real that is nearest to it, and that one's number (n,)."""
    _check(fakes, reals)
    fakes, reals = _centred(fakes, reals)
    near, which = np.empty(len(fakes)), np.empty(len(fakes), np.int64)
    for rows, distances in _blocks(fakes, reals):
        which[rows] = distances.argmin(axis=1)
        near[rows] = distances.min(axis=1)
    return np.sqrt(near), which


def nearest_other(features: NDArray[Any], among: NDArray[Any] | None = None) -> Floats:
    """The distance (n,) of each feature to the nearest other one.

    With `among` (n, d), the same pictures in another form (mirrored), to the nearest of those that is not its own.
    """
    centred, others = _centred(features, features if among is None else among)
    return np.sqrt(_radii(centred, 1, others))


def frechet(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Fréchet distance of the two Gaussians with the means and covariances of `a` and `b` (Heusel et al. 2017).

    Biased: reals against reals are far from 0, and farther the fewer they are. So under 5,000 features on either
    side it raises UsageError; take `kid` there. Raises ValueError for arrays of other widths.
    """
    _check(a, b)
    if min(len(a), len(b)) < FRECHET_LEAST:
        raise UsageError(
            f"A Fréchet distance of {min(len(a), len(b)):,} pictures says more of their number than of their quality:"
            f" give {FRECHET_LEAST:,} on each side, or look at the kernel distance."
        )
    mean_a, mean_b = a.mean(axis=0, dtype=np.float64), b.mean(axis=0, dtype=np.float64)
    spread_a, spread_b = _covariance(a, mean_a), _covariance(b, mean_b)
    # tr √(AB) is the sum of the roots of the eigenvalues of √A B √A, which is symmetric.
    values, vectors = np.linalg.eigh(spread_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ spread_b @ root).clip(0)).sum()
    difference = mean_a - mean_b
    return float(difference @ difference + np.trace(spread_a) + np.trace(spread_b) - 2 * shared)


def _covariance(features: NDArray[Any], mean: Floats) -> Floats:
    """By blocks, so that no second copy of the features is made."""
    total = np.zeros((features.shape[1], features.shape[1]))
    for start in range(0, len(features), _BLOCK):
        centred = features[start : start + _BLOCK] - mean
        total += centred.T @ centred
    return total / (len(features) - 1)


def _check(a: NDArray[Any], b: NDArray[Any]) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features must be (n, d) with the same d, not {a.shape} and {b.shape}")


def _centred(a: NDArray[Any], b: NDArray[Any]) -> tuple[Floats, Floats]:
    """Both moved by the mean of `a`, in float64: distances stay, and little is lost in their sums."""
    mean = a.mean(axis=0, dtype=np.float64)
    return a - mean, b - mean


def _radii(features: Floats, k: int, among: Floats | None = None) -> Floats:
    """Squared distance (n,) of each to its k-th nearest other."""
    found = np.empty(len(features))
    for rows, distances in _blocks(features, features if among is None else among):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.start + len(distances))] = np.inf
        found[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return found


def _blocks(a: Floats, b: Floats) -> Iterator[tuple[slice, Floats]]:
    """Squared distances of some rows of `a` to all of `b`, block by block, with the rows they are of."""
    lengths = np.einsum("ij,ij->i", b, b)
    for start in range(0, len(a), _BLOCK):
        rows = slice(start, start + _BLOCK)
        sums = np.einsum("ij,ij->i", a[rows], a[rows])[:, None] + lengths
        distances = sums - 2 * (a[rows] @ b.T)
        distances[distances < _NEAR_ZERO * sums] = 0.0
        yield rows, distances
