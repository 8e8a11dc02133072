"""Flickr: `flickr.photos.search`, 500 a page, the first 4,000 of a query; needs a key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from pipeline.licences import admits
from spiders.licences import flickr as flickr_licence
from spiders.pages.fields import Drift, Json, integer, load, rows, text
from spiders.pages.web.base import (
    Hit,
    Page,
    Params,
    Provider,
    Query,
    Quota,
    Refused,
    credit,
    message,
    refused_by_status,
    variants,
)

SIZES = ("o", "k", "h", "l", "c", "z", "m")
"""Suffixes of `url_`, largest first: the original, 2,048 pixels, 1,600, 1,024, 800, 640 and 500."""
NUMBERS = range(17)
OPENED = int(datetime(2004, 2, 1, tzinfo=UTC).timestamp())
SHORTEST_WINDOW = 3600
GONE = "photo_unavailable"
_EXTRAS = "license,owner_name,original_format,date_taken,last_update,tags,o_dims,path_alias," + ",".join(
    f"url_{size}" for size in SIZES
)
_KINDS = {1: "query", 2: "query", 3: "query", 4: "key", 5: "key", 10: "down", 11: "query", 18: "query", 100: "key",
          105: "down", 106: "down", 112: "setup", 116: "query"}  # fmt: skip


class Flickr(Provider):
    """Repeats itself after 4,000 results of a query, so larger ones are split by the time of upload."""

    name, title = "flickr", "Flickr"
    home, path = "https://api.flickr.com", "/services/rest/"
    size, cap = 500, 4_000
    keys = ("FLICKR_KEY",)
    how = "ask for one, free, at https://www.flickr.com/services/apps/create/"
    quota = Quota(3600, "hour")
    metered = True
    keep_days = 0.0

    def __init__(self, now: int | None = None) -> None:
        self.now = now if now is not None else int(datetime.now(UTC).timestamp())

    def first(self, query: Query, size: int) -> Params:
        """The first page, of photographs and illustrations that everybody may see."""
        given = dict(query.filters)
        window = given.pop("uploaded", "")
        low, _, high = window.partition("-")
        dates = {"min_upload_date": low, "max_upload_date": high} if window else {}
        return {
            "method": "flickr.photos.search", "format": "json", "nojsoncallback": "1", "text": query.text, **given,
            **dates, "media": "photos", "safe_search": "1", "extras": _EXTRAS, "per_page": str(size), "page": "1",
            "sort": "relevance",
        }  # fmt: skip

    def signed(self, params: Params, keys: Mapping[str, str]) -> tuple[Params, dict[str, str]]:
        """With the key."""
        return {**params, "api_key": keys["FLICKR_KEY"]}, {}

    def licensed(self, query: Query, wanted: tuple[str, ...]) -> Query:
        """Filtered by licence numbers."""
        chosen = [str(number) for number in NUMBERS if admits(wanted, flickr_licence(number)[0])]
        return query.having("license", ",".join(chosen)) if chosen and len(chosen) < len(NUMBERS) else query

    def narrower(self, query: Query, total: int | None) -> tuple[Query, ...]:
        """Two halves of the time in which pictures were uploaded, down to an hour; the later one first."""
        low, high = map(int, dict(query.filters).get("uploaded", f"{OPENED}-{self.now}").split("-"))
        if high - low < SHORTEST_WINDOW:
            return ()
        middle = (low + high) // 2
        return (query.having("uploaded", f"{middle + 1}-{high}"), query.having("uploaded", f"{low}-{middle}"))

    def read(self, body: bytes, asked: Params) -> Page:
        """A page of photos."""
        value = load(body)
        photos = value.get("photos") if isinstance(value, dict) else None
        if not isinstance(photos, dict) or not isinstance(photos.get("photo"), list):
            raise Drift("the page of Flickr has no photos")
        listed = rows(photos["photo"])
        hits = tuple(hit for row in listed if (hit := _hit(row)))
        number, size = int(asked["page"]), int(asked["per_page"])
        total = integer(photos.get("total")) or 0
        more = bool(listed) and number * size < min(total, self.cap)
        passed_over = {"without an address": len(listed) - len(hits)} if len(hits) < len(listed) else {}
        return Page(hits, total, {**asked, "page": str(number + 1)} if more else None, passed_over)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, asked: Params) -> Refused | None:
        """Errors come as `stat: fail` with HTTP 200."""
        if found := refused_by_status(self.title, status, body):
            return found
        if not re.search(rb'"stat"\s*:\s*"fail"', body[-500:] + body[:500]):
            return None
        value = load(body)
        code = integer(value.get("code")) if isinstance(value, dict) else None
        said = f"{self.title} says: {message(body) or 'fail'} (code {code})"
        return Refused(_KINDS.get(code or 0, "query"), said)  # type: ignore[arg-type]


def _hit(row: Json) -> Hit | None:
    addresses = variants(*((f"url_{size}", row.get(f"url_{size}")) for size in SIZES))
    number, owner = text(row.get("id")), text(row.get("owner"))
    if not addresses or not number:
        return None
    first = addresses[0][0].removeprefix("url_")
    name, address = flickr_licence(row.get("license"))
    title, creator = text(row.get("title")), text(row.get("ownername"))
    person = text(row.get("pathalias")) or owner
    return Hit(
        number, addresses, page_url=f"https://www.flickr.com/photos/{person}/{number}/" if person else None,
        title=title, creator=creator, creator_id=owner, year_text=text(row.get("datetaken")),
        tags=tuple(dict.fromkeys((text(row.get("tags")) or "").split())), licence=name, licence_url=address,
        attribution=credit(title, creator, name, "Flickr"), width=integer(row.get(f"width_{first}")),
        height=integer(row.get(f"height_{first}")), raw=row,
    )  # fmt: skip
