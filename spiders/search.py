"""A conversation with one search provider: what is bought once, counted, waited for, and explained when it fails."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from pipeline.errors import LockHeld, PipelineError, SourceRefused, UsageError
from pipeline.storage import Root
from spiders.addresses import is_loopback
from spiders.answers import Answers
from spiders.asking import ask
from spiders.pages.fields import Drift, load
from spiders.pages.web.base import Hit, Page, Params, Provider, Query, Refused
from spiders.pages.web.openverse import TOKEN_PATH, Registered, token_of
from spiders.pages.web.plan import Plan
from spiders.refusals import retry_after
from spiders.secrets import hide, redact, required, secret
from spiders.till import Till

Take = Callable[[Query, int, Hit], Awaitable[bool]]
More = Callable[[], Awaitable[bool]]
Left = Callable[[], int | None]
T = TypeVar("T")

_TRIES, _WAITS = 3, 6
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "127.0.0.0/8", "::1/128")
_SIGNS = {"key": UsageError, "setup": UsageError, "query": UsageError}


class Over(Exception):
    """A query, or the provider as a `whole`, gives nothing more."""

    def __init__(self, refused: Refused, whole: bool) -> None:
        super().__init__(refused.why)
        self.refused, self.whole = refused, whole


class Counter:
    """The counter of one provider: kept answers first, then its till, then the call. Blocking; raises UsageError when
    a key is missing.

    `budget` is how many calls this run may make, `fresh` the days after which a kept answer is bought again.
    """

    def __init__(
        self, provider: Provider, root: Root, base: str | None, budget: int | None = None, fresh: float | None = None
    ) -> None:
        self.client = client(provider)
        self.provider = provider = registered(provider)
        self.keys = {name: required(name, provider.how) for name in provider.keys}
        self.base = (self.keys.get("SEARXNG_URL") or base or provider.home).rstrip("/")
        self.till, self.answers = Till(provider, root, budget), Answers(root, provider.name)
        self.size, self.fresh = provider.size, fresh
        self.keeps = provider.metered and provider.keep_days != 0
        self.asked = 0
        self._token_until = 0.0

    def kept(self, params: Params) -> bytes | None:
        """The body of an answer that was bought before and is still good."""
        if not self.keeps:
            return None
        days = self.fresh if self.fresh is not None else self.provider.keep_days
        kept = self.answers.get(params, timedelta(days=days) if days is not None else None)
        return json.dumps(kept.body).encode() if kept else None

    def call(self, params: Params) -> bytes | Refused:
        """Make a call and keep what it answers, unless the till or the provider refuses."""
        what = ", ".join(f"{name}={value}" for name, value in _short(params).items())
        try:
            if refused := self.till.spend(what):
                return refused
        except LockHeld:
            return Refused("rate", f"another run holds the ledger of {self.provider.title}", 1.0)
        body = self._ask(params)
        if isinstance(body, Refused):
            self.till.give_back(what)
            return self._as_quota(body)
        if self.keeps:
            self.answers.keep(params, json.loads(body))
        return body

    def _as_quota(self, refused: Refused) -> Refused:
        """Being told to wait for an hour or more means that the quota is used up."""
        is_long = refused.kind == "rate" and (refused.wait or 0) >= 3600 and self.provider.quota is not None
        return self.till.used_up(refused) if refused.kind == "quota" or is_long else refused

    def _ask(self, params: Params) -> bytes | Refused:
        """Call, and judge the answer; a body that is no JSON counts as a failure."""
        try:
            given, headers = self.provider.signed(params, {**self.keys, **self._token()})
            allow = _PRIVATE if "SEARXNG_URL" in self.keys else ()
            url = f"{self.base}{self.provider.path}?{urlencode(given)}"
            self.asked += 1
            answer = ask(url, headers=headers, base=self.base, allow=allow)
        except SourceRefused as error:
            return Refused("down", str(error).rstrip("."))
        found = self.provider.refusal(answer.status, answer.headers, answer.body, params)
        if found is not None:
            wait = retry_after(answer.headers.get("retry-after"), datetime.now(UTC))
            return Refused(found.kind, redact(found.why), wait if wait is not None else found.wait)
        try:
            load(answer.body)
        except Drift as drift:
            return Refused("down", f"{self.provider.title} answers oddly: {drift}")
        return answer.body

    def _token(self) -> dict[str, str]:
        """Openverse's token, asked for when there are credentials, and again before it ends."""
        if not self.client:
            return {}
        if time.monotonic() > self._token_until:
            form = {"grant_type": "client_credentials", "client_id": self.client[0], "client_secret": self.client[1]}
            answer = ask(f"{self.base}{TOKEN_PATH}", method="POST", form=form, base=self.base)
            if answer.status >= 400:
                raise UsageError(
                    f"Openverse does not take OPENVERSE_CLIENT_ID and OPENVERSE_CLIENT_SECRET (HTTP {answer.status}): "
                    "check them, or unset both to go on without."
                )
            try:
                self._bearer, seconds = token_of(answer.body)
            except Drift as drift:
                raise SourceRefused(f"{drift}: run the same command again later.") from None
            hide(self._bearer)
            self._token_until = time.monotonic() + max(30.0, seconds - 60)
        return {"token": self._bearer}


