"""Untrusted JSON read field by field, and the calendar of `/Date(ms)/`."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiders.pages.fields import Drift, civil_year, date_year, integer, load, rows, text, words, year_of

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
EPOCH = date(1970, 1, 1)


@given(st.dates())
def test_the_year_is_that_of_the_calendar(day: date) -> None:
    assert civil_year((day - EPOCH).days) == day.year


@given(st.integers(-10_000, 10_000))
def test_the_calendar_goes_on_before_year_one_and_after_9999(year: int) -> None:
    shift = 400 * 30
    day = date(year % 400 + 400, 1, 1)
    days = (day - EPOCH).days + (year - day.year) // 400 * 146_097
    assert civil_year(days) == year
    assert civil_year(days - 1) == year - 1
    assert civil_year(days + 146_097 * 30) == year + shift


@pytest.mark.parametrize(
    ("value", "year"),
    [
        ("/Date(-3846441600000)/", 1848), ("/Date(253402300799999)/", 9999), ("/Date(0)/", 1970),
        ("/Date(-1)/", 1969), ("/Date(-62135596800000)/", 1), ("/Date(-62135596800001)/", 0),
        ("/Date()/", None), ("1848", None), (None, None), (1848, None),
    ],
)  # fmt: skip
def test_dates_in_milliseconds(value: Any, year: int | None) -> None:
    assert date_year(value) == year


@pytest.mark.parametrize(
    ("value", "year"),
    [
        ("1836", 1836), ("c.1900", 1900), ("1912 - 1914", 1914), ("1912-14", 1912), ("1912–1914", 1914),
        ("February 11, 1848", 1848), ("1955.0", 1955), ("500 BC", -500), ("3050 B.C.", -3050), ("-3050", -3050),
        ("c. 480", 480), ("?", None), ("", None), (None, None), ("16th century", None), ("12345", None),
        ("9999", None), ("19th of May 1536", 1536), ("1888/1890", 1890),
    ],
)  # fmt: skip
def test_years_in_free_text(value: str | None, year: int | None) -> None:
    assert year_of(value) == year


@given(st.text())
def test_a_year_is_never_beyond_reason(value: str) -> None:
    year = year_of(value)
    assert year is None or -9999 <= year <= 2100


@given(ANYTHING)
def test_any_json_value_is_read_without_a_fault(value: Any) -> None:
    assert text(value) is None or text(value) == str(text(value)).strip() != ""
    number = integer(value)
    assert number is None or abs(number) < 2**31
    assert all(isinstance(word, str) and word for word in words(value))
    assert all(isinstance(row, dict) for row in rows(value))


@given(ANYTHING)
def test_text_can_always_be_stored(value: Any) -> None:
    found = text(value)
    assert found is None or found.encode("utf-8").decode() == found


@given(st.lists(st.text(alphabet=st.characters(exclude_characters=",", exclude_categories=("Cs",)), max_size=8)))
def test_words_are_the_parts_between_commas_once_each(parts: list[str]) -> None:
    wanted = [part.strip() for part in parts if part.strip()]
    assert words(",".join(parts)) == list(dict.fromkeys(wanted))


def test_a_lone_surrogate_in_json_is_replaced() -> None:
    assert text(json.loads('"a\\ud800b"')) == "a?b"


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[" * 100_000, b"\xff\xfe\x00"])
def test_bodies_that_are_no_json_drift(body: bytes) -> None:
    with pytest.raises(Drift):
        load(body)


def test_numbers_of_any_kind() -> None:
    values = [5, 5.9, "5", " -5 ", True, None, "x", float("nan"), float("inf"), 2**40, "99999999999"]
    assert [integer(v) for v in values] == [5, 5, 5, -5, None, None, None, None, None, None, None]
