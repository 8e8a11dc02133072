"""The Scrapy item pipeline, the only one: every picture of every spider goes through it to the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from scrapy.exceptions import CloseSpider

from pipeline.errors import Fatal, PipelineError
from pipeline.storage import Root
from spiders import account, crawls
from spiders.desk import Desk, Seen
from spiders.journal import Step
from spiders.known import Known
from spiders.recheck import due

_TROUBLE = (PipelineError, OSError, ValueError, TypeError)


class Handover:
    """Gives every `Seen` to the desk of its spider, and commits what is due.

    Small writes to a disk are made here, as a busy thread beside them would make each wait its turn; what waits for
    a disk or an object store goes into a thread, while the crawl goes on.
    """

    def __init__(self, crawler: Any) -> None:
        self.crawler = crawler
        self._thread = ThreadPoolExecutor(1, "handover")
        self._writing = asyncio.Lock()
        self._ticker: asyncio.Task[None] | None = None
        self._steps: Iterator[Step] = iter(())
        self._step: Future[None] | None = None
        self.desk: Desk | None = None

    @classmethod
    def from_crawler(cls, crawler: Any) -> Handover:
        """As Scrapy asks."""
        return cls(crawler)

    def open_spider(self) -> None:
        """Open the desk of the spider's source, and watch the clock, so that rows do not wait for a picture.

        A dry run opens none, and writes nothing.
        """
        spider = self.crawler.spider
        spider.handover = self
        if spider.error is not None:
            raise CloseSpider("wrongly asked")
        try:
            root = Root(self.crawler.settings["WUNDERKAMMER_ROOT"])
            if spider.dry_run:
                spider.known = Known.load(root, spider.prefix)
                return
            self.desk = spider.desk = Desk(root, spider.prefix)
            spider.known = self.desk.known
            spider.due = due(spider.known, spider.recheck, spider.began)
        except PipelineError as error:
            spider.error = error
            raise CloseSpider("no desk") from error
        self._ticker = asyncio.get_running_loop().create_task(self._tick())
        self._ticker.add_done_callback(self._written)

    async def process_item(self, item: Seen) -> Seen:
        """Take one picture; waits while a batch is written and the next one is full already."""
        if self.desk is not None:
            try:
                self.desk.add(item)
            except _TROUBLE as error:
                self._refused(error)
            if self.desk.due:
                await self._write_due()
        return item

    def beside(self, call: Callable[[], None]) -> None:
        """Write something in the thread, without waiting for it; the crawl ends when that fails."""
        written = asyncio.get_running_loop().run_in_executor(self._thread, call)
        written.add_done_callback(self._written)

    def _written(self, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and (error := done.exception()):
            self._refused(error)

    async def close_spider(self) -> None:
        """Commit what waits, after the batch that is being written."""
        async with self._writing:
            if self._ticker:
                self._ticker.cancel()
            self._step = self._thread.submit(self._close)
            done = asyncio.wrap_future(self._step)
            done.add_done_callback(self._written)
            await asyncio.wait({done})

    def finish(self) -> None:
        """Commit what waits when the crawl was torn down before `close_spider`, or during a write.

        A failure is the spider's error, also one that nobody was left to hear of.
        """
        self._thread.shutdown(wait=True)
        spider = self.crawler.spider
        for write in (self._rest, self._close):
            try:
                write()
            except _TROUBLE as error:
                spider.error = spider.error or _told(error)

    def _rest(self) -> None:
        """The steps of the batch that was being written."""
        if self._step is not None:
            self._step.result()
        for step in self._steps:
            step()

    def _close(self) -> None:
        desk, self.desk = self.desk, None
        spider = self.crawler.spider
        if desk is not None:
            spider.conclude()
            desk.close()
            crawls.write(desk.root, spider.prefix, account.record(spider))

    async def _write_due(self) -> None:
        async with self._writing:
            if self.desk is not None and self.desk.due:
                self._steps = self.desk.committing(self.desk.take())
                try:
                    for step in self._steps:
                        self._step = self._thread.submit(step)
                        await asyncio.wrap_future(self._step)
                except _TROUBLE as error:
                    self._refused(error)

    def _refused(self, error: BaseException) -> None:
        """End the crawl: what it fetches cannot be kept."""
        self.crawler.spider.give_up(_told(error))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            if self.desk is not None and self.desk.due:
                await self._write_due()


def _told(error: BaseException) -> PipelineError:
    """A failure to write, as a sentence."""
    if isinstance(error, PipelineError):
        return error
    return Fatal(f"What was crawled cannot be written ({type(error).__name__}: {error}); nothing more is.")
