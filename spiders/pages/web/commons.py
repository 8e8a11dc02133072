"""Wikimedia Commons: the search of api.php, or a walk through a category; no key needed."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping

from spiders.licences import licence
from spiders.pages.fields import Drift, Json, integer, load, rows, text
from spiders.pages.web.base import (
    Hit,
    Page,
    Params,
    Provider,
    Query,
    Refused,
    message,
    plain,
    refused_by_status,
    variants,
    web_address,
)

PICTURES = frozenset(f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "tiff", "x-ms-bmp", "avif"))
WIDEST = 65_536
_ASKED = {
    "action": "query", "format": "json", "formatversion": "2", "maxlag": "5", "prop": "imageinfo",
    "iiprop": "url|size|mime|sha1|timestamp|user|extmetadata", "iiurlwidth": "1280",
}  # fmt: skip


class Commons(Provider):
    """Shows the first 10,000 results of a search; a text `Category:…` is walked, without an end."""

    name, title = "commons", "Wikimedia Commons"
    home, path = "https://commons.wikimedia.org", "/w/api.php"
    size, cap = 50, 10_000

    def first(self, query: Query, size: int) -> Params:
        """The first page of a search for bitmaps, or of a category."""
        if query.text.lower().startswith("category:"):
            name = query.text.partition(":")[2].strip()
            where = {"generator": "categorymembers", "gcmtitle": f"Category:{name}", "gcmtype": "file"}
            return {**_ASKED, **where, "gcmlimit": str(size)}
        words = " ".join([query.text, "filetype:bitmap", *(f"{name}:{value}" for name, value in query.filters)])
        where = {"generator": "search", "gsrsearch": words, "gsrnamespace": "6"}
        return {**_ASKED, **where, "gsrlimit": str(size)}

    def counting(self, query: Query, size: int) -> Params:
        """A generator does not count: a list of one does, and a category tells its files."""
        first = self.first(query, size)
        plain_ask = {name: first[name] for name in ("action", "format", "formatversion", "maxlag")}
        if "gcmtitle" in first:
            return {**plain_ask, "prop": "categoryinfo", "titles": first["gcmtitle"]}
        where = {"list": "search", "srsearch": first["gsrsearch"], "srnamespace": "6", "srinfo": "totalhits"}
        return {**plain_ask, **where, "srlimit": "1"}

    def narrower(self, query: Query, total: int | None) -> tuple[Query, ...]:
        """Two halves of the range of widths in pixels; a category needs none."""
        if query.text.lower().startswith("category:"):
            return ()
        low, high = map(int, dict(query.filters).get("filew", f"1,{WIDEST}").split(","))
        middle = round((low * high) ** 0.5)
        if not low <= middle < high:
            return ()
        return (query.having("filew", f"{low},{middle}"), query.having("filew", f"{middle + 1},{high}"))

    def read(self, body: bytes, asked: Params) -> Page:
        """A page of files, in the order of their rank."""
        value = load(body)
        if not isinstance(value, dict) or not ({"query", "batchcomplete", "continue"} & value.keys()):
            raise Drift("the answer of Wikimedia Commons has neither query nor batchcomplete")
        query: Json = value["query"] if isinstance(value.get("query"), dict) else {}
        found = query.get("pages")
        listed = rows(list(found.values()) if isinstance(found, dict) else found)
        listed.sort(key=lambda row: (integer(row.get("index")) is None, integer(row.get("index")) or 0))
        if {"srsearch", "titles"} & asked.keys():
            return Page((), _counted(query, listed))
        passed_over: dict[str, int] = {}
        hits = []
        for row in listed:
            facts = next(iter(rows(row.get("imageinfo"))), {})
            kind = text(facts.get("mime")) or mimetypes.guess_type(text(facts.get("url")) or "")[0] or "unknown"
            if kind not in PICTURES:
                passed_over[kind] = passed_over.get(kind, 0) + 1
            elif hit := _hit(row, facts):
                hits.append(hit)
        return Page(tuple(hits), None, _following(value, asked), passed_over)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, asked: Params) -> Refused | None:
        """Errors come with HTTP 200: `maxlag` asks to wait."""
        if status == 403:
            said = message(body) or plain(body[:300].decode("utf-8", "replace"))
            return Refused("setup", f"{self.title} does not let us in (HTTP 403: {said}); set PIPELINE_CONTACT")
        if found := refused_by_status(self.title, status, body):
            return found
        error = re.search(rb'"error"\s*:\s*\{\s*"code"\s*:\s*"([\w-]+)"', body[:2000])
        if error is None and "mediawiki-api-error" not in headers:
            return None
        code = headers.get("mediawiki-api-error") or (error[1].decode() if error else "")
        said = message(body)
        if code in ("maxlag", "ratelimited", "readonly"):
            return Refused("rate", f"{self.title} asks to wait ({code}: {said})")
        if code.startswith("internal_api_error"):
            return Refused("down", f"{self.title} fails ({code}: {said})")
        if "gsroffset" in asked:
            return Refused("end", f"{self.title} shows no more ({code}: {said})")
        return Refused("query", f"{self.title} does not take the query ({code}: {said})")


def _counted(query: Json, listed: list[Json]) -> int | None:
    info = query.get("searchinfo") if query else None
    if isinstance(info, dict):
        return integer(info.get("totalhits"))
    inner = listed[0].get("categoryinfo") if listed else None
    return integer(inner.get("files")) if isinstance(inner, dict) else 0


def _following(value: Json, asked: Params) -> Params | None:
    """Every key of `continue` goes into the next request, until there is none."""
    more = value.get("continue")
    if not isinstance(more, dict) or not more:
        return None
    return {**asked, **{str(name): str(said) for name, said in more.items()}}


def _hit(row: Json, facts: Json) -> Hit | None:
    addresses = variants(("original", facts.get("url")))
    if not addresses:
        return None
    about: Json = facts["extmetadata"] if isinstance(facts.get("extmetadata"), dict) else {}
    said = {name: plain(str(entry["value"])) for name, entry in about.items()
            if isinstance(entry, dict) and entry.get("value") not in (None, "")}  # fmt: skip
    name, address = _licence(said)
    file_name = re.sub(r"\.\w{2,5}$", "", (text(row.get("title")) or "").partition(":")[2])
    title = said.get("ObjectName") or file_name or None
    creator = said.get("Artist") or None
    where = web_address(facts.get("descriptionurl"))
    return Hit(
        text(row.get("pageid")), addresses, page_url=where, title=title, creator=creator,
        creator_id=text(facts.get("user")), year_text=said.get("DateTimeOriginal"),
        tags=tuple(dict.fromkeys(tag for tag in said.get("Categories", "").split("|") if tag)),
        licence=name, licence_url=web_address(said.get("LicenseUrl")) or address,
        attribution=said.get("Attribution") or _attribution(title, creator, said),
        width=integer(facts.get("width")), height=integer(facts.get("height")),
        thumbnail=web_address(facts.get("thumburl")), raw=row,
    )  # fmt: skip


def _licence(said: Mapping[str, str]) -> tuple[str, str | None]:
    """The licence by the first field that names one for certain."""
    for field in ("LicenseUrl", "License", "LicenseShortName", "UsageTerms"):
        found = licence(said[field]) if said.get(field) else ("NOASSERTION", None)
        if found[0] != "NOASSERTION":
            return found
    return "NOASSERTION", None


def _attribution(title: str | None, creator: str | None, said: Mapping[str, str]) -> str:
    parts = (title, creator, said.get("LicenseShortName"))
    return ", ".join([*(part for part in parts if part), "via Wikimedia Commons"])
