"""The process a crawl runs in, as Twisted's reactor cannot be started twice: `python -m spiders.child`.

One line of JSON on standard input says what to crawl; lines of JSON on standard output tell the progress, and
the last one the summary, or the error. It stops, after committing what has arrived, on SIGTERM, or when its
standard input ends because whoever started it is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any

from scrapy.crawler import CrawlerProcess
from scrapy.settings import Settings

from pipeline.errors import PipelineError
from spiders import account, engine, secrets
from spiders.spider import PictureSpider

PROGRESS_SECONDS = 1.0
HURRY_SECONDS = 1.5
"""How long downloads under way are waited for when the crawl must stop."""


def tell(kind: str, value: Any) -> None:
    """One line to whoever started this process, if it is still there."""
    try:
        sys.stdout.write(secrets.redact(json.dumps({kind: value})) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Crawl:
    """One crawl of one spider in this process."""

    def __init__(self, order: dict[str, Any]) -> None:
        settings = Settings()
        settings.setmodule("spiders.settings", priority="project")
        settings.update({"LOG_LEVEL": "WARNING", "WUNDERKAMMER_ROOT": order["root"]}, priority="cmdline")
        settings.update(engine.SETTINGS, priority="cmdline")
        settings.update(order.get("settings", {}), priority="cmdline")
        only = [name for name in settings.getlist("SPIDER_MODULES") if name.rpartition(".")[2] == order["spider"]]
        settings.update({"SPIDER_MODULES": only} if only else {}, priority="cmdline")
        self.order = order
        self.process = CrawlerProcess(settings)
        self.crawler = engine.LeanCrawler(self.process.spider_loader.load(order["spider"]), settings, init_reactor=True)
        self.began = time.monotonic()
        self.error: BaseException | None = None
        self.stopped = False

    @property
    def spider(self) -> PictureSpider | None:
        """The spider, once it exists."""
        return getattr(self.crawler, "spider", None)

    def run(self) -> None:
        """Crawl to the end, or until told to stop, and tell how it went."""
        done = self.process.crawl(self.crawler, **self.order["arguments"])
        from twisted.internet import reactor, task

        done.addErrback(self._failed)
        signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(self.stop))
        threading.Thread(target=self._watch, args=(reactor,), daemon=True).start()
        ticker = task.LoopingCall(lambda: tell("progress", self.progress()))
        ticker.start(PROGRESS_SECONDS, now=False)
        self.process.start(install_signal_handlers=False)
        self._finish()

    def _failed(self, failure: Any) -> None:
        self.error = failure.value

    def _watch(self, reactor: Any) -> None:
        """Stop when the starter is gone: its end of standard input closes with it."""
        sys.stdin.read()
        reactor.callFromThread(self.stop)

    def stop(self) -> None:
        """Stop now: commit what has arrived, and do not wait long for what is under way."""
        from twisted.internet import reactor

        self.stopped = True
        if self.spider is None:
            reactor.stop()
            return
        reactor.callLater(HURRY_SECONDS, self._hurry)
        self.spider.stop("shutdown")

    def _hurry(self) -> None:
        from twisted.internet import reactor

        if reactor.running:
            reactor.crash()

    def _finish(self) -> None:
        """Commit what is still held, and tell the summary or the error."""
        if self.spider is not None and self.spider.handover is not None:
            self.spider.handover.finish()
        error = self.error or (self.spider.error if self.spider else None)
        if isinstance(error, PipelineError):
            tell("error", {"kind": type(error).__name__, "message": str(error), "summary": self._summary()})
        elif error is not None:
            raise error
        elif self.stopped:
            tell("stopped", self._summary())
        elif self.spider is not None and self.spider.answer is not None:
            tell("answer", self.spider.answer)
        elif self.spider is not None and self.spider.estimate is not None:
            tell("estimate", self.spider.estimate.to_json())
        else:
            tell("summary", self._summary())

    def progress(self) -> dict[str, Any]:
        """Counts so far."""
        spider = self.spider
        if spider is None or spider.desk is None:
            return {}
        wait = max(0.0, spider.paused_until - time.monotonic())
        return {
            "new": spider.desk.new, "changed": spider.desk.changed, "failed": dict(spider.desk.failed),
            "unchanged": spider.unchanged + spider.desk.unchanged,
            "expected": spider.expected, "seconds": time.monotonic() - self.began, "pause": wait,
        }  # fmt: skip

    def _summary(self) -> dict[str, Any] | None:
        spider = self.spider
        if spider is None or spider.desk is None:
            return None
        return account.summary(spider).to_json()


def main() -> None:
    """Read the order, crawl, tell. Ctrl-C is for whoever started this process, and reaches it as SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stderr = secrets.RedactingStream(sys.stderr)
    order = json.loads(sys.stdin.readline())
    try:
        Crawl(order).run()
    except PipelineError as error:
        tell("error", {"kind": type(error).__name__, "message": str(error), "summary": None})


if __name__ == "__main__":
    main()
