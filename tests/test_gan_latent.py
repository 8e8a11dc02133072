"""The geometry of latents, and sums as people write them."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gan import latent, sums
from gan.sample import fixed_latents
from pipeline.errors import IntegrityFailed, UsageError
from pipeline.storage import Root

SEEDS = st.integers(0, 2**31)
SHARES = st.floats(0, 1, width=32)
GROUPS = st.lists(st.integers(0, 500), min_size=1, max_size=5)


def drawn(seed: int, count: int = 1) -> torch.Tensor:
    return fixed_latents(count, seed)


@given(SEEDS, SEEDS, SHARES)
def test_an_arc_keeps_the_length_and_ends_at_its_ends(one: int, other: int, share: float) -> None:
    a, b = (vector / vector.norm() * 7 for vector in (drawn(one)[0].double(), drawn(other)[0].double()))
    way = latent.slerp(a, b, torch.tensor([0.0, share, 1.0], dtype=torch.float64))
    assert torch.allclose(way.norm(dim=1), torch.tensor(7.0, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(way[0], a, atol=1e-9) and torch.allclose(way[2], b, atol=1e-9)


@given(SEEDS, SEEDS, st.floats(0.5, 3), st.floats(0.5, 3))
def test_an_arc_goes_at_even_angles_and_from_length_to_length(one: int, other: int, short: float, long: float) -> None:
    a, b = drawn(one)[0].double() * short, drawn(other)[0].double() * long
    way = latent.slerp(a, b, torch.linspace(0, 1, 5, dtype=torch.float64))
    lengths = way.norm(dim=1)
    assert torch.allclose(lengths, torch.linspace(float(a.norm()), float(b.norm()), 5, dtype=torch.float64), atol=1e-6)
    turns = [float(torch.dot(u, v) / u.norm() / v.norm()) for u, v in pairwise(way)]
    assert max(turns) - min(turns) < 1e-6


def test_an_arc_between_opposite_points_is_a_line() -> None:
    a = drawn(1)[0]
    middle = latent.slerp(a, -a, torch.tensor([0.5]))
    assert torch.allclose(middle, torch.zeros(100), atol=1e-6)
    assert torch.equal(latent.slerp(a, a, torch.tensor([0.25]))[0], a)


@given(SEEDS, SEEDS, SHARES, st.sampled_from(["spherical", "linear"]))
def test_a_way_stays_in_the_cube_and_ends_exactly(one: int, other: int, share: float, way: latent.Way) -> None:
    a, b = drawn(one)[0], drawn(other)[0]
    made = latent.between(a, b, torch.tensor([0.0, share, 1.0]), way)
    assert torch.equal(made[0], a) and torch.equal(made[2], b)
    assert made.abs().max() <= 1


def test_the_middle_of_a_spherical_way_is_drawn_as_the_ends_are() -> None:
    ends = drawn(3, 2000)
    middles = torch.stack([
        latent.between(a, b, torch.tensor([0.5]), "spherical")[0] for a, b in ends.view(1000, 2, 100)
    ])  # fmt: skip
    assert abs(float(middles.std()) - 3**-0.5) < 0.01, "uniform in the cube again"
    straight = ends.view(1000, 2, 100).mean(1)
    assert float(straight.std()) < 0.42, "where the straight way's middle is drawn in"


@given(SEEDS)
def test_normal_coordinates_there_and_back(seed: int) -> None:
    points = drawn(seed, 4)
    assert torch.allclose(latent.from_normal(latent.to_normal(points)), points, atol=1e-5)


@given(SEEDS, st.integers(2, 5), st.integers(1, 6), st.sampled_from(["spherical", "linear"]))
@settings(max_examples=40)
def test_walks_pass_every_point_and_loops_close(seed: int, count: int, steps: int, way: latent.Way) -> None:
    points = drawn(seed, count)
    open_, closed = latent.walk(points, steps, way), latent.walk(points, steps, way, loop=True)
    assert len(open_) == (count - 1) * steps + 1 and len(closed) == count * steps
    assert torch.equal(open_[::steps], points) and torch.equal(closed[::steps], points)
    # One more step from the last picture of the film is its first.
    leg = latent.between(points[-1], points[0], torch.arange(steps + 1).div(steps), way)
    assert torch.allclose(closed[-steps:], leg[:-1], atol=1e-6) and torch.equal(leg[-1], closed[0])


def test_a_walk_needs_two_points() -> None:
    with pytest.raises(UsageError, match="two points or more"):
        latent.walk(drawn(0), 5, "linear")


def test_a_plane_has_its_corners() -> None:
    corners = drawn(5, 4)
    made = latent.plane(corners, 3, 5, "spherical")
    assert len(made) == 15 and torch.equal(made[[0, 4, 10, 14]], corners)


@given(GROUPS, GROUPS)
def test_what_is_added_and_taken_away_is_gone(a: list[int], b: list[int]) -> None:
    one, other = latent.of_samples(a, 0), latent.of_samples(b, 0)
    total = latent.mixed([(1, one), (-1, one), (1, other)])
    assert torch.allclose(total, other.mean(0), atol=1e-6)


@given(GROUPS, GROUPS, GROUPS)
def test_the_order_of_a_sum_does_not_matter(a: list[int], b: list[int], c: list[int]) -> None:
    terms = [(sign, latent.of_samples(group, 7)) for sign, group in ((1, a), (-1, b), (1, c))]
    assert torch.allclose(latent.mixed(terms), latent.mixed(terms[::-1]), atol=1e-6)


def test_neighbours_stand_around_the_middle() -> None:
    middle = drawn(1)[0]
    made = latent.neighbours(middle, seed=3)
    assert torch.equal(made[4], middle)
    others = torch.cat([made[:4], made[5:]])
    assert (others - middle).abs().max() <= latent.JITTER and (others != middle).any(1).all()


@given(GROUPS, st.integers(0, 99))
def test_samples_are_those_of_the_grids(numbers: list[int], seed: int) -> None:
    grid = fixed_latents(64, seed)
    assert torch.equal(latent.of_samples(numbers, seed), fixed_latents(501, seed)[numbers])
    assert torch.equal(latent.of_samples([0, 17, 63], seed), grid[[0, 17, 63]])


@pytest.mark.parametrize("number", [-1, latent.MOST_SAMPLES, 2**40])
def test_unknown_samples_are_refused(number: int) -> None:
    with pytest.raises(UsageError, match="numbered from 0 to 99,999"):
        latent.of_samples([1, number], 0)


# sums

WORDS = st.from_regex(r"[a-z][a-z'-]{0,8}( [a-z][a-z'-]{0,8})?", fullmatch=True).filter(lambda text: " -" not in text)


@given(st.lists(st.tuples(st.sampled_from([1, -1]), WORDS | GROUPS.map(lambda g: ",".join(map(str, g)))), min_size=1))
def test_sums_are_read_as_they_are_written(terms: list[tuple[int, str]]) -> None:
    assert sums.parse(sums.said(terms)) == terms
    assert sums.parse(sums.said(terms).replace("−", "-")) == terms


def test_signs_stand_between_spaces() -> None:
    assert sums.parse("well-lit woman - dark-haired man") == [(1, "well-lit woman"), (-1, "dark-haired man")]
    assert sums.parse("− a  +   3, 17") == [(-1, "a"), (1, "3, 17")]


@pytest.mark.parametrize("text", ["", "  ", "a + ", "a - - b", "+", "− "])
def test_what_is_no_sum_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no sum"):
        sums.parse(text)


@given(st.text(max_size=200))
def test_file_names_are_plain(text: str) -> None:
    name = sums.slug(text)
    assert 0 < len(name) <= 80 and not set(name) & set("/\\ .\n\0'\"")
    assert name == sums.slug(text)


def test_sums_and_differences_have_names_of_their_own() -> None:
    assert sums.slug("a − b + c") == "a--b+c" != sums.slug("a + b − c")


# names


@pytest.fixture
def names(tmp_path: Path) -> sums.Names:
    return sums.Names(Root(tmp_path), seed=5)


def test_a_name_stands_for_the_mean_of_its_samples(names: sums.Names) -> None:
    names.give("smiling  woman", sums.Named(seeds=(3, 17, 42)))
    assert torch.equal(names.point("smiling woman"), latent.of_samples([3, 17, 42], 5).mean(0))
    assert torch.equal(names.point("17"), latent.of_samples([17], 5)[0])
    names.give("found", sums.Named(latent=(0.5,) * 100))
    assert names.point("found").tolist() == [0.5] * 100
    assert list(names.all()) == ["found", "smiling woman"]


def test_unknown_names_are_refused_with_those_known(names: sums.Names) -> None:
    names.give("smiling woman", sums.Named(seeds=(1,)))
    with pytest.raises(UsageError, match="Did you mean smiling woman"):
        names.latents("smilng woman")
    with pytest.raises(UsageError, match="Known: smiling woman"):
        names.latents("xyz")


@pytest.mark.parametrize("name", ["", "3", "a + b", "a - b", "../x", "a\nb/c", "x" * 61])
def test_what_is_no_name_is_refused(names: sums.Names, name: str) -> None:
    with pytest.raises(UsageError, match="is no name"):
        names.give(name, sums.Named(seeds=(1,)))
    assert names.all() == {}


@pytest.mark.parametrize("text", ["", "a", "1,", "1;2", "1.5", "-3", ",".join("1" * 65)])
def test_what_are_no_numbers_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        sums.numbers(text)


@pytest.mark.parametrize(
    "damage", [b"no json", b'{"names": {"a": {"seeds": "x"}}}', b'{"names": {"a": {"latent": [1, 2]}}}', b"[]", b"\xff"]
)
def test_damaged_names_are_told(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / sums.FILE).write_bytes(damage)
    with pytest.raises(IntegrityFailed, match="does not hold names"):
        sums.Names(Root(tmp_path), 0).all()


def test_the_length_of_a_latent_is_what_sheets_say() -> None:
    assert math.isclose(float(drawn(0, 5000).norm(dim=1).mean()), (100 / 3) ** 0.5, rel_tol=0.01)
