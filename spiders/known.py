"""What earlier runs of a source already have, read from the partitions they wrote."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from pipeline import tables
from pipeline.schema import SAID
from pipeline.storage import Root
from spiders.records import PASSING

_STAMP = r"-(\d{8}T\d{6})-\d{5}"
GONE, WITHDRAWN = "gone", "withdrawn"



class Row(NamedTuple):
    """What is known of one picture: null `reason` when it is stored."""

    reason: str | None
    bytes: int | None = None
    last_modified: str | None = None
    sha256: str | None = None
    etag: str | None = None
    format: str | None = None
    url: str | None = None
    final_url: str | None = None
    variant: str | None = None
    http_status: int | None = None
    content_type: str | None = None
    fetched_at: datetime | None = None


class Check(NamedTuple):
    """The last time a stored picture was asked for again."""

    outcome: str
    misses: int
    checked_at: datetime
    etag: str | None = None
    last_modified: str | None = None


@dataclass(slots=True)
class Known:
    """The rows of earlier runs by `source_id`, and `stamps`, the times in the names of their partitions.

    `refused` has the last failure of a picture that was stored before, `checks` its last check, `said` a digest
    of what was last said of a stored one.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    refused: dict[str, Row] = field(default_factory=dict)
    stamps: set[str] = field(default_factory=set)
    checks: dict[str, Check] = field(default_factory=dict)
    said: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def load(cls, root: Root, prefix: str) -> Known:
        """Read the columns that count of every partition that begins with `prefix`."""
        known = cls()
        for table, columns in ((tables.CRAWLED, (*Row._fields, *SAID)), (tables.CHECKED, Check._fields)):
            for name in partitions(root, table, prefix):
                known.stamps.add(name.rsplit("-", 2)[1])
                found = tables.read(root, table, name, ("source_id", *columns))
                known.take(table.split("/")[1], found.to_pylist())
        return known

    def take(self, table: str, rows: Collection[Mapping[str, Any]]) -> None:
        """Take rows of `crawled` or `checked`. Later rows win, but a failure does not undo a stored picture."""
        for row in rows:
            if table == "checked":
                self.checks[row["source_id"]] = Check(*(row.get(name) for name in Check._fields))  # type: ignore[arg-type]
            else:
                self._take(row)

    def _take(self, row: Mapping[str, Any]) -> None:
        source_id = row["source_id"]
        facts = Row(*(row.get(name) for name in Row._fields)) if row["reason"] is None else _failure(row)
        before = self.rows.get(source_id)
        if before is not None and before.reason is None and facts.reason is not None:
            self.refused[source_id] = facts
            return
        self.rows[source_id] = facts
        if facts.reason is None:
            self.said[source_id] = said(row)

    def settled(self, source_id: str) -> bool:
        """Whether there is nothing to fetch: it is stored, or it failed for a reason that does not pass."""
        row = self.rows.get(source_id)
        return row is not None and row.reason not in PASSING

    def stored(self, source_id: str) -> bool:
        """Whether its bytes are kept."""
        row = self.rows.get(source_id)
        return row is not None and row.reason is None

    def outcome(self, source_id: str) -> str | None:
        """How its last check ended, if there was one."""
        check = self.checks.get(source_id)
        return check.outcome if check else None

    def failed_alike(self, source_id: str, reason: str) -> bool:
        """Whether it is known to have failed for this reason."""
        row = self.rows.get(source_id)
        return row is not None and row.reason == reason


def _failure(row: Mapping[str, Any]) -> Row:
    """What counts of a picture that could not be had; alike ones are one row, as a long list may have millions."""
    when = row.get("fetched_at")
    minute = when and when.replace(second=0, microsecond=0)
    return _alike(row["reason"], row.get("bytes"), row.get("last_modified"), minute)


@lru_cache(1024)
def _alike(reason: str, size: int | None, modified: str | None, when: datetime | None) -> Row:
    return Row(reason, size, modified, fetched_at=when)


def partitions(root: Root, table: str, prefix: str) -> list[str]:
    """The partitions of a source, oldest first."""
    return [name for name in tables.names(root, table) if re.fullmatch(re.escape(prefix) + _STAMP, name)]


def said(row: Mapping[str, Any]) -> bytes:
    """A digest of what a row says of its picture."""
    values = [row.get(name) or None for name in SAID]
    return hashlib.blake2b(json.dumps(values, default=str).encode(), digest_size=12).digest()