class Searcher:
    """Asks a provider query by query, page by page, at its rate, until nothing is left or wanted."""

    def __init__(self, counter: Counter, pause: float, pause_max: float, told: Callable[[float], None]) -> None:
        self.counter, self.provider = counter, counter.provider
        self.pause, self.pause_max, self._told = pause, pause_max, told
        self.gap = 0.0 if is_loopback(counter.base) else 1 / self.provider.rate
        self.pages = 0
        self.passed_over: dict[str, int] = {}
        self._next = 0.0

    async def run(self, queries: list[Query], take: Take, more: More, left: Left) -> None:
        """Give every hit to `take`, which says whether it was new, as long as `more` wants one; `left` is how many
        are wanted in all. Raises Over when the provider fails."""
        plan = Plan(self.provider, queries)
        while await more() and (query := plan.next()) is not None:
            await self._query(plan, query, take, more, left)

    async def _query(self, plan: Plan, query: Query, take: Take, more: More, left: Left) -> None:
        params: Params | None = self.provider.first(query, self.counter.size)
        listed, new, total = 0, 0, None
        wanted = left()
        while params is not None and plan.reads_on(query, listed, new) and await more():
            try:
                page = await self.page(params)
            except Over as over:
                if over.whole or not (self.pages or query.filters):
                    raise
                break
            total = page.total if page.total is not None else total
            for hit in page.hits:
                if not await more():
                    return
                new += await take(query, listed, hit)
                listed += 1
            if plan.splits_now(query, total, wanted):
                break
            params = page.following if listed < self.provider.cap else None
        plan.ended(query, listed, new, total)

    async def total(self, query: Query) -> int | None:
        """How many results a query has, with one call; None when the provider does not tell."""
        if not self.provider.counts:
            return None
        return (await self.page(self.provider.counting(query, self.counter.size))).total

    async def page(self, params: Params) -> Page:
        """One page: waits when told to, tries again what may pass, asks for less when less is allowed. Raises Over."""
        tries = waits = 0
        while True:
            body: bytes | Refused | None = await in_thread(self.counter.kept, params)
            if body is None:
                await self._in_turn()
                body = await in_thread(self.counter.call, params)
            refused = body if isinstance(body, Refused) else None
            if refused is None:
                assert isinstance(body, bytes)
                page = self._read(body, params)
                if isinstance(page, Page):
                    return page
                refused = page
            if refused.kind == "rate" and waits < _WAITS:
                waits += 1
                await self._wait(refused, self.pause * 2 ** (waits - 1))
            elif refused.kind == "down" and tries < _TRIES - 1:
                tries += 1
                await asyncio.sleep(self.pause / 10 * 2**tries)
            elif refused.kind == "page_size" and self.counter.size > 1:
                params = self._smaller(params)
            else:
                raise Over(refused, refused.kind not in ("end", "query"))

    def _read(self, body: bytes, params: Params) -> Page | Refused:
        try:
            page = self.provider.read(body, params)
        except Drift as drift:
            return Refused("down", f"{self.provider.title} answers oddly: {drift}")
        self.pages += 1
        for kind, count in page.passed_over.items():
            self.passed_over[kind] = self.passed_over.get(kind, 0) + count
        return page

    def _smaller(self, params: Params) -> Params:
        """The same place in the list, with half as many results a page, twenty at most."""
        size = min(20, self.counter.size // 2)
        number = (int(params["page"]) - 1) * self.counter.size // size + 1
        self.counter.size = size
        return {**params, "page_size": str(size), "page": str(number)}

    async def _wait(self, refused: Refused, otherwise: float) -> None:
        wait = refused.wait if refused.wait is not None else otherwise
        if wait > self.pause_max:
            raise Over(Refused("quota", f"{refused.why}: it asks to wait {wait / 60:,.0f} minutes"), True)
        self._told(wait)
        await asyncio.sleep(wait)

    async def _in_turn(self) -> None:
        """Wait until the provider's rate allows the next call."""
        now = time.monotonic()
        at = max(now, self._next)
        self._next = at + self.gap
        if at > now:
            await asyncio.sleep(at - now)


def explained(refused: Refused) -> PipelineError:
    """A refusal as the error that ends a crawl, with what to do."""
    kind = _SIGNS.get(refused.kind, SourceRefused)
    what = {
        "key": "check the key, and what it may be used for",
        "setup": "then run the same command again",
        "query": "change the query",
        "budget": "--budget N allows more, and what was bought is kept",
        "quota": "run the same command again after that: what was bought is kept",
    }.get(refused.kind, "run the same command again later")
    return kind(f"{refused.why[:1].upper()}{refused.why[1:]}: {what}.")


def registered(provider: Provider) -> Provider:
    """The provider with the limits of those who are registered, when we are."""
    return Registered() if client(provider) else provider


def client(provider: Provider) -> tuple[str, str] | None:
    """The credentials with which Openverse allows more, if there are any."""
    if provider.name != "openverse":
        return None
    name, word = secret("OPENVERSE_CLIENT_ID"), secret("OPENVERSE_CLIENT_SECRET")
    return (name, word) if name and word else None


def _short(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters that tell calls apart, for the ledger."""
    fixed = {"format", "nojsoncallback", "extras", "formatversion", "iiprop", "maxlag", "prop", "action", "iiurlwidth"}
    return {name: value for name, value in params.items() if name not in fixed}


async def in_thread(call: Callable[..., T], *arguments: Any) -> T:
    """Run what blocks beside the loop, in a thread that nothing waits for when the process ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        if not answer.done():
            set_it(value)

    def run() -> None:
        try:
            found = call(*arguments)
        except (PipelineError, OSError, ValueError, TypeError, KeyError) as error:
            loop.call_soon_threadsafe(settle, answer.set_exception, error)
        else:
            loop.call_soon_threadsafe(settle, answer.set_result, found)

    threading.Thread(target=run, daemon=True).start()
    return await answer
