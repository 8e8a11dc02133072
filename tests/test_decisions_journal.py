"""The journal: what was added stands until it is undone, in whatever order the files are listed, by however many."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decisions import (
    NOT_DUPLICATE,
    SHARED,
    Event,
    Journal,
    declare_different,
    never_duplicates,
    standing,
    undone,
)
from pipeline.errors import Fatal, UsageError
from pipeline.storage import Root

ONE, OTHER, THIRD = "a" * 64, "b" * 64, "c" * 64


def event(number: int, undoes: int | None = None) -> Event:
    """The event of this number, one a second."""
    at = f"2026-11-22T06:00:{number:02d}.000000+00:00"
    if undoes is None:
        return Event(name(number), at, "x", "hide", {"theme": number})
    return Event(name(number), at, "x", "undo", {"event": name(undoes)})


def name(number: int) -> str:
    return f"20261122T0600{number:02d}000000Z-{number:08x}"


@st.composite
def journals(draw: st.DrawFn) -> list[Event]:
    """Events of which some undo earlier ones."""
    made: list[Event] = []
    for number in range(draw(st.integers(1, 20))):
        undoes = draw(st.one_of(st.none(), st.integers(0, number - 1))) if number else None
        made.append(event(number, undoes))
    return made


@given(journals(), st.randoms())
def test_the_order_of_the_files_does_not_matter(events, random):
    shuffled = list(events)
    random.shuffle(shuffled)
    assert standing(shuffled) == standing(events)
    assert undone(shuffled) == undone(events)


@given(journals())
def test_an_undoing_counts_while_nothing_undoes_it(events):
    dead = undone(events)
    for one in events:
        undoings = [e for e in events if e.action == "undo" and e["event"] == one.id]
        assert (one.id in dead) == any(e.id not in dead for e in undoings)


@given(journals())
def test_undoing_an_undoing_brings_back_what_stood(events):
    last = len(events)
    stood = standing(events)
    for one in stood:
        number = int(one.id[-8:], 16)
        gone = [*events, event(last, number)]
        assert one not in standing(gone)
        assert standing([*gone, event(last + 1, last)]) == stood


def test_what_was_added_is_read_by_another(tmp_path):
    root = Root(tmp_path)
    mine, theirs = Journal(root, "small", by="me"), Journal(root, "small", by="them")
    first = mine.add("reject", pictures=[ONE, OTHER, ONE])
    second = theirs.add("rename", theme=7, name="  still \n life ")
    assert mine.events() == theirs.events() == [first, second]
    assert first["pictures"] == [ONE, OTHER]
    assert (second["name"], second.by) == ("still life", "them")
    assert [e.action for e in Journal(root, "other").events()] == []


def test_undo_takes_the_last_that_stands(tmp_path):
    journal = Journal(Root(tmp_path), "small")
    first, second = journal.add("hide", theme=1), journal.add("hide", theme=2)
    journal.undo()
    assert journal.live() == [first]
    again = journal.undo(first.id)
    assert journal.live() == []
    with pytest.raises(UsageError, match="Nothing is left"):
        journal.undo()
    with pytest.raises(UsageError, match="undone already"):
        journal.undo(second.id)
    journal.undo(again.id)
    assert journal.live() == [first]
    with pytest.raises(UsageError, match="no decision"):
        journal.undo(name(3))


def test_not_duplicates_hold_for_all_and_can_be_undone(tmp_path):
    root = Root(tmp_path)
    assert declare_different(root, OTHER, ONE)
    journal = Journal(root, "small")
    (known,) = journal.live()
    assert (known.action, known["pictures"]) == ("different", [ONE, OTHER])
    fresh = Journal(root, "other").add("different", pictures=[THIRD, ONE])
    assert never_duplicates(root) == {frozenset((ONE, OTHER)), frozenset((ONE, THIRD))}
    journal.undo(known.id)
    assert never_duplicates(root) == {frozenset((ONE, THIRD))}
    assert Journal(root, SHARED).live() == Journal(root, "other").live() == [fresh]
    assert declare_different(root, ONE, OTHER)
    assert not declare_different(root, ONE, OTHER)
    assert frozenset((ONE, OTHER)) in never_duplicates(root)


def test_the_clock_may_run_backwards(tmp_path, monkeypatch):
    journal = Journal(Root(tmp_path), "small")
    first = journal.add("hide", theme=1)
    monkeypatch.setattr("pipeline.decisions._now", lambda: datetime(2020, 1, 1, tzinfo=UTC))
    second = journal.add("undo", event=first.id)
    assert journal.events() == [first, second]
    assert second.id.startswith(first.id[:8])


@pytest.mark.parametrize(("action", "fields", "says"), [
    ("remove", {}, "no decision 'remove'"),
    ("reject", {}, "lacks `pictures`"),
    ("reject", {"pictures": [ONE], "path": "x"}, "knows no `path`"),
    ("reject", {"pictures": []}, "64 hex digits"),
    ("reject", {"pictures": ["../../etc/passwd"]}, "64 hex digits"),
    ("reject", {"pictures": ONE}, "64 hex digits"),
    ("move", {"pictures": [ONE], "into": "3"}, "number of a theme"),
    ("move", {"pictures": [ONE], "into": True}, "number of a theme"),
    ("move", {"pictures": [ONE], "into": -1}, "number of a theme"),
    ("rename", {"theme": 1, "name": ""}, "one line"),
    ("rename", {"theme": 1, "name": "x\x1b[2J"}, "one line"),
    ("rename", {"theme": 1, "name": "y" * 121}, "one line"),
    ("rename", {"theme": 1, "name": None}, "one line"),
    ("merge", {"themes": [4], "into": 4}, "besides"),
    ("split", {"theme": 1, "parts": [[ONE]], "numbers": [1]}, "2 to 5"),
    ("split", {"theme": 1, "parts": [[ONE], [OTHER]], "numbers": [2, 3]}, "the theme's own"),
    ("split", {"theme": 1, "parts": [[ONE], [ONE]], "numbers": [1, 2]}, "one part"),
    ("different", {"pictures": [ONE, ONE]}, "two different"),
    ("undo", {"event": "../x"}, "id of a decision"),
])  # fmt: skip
def test_what_no_decision_says(tmp_path, action, fields, says):
    with pytest.raises(UsageError, match=says):
        Journal(Root(tmp_path), "small").add(action, **fields)
    assert not (tmp_path / "decisions").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"id": 1}', json.dumps({**event(1).plain(), "action": "explode"})])
def test_a_file_nobody_understands_is_not_passed_over(tmp_path, text):
    path = tmp_path / f"decisions/small/{name(1)}.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(Fatal, match="no decision that this version understands"):
        Journal(Root(tmp_path), "small").events()


def test_other_files_beside_the_journal_are_let_be(tmp_path):
    (tmp_path / "decisions/small").mkdir(parents=True)
    (tmp_path / "decisions/small/notes.json").write_text("mine")
    (tmp_path / f"{NOT_DUPLICATE}").mkdir(parents=True)
    (tmp_path / f"{NOT_DUPLICATE}/x-y.json").write_text("mine")
    assert Journal(Root(tmp_path), "small").events() == []


WRITER = """
import sys
from pipeline.decisions import Journal
from pipeline.storage import Root
journal = Journal(Root(sys.argv[1]), "small", by=sys.argv[2])
for number in range(25):
    journal.add("hide", theme=number)
    print(journal.fresh_number([3]))
"""


def test_several_processes_write_at_once(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True) for n in range(3)]
    told = [writer.communicate(timeout=60)[0].split() for writer in writers]
    events = Journal(Root(tmp_path), "small").events()
    assert len(events) == 75
    for writer in range(3):
        mine = [e["theme"] for e in events if e.by == str(writer)]
        assert mine == list(range(25))
    numbers = [int(n) for one in told for n in one]
    assert sorted(numbers) == list(range(4, 79))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["hide", "undo last", "undo first"]), max_size=8))
def test_a_journal_on_disk_says_what_it_said_in_memory(steps):
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Root(folder), "small")
        for number, step in enumerate(steps):
            events = journal.events()
            if step == "hide":
                journal.add("hide", theme=number)
            elif step == "undo last" and journal.live():
                journal.undo()
            elif step == "undo first" and events and events[0].id not in undone(events):
                journal.undo(events[0].id)
        assert Journal(Root(folder), "small").events() == journal.events()
        assert Journal(Root(folder), "small").live() == standing(journal.events())
