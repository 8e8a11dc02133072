"""A leaner run of Scrapy's own parts for crawls in a child process: one task downloads a request, one hands it over.

Scrapy's engine passes each request through a dozen tasks, deferreds, queues and signals that nobody here listens to,
which cost more than the download. Middlewares, slots, delays, retries and callbacks are as they are with Scrapy's
engine, which `scrapy crawl` uses; spider middlewares are not called, except for what HttpError decides.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from time import monotonic
from types import CoroutineType
from typing import Any

from scrapy import exceptions, signals
from scrapy.core.downloader import Downloader
from scrapy.core.downloader.middleware import DownloaderMiddlewareManager
from scrapy.core.engine import ExecutionEngine
from scrapy.core.scheduler import BaseScheduler
from scrapy.crawler import Crawler
from scrapy.http import Request, Response
from scrapy.settings import default_settings
from scrapy.spidermiddlewares.httperror import HttpError, HttpErrorMiddleware
from scrapy.utils.asyncio import call_later
from twisted.python.failure import Failure

from spiders import settings

_OFF = [
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware",
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware",
    "scrapy.downloadermiddlewares.httpcache.HttpCacheMiddleware",
    "scrapy.downloadermiddlewares.redirect.MetaRefreshMiddleware",
]
"""What settings turn off anyway."""


def _on(parts: dict[str, int | None]) -> dict[str, int | None]:
    return {name: place for name, place in parts.items() if place is not None}


SETTINGS: dict[str, Any] = {
    "DOWNLOADER": "spiders.engine.Lane",
    "DOWNLOADER_STATS": False,
    "SCHEDULER": "spiders.engine.Heap",
    "DOWNLOAD_HANDLERS": {**settings.DOWNLOAD_HANDLERS, "http": "spiders.wire.Wire", "https": "spiders.wire.Wire"},
    "RETRY_EXCEPTIONS": [
        exceptions.CannotResolveHostError, exceptions.DownloadConnectionRefusedError, exceptions.DownloadFailedError,
        exceptions.DownloadTimeoutError, exceptions.ResponseDataLossError, OSError,
    ],
    "EXTENSIONS": _on(settings.EXTENSIONS), "EXTENSIONS_BASE": {},
    "DOWNLOADER_MIDDLEWARES": _on(
        {**default_settings.DOWNLOADER_MIDDLEWARES_BASE, **dict.fromkeys(_OFF), **settings.DOWNLOADER_MIDDLEWARES}
    ),
    "DOWNLOADER_MIDDLEWARES_BASE": {},
}  # fmt: skip
"""What differs from `spiders.settings`. Scrapy loads even the parts that are off, so those are left out."""


class Heap(BaseScheduler):  # type: ignore[misc]
    """The requests that wait: those of high priority first, and of one priority in their order."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, int, Request]] = []
        self.numbers = itertools.count()

    def has_pending_requests(self) -> bool:
        """Whether any waits."""
        return bool(self.waiting)

    def enqueue_request(self, request: Request) -> bool:
        """Take one."""
        heapq.heappush(self.waiting, (-request.priority, next(self.numbers), request))
        return True

    def next_request(self) -> Request | None:
        """Give the first."""
        return heapq.heappop(self.waiting)[2] if self.waiting else None


class Turn(asyncio.Future[None]):
    """What a request waits for that stands in the queue of its slot."""

    def errback(self, why: Failure) -> None:
        """It will not be sent."""
        if not self.done():
            self.set_exception(why.value)


class Chain(DownloaderMiddlewareManager):  # type: ignore[misc]
    """The downloader middlewares, called directly; only what is a coroutine is awaited."""

    async def _process_request(self, request: Request, download_func: Any) -> Any:
        for method in self.methods["process_request"]:
            found = method(request=request)
            if isinstance(found, CoroutineType):
                found = await found
            if found is not None:
                return found
        return await download_func(request)

    async def _process_response(self, response: Any, request: Request) -> Any:
        for method in self.methods["process_response"]:
            if isinstance(response, Request):
                break
            response = method(request=request, response=response)
            if isinstance(response, CoroutineType):
                response = await response
        return response


