"""What is told of a training from numbers: held-out pictures, alarms with advice, and no alarm when all is well."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan import alarms
from gan.alarms import Alarm, Diversity
from gan.sample import Pictures


def pictures(count: int, seed: int, side: int = 32) -> Pictures:
    """Smooth pictures that all differ: random 4×4 colours, enlarged."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), np.uint8)
    return coarse.repeat(side // 4, axis=1).repeat(side // 4, axis=2)


# held out


def test_a_twentieth_is_held_out_and_nothing_is_lost() -> None:
    trained, held = alarms.hold_out(pictures(2000, 0, 4), seed=0)
    assert 60 <= len(held) <= 140
    assert sorted([*trained, *held]) == list(range(2000))


@given(st.integers(0, 2**63 - 1), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_a_picture_keeps_its_side_whatever_comes_beside_it(seed: int, shuffle: object) -> None:
    images = pictures(300, 1, 4)
    order = np.random.default_rng(seed).permutation(300)
    held = set(alarms.hold_out(images, seed)[1])
    assert {int(order[place]) for place in alarms.hold_out(images[order], seed)[1]} == held
    assert set(alarms.hold_out(images[:200], seed)[1]) == {number for number in held if number < 200}


def test_copies_stay_together_and_seeds_differ() -> None:
    images = np.repeat(pictures(100, 2, 4), 2, axis=0)
    held = set(alarms.hold_out(images, 0, share=0.3)[1])
    assert held == {number ^ 1 for number in held}
    assert held != set(alarms.hold_out(images, 1, share=0.3)[1])


def test_of_few_pictures_none_is_held_out() -> None:
    trained, held = alarms.hold_out(pictures(99, 0, 4), 0)
    assert len(trained) == 99 and len(held) == 0


# learned by heart, won


def test_where_held_out_pictures_stand() -> None:
    real, fake = np.linspace(4, 6, 100), np.linspace(-6, -4, 100)
    assert alarms.learned_by_heart(real, real, fake) == pytest.approx(0)
    assert alarms.learned_by_heart(real, fake, fake) == pytest.approx(1)
    assert alarms.learned_by_heart(real, np.zeros(20), fake) == pytest.approx(0.5)


def test_a_blind_discriminator_has_learned_nothing() -> None:
    noise = np.random.default_rng(0).normal(size=(3, 200))
    assert alarms.learned_by_heart(noise[0], noise[1] - 9, noise[2]) == 0


def test_by_heart_waits_for_five_values() -> None:
    assert alarms.by_heart_alarm([0.9] * 4) is None
    assert alarms.by_heart_alarm([0.0, 0.0, *[0.9] * 5]) is not None
    assert alarms.by_heart_alarm([*[0.9] * 5, 0.1, 0.1, 0.1, 0.1, 0.1]) is None


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=20), st.lists(st.floats(-9, 9), min_size=1, max_size=20))
def test_ranking_counts_pairs(reals: list[float], fakes: list[float]) -> None:
    wins = sum(1.0 if real > fake else 0.5 if real == fake else 0.0 for real in reals for fake in fakes)
    found = alarms.ranking(np.array(reals), np.array(fakes))
    assert found == pytest.approx(wins / len(reals) / len(fakes))
    assert found + alarms.ranking(np.array(fakes), np.array(reals)) == pytest.approx(1)


def test_won_needs_ten_ticks_in_a_row() -> None:
    assert alarms.won_alarm([1.0] * 9) is None
    assert alarms.won_alarm([*[1.0] * 9, 0.9, 1.0]) is None
    assert alarms.won_alarm([0.5, *[1.0] * 10]) is not None


# diversity


def test_other_pictures_are_as_diverse_and_no_copies() -> None:
    reals, fakes = pictures(400, 0), pictures(400, 1)
    found = alarms.diversity(alarms.thumbs(reals), alarms.thumbs(fakes))
    assert found.spread == pytest.approx(1, abs=0.1) and found.twins < 0.2
    assert alarms.collapse_alarm(found) is None
    assert alarms.copied_alarm(_copied(fakes, reals)) is None


