"""What earlier runs of a source already have, read from the partitions they wrote."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from pipeline import tables
from pipeline.storage import Root
from spiders.records import PASSING

_STAMP = r"-(\d{8}T\d{6})-\d{5}"


class Row(NamedTuple):
    """What is known of one picture: null `reason` when it is stored."""

    reason: str | None
    bytes: int | None
    last_modified: str | None
    sha256: str | None


@dataclass(slots=True)
class Known:
    """The rows of earlier runs by `source_id`, and `stamps`, the times in the names of their partitions.

    `refused` has the last failure of a picture that was stored before.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    refused: dict[str, Row] = field(default_factory=dict)
    stamps: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, root: Root, prefix: str) -> Known:
        """Read the narrow columns of every partition that begins with `prefix`."""
        known = cls()
        for name in tables.names(root, tables.CRAWLED):
            if found := re.fullmatch(re.escape(prefix) + _STAMP, name):
                known.stamps.add(found[1])
                known._take(tables.read(root, tables.CRAWLED, name, ("source_id", *Row._fields)))
        return known

    def _take(self, table: pa.Table) -> None:
        """Later rows win, but a failure does not undo a picture that is stored."""
        columns = table.to_pydict()
        for source_id, *facts in zip(columns["source_id"], *(columns[name] for name in Row._fields), strict=True):
            row, before = Row(*facts), self.rows.get(source_id)
            if before is None or row.reason is None or before.reason is not None:
                self.rows[source_id] = row
            else:
                self.refused[source_id] = row

    def settled(self, source_id: str) -> bool:
        """Whether there is nothing to fetch: it is stored, or it failed for a reason that does not pass."""
        row = self.rows.get(source_id)
        return row is not None and row.reason not in PASSING

    def failed_alike(self, source_id: str, reason: str) -> bool:
        """Whether it is known to have failed for this reason."""
        row = self.rows.get(source_id)
        return row is not None and row.reason == reason
