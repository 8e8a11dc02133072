"""Persons keep their numbers as faces come, people's word holds, and a manifest says plainly whom it means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import models
from pipeline.decisions import Event
from pipeline.errors import ManifestError, UsageError
from pipeline.manifest import load, parse
from pipeline.people import decided, names, now_called, person_named
from pipeline.stages.judge import judge_persons
from pipeline.vision.identity import SAME, join, parts

HEAD = "corpus: a\nsources: [{import: folder, path: x}]\n"


def clouds(persons: np.ndarray, seed: int) -> np.ndarray:
    """Vectors about a corner for each person: far from all other corners."""
    return np.eye(128)[persons] + np.random.default_rng(seed).normal(0, 0.005, (len(persons), 128))


def event(action: str, **fields: object) -> Event:
    return Event("x", "2026-11-22T00:00:00+00:00", "me", action, fields)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 9), max_size=20))
def test_who_stands_keeps_the_number_and_newcomers_follow(first: list[int], later: list[int]) -> None:
    before = join(clouds(np.array(first), 0), np.empty((0, 128)), [], first=1)
    assert sorted(set(before)) == list(range(1, len(set(first)) + 1))
    of = dict(zip(first, before, strict=True))
    assert len(of) == len(set(before)), "one number a person"
    numbers = join(clouds(np.array(later, int), 1), clouds(np.array(first), 0), before, first=50)
    fresh = {person: n for person, n in zip(later, numbers, strict=True) if person not in of}
    assert all(of.get(person, fresh.get(person)) == n for person, n in zip(later, numbers, strict=True))
    assert sorted(fresh.values()) == list(range(50, 50 + len(fresh)))


def test_standing_persons_are_never_united() -> None:
    """A face halfway between two persons goes to one of them and pulls nobody along."""
    one, other = np.zeros(128), np.zeros(128)
    other[0] = 1.2 * SAME
    between = (one + other) / 2
    assert join(between[None], np.array([one, other]), [3, 8]) in ([3], [8])
    assert set(join(np.repeat(between[None], 9, axis=0), np.array([one, other]), [3, 8])) <= {3, 8}


def test_one_person_falls_into_two_where_the_gap_is() -> None:
    assert parts(clouds(np.array([4, 4, 7, 4, 7]), 0), 2) == [0, 0, 1, 0, 1]


def test_merges_hold_for_all_and_splits_for_the_faces_named() -> None:
    merge = event("merge_people", persons=[1, 3], into=1)
    split = event("split_person", person=1, faces=["b-1", "gone-1"], number=9)
    ids, numbers = ["a-1", "b-1", "c-1"], np.array([1, 3, 2], np.int32)
    assert decided(ids, numbers, [merge, split]).tolist() == [1, 9, 2]
    assert decided(ids, numbers, [split, merge]).tolist() == [1, 1, 2]
    assert now_called(3, [merge]) == 1 and now_called(2, [merge]) == 2


def test_names_are_found_whatever_their_case_and_follow_a_merge() -> None:
    events = [event("name_person", person=3, name="Anna"), event("merge_people", persons=[1, 3], into=1)]
    assert names(events) == {1: "Anna"}
    assert person_named("anna", [1, 2], events) == person_named(3, [1, 2], events) == 1
    with pytest.raises(UsageError, match="Did you mean Anna"):
        person_named("Hanna", [1, 2], events)
    with pytest.raises(UsageError, match="no person '7'"):
        person_named(7, [1, 2], events)


def test_a_picture_of_somebody_else_is_refused_with_the_distance() -> None:
    assert judge_persons([], 0.7, [{}], None) == ("other_person", 0.7, None)
    assert judge_persons([], None, [], None) == ("no_face", None, None)
    assert judge_persons([2, 0], 0.3, [{}, {}, {}], None) == (None, None, 2)


def test_a_manifest_asks_by_the_key_alone() -> None:
    assert parse(HEAD).people is None and parse(HEAD + "people: none\n").people is None
    for text in ("people:\n", "people: {}\n"):
        people = parse(HEAD + text).people
        assert people is not None and not people.chooses


def test_a_reference_lies_beside_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + "people: {like: me.jpg}\n")
    people = load(tmp_path / "a.yaml").people
    assert people is not None and people.like == (str(tmp_path / "me.jpg"),)


def test_only_one_way_of_saying_who_is_meant() -> None:
    with pytest.raises(ManifestError, match=r"one of like, largest and names"):
        parse(HEAD + "people: {like: me.jpg, largest: 1}\n")


def test_a_model_that_must_be_asked_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WUNDERKAMMER_MODELS", str(tmp_path))
    with pytest.raises(UsageError, match="run `pipeline models fetch face_identity`"):
        models.path("face_identity")
