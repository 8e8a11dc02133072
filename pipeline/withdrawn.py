"""Pictures whose owners reserve them now: crawls found out when they asked again, and editions leave them out."""

from __future__ import annotations

from pipeline import tables
from pipeline.storage import Root

OUTCOME = "withdrawn"


def withdrawn(root: Root) -> frozenset[str]:
    """The ids of pictures that were withdrawn when they were last asked for, at any of their addresses."""
    last: dict[tuple[str, str], tuple[str, str]] = {}
    rows = [
        row for name in tables.names(root, tables.CHECKED)
        for row in tables.read(root, tables.CHECKED, name, ("id", "source_id", "outcome", "checked_at")).to_pylist()
        if row["outcome"] is not None
    ]  # fmt: skip
    for row in sorted(rows, key=lambda row: row["checked_at"]):
        last[row["id"], row["source_id"]] = (row["id"], row["outcome"])
    return frozenset(picture for picture, outcome in last.values() if outcome == OUTCOME)
