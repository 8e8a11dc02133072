"""Themes found by the graph of neighbours: what hangs together, what waits, what goes on; the same bits every time."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.vision.clustering import unit
from pipeline.vision.graphs import alike, evened, how_many, modularity, nearest, neighbours, part_graph
from pipeline.vision.graphs import fuzzy_graph as graph_of
from pipeline.vision.likeness import fit_space
from pipeline.vision.renumber import renumber
from pipeline.vision.standing import UNSORTED, Asked, Themes, decoded, encoded, fit, give, joined

Parts = dict[str, NDArray[np.float32]]


def planted(groups: int, each: int, seed: int = 0, spread: float = 0.25) -> tuple[Parts, NDArray[np.int64]]:
    """Groups of vectors around directions of their own, with colours that say nothing."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(groups), each)
    centres = np.random.default_rng(99).normal(size=(groups, 40))
    vectors = centres[truth] / np.linalg.norm(centres[truth], axis=1, keepdims=True)
    vectors = vectors + spread * rng.normal(size=(len(truth), 40)) / np.sqrt(40)
    colours = np.abs(rng.normal(size=(len(truth), 12)))
    return {"vector": vectors.astype(np.float32), "colour": colours.astype(np.float32)}, truth


def same_parting(a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    return len(pairs) == len(set(a.tolist())) == len(set(b.tolist()))


@pytest.fixture(scope="module")
def found() -> tuple[Themes, Parts, NDArray[np.int64]]:
    parts, truth = planted(5, 40)
    return fit(parts, Asked(5, seed=0))[0], parts, truth


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 40), st.integers(0, 10**6))
def test_the_nearest_are_those_of_sorting_all(many: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    units, others = rng.normal(size=(7, 5)).astype(np.float32), rng.normal(size=(many, 5)).astype(np.float32)
    rows, cosines = nearest(units, others, count)
    every = units @ others.T
    assert rows.shape == (7, min(count, many))
    assert np.array_equal(cosines, -np.sort(-every, axis=1)[:, :count])
    assert np.array_equal(np.take_along_axis(every, rows, axis=1), cosines)
    assert all(len(set(row)) == len(row) for row in rows.tolist())


def test_directions_in_which_alike_pictures_differ_count_less() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(200) % 2
    vectors = np.zeros((200, 22), np.float32)
    vectors[:, 0], vectors[:, 1] = 1, 0.25 * (2 * truth - 1)
    vectors[:, 2:] = rng.normal(size=(200, 20)) * np.repeat([0.3, 0.05], [4, 16])

    def apart(units: NDArray[np.float32]) -> float:
        means = np.stack([units[truth == group].mean(axis=0) for group in (0, 1)])
        return float(np.linalg.norm(means[0] - means[1]) / np.linalg.norm(units - means[truth], axis=1).mean())

    units = unit(vectors)
    assert apart(evened(units)) > 1.3 * apart(units)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_and_equal_vectors_stay_as_they_are(count: int) -> None:
    units = unit(np.ones((count, 6), np.float32))
    assert np.allclose(evened(units), units, atol=1e-5)


@pytest.mark.parametrize("method", ["graph", "kmeans", "hdbscan"])
def test_planted_groups_are_found(method: str) -> None:
    parts, truth = planted(4, 40)
    themes, _ = fit({"vector": parts["vector"]}, Asked(4, method=method, min_size=10))  # type: ignore[arg-type]
    given_now = give(themes, {"vector": parts["vector"]}).themes
    sorted_ = given_now != UNSORTED
    assert sorted_.mean() > 0.9
    assert same_parting(given_now[sorted_], truth[sorted_])


def test_the_same_bits_every_time_and_from_a_file(found: tuple[Themes, Parts, NDArray[np.int64]]) -> None:
    themes, parts, _ = found
    assert encoded(fit(parts, Asked(5, seed=0))[0]) == encoded(themes)
    with np.load(io.BytesIO(encoded(themes)), allow_pickle=False) as arrays:
        again = decoded(arrays)
    first, second = give(themes, parts), give(again, parts)
    assert np.array_equal(first.themes, second.themes)
    assert np.allclose(first.spots, second.spots, atol=0.1)


def test_a_picture_is_given_the_same_theme_alone_and_among_others(
    found: tuple[Themes, Parts, NDArray[np.int64]],
) -> None:
    themes, parts, truth = found
    new, kinds = planted(5, 6, seed=7)
    together = give(themes, new).themes
    alone = [give(themes, {name: values[[row]] for name, values in new.items()}).themes[0] for row in range(30)]
    assert together.tolist() == alone
    assert same_parting(np.concatenate([give(themes, parts).themes, together]), np.concatenate([truth, kinds]))


def test_what_is_far_from_all_waits_until_a_theme_is_made_of_it(
    found: tuple[Themes, Parts, NDArray[np.int64]],
) -> None:
    themes, _, _ = found
    rng = np.random.default_rng(5)
    strange = rng.normal(size=40) + 0.2 * rng.normal(size=(20, 40)) / np.sqrt(40)
    new: Parts = {"vector": strange.astype(np.float32), "colour": np.abs(rng.normal(size=(20, 12))).astype(np.float32)}
    assert (give(themes, new).themes == UNSORTED).all()
    units = themes.space.project(new)
    assert [len(group) for group in alike(units, 1 - themes.limit, 12)] == [20]
    for count in (12, 6):
        assert (give(joined(themes, units[:count], 9), new).themes == 9).all()


@pytest.mark.parametrize("method", ["graph", "kmeans"])
def test_later_pictures_of_a_theme_that_was_split_join_the_part_they_are_like(method: str) -> None:
    parts, truth = planted(4, 40)
    vectors = {"vector": parts["vector"]}
    themes, _ = fit(vectors, Asked(4, method=method))  # type: ignore[arg-type]
    number_of = give(themes, vectors).themes
    whole = int(number_of[0])
    merged = dataclasses.replace(themes, labels=np.where(themes.labels == number_of[40], whole, themes.labels))
    units = themes.space.project(vectors)
    split = joined(joined(merged, units[truth == 0], whole), units[truth == 1], 9)
    assert (split.labels == 9).sum() == (40 if method == "graph" else 1)
    later, kinds = planted(4, 8, seed=7)
    found = give(split, {"vector": later["vector"]}).themes
    assert (found[kinds == 0] == whole).all()
    assert (found[kinds == 1] == 9).all()
    assert np.array_equal(found[kinds > 1], number_of[[80] * 8 + [120] * 8])


def test_how_many_is_told_by_modularity() -> None:
    parts, _ = planted(6, 40)
    space = fit_space(parts, "subject")
    k, curve = how_many(space.project(parts), 15, 0)
    assert k == 6
    assert curve.ks[0] == 2
    assert max(curve.modularity) == curve.modularity[curve.ks.index(6)]


def test_parting_has_the_modularity_it_says() -> None:
    parts, _ = planted(4, 30)
    units = fit_space(parts, "subject").project(parts)
    labels, value = part_graph(units, 4, 0)
    rows, cosines = neighbours(units, 15)
    assert np.isclose(modularity(graph_of(rows, cosines), labels), value)
    assert 0.5 < value < 0.8


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-2, 6), min_size=1, max_size=60), st.integers(0, 2**31))
def test_numbers_go_on_under_any_new_names(old: list[int], seed: int) -> None:
    was = np.array(old, np.int32)
    names = np.random.default_rng(seed).permutation(7).astype(np.int32)
    fitted = np.where(was >= 0, names[was.clip(min=0)], was).astype(np.int32)
    made = renumber(was, fitted, 100)
    assert made.moved == 0
    assert not made.begun
    assert not made.ended
    assert all(made.new[int(names[number])] == number for number in np.unique(was[was >= 0]))


