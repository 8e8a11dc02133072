"""The museums' addresses: which request gets which list, record, picture or error, with their limits."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from spiders.gallery.http1 import Request, Response
from spiders.gallery.pictures import Pictures, make_variant
from spiders.gallery.sites.museum_records import MuseumRecords, is_open
from spiders.gallery.works import Work

KEYS = frozenset({"practice-key", "DEMO_KEY"})
"""API keys that the practice gallery knows."""
WALL = b"<html><head><title>Pardon Our Interruption</title></head><body>Request unsuccessful. Incapsula</body></html>"
CHALLENGE = b'<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head></html>'
SMALL = 900
"""The longest side of the small form of a picture."""
WINDOW = 1_000
"""Results of a search that the Art Institute pages through."""


@dataclass
class Limits:
    """What the museums refuse; 0 is never. `wall`: the Met shuts out after so many quick requests, each within
    `quick` seconds of the one before; `demo`: requests with DEMO_KEY; `minute`: the Art Institute's requests a minute;
    `challenge`: before the Art Institute's pictures stands a browser check.
    """

    wall: int = 0
    quick: float = 0.2
    demo: int = 0
    minute: int = 0
    challenge: bool = False


class Museums:
    """Answers the requests of all museums; each has paths of its own."""

    def __init__(self, records: MuseumRecords, pictures: Pictures, limits: Limits | None = None) -> None:
        self.records, self.pictures, self.limits = records, pictures, limits or Limits()
        self.catalogue = records.catalogue
        self.by_id = {work.id: work for work in self.catalogue.works}
        self.asked: Counter[str] = Counter()
        self.last = 0.0
        self.routes: list[tuple[re.Pattern[str], Callable[..., Response]]] = [
            (re.compile(pattern), handler)
            for pattern, handler in (
                (r"/public/collection/v1/(search|objects|departments)", self.met),
                (r"/public/collection/v1/objects/(\d+)", self.met_object),
                (r"/api/artworks/?", self.cleveland),
                (r"/openaccess/api/v1\.0/search", self.smithsonian),
                (r"/record/v2/search\.json", self.europeana),
                (r"/api/v1/artworks/search", self.artic),
                (r"/oai", self.oai),
                (r"/search/collection", self.collection),
                (r"/(?:CRDImages/ep|cma|ids/media|europeana)(?:/([a-z-]+))?/(\d+)(_[a-z]+)?\.[a-z]+", self.file),
                (r"/ids/deliveryService", self.delivery),
            )
        ]

    def answer(self, request: Request) -> Response | None:
        """The answer to a request, or None when the address is none of the museums'."""
        for pattern, handler in self.routes:
            if match := pattern.fullmatch(request.path):
                return handler(request, *match.groups())
        return None

    # The Met

    def met(self, request: Request, what: str) -> Response:
        """Departments, a search, or ids."""
        if wall := self._wall():
            return wall
        query = request.query
        names = {str(number): name for name, number in self.records.departments.items()}
        if what == "departments":
            rows = [{"departmentId": number, "displayName": name} for name, number in self.records.departments.items()]
            return _json({"departments": rows})
        department = names.get(query.get("departmentId") or query.get("departmentIds") or "")
        works = [work for work in self.catalogue.works if not department or department in work.styles]
        if since := query.get("metadataDate"):
            works = [work for work in works if self.records.changed(work) >= since]
        if what == "search":
            if not query.get("q"):
                return _json({"total": 0, "objectIDs": None})
            works = [work for work in works if self._matches(work, "" if query["q"] == "*" else query["q"])]
            works = _between(works, query.get("dateBegin"), query.get("dateEnd"))
        return _json({"total": len(works), "objectIDs": [work.content_id for work in works] or None})

    def met_object(self, request: Request, number: str) -> Response:
        """One object."""
        if wall := self._wall():
            return wall
        work = self.catalogue.by_content_id.get(int(number))
        if work is None:
            return _json({"message": "ObjectID not found"}, 404)
        return _json(self.records.met(work))

    def _wall(self) -> Response | None:
        """The firewall: after too many quick requests nothing but 403."""
        now = time.monotonic()
        self.asked["met"] = self.asked["met"] + 1 if now - self.last < self.limits.quick else 1
        self.last = now
        return Response(403, WALL) if 0 < self.limits.wall < self.asked["met"] else None

    # Cleveland

    def cleveland(self, request: Request) -> Response:
        """A page of records."""
        query = request.query
        works = [work for work in self._found(query.get("q", "")) if not query.get("cc0") or is_open(work)]
        works = [work for work in works if _has(work.styles, query.get("department"))]
        works = [work for work in works if _has(work.genres, query.get("type"))]
        works = [work for work in works if _has([self.records.creator(work)], query.get("artists"))]
        works = _between(works, query.get("created_after"), query.get("created_before"))
        start, count = int(query.get("skip", 0)), min(1000, int(query.get("limit", 1000)))
        rows = [self.records.cleveland(work) for work in works[start : start + count]]
        return _json({"info": {"total": len(works), "parameters": dict(query)}, "data": rows})

    # Smithsonian

    def smithsonian(self, request: Request) -> Response:
        """A page of rows, with the errors of api.data.gov."""
        key = request.headers.get("x-api-key") or request.query.get("api_key")
        if key not in KEYS:
            code = "API_KEY_INVALID" if key else "API_KEY_MISSING"
            return _json({"error": {"code": code, "message": "Get one at https://api.si.edu:443"}}, 403)
        limit = self.limits.demo if key == "DEMO_KEY" else 0
        self.asked["smithsonian"] += 1
        left = limit - self.asked["smithsonian"]
        headers = {"X-RateLimit-Limit": str(limit or 1000), "X-RateLimit-Remaining": str(max(0, left))}
        if limit and left < 0:
            error = {"error": {"code": "OVER_RATE_LIMIT", "message": "You have exceeded your rate limit."}}
            return _json(error, 429, {**headers, "Retry-After": "3600"})
        return _json(self._rows(request.query), 200, headers)

    def _rows(self, query: dict[str, str]) -> Any:
        words = re.match(r"\(([^)]*)\)", query.get("q", ""))
        fields = dict(re.findall(r'(\w+):"([^"]*)"', query.get("q", "")))
        works = [
            work for work in self._found(words[1] if words else "") if _has(work.genres, fields.get("object_type"))
        ]
        works = [work for work in works if "media_usage" not in fields or is_open(work)]
        decades = re.findall(r'"(\d+)s"', query.get("q", ""))
        works = [work for work in works if not decades or str((work.year or 0) // 10 * 10) in decades]
        start, count = int(query.get("start", 0)), min(1000, int(query.get("rows", 10)))
        rows = [self.records.smithsonian(work) for work in works[start : start + count]]
        answer = {"rows": rows, "rowCount": len(works), "message": "content found"}
        return {"status": 200, "responseCode": 1, "response": answer}

    # Europeana

    def europeana(self, request: Request) -> Response:
        """A page of items by cursor."""
        query, key = request.query, request.query.get("wskey", "")
        if key not in KEYS:
            return _json({"apikey": key, "success": False, "error": "Invalid API key", "code": "401-AD"}, 401)
        text = re.sub(r'(?:AND )?\w+:"[^"]*"', "", query.get("query", "")).replace("*:*", "").strip()
        works = [work for work in self._found(text) if query.get("reusability") != "open" or is_open(work)]
        since, years = (
            re.search(r"timestamp_update:\[([\d-]+)", _all(request)),
            re.search(r"YEAR:\[(\S+) TO (\S+)\]", _all(request)),
        )
        works = [work for work in works if since is None or self.records.changed(work) >= since[1]]
        works = _between(works, years[1], years[2]) if years else works
        cursor = query.get("cursor", "*")
        start = 0 if cursor == "*" else int(cursor.rpartition("==")[2] or 0)
        after = start + min(100, int(query.get("rows", 12)))
        items = [self.records.europeana(work, key) for work in works[start:after]]
        more = {"nextCursor": f"AoE/+Q==={after}"} if after < len(works) else {}
        return _json({
            "apikey": key, "success": True, "requestNumber": 999, "itemsCount": len(items),
            "totalResults": len(works), "items": items, **more})  # fmt: skip

    # The Art Institute of Chicago

    def artic(self, request: Request) -> Response:
        """A page of a search; what lies beyond the window is refused."""
        query = request.query
        self.asked["artic"] += 1
        if 0 < self.limits.minute < self.asked["artic"]:
            self.asked["artic"] = 0
            return _json({"status": 429, "error": "Too Many Attempts"}, 429, {"Retry-After": "1"})
        limit, page = int(query.get("limit", 12)), int(query.get("page", 1))
        if limit > 100 or page * limit > WINDOW:
            detail = "You have requested too many results. Please refine your parameters."
            return _json({"status": 403, "error": "Invalid number of results", "detail": detail}, 403)
        works = self._filtered(query)
        rows = [self.records.artic(work) for work in works[(page - 1) * limit : page * limit]]
        pages = -(-len(works) // limit)
        paging = {"total": len(works), "limit": limit, "offset": (page - 1) * limit, "total_pages": pages,
                  "current_page": page}  # fmt: skip
        config = {"iiif_url": f"{self.records.base}/iiif/2", "website_url": self.records.base}
        return _json({"pagination": paging, "data": rows, "info": {"license_text": "CC0"}, "config": config})

    def _filtered(self, query: dict[str, str]) -> list[Work]:
        """The works that fulfil the conditions, in the order asked for."""
        works = self._found(query.get("q", ""))
        for name, value in query.items():
            if name.endswith("[is_public_domain]"):
                works = [work for work in works if is_open(work)]
            elif name.endswith("[range][id][gt]"):
                works = [work for work in works if work.content_id > int(value)]
            elif name.endswith("[updated_at][gte]"):
                works = [work for work in works if self.records.changed(work) >= value]
            elif name.endswith(("[style_titles]", "[department_title]")):
                works = [work for work in works if _has(work.styles, value)]
            elif name.endswith("[date_end][gte]"):
                works = _between(works, value, None)
            elif name.endswith("[date_start][lte]"):
                works = _between(works, None, value)
        return sorted(works, key=lambda work: work.content_id) if query.get("sort") == "id" else works

    # Rijksmuseum

    def oai(self, request: Request) -> Response:
        """OAI-PMH: one record, or fifty of a set with a token for the next ones."""
        query = request.query
        if query.get("verb") == "GetRecord":
            number = query.get("identifier", "").rpartition("/")[2]
            work = self.catalogue.by_content_id.get(int(number)) if number.isdigit() else None
            return _oai("GetRecord", self.records.rijksmuseum(work)) if work else _oai_error("idDoesNotExist")
        if query.get("verb") != "ListRecords":
            return _oai_error("badVerb")
        start, since = (query.get("resumptionToken") or f"0,{query.get('from', '')}").split(",")
        if not start.isdigit():
            return _oai_error("badResumptionToken")
        works = [work for work in self.catalogue.works if self.records.changed(work) >= since]
        if not works:
            return _oai_error("noRecordsMatch")
        after = int(start) + 50
        more = f"{after},{since}" if after < len(works) else ""
        token = f'<resumptionToken completeListSize="{len(works)}" cursor="{start}">{more}</resumptionToken>'
        return _oai("ListRecords", "".join(map(self.records.rijksmuseum, works[int(start) : after])) + token)

    def collection(self, request: Request) -> Response:
        """A search: a hundred ids a page, as Linked Art."""
        query, base = request.query, self.records.base
        works = [work for work in self._found(query.get("title", "")) if _has(work.genres, query.get("type"))]
        start = int(query.get("pageToken") or 0)
        items = [
            {"id": f"https://id.rijksmuseum.nl/{work.content_id}", "type": "HumanMadeObject"}
            for work in works[start : start + 100]
        ]
        kept = "&".join(f"{name}={quote(value)}" for name, value in query.items() if name != "pageToken")
        following = f"{base}/search/collection?{kept}&pageToken={start + 100}"
        more = {"next": {"id": following, "type": "OrderedCollectionPage"}} if start + 100 < len(works) else {}
        whole = {"id": f"{base}/search/collection", "type": "OrderedCollection", "totalItems": len(works)}
        return _json({
            "@context": "https://linked.art/ns/v1/search.json", "id": f"{base}{request.target}",
            "type": "OrderedCollectionPage", "partOf": whole, **more, "orderedItems": items})  # fmt: skip

    # pictures

    def file(self, request: Request, kind: str | None, number: str, size: str | None) -> Response:
        """The original of a work, or a size made of it."""
        small = kind in ("web-large", "preview", "screen") or size == "_web"
        return self._picture(request, self.catalogue.by_content_id.get(int(number)), small)

    def delivery(self, request: Request) -> Response:
        """The Smithsonian's delivery service."""
        number = request.query.get("id", "").removeprefix("SAAM-")
        work = self.catalogue.by_content_id.get(int(number)) if number.isdigit() else None
        return self._picture(request, work, "max" in request.query)

    def _picture(self, request: Request, work: Work | None, small: bool) -> Response:
        if work is not None and small:
            return Response(200, make_variant(Path(work.file), SMALL), "image/jpeg")
        path = work.path if work else "/images/none"
        return self.pictures.answer(replace(request, target=quote(path))) or Response(404)

    # what is asked for

    def _found(self, text: str) -> list[Work]:
        return [work for work in self.catalogue.works if self._matches(work, text)]

    def _matches(self, work: Work, text: str) -> bool:
        where = " ".join((work.title, self.records.creator(work), *work.tags, *work.styles)).lower()
        return all(word in where for word in text.lower().split())


def _all(request: Request) -> str:
    """All parameters as one text: of those given twice `query` has the last one only."""
    return " ".join(value for _name, value in parse_qsl(urlsplit(request.target).query))


def _has(values: Any, word: str | None) -> bool:
    return not word or any(word.lower() == value.lower() for value in values)


def _between(works: list[Work], first: str | None, last: str | None) -> list[Work]:
    low, high = int(first) if first else -(10**6), int(last) if last else 10**6
    return [work for work in works if work.year is not None and low <= work.year <= high] if first or last else works


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(status, json.dumps(value, ensure_ascii=False).encode(), "application/json", headers or {})


def _oai(verb: str, inner: str) -> Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        f"<responseDate>2026-11-22T03:00:00Z</responseDate><{verb}>{inner}</{verb}></OAI-PMH>"
    )
    return Response(200, text.encode(), "text/xml;charset=UTF-8")


def _oai_error(code: str) -> Response:
    text = f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><error code="{code}">{code}</error></OAI-PMH>'
    return Response(200, text.encode(), "text/xml;charset=UTF-8")
