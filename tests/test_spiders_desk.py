"""The desk: originals before rows, whole partitions, nothing after a failed write."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline import tables
from pipeline.errors import LockHeld, NoSpace, Reason
from pipeline.storage import Root
from spiders import desk as desks
from spiders.desk import Desk, Seen
from spiders.journal import DiskJournal
from spiders.known import Known
from spiders.records import record

PREFIX = "wikiart-style-cubism-00000000"


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (seed % 256, seed // 256, 9)).save(stream, "PNG")
    return stream.getvalue()


def seen(number: int, body: bytes | None = None, reason: Reason | None = None, rank: int | None = None) -> Seen:
    row = record(source="wikiart", source_id=f"w{number}", url=f"http://h.example/{number}.png",
                 rank=number if rank is None else rank, reason=reason and str(reason))  # fmt: skip
    return Seen(row, None if reason else png(number) if body is None else body)


def fill(desk: Desk, items: Iterator[Seen] | list[Seen]) -> None:
    for item in items:
        desk.add(item)
        while desk.due:
            desk.commit(desk.take())


def rows(root: Root, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tables.read(root, tables.CRAWLED, name).to_pylist()
    return found


def test_originals_are_kept_byte_for_byte_under_their_hash(root: Root) -> None:
    desk = Desk(root, PREFIX)
    fill(desk, [seen(1), seen(2)])
    desk.close()
    (name,) = desk.partitions
    for row in rows(root, name):
        assert root.read(tables.original_path(row["id"], row["format"])) == png(row["rank"])
        assert (row["id"], row["format"], row["bytes"]) == (row["sha256"], "png", len(png(row["rank"])))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.EMPTY), (b"<!DOCTYPE html><html>", Reason.NOT_A_PICTURE),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', Reason.NOT_A_PICTURE), (b"%PDF-1.7", Reason.NOT_A_PICTURE),
        (b"PK\x03\x04", Reason.NOT_A_PICTURE), (b"\x89PNG\r\n\x1a\n" + bytes(64 * 2**20), Reason.TOO_LARGE),
    ],
    ids=["empty", "html", "svg", "pdf", "zip", "large"],
)  # fmt: skip
def test_what_is_no_picture_is_a_row_with_a_reason(root: Root, body: bytes, reason: Reason) -> None:
    desk = Desk(root, PREFIX)
    assert desk.add(seen(1, body)) is reason
    desk.close()
    (row,) = rows(root, desk.partitions[0])
    assert (row["reason"], row["sha256"], row["bytes"]) == (reason, None, len(body))
    assert len(row["id"]) == 64
    assert not root.folders("originals")


def test_a_partition_holds_1024_rows_sorted_by_rank(root: Root) -> None:
    desk = Desk(root, PREFIX)
    fill(desk, [seen(n, rank=2_000 - n) for n in range(1_100)])
    desk.close()
    assert [name.rpartition("-")[2] for name in desk.partitions] == ["00001", "00002"]
    first, second = (rows(root, name) for name in desk.partitions)
    assert (len(first), len(second)) == (1_024, 76)
    assert [row["rank"] for row in first] == sorted(row["rank"] for row in first)


def test_rows_do_not_wait_longer_than_thirty_seconds(root: Root) -> None:
    clock = Clock()
    desk = Desk(root, PREFIX, clock)
    desk.add(seen(1))
    clock.now = 29.9
    assert not desk.due
    clock.now = 30.1
    assert desk.due
    desk.commit(desk.take())
    assert len(rows(root, desk.partitions[0])) == 1
    assert not desk.due


def test_originals_go_out_before_their_rows_after_some_pictures_or_bytes(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiskJournal, "enough", (64, 10_000, 30.0))
    desk = Desk(root, PREFIX)
    for number in range(63):
        desk.add(seen(number))
    assert not desk.due
    desk.add(seen(63))
    assert desk.due
    batch = desk.take()
    assert (batch.name, len(batch.pile)) == ("", 0)
    desk.commit(batch)
    assert len(list((root.local or Path()).glob("originals/*/*"))) == 64
    assert not desk.due and desk.partitions == []
    for number in range(100, 150):
        desk.add(seen(number, png(number) * 8))
    assert desk.due


def test_the_same_bytes_at_two_addresses_are_one_original_and_two_rows(root: Root) -> None:
    desk = Desk(root, PREFIX)
    fill(desk, [seen(1, png(7)), seen(2, png(7))])
    desk.close()
    first, second = rows(root, desk.partitions[0])
    assert first["id"] == second["id"] and first["url"] != second["url"]
    assert len(list((root.local or Path()).glob("originals/*/*"))) == 1


def test_a_failure_that_was_known_is_counted_but_not_written_again(root: Root) -> None:
    desk = Desk(root, PREFIX)
    fill(desk, [seen(1, reason=Reason.TIMEOUT), seen(2, reason=Reason.HTTP_4XX), seen(3)])
    desk.close()
    again = Desk(root, PREFIX)
    assert [again.known.settled(f"w{n}") for n in (1, 2, 3, 4)] == [False, True, True, False]
    fill(again, [seen(1, reason=Reason.TIMEOUT)])
    again.close()
    assert again.partitions == [] and again.failed == {"timeout": 1}
    third = Desk(root, PREFIX)
    fill(third, [seen(1)])
    third.close()
    assert Known.load(root, PREFIX).settled("w1")
    assert not Known.load(root, PREFIX + "0").rows
    assert not Known.load(root, PREFIX[:-1]).rows


def test_runs_within_one_second_do_not_overwrite_each_other(root: Root) -> None:
    for number in range(3):
        desk = Desk(root, PREFIX)
        fill(desk, [seen(number)])
        desk.close()
    assert len(tables.names(root, tables.CRAWLED)) == 3


def test_one_desk_a_source(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "LOCK_SECONDS", 0.0)
    first = Desk(root, PREFIX)
    with pytest.raises(LockHeld):
        Desk(root, PREFIX)
    other = Desk(root, "wikiart-all-00000000")
    other.close()
    first.close()
    Desk(root, PREFIX).close()


def test_rows_are_not_published_after_their_originals_failed(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(root, PREFIX)
    desk.add(seen(1))

    def full(items: object) -> None:
        raise NoSpace("full")

    with monkeypatch.context() as patched:
        patched.setattr(root, "adopting", full)
        with pytest.raises(NoSpace):
            desk.commit(desk.take())
    desk.add(seen(2))
    desk.close()
    assert desk.partitions == [] and tables.names(root, tables.CRAWLED) == []
    Desk(root, PREFIX).close()