def test_one_picture_with_noise_is_a_collapse() -> None:
    reals = pictures(200, 0)
    noise = np.random.default_rng(0).integers(-9, 10, (200, 32, 32, 3))
    fakes = np.clip(reals[:1].astype(int) + noise, 0, 255).astype(np.uint8)
    found = alarms.diversity(alarms.thumbs(reals), alarms.thumbs(fakes))
    assert found.spread < 0.1
    assert alarms.collapse_alarm(found) is not None


def test_a_few_pictures_again_and_again_are_a_collapse() -> None:
    reals = pictures(200, 0)
    fakes = np.tile(pictures(10, 1), (20, 1, 1, 1))
    found = alarms.diversity(alarms.thumbs(reals), alarms.thumbs(fakes))
    assert found.spread > 0.8, "which is why twins are counted as well"
    assert found.twins == 1 and alarms.collapse_alarm(found) is not None


# memorised


@pytest.mark.parametrize("mirrored", [False, True])
def test_copies_are_found_and_named(mirrored: bool) -> None:
    reals = pictures(200, 0)
    fakes = alarms.mirror(reals[50:100]) if mirrored else reals[50:100]
    own, turned = alarms.shapes(reals), alarms.shapes(alarms.mirror(reals))
    found = alarms.nearest_real(alarms.shapes(fakes), own, turned)
    assert np.array_equal(found.index, np.arange(50, 100))
    assert found.mirrored.all() == mirrored and not found.distance.any()
    assert alarms.copied(found, own, turned) == 1
    assert alarms.copied_alarm(1.0) is not None


def test_symmetric_pictures_are_no_copies_of_themselves() -> None:
    half = pictures(120, 0)
    reals = np.maximum(half, alarms.mirror(half))
    assert _copied(np.maximum(pictures(60, 1), alarms.mirror(pictures(60, 1))), reals) < 0.25
    assert _copied(reals[:60], reals) == 1


@pytest.mark.parametrize("what", ["noise", "smoothed", "dimmed"])
def test_copies_in_disguise_are_found(what: str) -> None:
    reals = pictures(200, 0)
    noise = np.random.default_rng(0).normal(0, 10, (100, 32, 32, 3))
    smooth = reals[:100].reshape(100, 16, 2, 16, 2, 3).mean(axis=(2, 4)).repeat(2, axis=1).repeat(2, axis=2)
    disguised = {"noise": reals[:100] + noise, "smoothed": smooth, "dimmed": reals[:100] * 0.6 + 20}[what]
    assert _copied(np.clip(disguised, 0, 255).astype(np.uint8), reals) > 0.95


def test_blots_are_no_copies() -> None:
    """In plain thumbnails the mean of all is near to everything."""
    blots = np.random.default_rng(0).integers(110, 146, (100, 1, 1, 3), np.uint8).repeat(32, 1).repeat(32, 2)
    assert _copied(blots, pictures(200, 0)) == 0


def _copied(fakes: Pictures, reals: Pictures) -> float:
    own, turned = alarms.shapes(reals), alarms.shapes(alarms.mirror(reals))
    return alarms.copied(alarms.nearest_real(alarms.shapes(fakes), own, turned), own, turned)


# words


@pytest.mark.parametrize(
    "alarm",
    [
        alarms.by_heart_alarm([1.0] * 5),
        alarms.won_alarm([1.0] * 10),
        alarms.collapse_alarm(Diversity(0.1, 0.0)),
        alarms.collapse_alarm(Diversity(1.0, 1.0)),
        alarms.copied_alarm(0.5),
    ],
)
def test_every_alarm_gives_one_sentence_of_advice(alarm: Alarm | None) -> None:
    assert alarm is not None
    assert alarm.advice.endswith(".") and ". " not in alarm.advice
    assert str(alarm).startswith(f"{alarm.name} (")
