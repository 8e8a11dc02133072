"""SearXNG, a search engine that people host themselves: pages by number, JSON where it is switched on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spiders.pages.fields import Drift, integer, load, rows, text
from spiders.pages.web.base import Hit, Page, Params, Provider, Query, Refused, refused_by_status, variants

PAGES = 10


class SearXng(Provider):
    """Has no key but an address of its own, and no licences."""

    name, title = "searxng", "SearXNG"
    home, path = "", "/search"
    size, cap = 50, 50 * PAGES
    keys = ("SEARXNG_URL",)
    how = "run a SearXNG of your own, for example at http://127.0.0.1:8888"
    counts, partitions = False, False
    licences = "none"
    axes = (("time_range", ("day", "month", "year")),)

    def first(self, query: Query, size: int) -> Params:
        """The first page."""
        given = {"q": query.text, "format": "json", "categories": "images", "safesearch": "0"}
        return {**given, **dict(query.filters), "pageno": "1"}

    def read(self, body: bytes, asked: Params) -> Page:
        """A page of results; after an empty one there is none."""
        value = load(body)
        if not isinstance(value, dict) or not isinstance(value.get("results"), list):
            raise Drift("the answer of SearXNG has no results")
        listed = rows(value["results"])
        hits = tuple(hit for row in listed if (hit := _hit(row)))
        number = int(asked["pageno"])
        more = bool(listed) and number < PAGES
        passed_over = {"without an address": len(listed) - len(hits)} if len(hits) < len(listed) else {}
        return Page(hits, None, {**asked, "pageno": str(number + 1)} if more else None, passed_over)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, asked: Params) -> Refused | None:
        """403 is what it answers when JSON is not switched on."""
        if status == 403:
            return Refused(
                "setup", "SearXNG does not give JSON (HTTP 403): add `json` to `formats` under `search` in its "
                "settings.yml, and start it again; public instances mostly do not allow it"
            )  # fmt: skip
        return refused_by_status(self.title, status, body)


def _hit(row: dict[str, object]) -> Hit | None:
    addresses = variants(("original", row.get("img_src")))
    if not addresses:
        return None
    sides = re.findall(r"\d+", text(row.get("resolution")) or "")
    width, height = (integer(sides[0]), integer(sides[1])) if len(sides) == 2 else (None, None)
    title, where = text(row.get("title")), text(row.get("source"))
    return Hit(
        None, addresses, page_url=text(row.get("url")), title=title,
        attribution=", ".join(part for part in (title, where) if part) or None, width=width, height=height,
        thumbnail=text(row.get("thumbnail_src")), raw=row,
    )  # fmt: skip
