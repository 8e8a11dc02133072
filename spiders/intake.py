"""Take in what an importer finds: nothing that is known is read again, everything else goes to the desk."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import quote, quote_from_bytes

from pipeline.errors import Reason, Rejected, UsageError
from pipeline.licences import UNKNOWN
from pipeline.storage import Root
from spiders import crawls
from spiders.desk import MAX_BYTES, Desk, Seen
from spiders.estimate import Estimate
from spiders.known import Known
from spiders.licences import licence
from spiders.records import record, redacted
from spiders.summary import CrawlSummary

LINE_SECONDS = 5.0

Echo = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a source before it is read: its row, with a `reason` when there is nothing to read.

    `changed` says which state of the source it was seen in, such as the time of change of its file; `size` is in
    bytes, None when only reading tells. `read` is called before the next item is asked for, or not at all;
    it may raise OSError and Rejected.
    """

    record: dict[str, Any]
    read: Callable[[], bytes] | None = None
    size: int | None = None
    changed: str | None = None


@dataclass(slots=True)
class Tally:
    """What an importer counts besides its items: files `skipped`, and `notes` with how often each applies."""

    skipped: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    total: int | None = None


def take_in(
    items: Iterable[Item], tally: Tally, root: Root, prefix: str, name: str,
    *, limit: int | None = None, echo: Echo | None = None,
) -> CrawlSummary:  # fmt: skip
    """Give every item to the desk that is new or has changed; `name` is the source as people read it.

    Raises UsageError when there is no item at all, and what the items and the storage raise.
    """
    began, clock = datetime.now(UTC), time.monotonic()
    desk = Desk(root, prefix, imports=True)
    error: BaseException | None = None
    unchanged = 0
    try:
        unchanged = _take(desk, _told(islice(items, limit), name, tally, echo))
    except BaseException as stopped:
        error = stopped
        raise
    finally:
        desk.close()
        seconds = round(time.monotonic() - clock, 3)
        summary = _summary(desk, tally, name, unchanged, seconds)
        crawls.write(root, prefix, _report(summary, began, error))
    if not (desk.new or unchanged or desk.failed or desk.changed or desk.described):
        raise UsageError(f"There are no pictures in {name}, only {tally.skipped:,} other files.")
    return summary


def _summary(desk: Desk, tally: Tally, name: str, unchanged: int, seconds: float) -> CrawlSummary:
    notes = (*(f"{count:,} {note}" for note, count in sorted(tally.notes.items())), *desk.notes())
    return CrawlSummary(
        source=name, prefix=desk.prefix, new=desk.new, changed=desk.changed, described=desk.described,
        unchanged=unchanged, failed=dict(desk.failed), recovered=desk.recovered, partitions=tuple(desk.partitions),
        skipped=tally.skipped, seconds=seconds, notes=notes,
    )  # fmt: skip


def _report(summary: CrawlSummary, began: datetime, error: BaseException | None) -> dict[str, Any]:
    """The record of the import, for `crawls.write`."""
    return {
        "source": summary.source, "spec": None, "began_at": began.isoformat(timespec="seconds"),
        "summary": summary.to_json(),
        "error": {"kind": type(error).__name__, "message": str(error)} if error else None,
    }


def foretell(
    items: Iterable[Item], tally: Tally, root: Root, prefix: str, name: str, *, limit: int | None = None
) -> Estimate:
    """How many of the items the root does not have, told without reading one."""
    known, listed, fresh = Known.load(root, prefix), 0, 0
    for item in islice(items, limit):
        listed += 1
        fresh += item.read is not None and not _is_known(known, item)
    if not listed:
        raise UsageError(f"There are no pictures in {name}, only {tally.skipped:,} other files.")
    notes = (f"{listed - fresh:,} of {listed:,} are known or cannot be read.",) if listed > fresh else ()
    return Estimate(name, fresh, 0, 0.0, notes=notes)


