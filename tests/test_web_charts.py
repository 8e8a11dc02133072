"""Geometry and words of the pages: pure functions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import reasons
from pipeline.errors import REASON_HELP, Reason
from pipeline.web import charts, pages
from pipeline.web.facts import web_address
from pipeline.web.runs import spread

COUNTS = st.lists(st.tuples(st.text(max_size=3), st.integers(0, 10**6)), max_size=12)
SIZES = st.lists(st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)), min_size=1, max_size=8)
NUMBERS = st.floats(-1e6, 1e6)


@given(COUNTS)
def test_segments_lie_side_by_side_and_fill_the_bar(parts: list[tuple[str, int]]) -> None:
    made = charts.segments(parts)
    assert [(s.label, s.count) for s in made] == parts
    for left, right in pairwise(made):
        assert left.start + left.width == pytest.approx(right.start, abs=0.01)
    if sum(count for _, count in parts):
        assert sum(s.width for s in made) == pytest.approx(100, abs=0.01)


@given(SIZES)
def test_sizes_keep_their_proportions_but_for_the_very_small(sizes: list[tuple[int, int]]) -> None:
    made = charts.same_scale(sizes, 160)
    longest = max(max(size) for size in sizes)
    assert max(max(size) for size in made) == 160
    for (width, _), (shown, _), size in zip(sizes, made, sizes, strict=True):
        if max(size) * 160 / longest >= 24:
            assert shown == pytest.approx(max(1, width * 160 / longest), abs=0.51)


@given(st.integers(0, 2**64 - 1))
def test_a_hash_has_a_square_for_each_bit(bits: int) -> None:
    assert charts.squares(bits).count("z") == bits.bit_count()


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5), st.integers(3, 8))
def test_ticks_are_round_and_inside(low: float, span: float, count: int) -> None:
    found = charts.ticks(low, low + span, count)
    slack = span * 1e-6 + 1e-9
    assert all(low - slack <= tick <= low + span + slack for tick in found)
    assert 1 <= len(found) <= count + 1


@given(st.lists(st.tuples(st.floats(0, 1e4), NUMBERS, NUMBERS), min_size=2, max_size=600))
def test_curves_stay_inside_the_box(rows: list[tuple[float, float, float]]) -> None:
    rows = sorted(rows)
    made = charts.chart([row[0] for row in rows], {"d": [row[1] for row in rows], "g": [row[2] for row in rows]})
    if made is None:
        assert rows[-1][0] - rows[0][0] < 0.001
        return
    for path in made.curves.values():
        points = [tuple(map(float, point.split())) for point in path.removeprefix("M").split("L")]
        assert len(points) <= 2 * 240
        assert all(-1 <= x <= charts.WIDTH + 1 and -1 <= y <= charts.HEIGHT + 1 for x, y in points)


@given(st.integers(0, 2000), st.integers(1, 300))
def test_pages_hold_every_item_once(total: int, size: int) -> None:
    made = pages.pagers(total, size)
    shown = [number for at in made for number in range(at.first, at.last + 1)]
    assert shown == list(range(1, total + 1))
    assert len(made) >= 1


@given(st.lists(st.integers(), max_size=100), st.integers(2, 20))
def test_spread_keeps_order_and_both_ends(items: list[int], count: int) -> None:
    positions = spread(list(range(len(items))), count)
    assert len(positions) == min(len(items), count)
    assert positions == sorted(set(positions))
    if items:
        assert positions[0] == 0
        assert positions[-1] == len(items) - 1


@given(st.text())
def test_only_addresses_of_the_web_become_links(text: str) -> None:
    found = web_address(text)
    assert found is None or (found == text and text.lower().startswith(("http://", "https://")))


@pytest.mark.parametrize("text", [
    "javascript:alert(1)", "JAVASCRIPT:alert(1)", " https://a.example", "https:///x", "//a.example", "data:text/html,x",
    "java\nscript:x", "http://[", "ftp://a.example", "", None,
])  # fmt: skip
def test_other_addresses_do_not(text: str | None) -> None:
    assert web_address(text) is None


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_title_and_a_sentence(reason: Reason) -> None:
    assert reasons.title(reason)[0].isupper()
    assert reasons.explanation(reason, {}).endswith(".")
    assert "None" not in reasons.explanation(reason, {"align": None})


def test_a_sentence_names_the_limit() -> None:
    manifest = {"select": {"min_side": 96}, "align": {"max_outside": 0.5}}
    assert "select.min_side (96)" in reasons.explanation("too_small", manifest)
    assert "align.max_outside (0.5)" in reasons.explanation("face_cut", manifest)
    assert len(REASON_HELP) == len(Reason)


def test_a_near_duplicate_is_explained_by_what_was_compared() -> None:
    thorough, strict = ({"dedupe": {"preset": preset, "distance": 6}} for preset in ("thorough", "strict"))
    assert "dedupe.distance (6)" in reasons.explanation("near_duplicate", strict)
    assert reasons.has_limit("near_duplicate", strict)
    assert "distance" not in reasons.explanation("near_duplicate", thorough)
    assert not reasons.has_limit("near_duplicate", thorough)


@pytest.mark.parametrize(("seconds", "text"), [
    (None, "–"), (0.42, "0.4 s"), (12.4, "12 s"), (60, "1 min"), (185, "3 min 5 s"), (7810, "2 h 10 min"),
])  # fmt: skip
def test_time_spans_read_well(seconds: float | None, text: str) -> None:
    assert pages.lasting(seconds) == text


@pytest.mark.parametrize(("part", "whole", "text"), [
    (0, 9, "0 %"), (1, 100_000, "<0.1 %"), (1, 30, "3.3 %"), (2, 3, "67 %"), (0, 0, "0 %"),
])  # fmt: skip
def test_shares_read_well(part: int, whole: int, text: str) -> None:
    assert pages.percent(part, whole) == text


def test_times_are_said_in_utc() -> None:
    assert pages.when("2026-11-22T01:24:28+01:00") == "22 November 2026, 00:24 UTC"
    assert pages.day("2026-11-22T00:24:28") == "22 November 2026"
