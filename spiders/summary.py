"""What a crawl or an import did, for people and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class CrawlSummary:
    """`new` pictures were stored, `unchanged` ones were known already, `failed` ones count by reason.

    Of the known ones `changed` have other bytes now (both are kept), of `described` only what is said of them
    changed, `missed` were not there, `gone` are no longer listed or were missed too often, `withdrawn` are reserved by
    their owners now. `recovered` ones are known because an interrupted run had fetched them.

    `failed` has the failures that this run met, also those that were known and failed again alike (of which no
    second row is written). `partitions` are the names of the partitions of `crawled` that were written.
    """

    source: str
    prefix: str
    new: int = 0
    unchanged: int = 0
    changed: int = 0
    described: int = 0
    missed: int = 0
    gone: int = 0
    withdrawn: int = 0
    recovered: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    partitions: tuple[str, ...] = ()
    seconds: float = 0.0
    requests: int = 0
    skipped: int = 0
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As an object for `--json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> CrawlSummary:
        """What `to_json` made, also after a passage through JSON text."""
        lists = {key: tuple(value[key]) for key in ("partitions", "notes")}
        return cls(**{**value, **lists})

    def __str__(self) -> str:
        """`wikiart style=cubism: new 12, changed 1, failed 1 (empty 1), unchanged 4,310; 14 requests in 9 s`."""
        failed = sum(self.failed.values())
        reasons = ", ".join(f"{name} {count:,}" for name, count in sorted(self.failed.items()))
        known = {"changed": self.changed, "newly described": self.described, "gone": self.gone,
                 "withdrawn": self.withdrawn}  # fmt: skip
        news = [f"{name} {count:,}" for name, count in known.items() if count]
        parts = [f"new {self.new:,}"] if self.new or failed or news else ["nothing new"]
        parts += news + ([f"failed {failed:,} ({reasons})"] if failed else [])
        parts += [f"unchanged {self.unchanged:,}"]
        parts += [f"no pictures {self.skipped:,}"] if self.skipped else []
        cost = f"{self.requests:,} requests in " if self.requests else ""
        return f"{self.source}: {', '.join(parts)}; {cost}{self.seconds:,.0f} s"
