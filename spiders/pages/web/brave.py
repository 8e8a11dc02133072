"""Brave Image Search: one page of at most 200 for a query, and no second one; needs a key."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spiders.pages.fields import Drift, integer, load, rows, text
from spiders.pages.web.base import Hit, Page, Params, Provider, Query, Refused, message, refused_by_status, variants

MOST_CHARACTERS, MOST_WORDS = 400, 50


class Brave(Provider):
    """Has neither pages nor licences; other countries show other pictures."""

    name, title = "brave", "Brave"
    home, path = "https://api.search.brave.com", "/res/v1/images/search"
    size, cap = 200, 200
    keys = ("BRAVE_KEY",)
    how = "ask for one at https://api-dashboard.search.brave.com"
    metered = True
    price = None
    counts, partitions = False, False
    licences = "none"
    axes = (("country", ("US", "GB", "DE", "FR", "IT", "ES", "NL", "JP", "BR", "IN", "MX", "AU")),)

    def first(self, query: Query, size: int) -> Params:
        """The only page. The text is cut to what Brave takes: 50 words, 400 characters."""
        words = " ".join(query.text.split()[:MOST_WORDS])[:MOST_CHARACTERS]
        return {"q": words, **dict(query.filters), "count": str(size), "spellcheck": "0"}

    def signed(self, params: Params, keys: Mapping[str, str]) -> tuple[Params, dict[str, str]]:
        """The key goes into a header."""
        return params, {"X-Subscription-Token": keys["BRAVE_KEY"], "Accept": "application/json"}

    def read(self, body: bytes, asked: Params) -> Page:
        """The page of results."""
        value = load(body)
        if not isinstance(value, dict) or not isinstance(value.get("results"), list):
            raise Drift("the answer of Brave has no results")
        return Page(tuple(hit for row in rows(value["results"]) if (hit := _hit(row))))

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, asked: Params) -> Refused | None:
        """429 is a rate by the second or a quota by the month: the headers say which."""
        found = refused_by_status(self.title, status, body)
        if found is None or found.kind not in ("rate", "query"):
            return found
        if status == 402 or b"QUOTA" in body[:2000]:
            return Refused("quota", found.why)
        if status == 422 and b"SUBSCRIPTION_TOKEN" in body[:2000]:
            return Refused("key", f"{self.title} refuses BRAVE_KEY ({message(body)})")
        if status != 429:
            return found
        left = re.findall(r"\d+", headers.get("x-ratelimit-remaining", ""))
        resets = [float(number) for number in re.findall(r"\d+", headers.get("x-ratelimit-reset", ""))]
        if len(left) > 1 and left[-1] == "0":
            return Refused("quota", found.why, resets[-1] if resets else None)
        return Refused("rate", found.why, resets[0] if resets else None)


def _hit(row: dict[str, object]) -> Hit | None:
    facts = row.get("properties")
    facts = facts if isinstance(facts, dict) else {}
    thumbnail = row.get("thumbnail")
    addresses = variants(("original", facts.get("url")))
    if not addresses:
        return None
    return Hit(
        None, addresses, page_url=text(row.get("url")), title=text(row.get("title")),
        attribution=", ".join(part for part in (text(row.get("title")), text(row.get("source"))) if part) or None,
        width=integer(facts.get("width")), height=integer(facts.get("height")),
        thumbnail=text(thumbnail.get("src")) if isinstance(thumbnail, dict) else None, raw=row,
    )  # fmt: skip
