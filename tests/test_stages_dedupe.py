"""Duplicates: stars around the kept picture, in the order of the rule, whatever came before."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema import MEASURED, SELECTED
from pipeline.stages.dedupe import Standing, dedupe

NOBODY = Standing([], np.empty(0, np.uint64))
COLUMNS = ("id", "width", "height", "sharpness", "phash", "reason", "reason_value", "detail")


def candidates(rows):
    """A table of (id, side, sharpness, phash, reason)."""
    facts = {
        "id": [row[0] for row in rows], "width": [row[1] for row in rows], "height": [row[1] for row in rows],
        "sharpness": [row[2] for row in rows], "phash": [row[3] for row in rows], "reason": [row[4] for row in rows],
        "reason_value": [None] * len(rows), "detail": [None] * len(rows),
    }  # fmt: skip
    return pa.table({name: pa.array(facts[name], MEASURED.field(name).type) for name in COLUMNS})


def verdicts(rows, standing=NOBODY, distance=4):
    return dedupe(candidates(rows), standing, distance).to_pylist()


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abcdefghij"), st.integers(1, 3), st.integers(1, 2), st.integers(0, 255),
        st.sampled_from([None, None, None, "blurred"]),
    ),
    max_size=25,
).map(lambda rows: [(i, side, sharp, ord(i) * 7 % 256, reason) for i, side, sharp, _, reason in rows])  # fmt: skip


@given(ROWS, st.integers(0, 6))
def test_every_duplicate_lies_within_the_distance_of_a_picture_that_is_kept(rows, distance):
    found = verdicts(rows, distance=distance)
    hashes = {row[0]: row[3] for row in rows}
    kept = {row["id"] for row in found if row["reason"] is None}
    assert [row["id"] for row in found] == [row[0] for row in rows]
    assert len(kept) == sum(row["reason"] is None for row in found)
    for before, after in zip(rows, found, strict=True):
        if before[4] is not None:
            assert after["reason"] == before[4]
        elif after["reason"] is not None:
            assert after["keeper"] in kept
            assert (hashes[after["id"]] ^ hashes[after["keeper"]]).bit_count() == after["distance"] <= distance
            assert (after["reason"] == "exact_duplicate") == (after["keeper"] == after["id"])
    for one, two in itertools.combinations(sorted(kept), 2):
        assert (hashes[one] ^ hashes[two]).bit_count() > distance


@given(ROWS, st.integers(0, 6))
def test_what_was_kept_before_stays_and_comes_first(rows, distance):
    standing = Standing(["old"], np.array([100], np.uint64))
    for row, after in zip(rows, verdicts(rows, standing, distance), strict=True):
        if row[4] is None and (row[3] ^ 100).bit_count() <= distance:
            assert after["reason"] is not None


def test_the_largest_is_kept_then_the_sharpest_then_the_first():
    one = verdicts([("a", 10, 5, 0, None), ("b", 20, 1, 1, None), ("c", 20, 2, 0, None), ("d", 20, 2, 3, None)])
    assert [row["reason"] for row in one] == ["near_duplicate", "near_duplicate", None, "near_duplicate"]
    assert [row["rule"] for row in one] == ["largest", "sharpest", None, "first seen"]
    assert {row["keeper"] for row in one} == {"c", None}


def test_a_chain_does_not_pull_in_what_is_far_from_the_kept_picture():
    chain = [("a", 30, 1, 0b0, None), ("b", 20, 1, 0b1111, None), ("c", 10, 1, 0b11111111, None)]
    assert [row["reason"] for row in verdicts(chain)] == [None, "near_duplicate", None]


def test_the_same_bytes_of_a_picture_that_lost_point_at_the_one_that_won():
    found = verdicts([("a", 10, 1, 0, None), ("a", 10, 1, 0, None), ("b", 20, 1, 1, None)])
    assert [(row["reason"], row["keeper"], row["distance"]) for row in found] == [
        ("near_duplicate", "b", 1), ("near_duplicate", "b", 1), (None, None, None),
    ]  # fmt: skip


def test_nothing_in_gives_nothing_out_in_the_schema():
    assert dedupe(candidates([]), NOBODY, 6).schema.names == SELECTED.names
