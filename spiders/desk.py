"""The hand-over: from records and bytes to originals and partitions of `crawled`, for crawls and imports alike.

Originals are durable before the rows that name them; a partition is published whole or not at all.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipeline import sniff, tables
from pipeline.errors import LockHeld, Reason
from pipeline.schema import CRAWLED
from pipeline.storage import Root
from spiders.known import Known
from spiders.records import missing_id, original_id
from spiders.secrets import redact_row

MAX_BYTES = 64 * 2**20
PICTURES = 64
SECONDS = 30.0
LOCK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture seen at one address: its row, and its bytes unless the row has a reason."""

    record: dict[str, Any]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What is committed together: originals first, then, with a name, the partition of rows."""

    originals: list[tuple[str, bytes]]
    name: str
    rows: list[dict[str, Any]]


class Desk:
    """Takes pictures one by one, and makes batches of them.

    A batch is due after 64 pictures or 64 MiB; its rows become a partition after 1,024 of them or 30 seconds.
    `commit` may run in another thread than the rest, one batch at a time. One desk a source: a second one
    waits three seconds for the first, then raises LockHeld.
    """

    def __init__(self, root: Root, prefix: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.root, self.prefix, self._clock = root, prefix, clock
        with _patient_lock(root, f"crawl-{prefix}") as held:
            self.known = Known.load(root, prefix)
            self._held = held.pop_all()
        self._stamp = _fresh_stamp(self.known.stamps)
        self.new = 0
        self.failed: Counter[str] = Counter()
        self.partitions: list[str] = []
        self._originals: list[tuple[str, bytes]] = []
        self._size = 0
        self._rows: list[dict[str, Any]] = []
        self._number = 0
        self._since = 0.0
        self._whole = True

    def add(self, seen: Seen) -> Reason | None:
        """Take one picture; returns why it has none, if so. A failure that was known is not written again."""
        row = seen.record
        row |= redact_row(row)
        reason = row["reason"] or self._file(row, seen.body or b"")
        if reason:
            row["reason"] = str(reason)
            row["id"] = missing_id(row["source"], row["url"] or row["source_id"])
            self.failed[str(reason)] += 1
            if self.known.failed_alike(row["source_id"], str(reason)):
                return Reason(reason)
        else:
            self.new += 1
        if not self._rows:
            self._since = self._clock()
        self._rows.append(row)
        return Reason(reason) if reason else None

    def _file(self, row: dict[str, Any], body: bytes) -> Reason | None:
        """Put the bytes on the pile and their facts into the row, or say why not."""
        row["bytes"] = len(body)
        if not body:
            return Reason.EMPTY
        if len(body) > MAX_BYTES:
            return Reason.TOO_LARGE
        kind = sniff.sniff(body[: sniff.HEAD])
        if kind is None:
            return Reason.NOT_A_PICTURE
        row["id"] = row["sha256"] = original_id(body)
        row["format"] = kind
        self._originals.append((tables.original_path(row["id"], kind), body))
        self._size += len(body)
        return None

    @property
    def due(self) -> bool:
        """Whether a batch should be committed now."""
        return len(self._originals) >= PICTURES or self._size >= MAX_BYTES or self._rows_due

    @property
    def _rows_due(self) -> bool:
        late = bool(self._rows) and self._clock() - self._since >= SECONDS
        return late or len(self._rows) >= tables.PARTITION_ROWS

    def take(self, final: bool = False) -> Batch:
        """What waits, as a batch; its rows only when they are due, or at the end."""
        originals, self._originals, self._size = self._originals, [], 0
        if not self._rows or not (final or self._rows_due):
            return Batch(originals, "", [])
        rows, self._rows = self._rows, []
        self._number += 1
        return Batch(originals, f"{self.prefix}-{self._stamp}-{self._number:05d}", rows)

    def commit(self, batch: Batch) -> None:
        """Publish a batch. Raises NoSpace and Fatal as the storage does; nothing is published after that."""
        if not self._whole:
            return
        self._whole = False
        if batch.originals:
            self.root.commit_many(batch.originals)
        if batch.rows:
            rows = sorted(batch.rows, key=lambda row: (row["rank"] is None, row["rank"] or 0))
            tables.write(self.root, tables.CRAWLED, batch.name, pa.Table.from_pylist(rows, CRAWLED), CRAWLED)
            self.partitions.append(batch.name)
        self._whole = True

    def close(self) -> None:
        """Commit what waits and let the source go."""
        with self._held:
            self.commit(self.take(final=True))


def _patient_lock(root: Root, name: str) -> ExitStack:
    """Hold a lock; a crawler that was killed may need a moment to put down what it holds."""
    stack = ExitStack()
    start = time.monotonic()
    while True:
        try:
            stack.enter_context(root.lock(name))
        except LockHeld:
            if time.monotonic() - start > LOCK_SECONDS:
                raise
            time.sleep(0.2)
        else:
            return stack


def _fresh_stamp(taken: set[str]) -> str:
    """The time in UTC, moved on while an earlier run has the same second."""
    now = datetime.now(UTC)
    while (stamp := now.strftime("%Y%m%dT%H%M%S")) in taken:
        now += timedelta(seconds=1)
    return stamp
