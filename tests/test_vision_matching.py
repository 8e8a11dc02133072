"""Neighbours are exactly those of brute force; groups are stars around the kept picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.vision.matching import (
    Pairs,
    group_by_hash,
    neighbours_between,
)
from pipeline.vision.multiindex import join, plan

Hashes = NDArray[np.uint64]
RADII = range(15)


def planted(seed: int, count: int, flips: int) -> Hashes:
    """Hashes of which half are copies of others with up to `flips` bits changed."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    copies = hashes[rng.integers(0, count // 2 + 1, count // 2)]
    for _ in range(flips):
        copies = copies ^ (
            rng.integers(0, 2, len(copies), dtype=np.uint64) << rng.integers(0, 64, len(copies), dtype=np.uint64)
        )
    hashes[count - len(copies) :] = copies
    return hashes


def brute(a: Hashes, b: Hashes, radius: int) -> set[tuple[int, int, int]]:
    distances = np.bitwise_count(a[:, None] ^ b[None, :])
    return {(int(i), int(j), int(distances[i, j])) for i, j in np.argwhere(distances <= radius)}


def as_set(pairs: Pairs) -> set[tuple[int, int, int]]:
    listed = list(zip(pairs.i.tolist(), pairs.j.tolist(), pairs.distance.tolist(), strict=True))
    assert len(listed) == len(set(listed)), "a pair was found twice"
    return set(listed)


hashes_of_any_kind = st.one_of(
    st.lists(st.integers(0, 2**64 - 1), max_size=40),
    st.lists(st.integers(0, 63).map(lambda bit: 1 << bit), max_size=40),
    st.lists(st.sampled_from([0, 1, 3, 2**63, 2**64 - 1]), max_size=40),
    st.builds(
        lambda seed, count, flips: planted(seed, count, flips).tolist(),
        st.integers(0, 999),
        st.integers(2, 120),
        st.integers(0, 16),
    ),
).map(lambda numbers: np.array(numbers, np.uint64))


@settings(deadline=None)
@given(hashes_of_any_kind, hashes_of_any_kind, st.sampled_from(RADII))
def test_neighbours_between_are_those_of_brute_force(a: Hashes, b: Hashes, radius: int) -> None:
    assert as_set(neighbours_between(a, b, radius)) == brute(a, b, radius)


@pytest.mark.parametrize("radius", RADII)
def test_every_radius_and_every_cut_is_exact(radius: int) -> None:
    hashes = np.unique(planted(radius, 2500, 20))
    found = {
        (min(i, j), max(i, j), d) for a, b, c in join(hashes, hashes, radius) for i, j, d in zip(a, b, c, strict=True)
    }
    assert found == {(i, j, d) for i, j, d in brute(hashes, hashes, radius) if i < j}


@pytest.mark.parametrize("radius", [0, 1, 5, 8, 11])
@pytest.mark.parametrize("shares", [2, 3, 7])
def test_shares_of_a_join_are_the_whole_and_do_not_overlap(radius: int, shares: int) -> None:
    hashes, others = np.unique(planted(radius, 1500, 12)), planted(radius + 50, 700, 12)
    others[:300] = hashes[:300] ^ np.uint64(5)
    for right in (hashes, others):
        parts = [np.stack(block, 1) for k in range(shares) for block in join(hashes, right, radius, (k, shares))]
        whole = [np.stack(block, 1) for block in join(hashes, right, radius)]
        found, expected = (sorted(pair for block in blocks for pair in block.tolist()) for blocks in (parts, whole))
        assert found == expected
        assert expected or radius < 5


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("count", [10, 10_000, 10_000_000])
def test_a_plan_cuts_all_that_the_pigeonhole_needs(radius: int, count: int) -> None:
    chunks = plan(count, count, radius)
    assert sum(chunk.radius + 1 for chunk in chunks) == radius + 1
    bits = [bit for chunk in chunks for bit in range(chunk.shift, chunk.shift + chunk.width)]
    assert len(bits) == len(set(bits))
    assert max(bits) < 64


def check_stars(hashes: Hashes, ranks: NDArray[np.int64], radius: int, kept: NDArray[np.bool_]) -> None:
    stars = group_by_hash(hashes, ranks, radius, kept)
    place = {int(x): n for n, x in enumerate(np.lexsort((np.arange(len(ranks)), ranks, ~kept)))}
    near = np.bitwise_count(hashes[:, None] ^ hashes[None, :]) <= radius
    for picture, keeper in enumerate(stars.keeper.tolist()):
        better_kept = [
            other
            for other in range(len(hashes))
            if near[picture, other] and stars.keeper[other] == other and place[other] < place[picture]
        ]
        if keeper == picture:
            assert kept[picture] or not better_kept, "a duplicate of a kept picture was kept"
            assert stars.distance[picture] == 0
        else:
            assert not kept[picture]
            assert stars.keeper[keeper] == keeper, "a chain: the keeper is a duplicate itself"
            assert keeper == min(better_kept, key=place.__getitem__)
            assert stars.distance[picture] == np.bitwise_count(hashes[picture] ^ hashes[keeper])


@settings(deadline=None)
@given(hashes_of_any_kind, st.sampled_from(RADII), st.data())
def test_groups_are_stars(hashes: Hashes, radius: int, data: st.DataObject) -> None:
    count = len(hashes)
    ranks = data.draw(st.lists(st.integers(0, count), min_size=count, max_size=count))
    kept = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    check_stars(hashes, np.array(ranks, np.int64), radius, np.array(kept, bool))
    check_stars(hashes, np.array(ranks, np.int64), radius, np.zeros(count, bool))


def test_a_chain_is_not_one_group() -> None:
    chain = np.array([(1 << n) - 1 for n in range(0, 60, 4)], np.uint64)
    stars = group_by_hash(chain, np.arange(len(chain)), 4)
    assert stars.keeper.tolist()[:4] == [0, 0, 2, 2]
    assert stars.distance.max() == 4


def test_a_million_blanks_are_one_group() -> None:
    hashes = np.full(1_000_000, 2**63, np.uint64)
    hashes[500_000] = 0
    stars = group_by_hash(hashes, np.arange(len(hashes))[::-1].copy(), 6)
    assert (stars.keeper == 999_999).all()
    assert stars.distance[500_000] == 1


def test_new_pictures_join_a_standing_corpus() -> None:
    hashes = np.array([0b1111, 0b0000, 0b0001], np.uint64)
    stars = group_by_hash(hashes, np.array([9, 0, 1]), 1, np.array([True, False, False]))
    assert stars.keeper.tolist() == [0, 1, 1]
