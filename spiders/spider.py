"""What every spider of pictures shares: arguments, one rate for each kind of request, fetching, and stopping."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

import scrapy
from scrapy import signals
from scrapy.downloadermiddlewares.retry import get_retry_request

from pipeline import licences
from pipeline.errors import Fatal, PipelineError, Reason, SourceRefused, UsageError
from pipeline.storage import Root
from spiders import optout, recheck, settings
from spiders.again import rows as failed_rows
from spiders.desk import Desk, Seen
from spiders.estimate import FREE, Estimate, at_rates
from spiders.known import Known
from spiders.pages.fields import Drift
from spiders.politeness import drain, host_slot
from spiders.records import redacted_url
from spiders.refusals import OptedOut, Stopped, outcome, refusal
from spiders.registry import check, described, source_prefix
from spiders.secrets import BLANK

log = logging.getLogger(__name__)

BACKLOG = 240
"""Pictures under way above which no further page of a list is asked, so that memory stays flat."""
DATA_BYTES = 32 * 2**20
PICTURE, DETAIL, LIST = 30, 20, 10
"""Priorities: what is begun is finished before more is listed."""

Callback = Callable[..., Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an answer could not be had; `missing` when the site has no such page, as opposed to failing."""

    url: str
    what: str
    missing: bool = False

    def __str__(self) -> str:
        """`www.wikiart.org does not answer (connection refused)`."""
        return f"{urlsplit(self.url).netloc} {self.what}"


