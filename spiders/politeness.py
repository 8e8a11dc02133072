"""What Scrapy leaves out of good manners: Retry-After, backing off, and knowing when to stop."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from scrapy import exceptions, signals
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.extensions.throttle import AutoThrottle
from twisted.python.failure import Failure

from pipeline.errors import Reason, SourceRefused
from spiders.addresses import is_loopback
from spiders.refusals import HostGivenUp, Refusal, Stopped, refusal

log = logging.getLogger(__name__)

CONSECUTIVE = 5
"""So many refusals without a success in between, and the crawl stops."""
_WAITS = 6
_DOWN = (
    exceptions.CannotResolveHostError,
    exceptions.DownloadConnectionRefusedError,
    exceptions.DownloadTimeoutError,
)


class Hosts:
    """Downloader middleware: one slot for each host of pictures that lie anywhere, also after a redirect.

    Such requests carry `by_host` in their meta, the name of their kind of slot. Those to a host that was given up
    are not sent.

    A practice gallery has no brakes, which is for this machine alone: any other host that such a crawl is led to has a
    slot of its own, with the rate of a live site (setting PUBLIC_DELAY, seconds from one request to the next).
    """

    def __init__(self, crawler: Any) -> None:
        self.crawler = crawler
        self.brake = {"delay": crawler.settings.getfloat("PUBLIC_DELAY"), "concurrency": 2}

    @classmethod
    def from_crawler(cls, crawler: Any) -> Hosts:
        """As Scrapy asks."""
        return cls(crawler)

    def process_request(self, request: Any) -> None:
        """Put the request into the slot of its host."""
        if kind := request.meta.get("by_host"):
            slot = request.meta["download_slot"] = host_slot(kind, request.url)
            if found := self.crawler.spider.given_up.get(slot):
                raise HostGivenUp(*found)
        if is_loopback(self.crawler.spider.base) and not is_loopback(request.url):
            kind = str(request.meta.get("download_slot", "")).partition(":")[0]
            slot = request.meta["download_slot"] = host_slot(kind, request.url)
            self.crawler.engine.downloader.per_slot_settings.setdefault(slot, dict(self.brake))


def host_slot(kind: str, url: str) -> str:
    """The slot of a host, for pictures that lie anywhere."""
    return f"{kind}:{(urlsplit(url).hostname or '').lower()}"


class Patience(RetryMiddleware):  # type: ignore[misc]
    """Tries again what may pass, waits as long as it is told, and stops when the site keeps refusing.

    A refusal that passes (429, 503 with Retry-After, a used-up limit) pauses the whole slot: nothing is sent
    until the wait is over, and what was refused is sent again. Refusals of requests that were under way when
    the pause began count once. Other failures are tried RETRY_TIMES times, each after a longer wait.

    After a pause, and after an answer that is no success, one request goes first, and the others follow when it
    succeeds: so that a site that begins to refuse gets little more than what was under way.

    A host of pictures that lie anywhere (`Hosts`) is given up alone, and the crawl goes on.

    Settings: PAUSE_SECONDS, the wait when the site names none, doubled each time in a row; PAUSE_MAX, the
    longest wait that is obeyed: when more is asked the crawl stops; HOST_PAUSE_MAX, the same for a host that is given
    up alone; RETRY_BACKOFF, seconds before the first retry.
    """

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.pause_seconds = settings.getfloat("PAUSE_SECONDS")
        self.pause_max = settings.getfloat("PAUSE_MAX")
        self.host_pause_max = settings.getfloat("HOST_PAUSE_MAX")
        self.backoff = settings.getfloat("RETRY_BACKOFF")
        self.in_a_row: Counter[str] = Counter()
        self.paused_at: dict[str, float] = {}
        self.widths: dict[str, int] = {}

    @classmethod
    def from_crawler(cls, crawler: Any) -> Patience:
        """As Scrapy asks; answers are also seen before they are judged, when the next request would be sent."""
        made: Patience = super().from_crawler(crawler)
        crawler.signals.connect(made.hold, signal=signals.response_downloaded)
        return made

    def hold(self, response: Any, request: Any) -> None:
        """Send one request at a time while the answers are no successes."""
        if response.status >= 400 and (place := self._slot_of(request)):
            self.widths.setdefault(request.meta["download_slot"], place.concurrency)
            place.concurrency = 1

    def _slot_of(self, request: Any) -> Any:
        return self.crawler.engine.downloader.slots.get(request.meta.get("download_slot", ""))

    def process_request(self, request: Any) -> None:
        """Send nothing more once the crawl is ending."""
        if self.crawler.spider.stopping:
            raise Stopped("the crawl is ending")

    async def process_response(self, request: Any, response: Any) -> Any:
        """Judge a response: pass it on, or send its request again."""
        slot = request.meta.get("download_slot", "")
        if response.status >= 300 or b"Cf-Mitigated" in response.headers:
            headers = {name.decode().lower(): response.headers[name].decode("latin-1") for name in response.headers}
            found = refusal(response.status, headers, response.body, datetime.now(UTC))
            if found is not None:
                return self._refused(request, response, found)
        if response.status in self.retry_http_codes and not request.meta.get("dont_retry"):
            return await self._later(request, f"HTTP {response.status}") or self._failed(slot, request, response)
        if response.status < 500:
            self._succeeded(slot, request)
        return response

    async def process_exception(self, request: Any, exception: Exception) -> Any:
        """Judge a broken connection: send the request again, or let it fail."""
        if isinstance(exception, self.exceptions_to_retry) and not request.meta.get("dont_retry"):
            if again := await self._later(request, exception):
                return again
            if isinstance(exception, _DOWN):
                slot = request.meta.get("download_slot", "")
                self._count(slot, request, f"it does not answer ({exception})", Reason.CONNECTION_FAILED)
        return None

    def _refused(self, request: Any, response: Any, found: Refusal) -> Any:
        slot = request.meta.get("download_slot", "")
        if not found.passing:
            self._count(slot, request, found.why, Reason.CONNECTION_FAILED)
            return response
        if self._sent_since_pause(slot, request):
            self._count(slot, request, found.why, Reason.HTTP_429)
            wait = found.wait if found.wait is not None else self.pause_seconds * 2 ** (self.in_a_row[slot] - 1)
            self._pause(slot, request, wait, found.why)
        waits = request.meta.get("waits", 0) + 1
        if waits > _WAITS or self._over(slot):
            return response
        before_others = request.priority + (waits == 1)
        return request.replace(dont_filter=True, priority=before_others, meta={**request.meta, "waits": waits})

    def _over(self, slot: str) -> bool:
        """Whether nothing more is sent in this slot."""
        return self.crawler.spider.error is not None or slot in self.crawler.spider.given_up

    def _sent_since_pause(self, slot: str, request: Any) -> bool:
        sent: float = time.monotonic() - request.meta.get("download_latency", 0.0)
        return sent > self.paused_at.get(slot, 0.0)

    def _succeeded(self, slot: str, request: Any) -> None:
        self.in_a_row[slot] = 0
        place = self.crawler.engine.downloader.slots.get(slot)
        if place is not None and slot in self.widths and self._sent_since_pause(slot, request):
            place.concurrency = self.widths.pop(slot)

    def _failed(self, slot: str, request: Any, response: Any) -> Any:
        self._count(slot, request, f"it fails (HTTP {response.status})", Reason.HTTP_5XX)
        return response

    async def _later(self, request: Any, why: Any) -> Any:
        """The request to send again, after a wait that doubles each time; None when it was tried enough."""
        again = None if self._over(request.meta.get("download_slot", "")) else self._retry(request, why)
        if again is not None:
            tries = again.meta["retry_times"]
            await asyncio.sleep(self.backoff * 2 ** (tries - 1) * random.uniform(0.8, 1.2))
        return again

    def _pause(self, slot: str, request: Any, wait: float, why: str) -> None:
        alone = bool(request.meta.get("by_host"))
        if wait > (self.host_pause_max if alone else self.pause_max):
            host = urlsplit(request.url).netloc
            said = f"{host} asks to wait {_long(wait)}, as {why}"
            self._stop(slot, request, said, Reason.HTTP_429, "run again after that to go on.")
            return
        self.paused_at[slot] = time.monotonic()
        if not alone:
            self.crawler.spider.note_pause(wait)
        log.info("%s: pausing %.1f s, as %s", slot, wait, why)
        if place := self.crawler.engine.downloader.slots.get(slot):
            self.widths.setdefault(slot, place.concurrency)
            place.concurrency = 1
            place.delay = max(place.delay, 0.001)
            place.lastseen = max(place.lastseen, time.monotonic() + wait - place.delay)

    def _count(self, slot: str, request: Any, why: str, reason: Reason) -> None:
        self.in_a_row[slot] += 1
        if self.in_a_row[slot] >= CONSECUTIVE:
            said = f"{urlsplit(request.url).netloc} refused {CONSECUTIVE} requests in a row: {why}"
            self._stop(slot, request, said, reason, "run the same command again later to go on.")

    def _stop(self, slot: str, request: Any, said: str, reason: Reason, advice: str) -> None:
        """Give up the host alone, or the crawl."""
        spider = self.crawler.spider
        if not request.meta.get("by_host"):
            spider.give_up(SourceRefused(f"{said}; {advice}"))
        elif slot not in spider.given_up:
            spider.given_up[slot] = (reason, said)
            log.warning("%s: its pictures are left for the next crawl", said)
            if place := self.crawler.engine.downloader.slots.get(slot):
                _empty(place, HostGivenUp(reason, said))


def _long(seconds: float) -> str:
    """`90 seconds`, `120 minutes`, `26 hours`."""
    if seconds < 120:
        return f"{seconds:,.0f} seconds"
    return f"{seconds / 60:,.0f} minutes" if seconds < 36_000 else f"{seconds / 3600:,.0f} hours"


def drain(crawler: Any) -> None:
    """Fail the requests that wait to be sent, so that a crawl that stops sends nothing more."""
    for slot in crawler.engine.downloader.slots.values():
        _empty(slot, Stopped("the crawl is ending"))


def _empty(slot: Any, why: Exception) -> None:
    while slot.queue:
        _request, answer = slot.queue.popleft()
        answer.errback(Failure(why))


class Throttle(AutoThrottle):  # type: ignore[misc]
    """AutoThrottle with the delay set for each slot as its least one, in place of one for all slots."""

    def _response_downloaded(self, response: Any, request: Any, spider: Any) -> None:
        name, slot = self._get_slot(request, spider)
        floors = self.crawler.engine.downloader.per_slot_settings
        self.mindelay = floors.get(name, {}).get("delay", self._min_delay())
        super()._response_downloaded(response, request, spider)
        if slot is not None:
            slot.delay = max(slot.delay, self.mindelay)