def test_a_refit_says_what_moved() -> None:
    old = np.array([3] * 8 + [5] * 6, np.int32)
    fitted = np.array([0] * 7 + [1] * 4 + [2] * 3, np.int32)
    made = renumber(old, fitted, 9)
    assert made.new == {0: 3, 1: 5, 2: 9}
    assert (made.begun, made.ended, made.moved, made.pictures) == ([9], [], 4, 14)
    assert made.continued == {3: 0.875, 5: 0.5}


def test_input_that_does_not_do_is_refused_in_one_sentence(found: tuple[Themes, Parts, NDArray[np.int64]]) -> None:
    themes, parts, _ = found
    equal = {"vector": np.ones((30, 4), np.float32)}
    with pytest.raises(ValueError, match="there are only 1 different pictures"):
        fit(equal, Asked(5))
    assert len(fit(equal, Asked("auto"))[0].numbers) == 1
    broken = {"vector": parts["vector"].copy()}
    broken["vector"][3, 1] = np.nan
    with pytest.raises(ValueError, match="the vector of picture 4 holds numbers that are not finite"):
        fit(broken, Asked(5))
    with pytest.raises(ValueError, match="nothing says the style of these pictures"):
        fit({"vector": parts["vector"]}, Asked(5, by="style"))
    with pytest.raises(ValueError, match="vector has 39 numbers a picture, and the themes were made with 40"):
        give(themes, {"vector": parts["vector"][:, :39], "colour": parts["colour"]})
