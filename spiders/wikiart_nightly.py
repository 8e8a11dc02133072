"""The next night with a key: WikiArt's API tells which artists changed since all of them were crawled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.storage import Root
from spiders.ledger import Ledger
from spiders.pages import wikiart_api as api
from spiders.records import PASSING
from spiders.spider import LIST, Trouble

MEMORY = timedelta(days=30)
"""After so long all artists are listed again, whatever the API says: it does not tell of every change."""


def last_whole(root: Root, prefix: str) -> datetime | None:
    """When the latest crawl of everything began that came to its end within `MEMORY`."""
    spent = Ledger(root, "wikiart-whole").spent(datetime.now(UTC) - MEMORY)
    began = [entry.what.removeprefix(f"{prefix} ") for entry in spent if entry.what.startswith(f"{prefix} ")]
    return datetime.fromisoformat(began[-1]) if began else None


def remember(spider: Any) -> None:
    """Write down that everything was crawled, unless pictures failed that the next crawl must try again."""
    passing = {str(reason) for reason in PASSING} & spider.desk.failed.keys() if spider.desk else True
    if not spider.error and not passing:
        root = Root(spider.crawler.settings["WUNDERKAMMER_ROOT"])
        Ledger(root, "wikiart-whole").spend(0, f"{spider.prefix} {spider.began.isoformat()}")


def changed(spider: Any) -> Iterator[Any]:
    """List the artists that changed since the last whole crawl, or all of them."""
    since = last_whole(Root(spider.crawler.settings["WUNDERKAMMER_ROOT"]), spider.prefix)
    if since is None:
        yield from spider.go_by(spider.artists)
    else:
        yield from _ask(spider, since, [])


def _ask(spider: Any, since: datetime, found: list[str], token: str | None = None) -> Iterator[Any]:
    def on_page(body: bytes) -> Iterator[Any]:
        page = api.page(body)
        found.extend(api.slugs(page))
        if page.token is not None and page.rows:
            yield from _ask(spider, since, found, page.token)
        else:
            spider.notes.append(
                f"Of {len(spider.artists):,} artists the {len(set(found)):,} were listed that WikiArt's API says "
                f"changed since {since:%Y-%m-%d}."
            )
            yield from spider.go_by(dict.fromkeys(found))

    def on_trouble(trouble: Trouble) -> Iterator[Any]:
        spider.notes.append(f"WikiArt's API did not tell which artists changed ({trouble}): all were listed.")
        yield from spider.go_by(spider.artists)

    yield from spider.api.ask(
        "UpdatedArtists", {"fromDate": f"{since:%Y-%m-%d}"}, on_page, on_trouble, LIST, token
    )
