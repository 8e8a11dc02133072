"""SerpApi: Google's pictures through a paid service, about a hundred a page; needs a key."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spiders.pages.fields import Drift, load, rows
from spiders.pages.web.base import (
    Hit,
    Page,
    Params,
    Provider,
    Query,
    Refused,
    message,
    plain_hit,
    refused_by_status,
)

PAGES = 10
_NOTHING = re.compile(r"hasn't returned any results", re.IGNORECASE)
_USED_UP = re.compile(r"run out of searches|exceeded|quota|limit", re.IGNORECASE)
_WRONG_KEY = re.compile(r"api key|api_key", re.IGNORECASE)


class SerpApi(Provider):
    """Pages by `ijn` until one is empty. Size, colour, type and licence are parts of the parameter `tbs`."""

    name, title = "serpapi", "SerpApi"
    home, path = "https://serpapi.com", "/search.json"
    size, cap = 100, 100 * PAGES
    keys = ("SERPAPI_KEY",)
    how = "ask for one at https://serpapi.com/manage-api-key"
    metered = True
    price = None
    counts, partitions = False, False
    licences = "filtered"
    axes = (
        ("colour", ("brown", "gray", "white", "black", "blue", "green", "red", "yellow", "orange", "teal", "pink",
                    "purple")),
        ("isz", ("l", "m")),
        ("itp", ("photo", "lineart", "clipart", "face")),
    )  # fmt: skip

    def first(self, query: Query, size: int) -> Params:
        """The first page."""
        given = dict(query.filters)
        parts = [f"ic:specific,isc:{given['colour']}"] if "colour" in given else []
        parts += [f"{name}:{given[name]}" for name in ("isz", "itp", "sur") if name in given]
        tbs = {"tbs": ",".join(parts)} if parts else {}
        return {"engine": "google_images", "q": query.text, **tbs, "ijn": "0"}

    def signed(self, params: Params, keys: Mapping[str, str]) -> tuple[Params, dict[str, str]]:
        """With the key."""
        return {**params, "api_key": keys["SERPAPI_KEY"]}, {}

    def licensed(self, query: Query, wanted: tuple[str, ...]) -> Query:
        """Creative Commons, of whatever kind: the filter knows no more."""
        return query.having("sur", "cl")

    def read(self, body: bytes, asked: Params) -> Page:
        """A page of results; an error that says there are none is an empty page."""
        value = load(body)
        if not isinstance(value, dict) or not ({"images_results", "error", "search_metadata"} & value.keys()):
            raise Drift("the answer of SerpApi has no images_results")
        listed = rows(value.get("images_results"))
        number = int(asked["ijn"])
        more = bool(listed) and number + 1 < PAGES
        hits = tuple(hit for row in listed if (hit := _hit(row)))
        return Page(hits, None, {**asked, "ijn": str(number + 1)} if more else None)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, asked: Params) -> Refused | None:
        """Errors come as `error` with 200, 401 or 429."""
        said = message(body) if b'"error"' in body[:100_000] else ""
        found = refused_by_status(self.title, status, body)
        if found is None and (not said or _NOTHING.search(said)):
            return None
        if _WRONG_KEY.search(said):
            return Refused("key", f"{self.title} says: {said}")
        if status in (200, 429) and _USED_UP.search(said):
            return Refused("rate" if "hour" in said.lower() else "quota", f"{self.title} says: {said}")
        return found or Refused("query", f"{self.title} says: {said}")


def _hit(row: dict[str, object]) -> Hit | None:
    return plain_hit(
        row.get("original"), row, page=row.get("link"), shown_by=row.get("source"),
        size=(row.get("original_width"), row.get("original_height")), thumbnail=row.get("thumbnail"),
    )  # fmt: skip
