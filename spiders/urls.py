"""The spider of lists: every address of a list is asked once, and every row of the list becomes a row."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import Reason, UsageError
from spiders.ahead import Ahead
from spiders.desk import Seen
from spiders.estimate import Estimate
from spiders.lists import Lists
from spiders.pages import listed
from spiders.pages.listed import Listed
from spiders.records import redacted_url
from spiders.spider import PictureSpider

BACKLOG = 1000
"""Pictures under way above which no more are asked for: they are of many hosts, each of which has its own rate."""
BREATH = 200
"""Rows that are read before others get a turn: known ones cost no request."""


class UrlsSpider(PictureSpider):
    """Fetches the pictures of a list of addresses, whatever hosts they are on.

        scrapy crawl urls -a path=list.parquet -a url_col=image_url

    The list is read as pictures arrive, so that a long one needs no more memory than a short one, and some way ahead,
    so that hosts that stand one after the other in it are asked side by side. An address that
    is neither http nor https, or not public, is a row with a reason. `base_url` stands before relative addresses.
    """

    name = "urls"
    verb = "import"
    home = ""
    pictures_anywhere = True
    rates = {"pictures": 1.0}  # noqa: RUF012 - as Scrapy spiders declare theirs

    def __init__(
        self, path: str = "", url_col: str | None = None, caption_col: str | None = None,
        hash_col: str | None = None, **arguments: Any,
    ) -> None:  # fmt: skip
        super().__init__(path=path, url_col=url_col, caption_col=caption_col, hash_col=hash_col, **arguments)
        self.lists = Lists(Path(path).expanduser(), url_col, caption_col, hash_col)
        self.list_name = Path(path).name.encode("utf-8", "backslashreplace").decode()
        self.promised: dict[str, str] = {}
        self.hosts: Counter[str] = Counter()
        self.doubles = 0
        self.read = 0
        self.ahead = Ahead()
        self.under_way: dict[str, str] = {}
        self._ended = False
        self._room = asyncio.Event()

    @classmethod
    def _configured(cls, crawler: Any, *args: Any, **kwargs: Any) -> PictureSpider:
        path = kwargs.get("path")
        if path and not crawler.settings.getlist("RETRY_REASONS") and not Path(path).expanduser().exists():
            raise UsageError(f"There is no file or folder {path}: check the path.")
        return super()._configured(crawler, *args, **kwargs)

    async def start(self) -> AsyncIterator[Any]:
        """Read the list, as fast as pictures arrive."""
        lines = iter(self.lists)
        try:
            while not self.stopping:
                for made in self._read(lines):
                    yield made
                for made in self._ask():
                    yield made
                if not self.ahead.count and self._is_read:
                    break
                await self._wait()
        except UsageError as error:
            self.give_up(error)
        if not self.read and self.error is None:
            self.give_up(UsageError(f"The list {self.lists.path} holds no addresses."))

    def _read(self, lines: Iterator[Listed]) -> Iterator[Any]:
        """Some more rows of the list, while there is room for them."""
        for _ in range(BREATH):
            if self.ahead.full or self._is_read:
                return
            one = next(lines, None)
            if one is None:
                self._ended = True
                return
            self.read += 1
            yield from self.take(one)

    @property
    def _is_read(self) -> bool:
        """Whether nothing more is to be read."""
        return self._ended or self.full

    def _ask(self) -> Iterator[Any]:
        """Ask for pictures whose hosts have room."""
        while self._pending < BACKLOG and (waiting := self.ahead.take()):
            host, row, url = waiting
            before = self._pending
            yield from self.picture(row, [("original", url)])
            if self._pending > before:
                self.under_way[row["source_id"]] = host
            else:
                self.ahead.back(host)

    async def _wait(self) -> None:
        """Let others have their turn, and until a picture has arrived when nothing more can be read or asked."""
        if not self._is_read and not self.ahead.full:
            await asyncio.sleep(0)
        else:
            self._room.clear()
            await self._room.wait()

    def take(self, one: Listed) -> Iterator[Any]:
        """Ask for the picture of one row, unless it is known, or stands in the list twice."""
        if not one.url:
            self.lists.notes["rows have no address"] += 1
            return
        url = listed.address(one.url, self.base)
        source_id = listed.identity(url)
        before = self.rank
        rank = self.turn(source_id)
        self.doubles += self.rank == before
        if rank is None:
            self.hosts[urlsplit(url).netloc] += self.dry_run
            return
        row = listed.to_record(source_id, one, rank, self.list_name)
        if not listed.is_address(url):
            row["url"] = redacted_url(listed.shown(url))
            yield from self.without_picture(row, Reason.ADDRESS_REFUSED, "it is no http or https address")
            return
        if one.promised:
            self.promised[source_id] = one.promised
        host = _host(url)
        self.ahead.put(host, (host, row, url))

    def addresses(self, row: dict[str, Any]) -> list[tuple[str, str]]:
        """The address of a row that failed; the hash that its list promised stands in `extra`."""
        promised = listed.promised(json.loads(row["extra"] or "{}"), self.lists.hash_col)
        if promised:
            self.promised[row["source_id"]] = promised
        return super().addresses(row)

    def done(self, seen: Seen) -> Iterator[Any]:
        """Hand a picture over if it is the one that the list promised."""
        self._room.set()
        host = self.under_way.pop(seen.record["source_id"], None)
        if host is not None:
            self.ahead.back(host)
        wrong = listed.broken_promise(self.promised.pop(seen.record["source_id"], None), seen.body or b"")
        if wrong and seen.body is not None:
            seen = Seen(seen.record | {"reason": str(Reason.HASH_MISMATCH), "detail": wrong})
        yield from super().done(seen)

    def foresee(self) -> Estimate:
        """The new addresses of the list, and how long the host with the most of them takes."""
        most = self.hosts.most_common(1)
        seconds = most[0][1] / self.rates["pictures"] if most else 0.0
        notes = (f"{len(self.hosts):,} hosts, the most on {most[0][0]} ({most[0][1]:,}).",) if most else ()
        made = self.estimated(self.foreseen, {"robots": len(self.hosts)}, notes=notes)
        return Estimate(made.source, made.pictures, made.requests, seconds, made.caps, made.cost, made.notes)

    def closed(self, reason: str) -> None:
        """Leave word of what was odd in the list."""
        if self.doubles and not self.full:
            self.notes.append(f"{self.doubles:,} addresses stand in the list more than once.")
        self.notes += [f"{count:,} {note}." for note, count in sorted(self.lists.notes.items()) if count]
        super().closed(reason)


def _host(url: str) -> str:
    """Whose turn it is; empty for an address that cannot be read, which is refused when it is asked for."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
