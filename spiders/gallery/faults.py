"""Faults that a site shows in passing: too many requests, throttling, a server that stumbles.

Which address is refused depends on the seed and the address alone, never on the order of requests, and each
address is refused once: a client that tries again, after the pause it was told, loses nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from spiders.gallery.http1 import Request, Response
from spiders.gallery.works import digest

THROTTLED = json.dumps({"Exception": {"Message": "Free API limit exceeded"}}).encode()


@dataclass(frozen=True, slots=True)
class Faults:
    """How often the gallery refuses: one address in `…_every`, 0 for never.

    `too_many_every`: HTTP 429 with `Retry-After: retry_after` seconds.
    `throttle_every`: HTTP 500 with WikiArt's text for a used-up quota, on metadata only, and then also for
    the next `burst - 1` metadata addresses that were not refused before.
    `error_every`: HTTP 500 and 503 in turn.
    The search sites take `search_calls` calls each before their quota is used up (0: the real figure);
    `anonymous_page` is the largest page of Openverse without a token, `searxng_json` whether SearXNG gives JSON, and
    one call of Wikimedia Commons in `maxlag_every` is told to wait.
    `api_calls` in `api_hour` seconds are what WikiArt's documented API allows a session.
    """

    seed: int = 0
    too_many_every: int = 0
    retry_after: int = 1
    throttle_every: int = 0
    burst: int = 3
    error_every: int = 0
    api_calls: int = 400
    api_hour: float = 3600.0
    search_calls: int = 0
    anonymous_page: int = 20
    searxng_json: bool = True
    maxlag_every: int = 0

    @classmethod
    def few(cls, seed: int = 0) -> Faults:
        """A few of each kind, all recoverable: the demo's."""
        return cls(seed, too_many_every=400, throttle_every=500, error_every=250)


class Gate:
    """Decides for each request whether a fault is answered in place of the page, and remembers it."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.refused: set[str] = set()
        self.burst_left = 0

    def fault(self, request: Request, metadata: bool) -> tuple[str, Response] | None:
        """The name of the fault and its answer, or None when the request may pass."""
        if request.target in self.refused or (found := self._choose(request.target, metadata)) is None:
            return None
        self.refused.add(request.target)
        return found

    def _choose(self, target: str, metadata: bool) -> tuple[str, Response] | None:
        if self._hit("too many", self.faults.too_many_every, target):
            return "too_many", Response(429, b"Too many requests", headers={
                "Retry-After": str(self.faults.retry_after)})  # fmt: skip
        if metadata and self.burst_left == 0 and self._hit("throttle", self.faults.throttle_every, target):
            self.burst_left = self.faults.burst
        if metadata and self.burst_left:
            self.burst_left -= 1
            return "throttled", Response(500, THROTTLED, "application/json; charset=utf-8")
        if self._hit("error", self.faults.error_every, target):
            status = (500, 503)[digest(self.faults.seed, "status", target) % 2]
            return "error", Response(status, b"<h1>Something went wrong</h1>")
        return None

    def _hit(self, kind: str, every: int, target: str) -> bool:
        return every > 0 and digest(self.faults.seed, kind, target) % every == 0
