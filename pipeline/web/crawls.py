"""What the crawls and imports behind an edition did: read from their records, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.storage import Root
from spiders import crawls
from spiders.registry import described

SHOWN = 12
"""Records of one source that are shown."""
CHANGES = ("new", "changed", "described", "gone", "withdrawn", "unchanged")


@dataclass(frozen=True)
class Crawl:
    """One crawl or import. `counts` are those of `CHANGES`; `answers` are HTTP statuses, `signals` opt-outs by kind."""

    ended_at: str
    counts: Mapping[str, int]
    failed: Sequence[tuple[str, int]]
    seconds: float
    requests: int
    bytes: int
    retries: int
    pauses: int
    paused_seconds: float
    answers: Sequence[tuple[str, int]]
    signals: Sequence[tuple[str, int]]
    given_up: Sequence[str]
    notes: Sequence[str]
    error: str | None

    @property
    def speed(self) -> float | None:
        """Pictures a second, known ones not counted."""
        done = self.counts["new"] + self.counts["changed"] + sum(count for _, count in self.failed)
        return done / self.seconds if self.seconds and done else None


@dataclass(frozen=True)
class Source:
    """A source of the edition, and its last crawls of `total`, newest first."""

    name: str
    crawls: Sequence[Crawl]
    total: int


def read_sources(root: Root, edition: Mapping[str, Any]) -> list[Source]:
    """The sources of an edition that have records, in the order of its manifest.

    Records of crawls that ended after the edition was made are left out: they belong to the next one.
    """
    until = datetime.fromisoformat(edition["created_at"])
    found = []
    for prefix in _prefixes(root, edition):
        records = [r for r in crawls.of_source(root, prefix) if datetime.fromisoformat(r["ended_at"]) <= until]
        if records:
            spec = records[0]["spec"]
            name = described(spec) if spec else str(records[0]["source"])
            found.append(Source(name, [_crawl(record) for record in records[:SHOWN]], len(records)))
    return found


def _prefixes(root: Root, edition: Mapping[str, Any]) -> list[str]:
    """Those of the edition; of an edition over the whole pool, all that have records."""
    named = list(edition.get("prefixes") or [""])
    return sorted(crawls.last_of_each(root)) if "" in named else named


def _crawl(record: Mapping[str, Any]) -> Crawl:
    """One record; imports have no answers, retries and pauses."""
    summary, error = record.get("summary") or {}, record.get("error") or {}
    return Crawl(
        ended_at=record["ended_at"], counts={name: int(summary.get(name) or 0) for name in CHANGES},
        failed=_most(summary.get("failed")), seconds=float(summary.get("seconds") or 0),
        requests=int(summary.get("requests") or 0), bytes=int(record.get("bytes") or 0),
        retries=int(record.get("retries") or 0), pauses=int(record.get("pauses") or 0),
        paused_seconds=float(record.get("paused_seconds") or 0), answers=_most(record.get("responses")),
        signals=_most(record.get("optout_signals")), given_up=tuple(record.get("hosts_given_up") or ()),
        notes=tuple(summary.get("notes") or ()), error=error.get("message"),
    )  # fmt: skip


def _most(counts: Mapping[str, int] | None) -> list[tuple[str, int]]:
    return sorted((counts or {}).items(), key=lambda item: (-item[1], item[0]))
