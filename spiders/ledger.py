"""What was spent where calls are paid for or counted: one small file for each spending, never changed, never lost."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.errors import LockHeld
from pipeline.storage import Root
from spiders.records import redacted
from spiders.secrets import redact

LOCK_SECONDS = 10.0
_STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class Entry:
    """One spending: when (UTC), how many units of the provider, and for what, without secrets."""

    at: datetime
    units: float
    what: str


class Ledger:
    """The record of what was spent at one provider, `ledgers/NAME/DAY/TIME-….json` of a root.

    What was spent is written before the call is made: a run that is killed in between has counted one call too
    many, never one too few. Several runs may write at once; `spend_within` looks and writes under a lock, so that
    together they stay within a limit.
    """

    def __init__(self, root: Root, name: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.root, self.name, self._now = root, name, now
        self.folder = f"ledgers/{name}"

    def spent(self, since: datetime) -> list[Entry]:
        """What was spent at `since` (with a time zone) or later, oldest first."""
        first = since.astimezone(UTC)
        days = [day for day in self.root.folders(self.folder) if day >= f"{first:%Y%m%d}"]
        paths = [
            f"{self.folder}/{day}/{name}"
            for day in days
            for name in self.root.names(f"{self.folder}/{day}", ".json")
            if name >= first.strftime(_STAMP)
        ]
        return [_entry(data) for data in self.root.read_many(paths)]

    def total(self, since: datetime) -> float:
        """The units spent at `since` or later."""
        return sum(entry.units for entry in self.spent(since))

    def spend(self, units: float, what: str) -> Entry:
        """Write down that `units` are spent for `what`; durable when this returns."""
        entry = Entry(self._now().astimezone(UTC), units, redact(json.loads(redacted(what))))
        stamp = entry.at.strftime(_STAMP)
        body = {"at": entry.at.isoformat(), "units": entry.units, "what": entry.what}
        data = json.dumps(body, ensure_ascii=False).encode()
        while not self.root.claim(f"{self.folder}/{stamp[:8]}/{stamp}-{secrets.token_hex(4)}.json", data):
            pass
        return entry

    def spend_within(self, units: float, what: str, limit: float, since: datetime) -> Entry | None:
        """Spend unless it would bring what was spent since then above `limit`; None when it would.

        Raises LockHeld when another run keeps the ledger for ten seconds.
        """
        with _patient(self.root, f"ledger-{self.name}"):
            if self.total(since) + units > limit:
                return None
            return self.spend(units, what)


def _entry(data: bytes) -> Entry:
    value = json.loads(data)
    return Entry(datetime.fromisoformat(value["at"]), value["units"], value["what"])


@contextmanager
def _patient(root: Root, name: str) -> Iterator[None]:
    """Hold a lock that others hold for moments only."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        held = root.lock(name)
        try:
            held.__enter__()
            break
        except LockHeld:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
    try:
        yield
    finally:
        held.__exit__(None, None, None)
