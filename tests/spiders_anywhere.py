"""A spider of pictures that lie anywhere, for tests: it reads `/list.json`, a list of addresses, and fetches them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

from spiders.records import record
from spiders.spider import PictureSpider

MODULE = {"SPIDER_MODULES": ["tests.spiders_anywhere"], "PUBLIC_DELAY": 0}
"""Settings that put it in the place of the spider `wikiart`, and take names for hosts of this machine."""


class AnywhereSpider(PictureSpider):  # type: ignore[misc]
    """Takes the name of a source that is registered."""

    name = "wikiart"
    home = "https://www.wikiart.org"
    rates: ClassVar[dict[str, float]] = {"data": 2.0, "pictures": 5.0}
    pictures_anywhere = True

    async def start(self) -> AsyncIterator[Any]:
        yield self.data(f"{self.base}/list.json", self.on_list)

    def on_list(self, body: bytes) -> Iterator[Any]:
        for url in json.loads(body):
            if (rank := self.turn(url)) is not None:
                yield from self.picture(
                    record(source="wikiart", source_id=url, rank=rank), [("original", url)]
                )
