"""Records of crawls and imports: a small JSON file for each under `crawls/`, read by whoever tells what happened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.storage import Root
from spiders.secrets import redact

FOLDER = "crawls"
_STAMP = "%Y%m%dT%H%M%S"


def write(root: Root, prefix: str, facts: Mapping[str, Any]) -> str:
    """Write down one crawl of the source `prefix`, and return the path; `facts` are JSON, without secrets.

    They have `source`, `spec`, `began_at` (ISO 8601), `summary` and `error` (None, or kind and message), and for
    crawls also requests, retries, pauses, opt-out signals and lists that were cut. `ended_at` is added here.
    """
    now = datetime.now(UTC)
    ended = {"schema_version": 1, "prefix": prefix, "ended_at": now.isoformat(timespec="seconds")}
    data = redact(json.dumps({**ended, **facts}, indent=1, sort_keys=True, default=str)).encode()
    while not root.claim(path := f"{FOLDER}/{now:{_STAMP}}-{prefix}.json", data):
        now += timedelta(seconds=1)
    return path


def newest(root: Root, count: int = 10) -> list[dict[str, Any]]:
    """The records of the last crawls, newest first."""
    return [_read(root, name) for name in reversed(root.names(FOLDER, ".json")[-count:])]


def of_source(root: Root, prefix: str) -> list[dict[str, Any]]:
    """The records of one source, newest first."""
    ours = [name for name in root.names(FOLDER, ".json") if name.partition("-")[2] == f"{prefix}.json"]
    return [_read(root, name) for name in reversed(ours)]


def last_of_each(root: Root) -> dict[str, dict[str, Any]]:
    """The last record of each source, by the prefix of its partitions."""
    latest = {name.partition("-")[2].removesuffix(".json"): name for name in root.names(FOLDER, ".json")}
    return {prefix: _read(root, name) for prefix, name in sorted(latest.items())}


def _read(root: Root, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(root.read(f"{FOLDER}/{name}"))
    return found
