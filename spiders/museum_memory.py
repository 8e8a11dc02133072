"""What a museum's crawler remembers from night to night besides its rows; it may be deleted at any time."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipeline import tables
from pipeline.storage import Root
from spiders.records import PASSING

_STAMP = r"-\d{8}T\d{6}-\d{5}"
MARGIN = timedelta(days=1)
"""Changes are asked from a day before the last whole crawl began: museums' clocks and indexes are late."""
MEMORY = timedelta(days=7)
"""After so long the whole list is asked again, as what a museum took down is told nowhere, and
known pictures have their turn to be looked at."""


@dataclass(slots=True)
class Memory:
    """`barren` are works without a picture that may be taken, so that they need not be asked again; `whole` is when
    the latest crawl began that came to the end of its list.
    """

    root: Root
    prefix: str
    barren: set[str] = field(default_factory=set)
    whole: datetime | None = None

    @classmethod
    def load(cls, root: Root, prefix: str) -> Memory:
        """What was kept; nothing when the file is missing or damaged."""
        memory = cls(root, prefix)
        try:
            value = json.loads(root.read(memory._path)) if root.exists(memory._path) else {}
            memory.barren = set(value.get("barren", ()))
            memory.whole = datetime.fromisoformat(value["whole"]) if value.get("whole") else None
        except (ValueError, TypeError, AttributeError):
            memory.barren, memory.whole = set(), None
        return memory

    def keep(self) -> None:
        """Write it down."""
        value = {"barren": sorted(self.barren), "whole": self.whole.isoformat() if self.whole else None}
        self.root.commit(self._path, json.dumps(value).encode())

    @property
    def _path(self) -> str:
        return f"cache/museum/{self.prefix}.json"

    @property
    def since(self) -> str | None:
        """The day from which changes must be asked; None when the whole list must be."""
        if self.whole is None or datetime.now(UTC) - self.whole > MEMORY:
            return None
        return f"{self.whole - MARGIN:%Y-%m-%d}"


def is_later(changed: str | None, seen: datetime) -> bool:
    """Whether a museum's date of change is after a picture was looked at; not when it is no date."""
    try:
        when = datetime.fromisoformat(changed or "")
    except ValueError:
        return False
    return (when if when.tzinfo else when.replace(tzinfo=UTC)) > seen


def complete(root: Root, prefix: str) -> set[str]:
    """The works of which every picture is settled, by the rows of earlier crawls: each says how many there are."""
    settled: dict[str, set[str]] = {}
    wanted: Counter[str] = Counter()
    for name in tables.names(root, tables.CRAWLED):
        if not re.fullmatch(re.escape(prefix) + _STAMP, name):
            continue
        columns = tables.read(root, tables.CRAWLED, name, ("source_id", "reason", "extra")).to_pydict()
        for source_id, reason, extra in zip(*columns.values(), strict=True):
            said = json.loads(extra or "{}")
            work = said.get("object", source_id)
            wanted[work] = said.get("pictures", 1)
            if reason not in PASSING:
                settled.setdefault(work, set()).add(source_id)
    return {work for work, pictures in settled.items() if len(pictures) >= wanted[work]}