class Lane(Downloader):  # type: ignore[misc]
    """Scrapy's downloader with its slots and delays, where a request waits in its own task for its turn."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self.middleware = Chain.from_crawler(crawler)
        self._count = crawler.stats.inc_value

    async def through(self, request: Request) -> Response | Request:
        """The answer to a request, or the request to send in its place; raises what kept it from being had."""
        found: Response | Request = await self.middleware.download_async(self._enqueue_request, request)
        return found

    async def _enqueue_request(self, request: Request) -> Response:
        key, slot = self._get_slot(request)
        request.meta[self.DOWNLOAD_SLOT] = key
        slot.active.add(request)
        turn = Turn()
        slot.queue.append((request, turn))
        self._process_queue(slot)
        try:
            await turn
            return await self._send(slot, request)
        finally:
            slot.active.remove(request)

    def _process_queue(self, slot: Any) -> None:
        """As Scrapy's: as many requests at once as the slot has places, and no two of them closer than its delay."""
        if slot.latercall:
            return
        now, delay = monotonic(), slot.download_delay()
        if delay and (wait := delay - now + slot.lastseen) > 0:
            slot.latercall = call_later(wait, self._latercall, slot)
            return
        while slot.queue and slot.free_transfer_slots() > 0:
            slot.lastseen = now
            request, turn = slot.queue.popleft()
            if turn.done():
                continue
            slot.transferring.add(request)
            turn.set_result(None)
            if delay:
                self._process_queue(slot)
                break

    async def _send(self, slot: Any, request: Request) -> Response:
        self._count("downloader/request_count")
        try:
            response: Response = await self.handlers.download_request_async(request)
            self._count(f"downloader/response_status_count/{response.status}")
            self._count("downloader/response_bytes", len(response.body))
            self.signals.send_catch_log(
                signals.response_downloaded, response=response, request=request, spider=self.crawler.spider
            )
            return response
        finally:
            slot.transferring.remove(request)
            self._process_queue(slot)


class Engine(ExecutionEngine):  # type: ignore[misc]
    """Scrapy's engine with a straight way from the scheduler to the item pipeline."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._errors = HttpErrorMiddleware.from_crawler(self.crawler)

    def crawl(self, request: Request) -> None:
        """Take a request."""
        self._slot.scheduler.enqueue_request(request)
        self._slot.nextcall.schedule()

    def _start_scheduled_request(self) -> bool:
        request = self._slot.scheduler.next_request()
        if request is None:
            return False
        self._slot.add_request(request)
        self.downloader.active.add(request)
        self._go(self.downloader.through(request), self._downloaded, request)
        return True

    def _go(self, work: Any, then: Any, *arguments: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(lambda done: self._then(done, then, arguments))

    def _then(self, done: asyncio.Task[Any], then: Any, arguments: tuple[Any, ...]) -> None:
        self._under_way.discard(done)
        then(done, *arguments)

    def _downloaded(self, done: asyncio.Task[Any], request: Request) -> None:
        """Put a request that is to be sent in its place into the queue, or give the answer to the spider."""
        self.downloader.active.discard(request)
        found = _outcome(done)
        if isinstance(found, Request):
            self.crawl(found)
            self._slot.remove_request(request)
            return
        if isinstance(found, Response):
            found.request = found.request or request
        slot = self.scraper.slot
        slot.active.add(request)
        slot.active_size += len(found.body) if isinstance(found, Response) else 0
        self._go(self._hand_over(found, request), self._handed_over, found, request)
        self._slot.nextcall.schedule()

    def _handed_over(self, done: asyncio.Task[Any], found: Response | Failure, request: Request) -> None:
        error = _outcome(done)
        if isinstance(error, Failure):
            self.scraper.handle_spider_error(error, request, found)
        slot = self.scraper.slot
        slot.active.discard(request)
        slot.active_size -= len(found.body) if isinstance(found, Response) else 0
        self._slot.remove_request(request)
        self.scraper._check_if_closing()
        self._slot.nextcall.schedule()

    async def _hand_over(self, found: Response | Failure, request: Request) -> None:
        """Call the spider, and give what it yields to the scheduler and the item pipeline."""
        try:
            if isinstance(found, Response):
                self._errors.process_spider_input(found)
        except HttpError as error:
            found = Failure(error)
        if isinstance(found, Response):
            made = found.request.callback(found, **found.request.cb_kwargs)
        else:
            found.request = request
            made = request.errback(found)
        if hasattr(made, "__aiter__"):
            async for one in made:
                await self._take(one)
        else:
            for one in made or ():
                await self._take(one)

    async def _take(self, one: Any) -> None:
        if isinstance(one, Request):
            self.crawl(one)
            return
        for method in self.scraper.itemproc.methods["process_item"]:
            await method(one)


def _outcome(done: asyncio.Task[Any]) -> Any:
    """What a task gave, or its failure."""
    if done.cancelled():
        return Failure(asyncio.CancelledError())
    error = done.exception()
    return done.result() if error is None else Failure(error)


class LeanCrawler(Crawler):  # type: ignore[misc]
    """A crawler with this engine; its settings must have SETTINGS."""

    def _create_engine(self) -> Engine:
        return Engine(self, lambda _: self.stop_async())
