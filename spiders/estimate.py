"""What a crawl or an import would take, told before it begins. Imports no crawler."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FREE = "nothing"


@dataclass(frozen=True)
class Estimate:
    """What is ahead: `pictures` to fetch (None when the source does not tell), `requests` with those for pictures,
    `seconds` at the polite rate of the live site.

    `caps` are limits of the source that cut what it gives, `cost` what the requests cost in money or quota,
    `notes` what else is worth knowing; each is a sentence for people.
    """

    source: str
    pictures: int | None
    requests: int
    seconds: float
    caps: tuple[str, ...] = ()
    cost: str = FREE
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As an object for `--json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Estimate:
        """What `to_json` made, also after a passage through JSON text."""
        return cls(**{**value, "caps": tuple(value["caps"]), "notes": tuple(value["notes"])})

    def __str__(self) -> str:
        """Lines for a terminal, the first with the numbers."""
        pictures = "as many pictures as come" if self.pictures is None else f"about {self.pictures:,} pictures"
        least = "at least " if self.pictures is None else ""
        first = f"{self.source}: {pictures}, {least}{self.requests:,} requests, {least}{duration(self.seconds)}"
        lines = [f"{first} at the polite rate; cost: {self.cost}."]
        lines += [f"  Cap: {cap}" for cap in self.caps] + [f"  Note: {note}" for note in self.notes]
        return "\n".join(lines)


def at_rates(requests: Mapping[str, float], rates: Mapping[str, float]) -> float:
    """Seconds that requests of several kinds take, each kind at its own rate a second and all side by side.

    A kind without a rate has one request a second.
    """
    return max((count / rates.get(kind, 1.0) for kind, count in requests.items()), default=0.0)


def duration(seconds: float) -> str:
    """A time as people say it: `40 s`, `12 min`, `3 h 20 min`, `2 d 5 h`."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
