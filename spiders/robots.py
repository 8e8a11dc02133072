"""robots.txt and tdmrep.json of every host: asked once, obeyed, and kept as they were."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote, urlsplit

from protego import Protego
from scrapy import Request
from scrapy.exceptions import NotConfigured
from scrapy.http.request import NO_CALLBACK

from pipeline.errors import Reason
from pipeline.storage import Root
from spiders import optout
from spiders.politeness import host_slot
from spiders.refusals import OptedOut, RobotsRefused

MAX_BYTES = 500 * 1024
"""RFC 9309 2.5: a crawler reads at least so much of robots.txt."""
TDMREP = "/.well-known/tdmrep.json"
_FIRST = 1000
_SECONDS = 30


@dataclass(frozen=True)
class Site:
    """What the robots.txt of a host says. `status` is that of its answer."""

    status: int
    text: str

    @cached_property
    def rules(self) -> Protego:
        """Who may ask what."""
        return Protego.parse(self.text)

    @cached_property
    def signals(self) -> optout.Robots:
        """What it says about machine learning."""
        return optout.in_robots(self.text)


class Robots:
    """Downloader middleware: robots.txt as RFC 9309 has it, and the opt-out signals of a host.

    4xx allows all, 5xx nothing, an unreachable host is an unreachable host. Crawl-delay, which is not in the RFC,
    is obeyed: it is the least delay of the slot of every request to that host. What was found stands in
    `request.meta["robots"]`: `allow`, `none` where there is no file, `api` for a documented API, which has its own
    terms (`documented_api` in the meta). Of requests for pictures (`picture` in the meta) the signals of the host
    stand in `request.meta["optout"]`; a picture that robots.txt reserves from machine learning is not asked for.

    Bodies are kept as `robots/HOST/DATE-DIGEST.txt`, once for each digest; `spider.robots` has them by host.
    """

    def __init__(self, crawler: Any) -> None:
        if not crawler.settings.getbool("ROBOTSTXT_OBEY"):
            raise NotConfigured
        self.crawler = crawler
        self.agent = crawler.settings["ROBOTSTXT_USER_AGENT"]
        self.sites: dict[str, asyncio.Task[Site]] = {}
        self.reservations: dict[str, asyncio.Task[bytes]] = {}

    @classmethod
    def from_crawler(cls, crawler: Any) -> Robots:
        """As Scrapy asks."""
        return cls(crawler)

    async def process_request(self, request: Any) -> None:
        """Let the request pass, or raise RobotsRefused, OptedOut, or what kept robots.txt from being read."""
        if request.meta.get("dont_obey_robotstxt"):
            return
        if request.meta.get("documented_api"):
            request.meta["robots"] = "api"
            return
        site = await self._once(self.sites, request, self._site)
        self._judge(site, request)
        if request.meta.get("picture"):
            await self._heed(site, request)

    def _judge(self, site: Site, request: Any) -> None:
        host = urlsplit(request.url).netloc
        if site.status >= 500:
            said = f"robots.txt of {host} fails (HTTP {site.status}), which counts as forbidden"
            raise RobotsRefused(said, Reason.HTTP_5XX)
        if not site.rules.can_fetch(request.url, self.agent):
            raise RobotsRefused(f"robots.txt of {host} forbids it")
        request.meta["robots"] = "allow" if site.status < 300 else "none"
        self._slow_down(request, site.rules.crawl_delay(self.agent))

    async def _heed(self, site: Site, request: Any) -> None:
        """Note what the host says about machine learning, and do not ask for what robots.txt reserves."""
        parts = urlsplit(request.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        found = site.signals.signals(path)
        if why := optout.reserved(found, self.crawler.spider.ignored):
            raise OptedOut(found, why)
        body = await self._once(self.reservations, request, self._reservation, b"")
        request.meta["optout"] = found | optout.in_tdmrep(body, path)

    async def _once(self, asked: dict[str, asyncio.Task[Any]], request: Any, ask: Any, default: Any = None) -> Any:
        """What `ask` finds of the host, asked by the first request for it; or the default, or raise what it raised."""
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in asked:
            coroutine: Coroutine[Any, Any, Any] = ask(origin, request)
            asked[origin] = asyncio.get_running_loop().create_task(coroutine)
        task = asked[origin]
        if not task.done():
            await asyncio.wait({task})
        error = task.exception()
        if error is not None and default is None:
            request.meta["dont_retry"] = True
            raise error
        return task.result() if error is None else default

    async def _site(self, origin: str, request: Any) -> Site:
        response = await self._ask(f"{origin}/robots.txt", request)
        body = response.body if response.status < 300 else b""
        if len(body) > MAX_BYTES:
            body = body[:MAX_BYTES].rpartition(b"\n")[0]
        self._keep(urlsplit(origin).netloc, response.status, body)
        return Site(response.status, body.decode("utf-8-sig", "ignore"))

    async def _reservation(self, origin: str, request: Any) -> bytes:
        response = await self._ask(f"{origin}{TDMREP}", request, dont_retry=True)
        body: bytes = response.body if response.status == 200 else b""
        return body[:MAX_BYTES]

    async def _ask(self, url: str, request: Any, **meta: Any) -> Any:
        """Ask the host of a request for a file of its own, in the slot of the host."""
        if kind := request.meta.get("by_host"):
            meta |= {"by_host": kind, "download_slot": host_slot(kind, url)}
        meta |= {"dont_obey_robotstxt": True, "host_file": True, "download_timeout": _SECONDS}
        asked = Request(url, priority=_FIRST, meta=meta, callback=NO_CALLBACK)
        return await self.crawler.engine.download_async(asked)

    def _keep(self, host: str, status: int, body: bytes) -> None:
        """Remember what a host answered, and store a body that it did not have before."""
        spider = self.crawler.spider
        digest = hashlib.sha256(body).hexdigest()[:16] if body else None
        spider.robots[host] = {"status": status, "sha256_16": digest}
        if digest is None or spider.dry_run:
            return
        root = Root(self.crawler.settings["WUNDERKAMMER_ROOT"])
        spider.handover.beside(partial(_store, root, host, digest, body))

    def _slow_down(self, request: Any, delay: float | None) -> None:
        downloader = self.crawler.engine.downloader
        name = downloader.get_slot_key(request)
        known = downloader.per_slot_settings.setdefault(name, {})
        if delay and delay > known.get("delay", 0.0):
            known["delay"] = delay
            if slot := downloader.slots.get(name):
                slot.delay = max(slot.delay, delay)


def _store(root: Root, host: str, digest: str, body: bytes) -> None:
    """Keep the body of a robots.txt, unless the host gave the same before."""
    folder = f"robots/{quote(host.lower().replace(':', '_'), safe='')[:200]}"
    if not any(name.endswith(f"{digest}.txt") for name in root.names(folder, ".txt")):
        root.commit(f"{folder}/{datetime.now(UTC):%Y%m%d}-{digest}.txt", body)