class PictureSpider(scrapy.Spider):  # type: ignore[misc]
    """Base of the spiders. A subclass lists works and calls `picture` with a record and its addresses.

    `rates` are requests a second for each kind of request on a live site; all hosts of a kind share one slot.

    With the setting DRY_RUN nothing is stored and no work is begun: `turn` counts and gives None, `next_list` asks
    for no further page, and at the end `foresee` says what a crawl would take. A spider that is asked for names
    (`questions` of the registry) puts them into `answer`, and stores nothing either.
    """

    home: ClassVar[str]
    verb: ClassVar[str] = "crawl"
    """`import` for what people have a list of, as the registry has it."""
    placeholder: ClassVar[str | None] = None
    rates: ClassVar[dict[str, float]]
    pictures_anywhere: ClassVar[bool] = False
    """Whether pictures lie on any hosts: each has its own slot and rate, and one that refuses is given up alone."""
    data_per_picture: ClassVar[float] = 0.0
    """Requests for data that each new picture needs besides the list, for estimates."""

    def __init__(
        self, limit: Any = None, base_url: str | None = None, recheck: str | None = None, ignore_optout: Any = None,
        **arguments: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.goes_out = True
        self.base = (base_url or self.home).rstrip("/")
        self.spec = {self.verb: self.name, **{key: value for key, value in arguments.items() if value is not None}}
        self.prefix = source_prefix(self.spec)
        self.limit = int(limit) if limit not in (None, "") else None
        self.licences = licences.wanted(arguments.get("license") or "any")
        self.error: PipelineError | None = None
        self.recheck = recheck or "rota"
        self.notes: list[str] = []
        self.truncated: list[str] = []
        self.given_up: dict[str, tuple[Reason, str]] = {}
        self.ignored = optout.to_ignore(ignore_optout)
        self.robots: dict[str, dict[str, Any]] = {}
        self.unchanged = 0
        self.rank = 0
        self.expected: int | None = self.limit
        self.paused_until = 0.0
        self.dry_run = False
        self.estimate: Estimate | None = None
        self.answer: list[str] | None = None
        self.foreseen = 0
        self.listed_whole = True
        self.list_ended = False
        self.known = Known()
        self.due: set[str] = set()
        self.began = datetime.now(UTC)
        self.pauses: list[float] = []
        self.desk: Desk | None = None
        self.handover: Any = None
        self._seen: set[str] = set()
        self._pending = 0
        self._more: scrapy.Request | None = None
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> PictureSpider:
        """The spider with its arguments checked and the rates of its site set.

        With wrong arguments it is a spider that has an `error` and ends when it is opened, so that Scrapy says the
        sentence in place of a traceback.
        """
        try:
            return cls._configured(crawler, *args, **kwargs)
        except PipelineError as error:
            spider = cls.__new__(cls)
            PictureSpider.__init__(spider)
            spider._set_crawler(crawler)
            spider.error = error
            spider.closed = partial(PictureSpider.closed, spider)  # type: ignore[method-assign]
            return spider

    @classmethod
    def _configured(cls, crawler: Any, *args: Any, **kwargs: Any) -> PictureSpider:
        check({cls.verb: cls.name, **kwargs})
        spider: PictureSpider = super().from_crawler(crawler, *args, **kwargs)
        if spider.goes_out and not settings.is_loopback(spider.base) and not settings.CONTACT:
            raise UsageError(
                f"Set PIPELINE_CONTACT to your mail or web address before crawling {spider.base or 'the web'}: "
                "its owner must be able to reach you."
            )
        rates = {spider.slot(kind): rate for kind, rate in cls.rates.items()}
        for name, value in settings.for_site(spider.base, rates, cls.pictures_anywhere).items():
            crawler.settings.set(name, value, priority="spider")
        spider.ignored |= optout.to_ignore(crawler.settings.getlist("IGNORE_OPTOUT"))
        spider.ignored |= frozenset() if crawler.settings.getbool("OBEY_OPTOUT") else {"all"}
        spider.dry_run = crawler.settings.getbool("DRY_RUN")
        if crawler.settings.getlist("RETRY_REASONS"):
            spider.start = spider.again
        crawler.signals.connect(spider.failed, signal=signals.spider_error)
        crawler.signals.connect(spider.failed, signal=signals.item_error)
        return spider

    def slot(self, kind: str) -> str:
        """The download slot of a kind of request: one rate, whatever the hosts."""
        return f"{self.name}-{kind}"

    # listing

    def turn(self, source_id: str) -> int | None:
        """The rank of a listed work, from 0; None for one that was listed before, is known, or is past the limit,
        and for all in a dry run.
        """
        if source_id in self._seen or self.full:
            return None
        self._seen.add(source_id)
        rank, self.rank = self.rank, self.rank + 1
        if self.known.settled(source_id) and not self.is_due(source_id):
            self.unchanged += 1
            return None
        self.foreseen += 1
        return None if self.dry_run else rank

    def is_due(self, source_id: str) -> bool:
        """Whether a known picture is asked for again now."""
        row = self.known.rows.get(source_id)
        if self.ignored and row is not None and row.reason == Reason.OPTED_OUT:
            return True
        return source_id in self.due or (self.recheck != "none" and recheck.back(self.known, source_id, self.began))

    def cut(self, note: str) -> None:
        """The source shows less of a list than it has: works that are not listed are then not taken for gone."""
        self.notes.append(note)
        self.truncated.append(note)

    def conclude(self) -> None:
        """After the last picture: what a complete list does not have any more is gone.

        It is complete when the spider said so by `list_ended`, and nothing was cut, limited or stopped.
        """
        cut = self.truncated or self.limit or self.error or self.stopping
        if cut or not (self.list_ended and self._seen and self.desk) or self.recheck == "none":
            return
        if self.desk.unlisted(self._seen) is None:
            self.notes.append("more than half of the known works are not listed any more: they are kept as known, "
                              "as the list may be at fault.")  # fmt: skip

    @property
    def full(self) -> bool:
        """Whether as many works were listed as the limit allows."""
        return self.limit is not None and self.rank >= self.limit

    def next_list(self, request: scrapy.Request | None) -> Iterator[scrapy.Request]:
        """Ask for more of the list once few enough pictures are under way."""
        if self.dry_run and request is not None and not self.full:
            self.listed_whole = False
            return
        self._more = request if not self.full else None
        yield from self._flow()

    def _flow(self) -> Iterator[scrapy.Request]:
        if self._more is not None and self._pending < BACKLOG:
            request, self._more = self._more, None
            yield request

    def data(
        self, url: str, callback: Callback, failed: Callback | None = None, follow: bool = True, **carried: Any
    ) -> scrapy.Request:
        """A request for JSON; `callback(body, **carried)`, or `failed(trouble, **carried)` when it cannot be had.

        An answer in another shape than the documented one (`Drift`) is asked again twice. Without `failed` the
        crawl ends when what is under way is done.
        """
        return scrapy.Request(
            url, callback=self._on_data, errback=self._on_no_data, priority=LIST,
            headers={"X-Requested-With": "XMLHttpRequest", "Referer": url.partition("?")[0]},
            meta={"download_slot": self.slot("data"), "dont_redirect": not follow, "download_maxsize": DATA_BYTES},
            cb_kwargs={"then": callback, "failed": failed, "carried": carried},
        )  # fmt: skip

    def _on_data(
        self, response: Any, then: Callback, failed: Callback | None, carried: dict[str, Any]
    ) -> Iterator[Any]:
        try:
            yield from then(response.body, **carried)
        except Drift as drift:
            again = get_retry_request(response.request, spider=self, reason="drift")
            if again is not None:
                yield again
            else:
                trouble = Trouble(response.url, f"answered {redacted_url(response.url)} oddly: {drift}")
                yield from self._no_data(trouble, failed, carried)

    def _on_no_data(self, failure: Any) -> Iterator[Any]:
        if isinstance(failure.value, Stopped):
            return
        url, arguments = failure.request.url, failure.request.cb_kwargs
        found = outcome(failure.value)
        if found.status:
            what = f"answered HTTP {found.status} for {redacted_url(url)}{_why(failure.value)}"
        elif found.reason in (Reason.CONNECTION_FAILED, Reason.TIMEOUT):
            what = f"does not answer ({found.detail})"
        elif found.reason is Reason.TOO_LARGE:
            what = f"answered with more than {DATA_BYTES // 2**20} MiB"
        else:
            what = f"was not asked: {found.detail}"
        trouble = Trouble(url, what, found.status in (404, 410))
        yield from self._no_data(trouble, arguments["failed"], arguments["carried"])

    def _no_data(self, trouble: Trouble, failed: Callback | None, carried: dict[str, Any]) -> Iterator[Any]:
        if failed is not None:
            yield from failed(trouble, **carried)
        else:
            self.refused(trouble)

    # trying again

    async def again(self) -> AsyncIterator[Any]:
        """In place of `start`: the pictures whose last try failed for one of the RETRY_REASONS, without any list."""
        root = Root(self.crawler.settings["WUNDERKAMMER_ROOT"])
        failed = failed_rows(root, self.prefix, self.crawler.settings.getlist("RETRY_REASONS"))
        self.expected, expired = len(failed), 0
        for row in failed:
            if not (addresses := self.addresses(row)):
                expired += 1
                continue
            for request in self.picture(row, addresses):
                yield request
        if expired:
            self.notes.append(f"{expired:,} pictures have addresses that are not kept, as they hold keys: "
                              "crawl the source again for them.")  # fmt: skip

    def addresses(self, row: dict[str, Any]) -> list[tuple[str, str]]:
        """Where the picture of a failed row may be had, as `picture` takes it; empty when its address is not kept."""
        return [] if BLANK in row["url"] else [("original", row["url"])]

    # looking ahead

    def foresee(self) -> Estimate:
        """What a crawl would take, after the first pages were asked in a dry run; spiders that know better override.

        As many new works as the first page had in `foreseen`, or of those `expected` all that are not known.
        """
        pictures: int | None = self.foreseen
        pages = 0
        if not self.listed_whole:
            known = sum(self.known.settled(source_id) for source_id in self.known.rows) - len(self.due)
            pictures = None if self.expected is None else max(self.foreseen, self.expected - known)
            pages = -(-((self.expected or 0) - self.rank) // max(1, self.rank))
        return self.estimated(pictures, {"data": max(0, pages) + (pictures or 0) * self.data_per_picture})

    def estimated(
        self, pictures: int | None, requests: Mapping[str, float], cost: str = FREE, notes: tuple[str, ...] = ()
    ) -> Estimate:
        """An estimate from the requests ahead of each kind in `rates`; those for pictures themselves are added.

        Notes of the spider, such as that a list is cut, are its caps.
        """
        kinds = {**requests, "pictures": requests.get("pictures", pictures or 0)}
        return Estimate(
            source=described(self.spec), pictures=pictures, requests=round(sum(kinds.values())),
            seconds=at_rates(kinds, self.rates), caps=tuple(self.notes), cost=cost, notes=notes,
        )  # fmt: skip

    # pictures

    def picture(self, record: dict[str, Any], addresses: list[tuple[str, str]]) -> Iterator[Any]:
        """Fetch a picture from the first of (variant, address) that has it; the row is handed over either way.

        One whose licence the argument `license` does not let pass is not fetched.
        """
        if self.dry_run:
            return
        record["url"] = redacted_url(addresses[0][1])
        if not licences.admits(self.licences, record["licence"]):
            yield from self.without_picture(record, Reason.LICENCE, record["licence"])
            return
        try:
            request = self._attempt(record, addresses)
        except ValueError as error:
            yield from self.without_picture(record, Reason.ADDRESS_REFUSED, str(error))
        else:
            record["url"] = redacted_url(request.url)
            self._pending += 1
            yield request

    def _attempt(self, record: dict[str, Any], addresses: list[tuple[str, str]]) -> scrapy.Request:
        (variant, url), *others = addresses
        return scrapy.Request(
            url, callback=self._on_picture, errback=self._on_no_picture, priority=PICTURE,
            headers={"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity",
                     **self._validators(record["source_id"], variant, url)},
            meta=self._place(url),
            cb_kwargs={"record": record, "variant": variant, "others": others},
        )  # fmt: skip

    def _place(self, url: str) -> dict[str, Any]:
        """The slot of a picture: of all pictures of the site, or of its host when they lie anywhere."""
        kind = self.slot("pictures")
        if not self.pictures_anywhere:
            return {"download_slot": kind, "picture": True}
        return {"download_slot": host_slot(kind, url), "by_host": kind, "picture": True}

    def _validators(self, source_id: str, variant: str, url: str) -> dict[str, str]:
        """For the address that a stored picture came from, headers that ask for it only if it changed."""
        before = self.known.rows.get(source_id)
        if before is None or before.reason is not None or before.variant != variant:
            return {}
        came_from = {self.canonical(place) for place in (before.final_url, before.url) if place}
        here = self.canonical(redacted_url(url))
        return recheck.validators(self.known, source_id) if here in came_from else {}

    def canonical(self, url: str) -> str:
        """One spelling for the addresses of one picture; spiders whose pictures lie on several hosts override."""
        return url

    def _on_picture(self, response: Any, record: dict[str, Any], variant: str, others: Any) -> Iterator[Any]:
        found = _signals(record, response, response.body)
        record |= _facts(response) | {"variant": variant}
        if self.placeholder and self.placeholder in response.url:
            yield from self.done(Seen(record | {"reason": str(Reason.PLACEHOLDER)}))
        else:
            record |= optout.columns(found, self.ignored)
            yield from self.done(Seen(record, None if record["reason"] else response.body))

    def _on_no_picture(self, failure: Any) -> Iterator[Any]:
        if isinstance(failure.value, Stopped):
            return
        arguments = failure.request.cb_kwargs
        record, others = arguments["record"], arguments["others"]
        found = outcome(failure.value)
        if others and found.status in (400, 404, 410):
            yield self._attempt(record, others)
            return
        if response := getattr(failure.value, "response", None):
            seen = optout.columns(_signals(record, response, b""), self.ignored)
            record |= _facts(response) | {key: value for key, value in seen.items() if key == "optout_signals"}
            if found.status == 304:
                yield from self.done(Seen(record | seen | {"variant": arguments["variant"]}))
                return
        if isinstance(failure.value, OptedOut):
            record |= optout.columns(failure.value.found, self.ignored)
        record |= {
            "fetched_at": datetime.now(UTC), "http_status": found.status, "variant": arguments["variant"],
            "robots": "disallow" if found.reason is Reason.ROBOTS else failure.request.meta.get("robots"),
            "reason": str(found.reason), "detail": found.detail or None,
        }  # fmt: skip
        yield from self.done(Seen(record))

    def done(self, seen: Seen) -> Iterator[Any]:
        """Hand a picture over, and ask for more of the list if there is room."""
        self._pending -= 1
        yield seen
        yield from self._flow()

    def without_picture(self, record: dict[str, Any], reason: Reason, detail: str = "") -> Iterator[Any]:
        """Hand over a row for which nothing was fetched."""
        record |= {"reason": str(reason), "detail": detail or None}
        yield Seen(record)

    # stopping

    def refused(self, trouble: Trouble) -> None:
        """The site did not give what the crawl cannot go on without: what is under way is finished first."""
        self.error = self.error or SourceRefused(
            f"{trouble}. Check the address, or run the same command again later to go on."
        )

    def give_up(self, error: PipelineError) -> None:
        """Stop the crawl: nothing more is sent, what has arrived is committed."""
        self.error = self.error or error
        self.stop("gave up")

    def failed(self, failure: Any) -> None:
        """A fault of ours, which Scrapy would only log: the crawl goes on, and ends with an error."""
        error = failure.value
        self.error = self.error or Fatal(f"The spider {self.name} has a fault ({type(error).__name__}: {error}).")

    @property
    def stopping(self) -> bool:
        """Whether the crawl is ending before its time."""
        return self._closing is not None

    def stop(self, why: str) -> None:
        """End the crawl now."""
        self._more = None
        if self._closing is None:
            drain(self.crawler)
            self._closing = asyncio.get_running_loop().create_task(
                self.crawler.engine.close_spider_async(reason=why)
            )

    def closed(self, reason: str) -> None:
        """Say why the crawl ended early, in Scrapy's log, and after a dry run what would be ahead."""
        if self.given_up:
            hosts = [slot.rpartition(":")[2] for slot in self.given_up]
            named = ", ".join(hosts[:5]) + (" and others" if len(hosts) > 5 else "")
            self.notes.append(f"hosts given up, as they refuse or fail: {len(hosts):,} ({named}); "
                              "the next crawl tries their pictures again.")  # fmt: skip
        if self.dry_run and self.estimate is None and self.error is None:
            self.estimate = self.foresee()
            log.info("%s", self.estimate)
        if self.error is not None:
            log.error("%s", self.error)

    def note_pause(self, seconds: float) -> None:
        """Remember, for the progress lines and the record, that the site asked to wait."""
        self.pauses.append(seconds)
        self.paused_until = max(self.paused_until, time.monotonic() + seconds)


def _signals(record: Mapping[str, Any], response: Any, body: bytes) -> dict[str, str]:
    """What owners say: on the page (if the spider saw it), of the host, in the headers, in the file."""
    page = json.loads(record["optout_signals"] or "{}")
    host = response.meta.get("optout", {}) if response.request is not None else {}
    return {**page, **host, **optout.signals(_headers(response)), **optout.in_file(body)}


def _why(error: Any) -> str:
    """What a failed answer says of the refusal, where it blocks us for good: a bot protection, say."""
    response = getattr(error, "response", None)
    if response is None:
        return ""
    headers = {name: values[0] for name, values in _headers(response).items() if values}
    found = refusal(response.status, headers, response.body, datetime.now(UTC))
    return f", as {found.why}" if found is not None and not found.passing else ""


def _headers(response: Any) -> dict[str, list[str]]:
    return {
        name.decode("latin-1").lower(): [value.decode("latin-1") for value in response.headers.getlist(name)]
        for name in response.headers
    }


def _facts(response: Any) -> dict[str, Any]:
    """The columns of `crawled` that a response fills."""

    def header(name: str) -> str | None:
        value = response.headers.get(name)
        return value.decode("latin-1")[:500] if value else None

    return {
        "fetched_at": datetime.now(UTC), "http_status": response.status, "etag": header("ETag"),
        "last_modified": header("Last-Modified"), "content_type": header("Content-Type"),
        "final_url": redacted_url(response.url), "robots": response.meta.get("robots"),
        "redirects": [redacted_url(url) for url in response.meta.get("redirect_urls", [])],
    }  # fmt: skip
