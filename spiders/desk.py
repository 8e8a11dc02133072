"""The hand-over: from records and bytes to originals and partitions of `crawled`, for crawls and imports alike.

Originals are durable before the rows that name them; a partition is published whole or not at all; what waits for
its partition stands in the journal.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa

from pipeline import sniff, tables
from pipeline.errors import LockHeld, Reason
from pipeline.schema import CHECKED, CRAWLED
from pipeline.storage import Root
from spiders import recheck
from spiders.journal import Pile, Step, journal
from spiders.known import GONE, WITHDRAWN, Known, Row, said
from spiders.records import missing_id, original_id, record
from spiders.secrets import redact_row

MAX_BYTES = 64 * 2**20
SECONDS = 30.0
LOCK_SECONDS = 3.0
_FACTS = ("sha256", "format", "bytes", "url", "final_url", "variant", "http_status", "content_type", "etag")


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture seen at one address: its row, and its bytes unless the row has a reason or says HTTP 304."""

    record: dict[str, Any]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What is committed together: what the journal took, then, with a name, the partition of rows."""

    taken: Any
    name: str
    pile: Pile


class Desk:
    """Takes pictures one by one, and makes batches of them.

    A batch is due when the journal has taken enough; its rows become a partition after 1,024 of them or 30 seconds.
    The steps of `committing` may run in another thread than the rest, one batch at a time. One desk a source: a
    second one waits three seconds for the first, then raises LockHeld. What a killed run left is taken over:
    `recovered` pictures of it count as known.

    `new`, `changed` (other bytes than were stored), `described` (the same bytes, of which something else is said),
    `unchanged` (asked for again and the same), `missed`, `gone`, `withdrawn` and `failed` count what was taken;
    `unchecked` are stored pictures for which the answer said nothing, `signals` opt-out signals by kind. Where an
    import cannot read a picture any more that it had, that is a row.
    """

    def __init__(
        self, root: Root, prefix: str, clock: Callable[[], float] = time.monotonic, *, imports: bool = False
    ) -> None:
        self.root, self.prefix, self._clock, self._imports = root, prefix, clock, imports
        with _patient_lock(root, f"crawl-{prefix}") as held:
            self.known = Known.load(root, prefix)
            self._forgotten = tables.forgotten(root)
            self._journal = journal(root, prefix)
            self.new = self.changed = self.described = self.unchanged = 0
            self.missed = self.gone = self.withdrawn = self.recovered = self.bytes = 0
            self.failed: Counter[str] = Counter()
            self.unchecked: Counter[str] = Counter()
            self.signals: Counter[str] = Counter()
            self.partitions: list[str] = []
            self._pile = Pile()
            self._pictures, self._size, self._number, self._whole = 0, 0, 0, True
            self._since = self._settled = clock()
            self._stamp = _fresh_stamp(self.known.stamps)
            self._recover()
            self._held = held.pop_all()

    # taking over

    def _recover(self) -> None:
        """Take over what killed runs left: the last partition that was begun is gone on with."""
        left = sorted(self._journal.recover().items())
        for name, pile in left:
            if self._stands(name, pile):
                self._journal.fold(name)
                continue
            pile.crawled = [record(**row) for row in pile.crawled]
            self.recovered += sum(row["reason"] is None for row in pile.crawled)
            self.known.take("crawled", pile.crawled)
            self.known.take("checked", pile.checked)
            if name != left[-1][0]:
                self.commit(Batch(self._journal.take(), name, pile))
                continue
            self._pile, self._pictures, self._since = pile, len(pile.crawled), self._clock()
            self._stamp, self._number = name.rsplit("-", 2)[1], int(name.rsplit("-", 1)[1]) - 1

    def _stands(self, name: str, pile: Pile) -> bool:
        table = tables.CRAWLED if pile.crawled else tables.CHECKED
        return not pile or self.root.exists(f"{table}/{name}.parquet")

    # taking

    def add(self, seen: Seen) -> Reason | None:
        """Take one picture; returns why it has none, if so. A failure that was known is not written again.

        A picture that is stored already is checked against what is stored, and gets a row only when it changed.
        """
        row, body = seen.record, seen.body
        row |= redact_row(row)
        for name in json.loads(row["optout_signals"] or "{}"):
            self.signals[name] += 1
        reason = row["reason"] or self._judge(row, body)
        if self.known.stored(row["source_id"]):
            return self._check(row | {"reason": reason and str(reason)}, body)
        if reason:
            return self._fail(row, Reason(reason))
        self.new += 1
        self._file(row, body or b"")
        return None

    def _judge(self, row: dict[str, Any], body: bytes | None) -> Reason | None:
        """Why the bytes are no picture, if so; else their facts come into the row."""
        if body is None and row["http_status"] == 304:
            return None
        body = body or b""
        row["bytes"] = len(body)
        if not body:
            return Reason.EMPTY
        if len(body) > MAX_BYTES:
            return Reason.TOO_LARGE
        row["format"] = sniff.sniff(body[: sniff.HEAD])
        if row["format"] is None:
            return Reason.NOT_A_PICTURE
        picture = original_id(body)
        if picture in self._forgotten:
            return Reason.FORGOTTEN
        row["id"] = row["sha256"] = picture
        return None

    def _fail(self, row: dict[str, Any], reason: Reason) -> Reason:
        row["reason"] = str(reason)
        row["id"] = missing_id(row["source"], row["url"] or row["source_id"])
        self.failed[str(reason)] += 1
        if not self.known.failed_alike(row["source_id"], str(reason)):
            self._note("crawled", row)
        return reason

    def _file(self, row: dict[str, Any], body: bytes) -> None:
        """Keep the bytes and their row."""
        self._journal.keep(tables.original_path(row["id"], row["format"]), body)
        self._pictures += 1
        self._size += len(body)
        self.bytes += len(body)
        self._note("crawled", row)

    def _note(self, table: str, row: dict[str, Any]) -> None:
        if not self._pile:
            self._since = self._clock()
        self._journal.note(self._name, table, row)
        self._pile.of(table).append(row)

    @property
    def _name(self) -> str:
        return f"{self.prefix}-{self._stamp}-{self._number + 1:05d}"

    # what is stored already

    def _check(self, row: dict[str, Any], body: bytes | None) -> Reason | None:
        """Compare a picture that was asked for again with what is stored."""
        source_id = row["source_id"]
        before, check = self.known.rows[source_id], self.known.checks.get(source_id)
        reason = Reason(row["reason"]) if row["reason"] else None
        outcome, misses = recheck.verdict(row, row["sha256"], before.sha256, check.misses if check else 0)
        if outcome is None and self._imports and reason:
            return self._fail(row, reason)
        if outcome is None:
            self.unchecked[str(reason)] += 1
            return reason
        if outcome == "changed":
            self.changed += 1
            self._file(row | {"changed_from": before.sha256}, body or b"")
        elif outcome != "unchanged":
            self._count(outcome, check.outcome if check else None)
        elif not self.describe(row):
            self.unchanged += 1
        if not self._imports:
            self._note("checked", _checked(row, before, outcome or "", misses))
        return reason

    def describe(self, said_now: dict[str, Any]) -> bool:
        """Write a row for a stored picture of which something else is said than was; False when nothing is new."""
        source_id = said_now["source_id"]
        if self.known.said.get(source_id) == said(said_now):
            return False
        before = self.known.rows[source_id]
        facts = {name: getattr(before, name) for name in _FACTS}
        modified = said_now["last_modified"] or before.last_modified
        same = {"id": before.sha256, "changed_from": before.sha256, "last_modified": modified, "reason": None}
        self.described += 1
        self._note("crawled", said_now | facts | same)
        return True

    def _count(self, outcome: str, before: str | None = None) -> None:
        """Count what became of a stored picture, once."""
        self.missed += outcome == "missed"
        self.gone += outcome == GONE != before
        self.withdrawn += outcome == WITHDRAWN != before

    def notes(self) -> list[str]:
        """What is worth knowing of a crawl besides its counts, as sentences."""
        made = []
        if self.recovered:
            made.append(f"{self.recovered:,} pictures that an interrupted run had fetched were taken over.")
        if self.missed:
            made.append(f"{self.missed:,} known pictures were not there when they were asked for again; "
                        f"after {recheck.MISSES} times they count as gone.")  # fmt: skip
        if self.withdrawn:
            made.append(f"{self.withdrawn:,} known pictures are reserved by their owners now: they are left out "
                        "of the next edition.")  # fmt: skip
        if self.unchecked:
            why = ", ".join(f"{reason} {count:,}" for reason, count in sorted(self.unchecked.items()))
            made.append(f"{self.unchecked.total():,} known pictures could not be asked for again ({why}).")
        return made

    def unlisted(self, listed: Container[str]) -> int | None:
        """Write down that stored pictures are gone from a complete list; how many, None if it cannot be believed."""
        lost = recheck.no_longer_listed(self.known, listed)
        for source_id in lost or ():
            row = {"source_id": source_id, "source": None, "http_status": None, "optout_signals": None}
            facts = {"etag": None, "last_modified": None, "detail": "it is no longer listed"}
            self._note("checked", _checked(row | facts, self.known.rows[source_id], GONE, 0))
            self._count(GONE)
        return None if lost is None else len(lost)

    # committing

    @property
    def due(self) -> bool:
        """Whether a batch should be committed now."""
        pictures, size, seconds = self._journal.enough
        late = bool(self._pile) and self._clock() - max(self._since, self._settled) >= seconds
        return self._pictures >= pictures or self._size >= size or late or self._rows_due

    @property
    def _rows_due(self) -> bool:
        late = bool(self._pile) and self._clock() - self._since >= SECONDS
        return late or len(self._pile) >= tables.PARTITION_ROWS

    def take(self, final: bool = False) -> Batch:
        """What waits, as a batch; its rows only when they are due, or at the end."""
        taken = self._journal.take()
        self._pictures, self._size, self._settled = 0, 0, self._clock()
        if not self._pile or not (final or self._rows_due):
            return Batch(taken, "", Pile())
        name, pile = self._name, self._pile
        self._pile = Pile()
        self._number += 1
        return Batch(taken, name, pile)

    def commit(self, batch: Batch) -> None:
        """Publish a batch. Raises NoSpace and Fatal as the storage does; nothing is published after that."""
        for step in self.committing(batch):
            step()

    def committing(self, batch: Batch) -> Iterator[Step]:
        """As `commit`: gives the steps that wait for the disk or network, each to be called before the next one."""
        if not self._whole:
            return
        self._whole = False
        yield from self._journal.settling(batch.taken)
        if batch.pile:
            yield partial(self._publish, batch)
        self._whole = True

    def _publish(self, batch: Batch) -> None:
        """Write the rows as partitions, and forget their journal."""
        if batch.pile.checked:
            rows = pa.Table.from_pylist(batch.pile.checked, CHECKED)
            tables.write(self.root, tables.CHECKED, batch.name, rows, CHECKED)
        if batch.pile.crawled:
            ranked = sorted(batch.pile.crawled, key=lambda row: (row["rank"] is None, row["rank"] or 0))
            tables.write(self.root, tables.CRAWLED, batch.name, pa.Table.from_pylist(ranked, CRAWLED), CRAWLED)
            self.partitions.append(batch.name)
        self._journal.fold(batch.name)

    def close(self) -> None:
        """Commit what waits and let the source go."""
        with self._held:
            self.commit(self.take(final=True))


def _checked(row: dict[str, Any], before: Row, outcome: str, misses: int) -> dict[str, Any]:
    """A row of `checked`."""
    return {
        "id": before.sha256, "source": row["source"], "source_id": row["source_id"], "checked_at": datetime.now(UTC),
        "outcome": outcome, "misses": misses, "http_status": row["http_status"], "etag": row["etag"],
        "last_modified": row["last_modified"], "optout_signals": row["optout_signals"], "detail": row["detail"],
    }  # fmt: skip


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
