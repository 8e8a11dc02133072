"""Figures of made pictures, against formulas written out anew, closed forms and what must hold of any features."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gan.metrics import Features, frechet, kid, nearest, nearest_other, prdc
from pipeline.errors import UsageError

SEEDS = st.integers(0, 2**32 - 1)


def normal(count: int, width: int, seed: int, mean: float = 0.0, sd: float = 1.0) -> Features:
    return np.random.default_rng(seed).normal(mean, sd, (count, width)).astype(np.float32)


def kernel_distance_by_the_book(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Gretton et al. 2012, lemma 6, pair by pair."""

    def k(x: NDArray[Any], y: NDArray[Any]) -> float:
        return float((float(x @ y) / len(x) + 1) ** 3)

    n = len(a)
    within = sum(k(s[i], s[j]) for s in (a, b) for i, j in product(range(n), repeat=2) if i != j)
    return within / (n * (n - 1)) - 2 * sum(k(x, y) for x in a for y in b) / n**2


def prdc_by_the_book(reals: NDArray[Any], fakes: NDArray[Any], k: int) -> tuple[float, float, float, float]:
    """The definitions, ball by ball."""

    def radius(side: NDArray[Any], index: int) -> float:
        return float(sorted(np.linalg.norm(side[index] - other) for other in np.delete(side, index, axis=0))[k - 1])

    real_radii = [radius(reals, index) for index in range(len(reals))]
    fake_radii = [radius(fakes, index) for index in range(len(fakes))]
    inside = np.array([[np.linalg.norm(y - x) < r for x, r in zip(reals, real_radii, strict=True)] for y in fakes])
    around = np.array([[np.linalg.norm(y - x) < r for x in reals] for y, r in zip(fakes, fake_radii, strict=True)])
    return (
        float(inside.any(axis=1).mean()),
        float(around.any(axis=0).mean()),
        float(inside.sum() / (k * len(fakes))),
        float(inside.any(axis=0).mean()),
    )


# kernel distance


@given(SEEDS, st.integers(2, 12), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_kid_is_the_formula(seed: int, count: int, width: int) -> None:
    a, b = normal(count, width, seed), normal(count, width, seed + 1, mean=0.5)
    found = kid(a, b, subsets=1, subset_size=count)
    assert found.mean == pytest.approx(kernel_distance_by_the_book(a, b), rel=1e-4, abs=1e-4)
    assert found.sd == 0.0


@pytest.mark.parametrize("count", [60, 600])
def test_kid_of_one_distribution_is_unbiased_whatever_the_number(count: int) -> None:
    found = [kid(normal(count, 16, 2 * seed), normal(count, 16, 2 * seed + 1)).mean for seed in range(40)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))
    assert np.std(found) < 6 / count


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_kid_tells_two_distributions_apart(seed: int) -> None:
    one, other = normal(600, 16, seed), normal(600, 16, seed + 1)
    assert abs(kid(one, other).mean) < 0.1 < 3 < kid(one, other + 1).mean


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_kid_is_symmetric(seed: int) -> None:
    a, b = normal(40, 8, seed), normal(40, 8, seed + 1, mean=0.3)
    there, back = kid(a, b, subsets=1, subset_size=40), kid(b, a, subsets=1, subset_size=40)
    assert there.mean == pytest.approx(back.mean, abs=1e-5)


def test_kid_draws_the_same_again() -> None:
    a, b = normal(100, 8, 0), normal(90, 8, 1)
    assert kid(a, b) == kid(a, b)
    assert kid(a, b) != kid(a, b, rng=np.random.default_rng(1))
    assert kid(a, b).sd > 0, "subsets of half the pictures differ"


@pytest.mark.parametrize("size", [0, 1, 11])
def test_kid_refuses_subsets_that_cannot_be_drawn(size: int) -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        kid(normal(10, 4, 0), normal(20, 4, 1), subset_size=size)


# neighbourhoods


@given(SEEDS, st.integers(5, 14), st.integers(5, 14), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_prdc_is_the_definition(seed: int, reals: int, fakes: int, k: int) -> None:
    a, b = normal(reals, 3, seed), normal(fakes, 3, seed + 1, mean=0.5)
    found = prdc(a, b, k)
    wanted = prdc_by_the_book(a.astype(np.float64), b.astype(np.float64), k)
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(wanted)


@given(SEEDS, st.floats(-3, 3), st.floats(0.1, 3))
@settings(max_examples=30, deadline=None)
def test_prdc_stays_in_its_bounds(seed: int, mean: float, sd: float) -> None:
    found = prdc(normal(30, 4, seed), normal(25, 4, seed + 1, mean, sd))
    assert 0 <= found.precision <= 1 and 0 <= found.recall <= 1 and 0 <= found.coverage <= 1
    assert 0 <= found.density <= 30 / 3
    assert found.precision >= found.density * 3 / 30, "each precise fake lies in at most all balls"


def test_prdc_of_the_same_features_far_away_is_nothing() -> None:
    reals = normal(50, 4, 0)
    far = prdc(reals, reals + 1000)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)