def _told(items: Iterable[Item], name: str, tally: Tally, echo: Echo | None) -> Iterable[Item]:
    """The items with their ranks, and a line of progress every five seconds."""
    spoken = time.monotonic()
    for rank, item in enumerate(items):
        item.record["rank"] = rank
        yield item
        if echo and time.monotonic() - spoken >= LINE_SECONDS:
            spoken = time.monotonic()
            echo(f"{name}: {rank + 1:,}" + (f" of {tally.total:,}" if tally.total else "") + " pictures")


def _take(desk: Desk, items: Iterable[Item]) -> int:
    """Give the items to the desk; returns how many were unchanged."""
    unchanged = 0
    for item in items:
        if _is_known(desk.known, item):
            stored = desk.known.stored(item.record["source_id"])
            row = item.record | {"last_modified": item.changed}
            unchanged += not (item.read is not None and stored and desk.describe(row))
        else:
            desk.add(_seen(item))
        while desk.due:
            desk.commit(desk.take())
    return unchanged + desk.unchanged


def _is_known(known: Known, item: Item) -> bool:
    """Whether it was taken, or refused for what it is, in this size and state; a stored picture may go missing."""
    source_id = item.record["source_id"]
    earlier = [rows[source_id] for rows in (known.rows, known.refused) if source_id in rows]
    if any(row.reason == Reason.FORGOTTEN for row in earlier):
        return True
    if item.record["reason"] == Reason.MISSING:
        return any(row.reason in (None, Reason.MISSING) for row in earlier)
    states = [(row.last_modified, row.bytes) for row in earlier if row.reason != Reason.MISSING]
    return any(changed == item.changed and item.size in (None, size) for changed, size in states)


def _seen(item: Item) -> Seen:
    made = item.record | {"last_modified": item.changed, "bytes": item.size}
    if item.read is None:
        return Seen(made)
    if item.size is not None and item.size > MAX_BYTES:
        return Seen(made | {"reason": str(Reason.TOO_LARGE)})
    try:
        return Seen(made, item.read())
    except Rejected as error:
        return Seen(made | {"reason": str(error.reason), "detail": error.detail})
    except OSError as error:
        return Seen(made | {"reason": str(Reason.MISSING), "detail": error.strerror or str(error)})


def row_of(
    source: str, source_id: str, path: bytes, said: dict[str, Any] | None = None, *, part: str = ""
) -> dict[str, Any]:  # fmt: skip
    """The row of a picture in the file `path` (absolute), or of a `part` of what it holds, before it is read.

    `said` are columns of `crawled`; of them `extra` and `raw` are still objects, and become JSON
    without secrets.
    """
    columns = _licensed(dict(said or {}))
    columns["extra"] = _extra(columns["extra"]) if columns.get("extra") else None
    columns["raw"] = redacted(columns["raw"]) if columns.get("raw") else None
    url = f"file://{quote_from_bytes(path)}" + (f"#{quote(part, errors='replace')}" if part else "")
    columns = {"url": url, "variant": "original", **columns}
    return record(source=source, source_id=source_id, fetched_at=datetime.now(UTC), **columns)


def _licensed(said: dict[str, Any]) -> dict[str, Any]:
    """The columns with the licence as SPDX or address; a text that names none stays in `extra`."""
    text = said.get("licence")
    name, where = licence(text)
    if name == UNKNOWN:
        name, where = licence(said.get("licence_url"))
    if text and name == UNKNOWN != text:
        said["extra"] = {**(said.get("extra") or {}), "licence": text}
    return {**said, "licence": name, "licence_url": said.get("licence_url") or where}


def _extra(said: dict[str, Any]) -> str:
    """JSON without secrets; a column `key` is none: tars of pictures number their samples with it."""
    kept = {name: value for name, value in said.items() if name == "key"}
    return redacted(said) if not kept else json.dumps({**json.loads(redacted(said)), **kept}, ensure_ascii=False)


def missing(made: dict[str, Any], detail: str) -> Item:
    """The item of a row whose file is not there."""
    return failed(made, Reason.MISSING, detail)


def failed(made: dict[str, Any], reason: Reason, detail: str, changed: str | None = None) -> Item:
    """The item of a picture that cannot be had from a source in this state."""
    return Item(made | {"reason": str(reason), "detail": detail}, changed=changed)
