"""The filter language, and thresholds counted at once as the judge counts them one by one."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.manifest import Select
from pipeline.stages.judge import codes_of, judge
from pipeline.web.filters import LONGEST, parse

WIDTHS = np.array([100, 200, 300, np.nan])
TITLES = ["The Mill", "mill at night", "Sea", ""]


class Four:
    """Four pictures."""

    def number(self, name: str) -> np.ndarray:
        return WIDTHS if name == "width" else np.full(4, np.nan)

    def contains(self, name: str, text: str) -> np.ndarray:
        return np.array([text.lower() in title.lower() for title in TITLES]) if name == "title" else np.zeros(4, bool)


@pytest.mark.parametrize(("text", "found"), [
    ("w<200", [0]), ("w<=200", [0, 1]), ("w>100 AND w<300", [1]), ("w=300", [2]), ("w!=300", [0, 1]), ("W:300", [2]),
    ("mill", [0, 1]), ("title:mill w>150", [1]), ("NOT mill", [2, 3]), ("NOT NOT mill", [0, 1]),
    ("sea OR w<200", [0, 2]),
    ("mill AND (w<150 OR w>250)", [0]), ('title:"at night"', [1]), ('"at night"', [1]), ("NOT (mill OR sea)", [3]),
    ("mill AND w<150 OR sea", [0, 2]), ("source:x", []), ("title!=mill", [2, 3]),
])  # fmt: skip
def test_what_a_filter_lets_through(text, found):
    assert np.flatnonzero(parse(text)(Four())).tolist() == found


@pytest.mark.parametrize(("text", "says"), [
    ("", "empty"), ("  ", "empty"), ("w<", "needs a number"), ("w<x", "needs a number"), ("colour:red", "knows no"),
    ("widht<3", "Did you mean width"), ("(mill", "without its \\)"), ("mill)", "without its \\("),
    ('"mill', "without its end"),
    ("AND mill", "before AND"), ("mill AND", "at its end"), ("NOT", "at its end"), ("title<3", "is no number"),
    ("x" * (LONGEST + 1), "at most"), ("(" * 200 + "mill" + ")" * 200, "too many parentheses"),
    ("NOT " * 100 + "mill", "too many parentheses"),
])  # fmt: skip
def test_what_is_no_filter_is_told(text, says):
    with pytest.raises(UsageError, match=says):
        parse(text)


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_is_told(text):
    with suppress(UsageError):
        assert parse(text)(Four()).shape == (4,)


_numbers = st.one_of(st.none(), st.floats(0, 300, width=32))


@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300), *[_numbers] * 7,
                       st.sampled_from(["MIT", "CC0-1.0", None]),
                       st.sampled_from([None, None, "truncated"])), min_size=1, max_size=20),
    st.integers(1, 200), st.floats(1, 5), st.floats(0, 255), st.sampled_from(["any", ("cc0",)]),
)  # fmt: skip
def test_counting_at_once_is_judging(rows, side, aspect, limit, license):
    names = ("width", "height", "brightness", "contrast", "sharpness", "coloured", "entropy", "border", "jpeg_quality")
    columns = dict(zip((*names, "licence", "reason"), map(list, zip(*rows, strict=True)), strict=True))
    kinds = {"width": pa.int32(), "height": pa.int32(), "licence": pa.string(), "reason": pa.string()}
    made = {name: pa.array(values, kinds.get(name, pa.float32())) for name, values in columns.items()}
    table = pa.table(made | {"blockiness": pa.nulls(len(rows), pa.float32()), "frames": pa.nulls(len(rows), pa.int32()),
                             "reason_value": pa.nulls(len(rows), pa.float64())})  # fmt: skip
    options = Select(
        min_side=side, max_aspect=aspect, min_sharpness=limit, max_brightness=limit, min_jpeg_quality=min(limit, 100),
        greyscale="reject", license=license,
    )
    reasons, _ = judge(table, table, options)
    codes, listed = codes_of(table, table, options)
    found = [before or (listed[code] if code >= 0 else None)
             for before, code in zip(columns["reason"], codes, strict=True)]  # fmt: skip
    assert found == reasons
