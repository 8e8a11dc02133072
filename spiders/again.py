"""Pictures that failed and are to be tried again: which ones, by source and reason. Imports no crawler."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline import tables
from pipeline.errors import Reason, UsageError, did_you_mean
from pipeline.storage import Root
from spiders import crawls
from spiders.known import Known, partitions
from spiders.records import PASSING
from spiders.registry import SOURCES, described

FETCHING = tuple(reason for reason in Reason if list(Reason).index(reason) <= list(Reason).index(Reason.MISSING))
"""The reasons that a download can fail for."""
_FETCHED = (
    "id", "fetched_at", "http_status", "etag", "last_modified", "content_type", "bytes", "sha256", "format",
    "final_url", "redirects", "variant", "robots", "optout_signals", "reason", "reason_value", "detail",
)  # fmt: skip
_NAME = re.compile(r"(.+)-\d{8}T\d{6}-\d{5}")


@dataclass(frozen=True)
class Failed:
    """A source with pictures to try again: what was asked when it was last crawled, and how many failed for each
    reason. `spec` is None when there is no record of a crawl, so that nobody knows how to ask for its pictures."""

    prefix: str
    spec: Mapping[str, Any] | None
    counts: Mapping[str, int]

    @property
    def name(self) -> str:
        """The source as people read it."""
        return described(self.spec) if self.spec else self.prefix


def reasons_named(text: str | None) -> tuple[Reason, ...]:
    """The reasons of `timeout,http_5xx`; those that may pass when none is named. Raises UsageError for others."""
    words = [word.strip() for word in (text or ",".join(sorted(PASSING))).split(",") if word.strip()]
    for word in words:
        if word not in FETCHING:
            hint = did_you_mean(word, FETCHING) or f" Choose among {', '.join(FETCHING)}."
            raise UsageError(f"There is no reason {word!r} that a download fails for.{hint}")
    return tuple(dict.fromkeys(Reason(word) for word in words))


def failed(root: Root, reasons: Collection[Reason], names: Iterable[str] = ()) -> list[Failed]:
    """The sources, all or those named (`wikiart`, or `wikiart style=cubism`), with pictures that failed so last.

    Raises UsageError for a source that was never crawled into this root.
    """
    specs = {prefix: facts["spec"] for prefix, facts in crawls.last_of_each(root).items()}
    known = {found[1] for name in tables.names(root, tables.CRAWLED) if (found := _NAME.fullmatch(name))}
    chosen = {prefix: specs.get(prefix) for prefix in sorted(known)}
    if asked := tuple(names):
        for name in asked:
            _check_name(name, chosen)
        chosen = {prefix: spec for prefix, spec in chosen.items() if any(_is(n, prefix, spec) for n in asked)}
    found_now = []
    for prefix, spec in chosen.items():
        counts: dict[str, int] = {}
        for row in Known.load(root, prefix).rows.values():
            if row.reason in reasons:
                counts[str(row.reason)] = counts.get(str(row.reason), 0) + 1
        if counts:
            found_now.append(Failed(prefix, spec, counts))
    return found_now


def _is(name: str, prefix: str, spec: Mapping[str, Any] | None) -> bool:
    return name in (prefix, described(spec) if spec else "") or prefix.startswith(f"{name}-")


def _check_name(name: str, chosen: Mapping[str, Mapping[str, Any] | None]) -> None:
    if any(_is(name, prefix, spec) for prefix, spec in chosen.items()):
        return
    kinds = sorted({described(spec) if spec else prefix for prefix, spec in chosen.items()} | SOURCES.keys())
    raise UsageError(f"Nothing of a source {name!r} stands here.{did_you_mean(name, kinds)}")


def rows(root: Root, prefix: str, reasons: Collection[str]) -> list[dict[str, Any]]:
    """The last row of each picture that failed so, as it was before it was fetched, in the order of the list."""
    known = Known.load(root, prefix)
    waiting = {source_id for source_id, row in known.rows.items() if row.reason in reasons}
    last: dict[str, dict[str, Any]] = {}
    for name in partitions(root, tables.CRAWLED, prefix):
        for row in tables.read(root, tables.CRAWLED, name).to_pylist():
            if row["source_id"] in waiting and row["reason"] in reasons:
                last[row["source_id"]] = row | dict.fromkeys(_FETCHED)
    return sorted(last.values(), key=lambda row: (row["rank"] is None, row["rank"] or 0))
