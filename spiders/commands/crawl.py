"""`scrapy crawl` with the exit codes of `pipeline crawl`: 2 wrongly asked, 4 refused, 5 locked, 6 no space, …"""

from __future__ import annotations

from typing import Any

from scrapy.commands import crawl
from scrapy.exceptions import UsageError

from pipeline.errors import did_you_mean


class Command(crawl.Command):  # type: ignore[misc]
    """Runs one spider, as Scrapy's own command does."""

    def run(self, args: list[str], opts: Any) -> None:
        """Crawl, then take the exit code from the spider's error."""
        if len(args) != 1:
            raise UsageError("Name one spider: `scrapy list` has them.", print_help=False)
        known = self.crawler_process.spider_loader.list()
        if args[0] not in known:
            hint = did_you_mean(args[0], known) or f" Known: {', '.join(known)}."
            raise UsageError(f"There is no spider {args[0]!r}.{hint}", print_help=False)
        crawler = self.crawler_process.create_crawler(args[0])
        self.crawler_process.crawl(crawler, **opts.spargs)
        self.crawler_process.start()
        error = getattr(crawler.spider, "error", None)
        if error is not None:
            self.exitcode = error.exit_code
        elif self.crawler_process.bootstrap_failed:
            self.exitcode = 1
