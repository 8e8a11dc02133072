"""The journal: what was taken and is in no partition yet survives the death of the process, on disk and in a store."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tables
from pipeline.errors import Reason
from pipeline.storage import Root
from spiders.desk import Desk, Seen
from spiders.journal import line, lines
from spiders.records import record
from tests.spiders_site import png

PREFIX = "wikiart-style-cubism-00000000"


def seen(number: int, reason: Reason | None = None) -> Seen:
    row = record(source="wikiart", source_id=f"w{number}", url=f"http://h.example/{number}.png", rank=number,
                 fetched_at=datetime(2026, 11, 22, tzinfo=UTC), tags=["hat"], reason=reason)  # fmt: skip
    return Seen(row, None if reason else png(number))


def killed(desk: Desk, *, settled: bool = True) -> None:
    """Leave a desk as kill −9 does: only what is taken was sent to an object store; the lock is dropped."""
    if settled:
        desk.commit(desk.take())
    desk._held.close()


def rows(root: Root) -> list[dict[str, Any]]:
    names = tables.names(root, tables.CRAWLED)
    return [row for name in names for row in tables.read(root, tables.CRAWLED, name).to_pylist()]


def begun(root: Root, count: int) -> Desk:
    """A desk that has taken so many pictures."""
    desk = Desk(root, PREFIX)
    for number in range(count):
        desk.add(seen(number))
    return desk


def whole(root: Root, count: int) -> None:
    """Every picture is there once, with its bytes, and no journal is left."""
    found = rows(root)
    assert Counter(row["source_id"] for row in found) == Counter(f"w{number}" for number in range(count))
    for row in found:
        if row["reason"] is None:
            assert root.read(tables.original_path(row["id"], row["format"])) == png(row["rank"])
    assert not [name for folder in root.folders("journal") for name in root.names(f"journal/{folder}")]


def test_what_was_taken_is_known_after_a_kill_and_goes_on_in_the_same_partition(any_root: str) -> None:
    root = Root(any_root)
    first = Desk(root, PREFIX)
    for number in range(20):
        first.add(seen(number, Reason.HTTP_4XX if number == 7 else None))
    killed(first)
    assert not rows(root)
    second = Desk(root, PREFIX)
    assert second.recovered == 19 and second.new == 0
    assert all(second.known.settled(f"w{number}") for number in range(20))
    for number in range(20, 30):
        second.add(seen(number))
    killed(second)
    third = Desk(root, PREFIX)
    third.close()
    assert len(third.partitions) == 1
    (tags,) = {tuple(row["tags"]) for row in rows(root)}
    assert tags == ("hat",) and {row["fetched_at"] for row in rows(root)} == {datetime(2026, 11, 22, tzinfo=UTC)}
    whole(root, 30)
    assert Desk(root, PREFIX).recovered == 0


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_a_journal_torn_at_any_byte_loses_the_torn_row_alone(tmp_path: Path, cut: int) -> None:
    root = Root(tmp_path)
    killed(begun(root, 5), settled=False)
    (file,) = tmp_path.glob("journal/*/*.jsonl")
    file.write_bytes(file.read_bytes()[: -cut or None])
    second = Desk(root, PREFIX)
    assert second.recovered == (5 if cut == 0 else 4)
    for number in range(second.recovered, 6):
        second.add(seen(number))
    killed(second, settled=False)
    Desk(root, PREFIX).close()
    whole(root, 6)


def test_a_picture_that_a_power_cut_damaged_is_fetched_again(tmp_path: Path) -> None:
    root = Root(tmp_path)
    killed(begun(root, 4), settled=False)
    staged = sorted(path for path in tmp_path.glob("journal/*/*") if path.suffix != ".jsonl")
    staged[0].write_bytes(bytes(staged[0].stat().st_size))
    staged[1].unlink()
    second = Desk(root, PREFIX)
    assert second.recovered == 2
    for number in range(4):
        if not second.known.settled(f"w{number}"):
            second.add(seen(number))
    second.close()
    whole(root, 4)


POINTS = ("originals published", "table written", "journal removed")


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_each_step_of_a_commit(tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    root = Root(tmp_path)
    desk = begun(root, 6)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if point == "originals published":
            patched.setattr(tables, "write", die)
        elif point == "table written":
            patched.setattr(desk._journal, "fold", die)
        else:
            fold = desk._journal.fold
            patched.setattr(desk._journal, "fold", lambda name: (fold(name), die()))
        with pytest.raises(Killed):
            desk.commit(desk.take(final=True))
    desk._held.close()
    second = Desk(root, PREFIX)
    assert all(second.known.settled(f"w{number}") for number in range(6))
    second.close()
    whole(root, 6)


def test_several_journals_are_folded_each_into_its_own_partition(tmp_path: Path) -> None:
    root = Root(tmp_path)
    killed(begun(root, 3), settled=False)
    (file,) = tmp_path.glob("journal/*/*.jsonl")
    shutil.copy(file, file.with_name(file.name.replace("00001.jsonl", "00002.jsonl")))
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:1]))
    later = file.with_name(file.name.replace("00001.jsonl", "00002.jsonl"))
    later.write_bytes(b"".join(later.read_bytes().splitlines(keepends=True)[1:]))
    Desk(root, PREFIX).close()
    assert len(tables.names(root, tables.CRAWLED)) == 2
    whole(root, 3)


texts = st.none() | st.text() | st.integers(-(2**40), 2**40) | st.lists(st.text(), max_size=3)


@given(st.lists(st.dictionaries(st.sampled_from(["title", "extra", "rank", "style"]), texts), max_size=5), st.binary())
def test_lines_come_back_as_they_went_and_rubbish_is_passed_over(made: list[dict[str, Any]], rubbish: bytes) -> None:
    data = b"".join(line("crawled", row) for row in made)
    kept = [{key: value for key, value in row.items() if value is not None} for row in made]
    assert [row for _, row in lines(data)] == kept
    assert [row for _, row in lines(data + b'["crawled", {"title": "half')] == kept
    list(lines(rubbish))