def test_prdc_across_more_than_one_block() -> None:
    reals, fakes = normal(1100, 5, 0), normal(1100, 5, 1)
    found = prdc(reals, fakes)
    assert found.coverage > 0.8 and 0.8 < found.density < 1.2
    mixed = np.random.default_rng(0).permutation(1100)
    assert prdc(reals[mixed], fakes[mixed[::-1]]) == found, "the order does not matter"


def test_narrow_fakes_are_precise_and_miss_much() -> None:
    reals, fair, narrow = normal(400, 8, 0), normal(400, 8, 1), normal(400, 8, 2, sd=0.3)
    plain, blurred = prdc(reals, fair), prdc(reals, narrow)
    assert blurred.precision > plain.precision and blurred.density > plain.density
    assert blurred.recall < plain.recall and blurred.coverage < plain.coverage


def test_missing_kinds_lower_coverage_and_recall() -> None:
    def kinds(wanted: list[int], seed: int) -> Features:
        return np.concatenate([normal(300 // len(wanted), 6, seed + kind, mean=20.0 * kind) for kind in wanted])

    reals = kinds([0, 1, 2], 0)
    whole, part = prdc(reals, kinds([0, 1, 2], 10)), prdc(reals, kinds([0], 20))
    assert part.coverage <= 1 / 3 < whole.coverage
    assert part.recall <= 1 / 3 < whole.recall
    assert part.precision > 0.5, "what is made is fine"


def test_exact_copies_have_density_one_and_no_recall() -> None:
    reals = normal(200, 16, 0)
    found = prdc(reals, np.repeat(reals[:20], 10, axis=0))
    assert found.recall == 0 and found.precision == 1


@pytest.mark.parametrize(("a", "b"), [((4, 3), (4, 2)), ((4,), (4,)), ((3, 2), (9, 2))])
def test_prdc_refuses_what_it_cannot_compare(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="features"):
        prdc(np.zeros(a, np.float32), np.zeros(b, np.float32))


# nearest


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_nearest_finds_the_nearest(seed: int) -> None:
    fakes, reals = normal(20, 3, seed), normal(30, 3, seed + 1)
    table = np.linalg.norm(fakes[:, None].astype(np.float64) - reals, axis=2)
    distance, which = nearest(fakes, reals)
    assert distance == pytest.approx(table.min(axis=1), abs=1e-6)
    assert np.array_equal(which, table.argmin(axis=1))


def test_a_copy_is_at_distance_nought() -> None:
    reals = normal(50, 1280, 0, mean=5)
    distance, which = nearest(reals[::2], reals)
    assert not distance.any() and np.array_equal(which, np.arange(0, 50, 2))
    assert nearest_other(reals).min() > 1
    assert nearest_other(np.repeat(reals, 2, axis=0)).max() == 0


def test_nearest_other_among_does_not_take_its_own() -> None:
    features = np.array([[0.0], [1.0], [5.0]])
    assert nearest_other(features, features).tolist() == [1, 1, 4]
    assert nearest_other(features, features[::-1]).tolist() == [0, 1, 0]


# Fréchet distance


def test_frechet_of_gaussians_is_the_closed_form() -> None:
    """For diagonal covariances: |μ₁ − μ₂|² + Σ (σ₁ − σ₂)²."""
    a, b = normal(40_000, 4, 0, mean=0, sd=1), normal(40_000, 4, 1, mean=2, sd=3)
    assert frechet(a, b) == pytest.approx(4 * 2**2 + 4 * (3 - 1) ** 2, rel=0.02)


@given(SEEDS)
@settings(max_examples=5, deadline=None)
def test_frechet_does_not_mind_a_rotation(seed: int) -> None:
    a, b = normal(5000, 5, seed), normal(5000, 5, seed + 1, mean=0.5, sd=2)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(5, 5)))[0]
    assert frechet(a @ turn, b @ turn) == pytest.approx(frechet(a, b), rel=1e-4)
    assert frechet(b, a) == pytest.approx(frechet(a, b), rel=1e-6)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_of_too_few_is_refused_with_a_word() -> None:
    with pytest.raises(UsageError, match=r"of 4,999 pictures says more of their number.*give 5,000"):
        frechet(normal(4999, 2, 0), normal(5000, 2, 1))


def test_frechet_of_a_flat_set() -> None:
    """A covariance without full rank: some pictures' features never fire."""
    a, b = normal(5000, 4, 0), normal(5000, 4, 1)
    a[:, 3] = b[:, 3] = 0
    assert frechet(a, b) == pytest.approx(frechet(a[:, :3], b[:, :3]), abs=1e-9)
