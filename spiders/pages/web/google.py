"""Google Custom Search: ten a page, one hundred a query; closed to new customers, ends on 1 January 2027."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.licences import admits
from spiders.pages.fields import Drift, integer, load, rows
from spiders.pages.web.base import (
    Hit,
    Page,
    Params,
    Provider,
    Query,
    Quota,
    Refused,
    message,
    plain_hit,
    refused_by_status,
)

LAST = 91
"""The last start: a page that ends beyond 100 is refused."""
RIGHTS = (
    ("cc_publicdomain", ("CC0-1.0", "CC-PDM-1.0")),
    ("cc_attribute", ("CC-BY-4.0",)),
    ("cc_sharealike", ("CC-BY-SA-4.0",)),
    ("cc_noncommercial", ("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0")),
    ("cc_nonderived", ("CC-BY-ND-4.0", "CC-BY-NC-ND-4.0")),
)
_QUOTA = re.compile(rb"dailyLimitExceeded|rateLimitExceeded|quotaExceeded|RESOURCE_EXHAUSTED")
_KEY = re.compile(rb"API key not valid|API_KEY_INVALID|keyInvalid|badRequest.{0,80}key", re.DOTALL)


class Google(Provider):
    """Its count of results is fiction, and its licences are a filter: no result says which one it has."""

    name, title = "google", "Google"
    home, path = "https://customsearch.googleapis.com", "/customsearch/v1"
    size, cap = 10, 100
    keys = ("GOOGLE_KEY", "GOOGLE_CX")
    how = "find it at https://programmablesearchengine.google.com (existing customers only: new ones are not taken)"
    quota = Quota(100, "day", "America/Los_Angeles")
    metered = True
    price = 0.005
    counts, partitions = False, False
    licences = "filtered"
    axes = (
        ("imgDominantColor", ("brown", "gray", "white", "black", "blue", "green", "red", "yellow", "orange", "teal",
                              "pink", "purple")),
        ("imgSize", ("LARGE", "XLARGE", "XXLARGE", "HUGE", "MEDIUM")),
        ("imgType", ("photo", "lineart", "clipart", "stock", "face")),
        ("fileType", ("jpg", "png", "webp")),
    )  # fmt: skip

    def first(self, query: Query, size: int) -> Params:
        """The first page."""
        return {"q": query.text, "searchType": "image", **dict(query.filters), "num": str(size), "start": "1"}

    def signed(self, params: Params, keys: Mapping[str, str]) -> tuple[Params, dict[str, str]]:
        """With the key and the id of the search engine."""
        return {**params, "key": keys["GOOGLE_KEY"], "cx": keys["GOOGLE_CX"]}, {}

    def licensed(self, query: Query, wanted: tuple[str, ...]) -> Query:
        """The rights that hold every licence that is wanted."""
        chosen = [word for word, names in RIGHTS if any(admits(wanted, name) for name in names)]
        return query.having("rights", "|".join(chosen)) if chosen else query

    def read(self, body: bytes, asked: Params) -> Page:
        """A page of items; none at all when nothing is found. What it says of a next page is checked."""
        value = load(body)
        if not isinstance(value, dict) or not ({"items", "searchInformation", "queries"} & value.keys()):
            raise Drift("the answer of Google has neither items nor searchInformation")
        listed = rows(value.get("items"))
        queries = value.get("queries")
        offered = rows(queries.get("nextPage")) if isinstance(queries, dict) else []
        start = integer(offered[0].get("startIndex")) if offered else None
        more = listed and start is not None and int(asked["start"]) < start <= LAST
        hits = tuple(hit for row in listed if (hit := _hit(row)))
        return Page(hits, None, {**asked, "start": str(start)} if more else None)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, asked: Params) -> Refused | None:
        """A used-up quota is 429 or 403; a start beyond the last page 400, as is a wrong key."""
        found = refused_by_status(self.title, status, body)
        if found is None:
            return None
        if status in (403, 429) and _QUOTA.search(body):
            by_minute = b"per minute" in body.lower()
            return Refused("rate" if by_minute else "quota", found.why)
        if status == 400 and _KEY.search(body):
            return Refused("key", f"{self.title} refuses GOOGLE_KEY ({message(body)})")
        if status == 400 and int(asked["start"]) > 1:
            return Refused("end", found.why)
        return found


def _hit(row: dict[str, object]) -> Hit | None:
    facts = row.get("image")
    facts = facts if isinstance(facts, dict) else {}
    return plain_hit(
        row.get("link"), row, page=facts.get("contextLink"), shown_by=row.get("displayLink"),
        size=(facts.get("width"), facts.get("height")), thumbnail=facts.get("thumbnailLink"),
    )  # fmt: skip
