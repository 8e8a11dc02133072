"""What the tests of imports share: run one, read its rows, run it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import tables
from pipeline.storage import Root
from spiders.run import take
from spiders.summary import CrawlSummary

SHARED = Path(__file__).parents[2] / "shared" / "data"


def put(path: Path, body: bytes | str) -> Path:
    """Write a file, with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return path


def rows(root: Root, summary: CrawlSummary) -> dict[str, dict[str, Any]]:
    """The rows that a run wrote, by source_id; none comes twice."""
    found = [row for name in summary.partitions for row in tables.read(root, tables.CRAWLED, name).to_pylist()]
    made = {row["source_id"]: row for row in found}
    assert len(made) == len(found)
    assert all(row["licence"] and row["url"].startswith("file:///") for row in found)
    return made


def imported(root: Root, kind: str, path: Path, **more: Any) -> tuple[dict[str, dict[str, Any]], CrawlSummary]:
    """Import, check that doing it again writes nothing, and return the rows and the first summary."""
    spec = {"import": kind, "path": str(path), **more}
    first = take(spec, root)
    again = take(spec, root)
    made = rows(root, first)
    assert len(made) == first.new + sum(first.failed.values())
    assert (again.new, dict(again.failed), again.partitions, again.unchanged) == (0, {}, (), len(made))
    assert (again.skipped, again.notes) == (first.skipped, first.notes)
    assert "nothing new" in str(again)
    for row in made.values():
        assert (row["sha256"] is None) == (row["reason"] is not None)
    return made, first


def original(root: Root, row: dict[str, Any]) -> bytes:
    """The bytes that are stored for a row."""
    return root.read(tables.original_path(row["id"], row["format"]))
