"""The ledger of what was spent, and the answers that were bought: whole, shared by runs, and without secrets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.storage import Root
from spiders.answers import Answers
from spiders.ledger import Ledger

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_what_was_spent_is_told_oldest_first_and_from_a_time_on(any_root: str) -> None:
    clock = Clock()
    ledger = Ledger(Root(any_root), "google", clock)
    assert ledger.spent(NOON - timedelta(days=30)) == []
    for days, units in ((0, 1), (1, 2.5), (2, 4)):
        clock.now = NOON + timedelta(days=days)
        ledger.spend(units, f"day {days}")
    assert [(entry.units, entry.what) for entry in ledger.spent(NOON)] == [(1, "day 0"), (2.5, "day 1"), (4, "day 2")]
    assert ledger.total(NOON + timedelta(seconds=1)) == 6.5
    assert [entry.at for entry in Ledger(Root(any_root), "google").spent(clock.now)] == [clock.now]
    assert Ledger(Root(any_root), "brave").spent(NOON) == []


def test_a_limit_holds_though_several_spend_at_once(tmp_path: Path) -> None:
    def spend(number: int) -> bool:
        return Ledger(Root(tmp_path), "google", Clock()).spend_within(1, str(number), 7, NOON) is not None

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(spend, range(24))) == 7
    assert Ledger(Root(tmp_path), "google").total(NOON) == 7


def test_a_ledger_and_its_answers_hold_no_secret(tmp_path: Path) -> None:
    root = Root(tmp_path)
    Ledger(root, "google").spend(1, "https://www.example.org/?key=canary-1&q=skull")
    asked = {"q": "skull", "key": "canary-2", "cx": "canary-3"}
    Answers(root, "google").keep(asked, {"items": [{"link": "https://a.example/?api_key=canary-4&x=1"}]})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert not [path for path in files if b"canary" in path.read_bytes()]


def test_an_answer_is_found_whatever_the_key_and_the_order(any_root: str) -> None:
    answers = Answers(Root(any_root), "brave")
    assert answers.get({"q": "skull"}) is None
    answers.keep({"q": "skull", "count": 200, "key": "one"}, {"results": []})
    kept = Answers(Root(any_root), "brave").get({"count": 200, "key": "another", "q": "skull", "safe": None})
    assert kept is not None and kept.body == {"results": []} and kept.asked == {"q": "skull", "count": 200}
    assert answers.get({"q": "skull", "count": 100}) is None
    assert Answers(Root(any_root), "google").get({"q": "skull", "count": 200}) is None


def test_an_answer_grows_old_only_when_asked_to(tmp_path: Path) -> None:
    clock = Clock()
    answers = Answers(Root(tmp_path), "brave", clock)
    answers.keep({"q": "skull"}, {"page": 1})
    clock.now += timedelta(days=400)
    assert answers.get({"q": "skull"}) is not None
    assert answers.get({"q": "skull"}, timedelta(days=30)) is None
    answers.keep({"q": "skull"}, {"page": 2})
    kept = answers.get({"q": "skull"}, timedelta(days=30))
    assert kept is not None and kept.body == {"page": 2}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 9e5), st.floats(0.01, 100)), max_size=6), st.floats(0, 9e5))
def test_the_total_is_the_sum_of_what_came_later(
    tmp_path_factory: pytest.TempPathFactory, spendings: list[tuple[float, float]], start: float
) -> None:
    clock = Clock()
    ledger = Ledger(Root(tmp_path_factory.mktemp("ledger")), "serpapi", clock)
    for seconds, units in spendings:
        clock.now = NOON + timedelta(seconds=round(seconds))
        ledger.spend(units, "")
    since = NOON + timedelta(seconds=round(start))
    expected = sum(units for seconds, units in spendings if NOON + timedelta(seconds=round(seconds)) >= since)
    assert ledger.total(since) == pytest.approx(expected)
