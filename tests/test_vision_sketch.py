"""Sketches: hashes that do not move with libraries, codes that survive edits, agreements that are never chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps
from vision_pictures import photo, scene

from pipeline.stages.sketch import packed, unpacked
from pipeline.vision.agreement import Agreement, Limits, agreement, agreement_of_turn
from pipeline.vision.candidates import Keys, candidates, inverse, merged
from pipeline.vision.fingerprint import TURNS, content, is_mirror, turn_matrix, turned_hashes
from pipeline.vision.hashing import phash_grey
from pipeline.vision.sketch import Sketch, codes, mirror, poses, sketch
from pipeline.vision.stars import proved_stars
from pipeline.vision.transform import words
from pipeline.vision.windows import covered, toned
from spiders.gallery.paint import paint

Grey = NDArray[np.uint8]

# of the pictures below; these change only with a new VERSION
GOLDEN_TURNS = [
    "0x83b25307da2a4aef",
    "0xd4e704528d7d17b8",
    "0x815d53f8dad74252",
    "0xd61a06ad8f8a1f47",
    "0xc92b45680f11ffb1",
    "0x9c7f107d58442fe4",
    "0xc9d445970dee524e",
    "0x9c8110c25ebbef1b",
]
GOLDEN_PHASH = "0x83b25307da2a4aef"
GOLDEN_CODES = [
    0xC69DE1979D3CFD39,
    0x42DFF53299F49D3F,
    0xC49AD46F691FA998,
    0xC4052E99D91AEF56,
    0x6030C17E29F1953D,
    0xBCA581479F3DA9DB,
    0x62FCDDEA217DB15D,
    0xEEEA602B9D21872B,
    0xD93621A1B9580E63,
    0x80BA11349DA3B5B9,
    0xC51FF0368DFAA737,
    0xC33128219998FD62,
]


def formula(width: int, height: int) -> Grey:
    """Patches of 24 pixels by a formula of whole numbers, the same on every machine and with every library."""
    x, y = np.arange(width)[None] // 24, np.arange(height)[:, None] // 24
    made: Grey = ((7 * x * x + 31 * x * y + 13 * y * y + 90 * x + 50 * y) % 251).astype(np.uint8)
    return made


def grey(picture: Image.Image) -> Grey:
    return np.asarray(picture.convert("L"))


def turned(picture: Grey, turn: int) -> Grey:
    made = picture.T if turn & 4 else picture
    made = made[::-1] if turn & 2 else made
    return np.ascontiguousarray(made[:, ::-1] if turn & 1 else made)


def test_golden_hashes_do_not_move() -> None:
    assert [hex(int(value)) for value in turned_hashes(formula(317, 211))] == GOLDEN_TURNS
    assert hex(phash_grey(Image.fromarray(formula(317, 211)))) == GOLDEN_PHASH


def test_golden_codes_do_not_move() -> None:
    found = codes(sketch(grey(scene(5, 256, 192))))
    moved = [min((int(code) ^ int(other)).bit_count() for other in found) for code in GOLDEN_CODES]
    assert sorted(moved)[len(moved) * 3 // 4] <= 2


# fingerprints


@pytest.mark.parametrize("turn", range(TURNS))
def test_the_hash_of_a_turn_is_that_of_the_turned_picture(turn: int) -> None:
    picture = grey(scene(3, 300, 220))
    direct, after = turned_hashes(picture)[turn], turned_hashes(turned(picture, turn))[0]
    assert (int(direct) ^ int(after)).bit_count() <= 2
    x, y = turn_matrix(turn) @ (0.3, 0.9, 1)
    marked = np.zeros((10, 10), np.uint8)
    marked[9, 3] = 1
    (row,), (column,) = np.nonzero(turned(marked, turn))
    assert abs(column / 10 - x) <= 0.11
    assert abs(row / 10 - y) <= 0.11
    assert (np.linalg.det(turn_matrix(turn)[:, :2]) < 0) == is_mirror(turn)
    assert (turned(turned(picture, turn), inverse(turn)) == picture).all()


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 255))
@settings(max_examples=30, deadline=None)
def test_uniform_borders_are_no_content(left: int, top: int, right: int, bottom: int, level: int) -> None:
    inner = np.random.default_rng(0).integers(0, 256, (100, 120), dtype=np.uint8)
    made = np.full((100 + top + bottom, 120 + left + right), level, np.uint8)
    made[top : top + 100, left : left + 120] = inner
    assert content(made) == (left, top, left + 120, top + 100)


def test_a_blank_picture_is_all_content() -> None:
    assert content(np.full((30, 40), 200, np.uint8)) == (0, 0, 40, 30)


# codes


def test_a_mirrored_picture_has_the_mirrored_codes() -> None:
    picture = scene(4)
    plain, reflected = sketch(grey(picture)), sketch(grey(ImageOps.mirror(picture)))
    near = np.bitwise_count(codes(plain, mirrored=True)[:, None] ^ codes(reflected)[None]).min(1) <= 6
    assert near.mean() > 0.5
    assert (mirror(mirror(plain.descriptors)) == plain.descriptors).all()


def test_a_sketch_survives_its_table() -> None:
    made = sketch(grey(scene(6)), (120, 140))
    back = unpacked(packed(made))
    assert np.allclose(back.points, made.points, atol=0.2)
    for name in ("size", "tint", "box"):
        assert getattr(back, name) == getattr(made, name)
    for name in ("descriptors", "thumb", "turns"):
        assert (getattr(back, name) == getattr(made, name)).all()


def test_the_smallest_and_the_blankest_picture_have_sketches() -> None:
    for picture in (np.zeros((1, 1), np.uint8), np.full((500, 3), 9, np.uint8), formula(9, 7)):
        made = sketch(picture)
        assert len(codes(made)) == min(len(made.points), 60)
        assert agreement(made, made, False) is None or len(made.points) >= 4


def crowd(rng: np.random.Generator, count: int, each: int) -> Keys:
    """Pictures whose codes all lie within two bits of the same ones, each in a place of its own."""
    common = rng.integers(0, 2**63, each, dtype=np.uint64)
    flips = np.uint64(1) << rng.integers(0, 64, (count, each, 2), dtype=np.uint64)
    near = common ^ flips[..., 0] ^ flips[..., 1]
    far = rng.integers(0, 2**63, (count, each), dtype=np.uint64)
    places = rng.integers(0, 2**32, (count, each), dtype=np.uint64).astype(np.uint32)
    turns = rng.integers(0, 2**63, (count, TURNS), dtype=np.uint64)
    return Keys.of(list(near), list(far), list(places), turns)


def test_codes_that_everything_has_make_a_bounded_number_of_candidates_and_hide_no_copy() -> None:
    rng, count, each = np.random.default_rng(3), 800, 3
    keys = crowd(rng, count, each)
    found = candidates(keys, 0, np.arange(count), 6, 1, 0)
    of_one = np.bincount(found.i, minlength=count)
    assert of_one.max() <= 2 * 32 * each
    assert len(found.i) < count * (count - 1) / 4
    again = Keys(
        np.concatenate([keys.codes, keys.codes[5 * each : 6 * each]]),
        np.concatenate([keys.owners, np.full(each, count)]),
        np.concatenate([keys.mirrored, keys.mirrored[5 * each : 6 * each]]),
        np.concatenate([keys.poses, keys.poses[5 * each : 6 * each]]),
        np.concatenate([keys.turns, rng.integers(0, 2**63, (1, TURNS), dtype=np.uint64)]),
    )
    more = candidates(again, 0, np.arange(count + 1), 6, 3, 0)
    assert 5 in more.j[more.i == count]


# agreement


def agreed(one: Image.Image, other: Image.Image, mirrored: bool = False) -> Agreement | None:
    return agreement(sketch(grey(one)), sketch(grey(other)), mirrored)


def test_the_model_is_where_the_picture_lies() -> None:
    one = scene(7)
    found = agreed(one, one.crop((80, 60, 320, 240)))
    assert found is not None
    corner = found.model @ (80 * 176 / 320, 60 * 176 / 320, 1)
    assert np.abs(corner).max() < 1
    assert found.seen == pytest.approx(0.5625, abs=0.03)
    assert found.filled > 0.97


@pytest.mark.parametrize("seed", range(6))
def test_two_scenes_do_not_agree(seed: int) -> None:
    for mirrored in (False, True):
        assert agreed(scene(seed), scene(seed + 10), mirrored) is None


@pytest.mark.parametrize(("one", "other"), [(7000216, 7000080), (7000254, 7000193), (7000362, 7000080)])
def test_one_thing_before_two_grounds_is_no_agreement(one: int, other: int) -> None:
    a, b = (sketch(grey(paint("vanitas", seed, None))) for seed in (one, other))
    assert [m for m in (False, True) if agreement(a, b, m, Limits(tones=0))]
    assert not [m for m in (False, True) if agreement(a, b, m)]


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("seed", range(3))
def test_a_crop_with_a_border_is_a_copy(seed: int, level: int) -> None:
    one = scene(seed)
    crop = ImageOps.expand(one.crop((25, 20, 300, 225)), 24, (level,) * 3)
    for picture in (one, ImageOps.expand(one, 30, (255 - level,) * 3)):
        found = agreed(picture, crop)
        assert found is not None
        assert found.agreed > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_two_pictures_in_one_frame_are_no_copies(seed: int) -> None:
    one, other = (ImageOps.expand(scene(n), 60, "white") for n in (seed, seed + 10))
    assert agreed(one, other) is None
    assert agreement_of_turn(sketch(grey(one)), sketch(grey(other)), 0) is None


def test_a_curve_of_grey_levels_is_found_and_nothing_else_taken_for_one() -> None:
    p = np.asarray(grey(photo(3)), np.float32)
    ones = np.ones_like(p)
    assert toned(p, np.asarray(255 * (p / 255) ** 1.8, np.float32), ones) > 0.99
    assert toned(p, np.asarray(grey(photo(4)), np.float32), ones) < 0.5
    half = np.where(np.arange(p.shape[1]) < p.shape[1] // 2, np.float32(0), np.float32(120))
    assert toned(p, np.asarray(p + half, np.float32), ones) < 0.9
    assert toned(p, p, np.zeros_like(p)) == 0


def test_a_shared_watermark_is_no_agreement() -> None:
    mark = scene(99, 120, 60)
    one, other = scene(1), scene(2)
    for picture in (one, other):
        picture.paste(mark, (100, 90))
    assert agreed(one, other) is None


def test_flat_pictures_are_told_by_their_turn() -> None:
    ramp = np.linspace(40, 200, 160).astype(np.uint8)
    picture = np.add.outer(ramp[:120] // 2, ramp // 2).astype(np.uint8)
    one, other = sketch(picture), sketch(turned(picture, 5))
    assert agreement_of_turn(one, other, 5) is not None
    assert agreement_of_turn(one, other, 4) is None


def test_words_say_what_was_done() -> None:
    one = scene(8)
    cases = {
        "same frame": one, "scaled to 50 %": one.resize((160, 120)), "mirrored, turned 180°": ImageOps.flip(one),
        "squeezed 20 %, scaled to 89 %": one.resize((320, 192)), "turned 180°": one.rotate(180),
    }  # fmt: skip
    for said, picture in cases.items():
        a, b = sketch(grey(one)), sketch(grey(picture))
        found = agreement(a, b, said.startswith("mirrored"))
        assert found is not None
        assert words(found, (a, one.size), (b, picture.size)) == said


def test_a_frame_in_which_something_moved_is_no_copy() -> None:
    one, other = scene(1), scene(1)
    other.paste(one.crop((90, 60, 210, 180)), (98, 62))
    assert agreed(one, other) is None
    assert agreed(one, scene(1)) is not None


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_picture_under_a_sticker_is_a_copy_unless_all_else_differs_a_little_too(seed: int) -> None:
    one, other = scene(seed), scene(seed)
    other.paste(scene(seed + 20).crop((120, 80, 200, 160)), (120, 80))
    a, b = sketch(grey(one)), sketch(grey(other))
    found = agreement(a, b, False)
    assert found is not None
    assert 0.08 < found.covered < 0.2
    assert words(found, (a, one.size), (b, other.size)) == "partly covered"
    assert agreement(a, b, False, Limits(covered=0.05)) is None
    noise = np.random.default_rng(seed).normal(0, 40, (240, 320))
    noisy = np.clip(grey(other) + noise, 0, 255).astype(np.uint8)
    assert agreement(a, sketch(noisy), False) is None
    assert agreement(a, sketch(np.clip(grey(one) + noise, 0, 255).astype(np.uint8)), False) is not None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(10, 40), st.integers(10, 40))
def test_what_is_covered_is_measured_wherever_it_lies(seed: int, width: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    one = np.kron(rng.integers(0, 256, (24, 24)), np.ones((4, 4))).astype(np.float32)
    other, whole = one.copy(), np.ones_like(one)
    x, y = rng.integers(0, 96 - width), rng.integers(0, 96 - height)
    other[y : y + height, x : x + width] = 128
    share = covered(one, other, whole, 0.012)
    assert share is not None
    assert width * height / one.size <= share + 0.02
    assert share <= (width + 11) * (height + 11) / one.size * 1.1
    assert covered(one, one, whole, 0.012) is None


# candidates


def keys(sketches: list[Sketch]) -> Keys:
    turns = np.stack([one.turns for one in sketches])
    mirrored = [codes(one, True) for one in sketches]
    return Keys.of([codes(one) for one in sketches], mirrored, [poses(one) for one in sketches], turns)


def test_candidates_are_the_copies() -> None:
    one = scene(1)
    pictures = [one, scene(2), one.crop((40, 40, 280, 220)), ImageOps.mirror(one), scene(3)]
    found = candidates(keys([sketch(grey(picture)) for picture in pictures]), 0, np.arange(5), 6, 3, 6)
    pairs = {(i, j): (plain, mirrored) for i, j, plain, mirrored in zip(*found[:4], strict=True)}
    assert {(2, 0), (3, 0), (3, 2)} <= set(pairs)
    assert pairs[2, 0][0]
    assert pairs[3, 0][1]
    assert len(pairs) <= 5


def test_the_standing_are_compared_with_the_new_only() -> None:
    made = keys([sketch(grey(scene(1)))] * 4)
    found = candidates(made, 2, np.arange(4), 6, 2, 6)
    assert list(zip(found.i.tolist(), found.j.tolist(), strict=True)) == [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
    assert (found.distance == 0).all()


def test_a_crowd_of_equal_pictures_does_not_pair_with_itself_in_full() -> None:
    made = keys([sketch(np.full((40, 40), 7, np.uint8))] * 500)
    assert len(candidates(made, 0, np.arange(500), 6, 2, 6).i) <= 500 * 64


@given(st.permutations(range(9)), st.integers(1, 5), st.integers(0, 4))
@settings(max_examples=10, deadline=None)
def test_shares_of_the_search_are_all_of_it(places: list[int], shares: int, first: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.vision.candidates._BLOCK", 2)
        parts = [candidates(NINE, first, np.array(places), 6, 3, 10, (k, shares)) for k in range(shares)]
    whole = candidates(NINE, first, np.array(places), 6, 3, 10)
    for one, other in zip(merged(parts), whole, strict=True):
        assert (one == other).all()


NINE = keys([sketch(turned(grey(scene(seed)), turn)) for seed, turn in zip((1, 2, 3) * 3, range(9), strict=True)])


# stars


PAIRS = st.integers(2, 12).flatmap(
    lambda n: st.tuples(
        st.permutations(range(n)),
        st.dictionaries(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] > p[1]),
                        st.booleans(), max_size=30),
        st.lists(st.booleans(), min_size=n, max_size=n),
    )
)  # fmt: skip


@given(PAIRS)
def test_stars_are_those_of_going_through_all_in_order(
    case: tuple[list[int], dict[tuple[int, int], bool], list[bool]],
) -> None:
    places, pairs, kept = case
    names = list(pairs)
    i, j = (np.array([pair[side] for pair in names], np.int64) for side in (0, 1))
    asked: list[int] = []

    def prove(which: NDArray[np.int64]) -> NDArray[np.bool_]:
        asked.extend(which.tolist())
        return np.array([pairs[names[number]] for number in which], bool)

    found = proved_stars(np.array(places), i, j, np.array(kept), prove)
    keeper = [-1 if pair < 0 else names[pair][0] + names[pair][1] - n for n, pair in enumerate(found.tolist())]
    expected = [-1] * len(places)
    standing: list[int] = []
    for n in sorted(range(len(places)), key=lambda n: (not kept[n], places[n])):
        better = [] if kept[n] else [k for k in standing if pairs.get((max(n, k), min(n, k)))]
        expected[n] = better[0] if better else -1
        standing += [] if better else [n]
    assert keeper == expected
    assert len(asked) == len(set(asked))
