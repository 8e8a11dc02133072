"""Calls of WikiArt's documented API within its limits, whatever else runs with the same key."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapy import signals
from scrapy.exceptions import DontCloseSpider

from pipeline.errors import PipelineError, SourceRefused, UsageError
from pipeline.storage import Root
from spiders import secrets
from spiders.ledger import Ledger
from spiders.pages import wikiart_api as pages
from spiders.spider import Callback, PictureSpider, Trouble

UNDER_WAY = 4
"""Calls that are made at once: one is written down shortly before it is sent, so that our hour is the site's."""
HOUR = 3600.0
"""Seconds; the setting WIKIART_API_HOUR shortens it for a practice gallery whose hours are short."""
HOW = f"make an access code and a secret code at {pages.KEYS} (an account is needed)"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that waits for its turn."""

    name: str
    given: Mapping[str, str]
    token: str | None
    callback: Callback
    failed: Callback | None
    priority: int
    carried: Mapping[str, Any]


class Api:
    """Asks the API for a spider: logs in first, and keeps to so many calls an hour as the login says.

    Every call is written into the ledger `wikiart` of the root before it is made; when the hour's calls are used
    up, those that wait are held back until the oldest is an hour old, while pages and pictures go on.
    Raises UsageError when WIKIART_KEY or WIKIART_SECRET is not set.
    """

    def __init__(self, spider: PictureSpider, root: Root) -> None:
        self.spider = spider
        self.codes = secrets.required("WIKIART_KEY", HOW), secrets.required("WIKIART_SECRET", HOW)
        self.calls = Ledger(root, "wikiart")
        self.logins = Ledger(root, "wikiart-sessions")
        self.session: pages.Session | None = None
        self.waiting: deque[Call] = deque()
        self.hour = timedelta(seconds=spider.crawler.settings.getfloat("WIKIART_API_HOUR", HOUR))
        self._open: set[int] = set()
        self._asked = False
        self._alarm: asyncio.TimerHandle | None = None
        spider.crawler.signals.connect(self._idle, signal=signals.spider_idle)

    def ask(
        self, name: str, given: Mapping[str, str], callback: Callback, failed: Callback | None, priority: int,
        token: str | None = None, **carried: Any,
    ) -> Iterator[Any]:  # fmt: skip
        """Make a call when its turn comes; `callback(body, **carried)`, or `failed(trouble, **carried)`."""
        self.waiting.append(Call(name, given, token, callback, failed, priority, carried))
        if self.session is None:
            yield from self._log_in()
        else:
            yield from self._flow()

    def _log_in(self) -> Iterator[Any]:
        if self._asked:
            return
        self._asked = True
        if self._spent(self.logins, "login", pages.SESSIONS_PER_HOUR):
            url = pages.login_url(self.spider.base, *self.codes)
            yield self._request(url, self._on_login, self._no_login)
        else:
            minutes = self._wait(self.logins) / 60
            self.spider.give_up(SourceRefused(
                f"WikiArt's API allows {pages.SESSIONS_PER_HOUR} sessions an hour, and they are used up: "
                f"run again in {minutes:,.0f} minutes, or without --api."
            ))  # fmt: skip

    def _on_login(self, body: bytes) -> Iterator[Any]:
        self.session = pages.session(body)
        if self.session is None:
            self._refused()
            return
        secrets.hide(self.session.key)
        yield from self._flow()

    def _no_login(self, trouble: Trouble) -> Iterator[Any]:
        self._refused(f" ({trouble})")
        yield from ()

    def _refused(self, why: str = "") -> None:
        self.waiting.clear()
        self.spider.give_up(UsageError(
            f"WikiArt's API does not accept WIKIART_KEY and WIKIART_SECRET{why}: {HOW}, or crawl without --api."
        ))  # fmt: skip

    def _flow(self) -> Iterator[Any]:
        """The calls that the hour still allows; the others wait."""
        while self.waiting and len(self._open) < UNDER_WAY and self._alarm is None and not self.spider.stopping:
            assert self.session is not None
            call = self.waiting[0]
            if not self._spent(self.calls, call.name, self.session.calls):
                self._rest()
                return
            self.waiting.popleft()
            url = pages.call_url(self.spider.base, self.session, call.name, call.token, **call.given)
            self._open.add(id(call))
            yield self._request(url, self._on_answer, self._on_trouble, call=call).replace(priority=call.priority)

    def _on_answer(self, body: bytes, call: Call) -> Iterator[Any]:
        self._open.discard(id(call))
        yield from call.callback(body, **call.carried)
        yield from self._flow()

    def _on_trouble(self, trouble: Trouble, call: Call) -> Iterator[Any]:
        self._open.discard(id(call))
        if call.failed is not None:
            yield from call.failed(trouble, **call.carried)
        else:
            self.spider.refused(trouble)
        yield from self._flow()

    def _request(self, url: str, callback: Callback, failed: Callback | None, **carried: Any) -> Any:
        request = self.spider.data(url, callback, failed, follow=False, **carried)
        return request.replace(
            meta={**request.meta, "download_slot": self.spider.slot("api"), "documented_api": True}
        )

    def _spent(self, ledger: Ledger, what: str, limit: int) -> bool:
        """Whether a call may be made now; it is written down if so."""
        try:
            return ledger.spend_within(1, what, limit, datetime.now(UTC) - self.hour) is not None
        except PipelineError as error:
            self.spider.give_up(error)
            return False

    def _wait(self, ledger: Ledger) -> float:
        """Seconds until the oldest call of the last hour is an hour old."""
        now = datetime.now(UTC)
        spent = ledger.spent(now - self.hour)
        return max(0.1, (spent[0].at + self.hour - now).total_seconds()) if spent else 0.1

    def _rest(self) -> None:
        if self._alarm is None and not self.spider.stopping:
            seconds = self._wait(self.calls)
            self.spider.note_pause(seconds)
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        for request in self._flow():
            self.spider.crawler.engine.crawl(request)

    def _idle(self) -> None:
        """Stay while calls wait for their hour."""
        if self.waiting and self._alarm is not None and not self.spider.stopping:
            raise DontCloseSpider("calls of the API wait for their turn")
