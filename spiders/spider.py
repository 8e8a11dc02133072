"""What every spider of pictures shares: arguments, lists, estimates, trying again, and stopping."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

import scrapy
from scrapy import signals

from pipeline import licences
from pipeline.errors import Fatal, PipelineError, Reason, SourceRefused, UsageError
from pipeline.storage import Root
from spiders import optout, recheck, settings
from spiders.again import rows as failed_rows
from spiders.data import DETAIL as DETAIL
from spiders.data import LIST as LIST
from spiders.data import Callback as Callback
from spiders.data import Data
from spiders.data import Trouble as Trouble
from spiders.desk import Desk
from spiders.digests import Digests
from spiders.estimate import FREE, Estimate, at_rates
from spiders.known import Known
from spiders.pictures import Pictures
from spiders.politeness import drain
from spiders.registry import check, described, source_prefix
from spiders.secrets import BLANK

log = logging.getLogger(__name__)

BACKLOG = 240
"""Pictures under way above which no further page of a list is asked, so that memory stays flat."""


class PictureSpider(Data, Pictures, scrapy.Spider):  # type: ignore[misc]
    """Base of the spiders. A subclass lists works and calls `picture` with a record and its addresses.

    `rates` are requests a second for each kind of request on a live site; all hosts of a kind share one slot.

    With the setting DRY_RUN nothing is stored and no work is begun: `turn` counts and gives None, `next_list` asks
    for no further page, and at the end `foresee` says what a crawl would take. A spider that is asked for names
    (`questions` of the registry) puts them into `answer`, and stores nothing either.
    """

    home: ClassVar[str]
    verb: ClassVar[str] = "crawl"
    """`import` for what people have a list of, as the registry has it."""
    rates: ClassVar[dict[str, float]]
    checked: ClassVar[Mapping[str, str]] = {}
    """Arguments with which `scrapy check` makes the spider, for the contracts of its callbacks."""
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
        self._seen = Digests()
        self._pending = 0
        self._more: scrapy.Request | None = None
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> PictureSpider:
        """The spider with its arguments checked and the rates of its site set.

        With wrong arguments it is a spider that has an `error` and ends when it is opened, so that Scrapy says the
        sentence in place of a traceback.
        """
        if os.environ.get("SCRAPY_CHECK"):
            kwargs = {**cls.checked, **kwargs}
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
        self._tell_reserved()
        cut = self.truncated or self.limit or self.error or self.stopping
        if cut or not (self.list_ended and self._seen and self.desk) or self.recheck == "none":
            return
        if self.desk.unlisted(self._seen) is None:
            self.notes.append("more than half of the known works are not listed any more: they are kept as known, "
                              "as the list may be at fault.")  # fmt: skip

    def _tell_reserved(self) -> None:
        """Say what can be done where owners reserve every single picture."""
        failed = self.desk.failed if self.desk else {}
        if self.desk and failed.keys() == {Reason.OPTED_OUT} and not (self.desk.new or self.unchanged):
            said = ",".join(sorted(self.desk.signals))
            self.notes.append(
                f"the owners reserve every picture from machine learning ({said}): none was kept. "
                f"--ignore-optout {said} keeps them in spite of that, which each row and the record then say; "
                "it does not give you the right."
            )

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
