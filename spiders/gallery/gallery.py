"""`Gallery`: a running practice gallery, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from types import TracebackType
from typing import Any
from urllib.request import ProxyHandler, build_opener

from pipeline.errors import UsageError
from spiders.gallery.catalogue import Catalogue
from spiders.gallery.faults import Faults
from spiders.gallery.server import order

CHILD = "from spiders.gallery.server import main; main()"
STOP_SECONDS = 10


class Gallery:
    """Serves a catalogue on loopback while the context lasts.

        with Gallery(catalogue, Faults.few(seed=1)) as gallery:
            crawl(gallery.url)
            gallery.counts()["image"]

    Port 0 takes any free one. Raises UsageError when the port is taken.
    """

    def __init__(self, catalogue: Catalogue, faults: Faults | None = None, port: int = 0) -> None:
        self.catalogue = catalogue
        self.faults = faults or Faults()
        self.port = port
        self.url = ""

    def __enter__(self) -> Gallery:
        command = [sys.executable, "-c", CHILD, str(self.port)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(order(self.catalogue, self.faults))
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer.startswith("http"):
            self._stop()
            raise UsageError(answer.removeprefix("error: ") or "The practice gallery did not start.")
        self.url = answer
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def counts(self) -> dict[str, int]:
        """Requests so far: `requests`, by kind (`image`, `metadata`, `page`, `fault_…`) and by `http_…`."""
        answer: dict[str, int] = self._ask("counts")
        return answer

    def log(self) -> list[tuple[float, str, int]]:
        """The last 100,000 requests: seconds on the server's clock, path and query as sent, status."""
        return [(when, target, status) for when, target, status in self._ask("log")]

    def _ask(self, name: str) -> Any:
        opener = build_opener(ProxyHandler({}))
        with opener.open(f"{self.url}/-/{name}", timeout=STOP_SECONDS) as answer:
            return json.load(answer)

    def _stop(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()
