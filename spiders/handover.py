"""The Scrapy item pipeline, the only one: every picture of every spider goes through it to the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scrapy.exceptions import CloseSpider

from pipeline.errors import Fatal, PipelineError
from pipeline.storage import Root
from spiders import account, crawls
from spiders.desk import Desk, Seen
from spiders.known import Known
from spiders.recheck import due


class Handover:
    """Gives every `Seen` to the desk of its spider, and commits what is due."""

    def __init__(self, crawler: Any) -> None:
        self.crawler = crawler
        self._thread = ThreadPoolExecutor(1, "handover")
        self._writing = asyncio.Lock()
        self._ticker: asyncio.Task[None] | None = None
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

    async def process_item(self, item: Seen) -> Seen:
        """Take one picture; waits while a batch is written and the next one is full already."""
        if self.desk is not None:
            await self._guarded(self.desk.add, item, here=True)
            await self._write_due()
        return item

    async def close_spider(self) -> None:
        """Commit what waits."""
        if self._ticker:
            self._ticker.cancel()
        async with self._writing:
            if self.desk is not None:
                await self._guarded(self._close)

    def finish(self) -> None:
        """Commit what waits when the crawl was torn down before `close_spider`."""
        self._thread.shutdown(wait=True)
        self._close()

    def _close(self) -> None:
        desk, self.desk = self.desk, None
        spider = self.crawler.spider
        if desk is not None:
            spider.conclude()
            desk.close()
            crawls.write(desk.root, spider.prefix, account.record(spider))

    async def _write_due(self) -> None:
        if self.desk is None or not self.desk.due:
            return
        async with self._writing:
            if self.desk is not None and self.desk.due:
                await self._guarded(self.desk.commit, self.desk.take())

    async def _guarded(self, call: Callable[..., Any], *arguments: Any, here: bool = False) -> None:
        """Run what writes: to a disk here, as a busy thread beside it would make each small write wait its turn;
        to an object store in a thread, as it waits for the network."""
        try:
            if here or self.crawler.spider.desk.root.local is not None:
                call(*arguments)
            else:
                await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
        except PipelineError as error:
            self.crawler.spider.give_up(error)
        except (OSError, ValueError, TypeError) as error:
            self.crawler.spider.give_up(Fatal(f"What was crawled cannot be written ({error}); nothing more is."))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self._write_due()
