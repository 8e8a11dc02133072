"""Openverse: openly licensed pictures of many collections; no key needed, one allows more."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.licences import admits
from spiders.licences import licence
from spiders.pages.fields import Drift, integer, load, rows, text
from spiders.pages.web.base import (
    Hit,
    Page,
    Params,
    Provider,
    Query,
    Quota,
    Refused,
    credit,
    refused_by_status,
    variants,
)

LICENSES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
TOKEN_PATH = "/v1/auth_tokens/token/"


class Openverse(Provider):
    """Shows 240 results of a query to the anonymous, and takes 200 calls a day of them."""

    name, title = "openverse", "Openverse"
    home, path = "https://api.openverse.org", "/v1/images/"
    size, cap = 20, 240
    rate = 1 / 3
    quota = Quota(200, "day")
    metered = True
    keep_days = 1.0
    axes = (
        ("license", LICENSES),
        ("aspect_ratio", ("wide", "tall", "square")),
        ("size", ("large", "medium", "small")),
        ("extension", ("jpg", "png", "gif", "tiff", "webp")),
        ("category", ("photograph", "digitized_artwork", "illustration")),
    )

    def first(self, query: Query, size: int) -> Params:
        """The first page; SVG never."""
        return {"q": query.text, **dict(query.filters), "page_size": str(size), "page": "1"}

    def signed(self, params: Params, keys: Mapping[str, str]) -> tuple[Params, dict[str, str]]:
        """With the token, if there is one."""
        return params, {"Authorization": f"Bearer {keys['token']}"} if keys.get("token") else {}

    def licensed(self, query: Query, wanted: tuple[str, ...]) -> Query:
        """Filtered by those of its licences that may be wanted, in one of their versions."""
        chosen = [code for code in LICENSES if any(admits(wanted, name) for name in _versions(code))]
        return query.having("license", ",".join(chosen)) if chosen and len(chosen) < len(LICENSES) else query

    def read(self, body: bytes, asked: Params) -> Page:
        """A page of results."""
        value = load(body)
        if not isinstance(value, dict) or not isinstance(value.get("results"), list):
            raise Drift("the page of Openverse has no results")
        passed_over: dict[str, int] = {}
        hits = []
        for row in rows(value["results"]):
            if (kind := text(row.get("filetype")) or "") in ("svg", "pdf", "djvu"):
                passed_over[kind] = passed_over.get(kind, 0) + 1
            elif hit := _hit(row):
                hits.append(hit)
        number = int(asked["page"])
        pages = integer(value.get("page_count")) or 0
        more = bool(value["results"]) and number < pages
        following = {**asked, "page": str(number + 1)} if more else None
        return Page(tuple(hits), integer(value.get("result_count")), following, passed_over)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, asked: Params) -> Refused | None:
        """401 also means that a page is too large, or too deep, for one without a token."""
        found = refused_by_status(self.title, status, body)
        if found is None:
            return None
        said = body[:2000].decode("utf-8", "replace")
        if status in (400, 401, 403) and "page_size" in said:
            return Refused("page_size", found.why)
        if status in (400, 401, 403, 404) and int(asked["page"]) > 1 and "page" in said.lower():
            return Refused("end", found.why)
        if status == 429 and re.search(r"\b(day|daily)\b", said):
            return Refused("quota", found.why)
        return found


class Registered(Openverse):
    """With a token: larger pages, 20 of them a query, and 10,000 calls a day."""

    size, cap = 50, 1000
    rate = 100 / 60
    quota = Quota(10_000, "day")


def _versions(code: str) -> list[str]:
    """The SPDX ids that a code of Openverse may stand for."""
    return [licence(code, version)[0] for version in ("1.0", "2.0", "2.5", "3.0", "4.0")]


def _hit(row: dict[str, object]) -> Hit | None:
    addresses = variants(("original", row.get("url")))
    if not addresses:
        return None
    url = text(row.get("license_url"))
    name, address = licence(url) if url else ("NOASSERTION", None)
    if name == "NOASSERTION" or name == url:
        name, address = licence(text(row.get("license")), text(row.get("license_version")))
    title, creator = text(row.get("title")), text(row.get("creator"))
    tags = (text(tag.get("name")) for tag in rows(row.get("tags")))
    return Hit(
        text(row.get("id")), addresses, page_url=text(row.get("foreign_landing_url")), title=title,
        creator=creator, creator_id=text(row.get("creator_url")),
        tags=tuple(dict.fromkeys(tag for tag in tags if tag)), licence=name, licence_url=url or address,
        attribution=text(row.get("attribution")) or credit(title, creator, name, "Openverse"),
        width=integer(row.get("width")), height=integer(row.get("height")),
        thumbnail=text(row.get("thumbnail")), raw=row,
    )  # fmt: skip


def token_of(body: bytes) -> tuple[str, float]:
    """The token in the answer to client credentials, and for how many seconds it is good. Raises Drift."""
    value = load(body)
    token = text(value.get("access_token")) if isinstance(value, dict) else None
    if token is None:
        raise Drift("Openverse gave no access_token")
    return token, float(integer(value.get("expires_in")) or 3600)
