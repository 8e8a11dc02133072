"""aiohttp as the download handler of a crawl against the one of `spiders/wire.py`: CPU seconds for 1,000 pictures.

    python benchmarks/crawl_aiohttp.py [--count 3600] [--rounds 5]

Both sides crawl the practice gallery without delays in a process of their own, in turn; their CPU seconds are those of
that process, from its start to its end. aiohttp comes with s3fs, and goes through the same address guard here.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from crawl_peers import catalogue
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.exceptions import DownloadCancelledError
from scrapy.http import Request, Response

from spiders.gallery import Gallery
from spiders.guard import GuardedNames

HERE = Path(__file__).resolve().parent
SIDES = {"wire": "spiders.wire.Wire", "aiohttp": "crawl_aiohttp.Client"}


class Names(AbstractResolver):
    """aiohttp's resolver: addresses that the guard has checked."""

    def __init__(self, names: GuardedNames) -> None:
        self.names = names

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """As aiohttp asks."""
        found = await self.names.look_up(host)
        return [
            ResolveResult(hostname=host, host=one, port=port, family=10 if ":" in one else 2, proto=0, flags=0)
            for one in found
        ]

    async def close(self) -> None:
        """As aiohttp asks."""
        self.names.close()


class Client(BaseDownloadHandler):  # type: ignore[misc]
    """What a handler on aiohttp would be at the least: the guard, a deadline, a limit of size, no cookies."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self.limit = crawler.settings.getint("DOWNLOAD_MAXSIZE")
        self.seconds = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self.names = GuardedNames(crawler.settings.getlist("GUARD_ALLOW"))
        self.session: aiohttp.ClientSession | None = None

    def _session(self) -> aiohttp.ClientSession:
        if self.session is None:
            connector = aiohttp.TCPConnector(limit=0, resolver=Names(self.names), ttl_dns_cache=300)
            self.session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=self.seconds), skip_auto_headers=("User-Agent", "Accept-Encoding"),
            )  # fmt: skip
        return self.session

    async def download_request(self, request: Request) -> Response:
        """The answer to a request."""
        limit = request.meta.get("download_maxsize", self.limit)
        sent = [(name.decode(), value.decode()) for name, values in dict.items(request.headers) for value in values]
        asked = self._session().request(
            request.method, request.url, headers=sent, data=request.body or None, allow_redirects=False,
        )  # fmt: skip
        async with asked as answer:
            if (answer.content_length or 0) > limit:
                raise DownloadCancelledError("too large")
            body = await answer.content.read(limit + 1) if answer.content_length is None else await answer.read()
            made = Response(request.url, status=answer.status, body=body, protocol="HTTP/1.1")
            for name, value in answer.raw_headers:
                dict.setdefault(made.headers, name.title(), []).append(value)
            return made

    async def close(self) -> None:
        """Close what is open and idle."""
        if self.session is not None:
            await self.session.close()


def crawled(url: str, root: Path, handler: str) -> float:
    """Crawl everything of one style; the CPU seconds of the crawler's process."""
    handlers = {"http": handler, "https": handler}
    order = {
        "spider": "wikiart", "verb": "crawl", "root": str(root), "settings": {"DOWNLOAD_HANDLERS": handlers},
        "arguments": {"style": "cubism", "details": "no", "base_url": url},
    }  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}"}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "spiders.child"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env=environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run both in turn, and print a table for RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3_600)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as folder, Gallery(catalogue(Path(folder) / "shown", given.count)) as gallery:
        for _ in range(given.rounds):
            for name, handler in SIDES.items():
                root = Path(folder) / "root"
                found[name].append(crawled(gallery.url, root, handler))
                assert sum(1 for _ in (root / "originals").rglob("*.jpg")) == given.count, name
                shutil.rmtree(root)
    print("| download handler | CPU seconds, median | least | for 1,000 pictures |\n|---|---|---|---|")
    for name, runs in found.items():
        print(f"| {name} | {median(runs):.2f} | {min(runs):.2f} | {1000 * median(runs) / given.count:.2f} |")
    ratio = median(b / a for a, b in zip(found["wire"], found["aiohttp"], strict=True))
    print(f"\naiohttp takes {ratio:.2f} times the CPU seconds (median of the rounds).")


if __name__ == "__main__":
    main()
