"""WikiArt's documented API v2: sessions, calls an hour, lists with tokens, and its way to say no."""

from __future__ import annotations

import base64
import json
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from spiders.gallery.faults import THROTTLED
from spiders.gallery.http1 import Request, Response
from spiders.gallery.sites.wikiart import GROUPS, PAGE_SIZE, Json, Records, dictionary_id
from spiders.gallery.works import Artist, Work, digest, slug

KEY, SECRET = "practice", "practice"
"""The codes that the practice gallery takes."""
SESSIONS_PER_HOUR = 10
ADDRESS = re.compile(r"/[a-z]{2}/api/2/(\w+)", re.IGNORECASE)
FORMATS = ("Blog", "Large", "HalfHD", "HD", "Portrait", "PinterestSmall", "PinterestLarge")


class Api:
    """Answers the API's requests; `calls` an hour for each session and for all without one, `hour` in seconds."""

    def __init__(self, records: Records, calls: int = 400, hour: float = 3600.0) -> None:
        self.records = records
        self.catalogue = records.catalogue
        self.calls, self.hour = calls, hour
        self.sessions: dict[str, deque[float]] = {}
        self.logins: deque[float] = deque()
        self.free: deque[float] = deque()
        self.answers: dict[str, Callable[[Request], Response]] = {
            "updatedartists": self.updated_artists,
            "deletedartists": lambda request: self._list(request, []),
            "artistsbydictionary": self.artists_by_dictionary,
            "dictionariesbygroup": self.dictionaries_by_group,
            "paintingsearch": self.painting_search,
            "paintingsbyartist": self.paintings_by_artist,
            "mostviewedpaintings": self.most_viewed,
            "painting": self.painting,
        }

    def answer(self, request: Request) -> Response | None:
        """The answer to a request, or None when it is not one of the API's."""
        found = ADDRESS.fullmatch(request.path)
        if found is None:
            return None
        call = found[1].lower()
        if call == "login":
            return self.login(request)
        if call not in self.answers:
            return Response(404, b"<h1>404: not found</h1>")
        return self._over(request) or self.answers[call](request)

    def login(self, request: Request) -> Response:
        """A session, ten an hour; null for codes that are not known."""
        if (request.query.get("accessCode"), request.query.get("secretCode")) != (KEY, SECRET):
            return _json({"SessionKey": None, "MaxRequestsPerHour": 0, "MaxSessionsPerHour": 0})
        if not _within(self.logins, SESSIONS_PER_HOUR, self.hour):
            return _failed(f"Session limit of {SESSIONS_PER_HOUR} per hour exceeded")
        key = f"{digest('session', len(self.sessions)):x}"[:12]
        self.sessions[key] = deque()
        return _json({"SessionKey": key, "MaxRequestsPerHour": self.calls, "MaxSessionsPerHour": SESSIONS_PER_HOUR})

    def _over(self, request: Request) -> Response | None:
        """HTTP 500 when the hour's calls are used up, as the site says it; with a wrong session too."""
        key = request.query.get("authSessionKey")
        if key is None:
            allowed = _within(self.free, self.calls, self.hour)
            return None if allowed else Response(500, THROTTLED, "application/json; charset=utf-8")
        if key not in self.sessions:
            return _failed("Session is not valid")
        if not _within(self.sessions[key], self.calls, self.hour):
            return _failed(f"API limit of {self.calls} operations per hour exceeded")
        return None

    # artists

    def updated_artists(self, request: Request) -> Response:
        """Artists that changed on a day or later."""
        day = request.query.get("fromDate", "")[:10]
        return self._list(request, [self.artist(one) for one in self.catalogue.artists if self._changed(one) >= day])

    def artists_by_dictionary(self, request: Request) -> Response:
        """Artists of an entry of a dictionary."""
        group = GROUPS.get(_number(request.query.get("group")), "")
        found = self.records.artists_in(group, request.query.get("dictUrl", ""))
        return self._list(request, [self.artist(one) for one in found])

    def artist(self, artist: Artist) -> Json:
        """An artist as the API gives it: as surface A does, with an id of 24 digits."""
        return {"id": artist_id(artist), **self.records.artist(artist)}

    def _changed(self, artist: Artist) -> str:
        """The day when the newest of an artist's pictures was made."""
        files = [Path(work.file) for work in self.catalogue.by_artist.get(artist.slug, [])]
        newest = max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)
        return f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d}"

    # works

    def painting_search(self, request: Request) -> Response:
        """Works whose artist and title hold every word of the term; their `url` is null, as often on the site."""
        terms = request.query.get("term", "").lower().split()
        found = [
            work for work in self.catalogue.works
            if all(term in f"{self.catalogue.artist[work.artist].name} {work.title}".lower() for term in terms)
        ]  # fmt: skip
        return self._list(request, [{**self.item(work, request), "url": None} for work in found])

    def paintings_by_artist(self, request: Request) -> Response:
        """The works of an artist, by the artist's 24 digits."""
        wanted = request.query.get("id")
        works = next((
            works for name, works in self.catalogue.by_artist.items()
            if artist_id(self.catalogue.artist[name]) == wanted
        ), [])  # fmt: skip
        return self._list(request, [self.item(work, request) for work in works])

    def most_viewed(self, request: Request) -> Response:
        """Popular works."""
        works = sorted(self.catalogue.works, key=lambda work: digest("popular", work.key))[: PAGE_SIZE * 10]
        return self._list(request, [self.item(work, request) for work in works])

    def painting(self, request: Request) -> Response:
        """Everything about one work; 404 for the numbers of surface A."""
        work = self.catalogue.by_id.get(request.query.get("id", ""))
        if work is None:
            return Response(404, b"<h1>404: not found</h1>")
        width, height = work.size_cm or (None, None)
        entry = {"id": f"{digest('entry', work.serie or ''):x}"[:24], "title": work.serie}
        return _json({
            **self.item(work, request),
            "dictionaries": [str(dictionary_id("style", slug(style))) for style in work.styles],
            "location": work.location, "period": None, "serie": entry if work.serie else None,
            "genres": list(work.genres), "styles": list(work.styles),
            "media": [part.strip() for part in (work.technique or "").split(",") if part.strip()],
            "sizeX": width, "sizeY": height, "diameter": None,
            "galleries": [work.museum] if work.museum else [], "tags": list(work.tags),
            "description": work.description,
        })  # fmt: skip

    def item(self, work: Work, request: Request) -> Json:
        """A work of a list."""
        wanted = request.query.get("imageFormat")
        size = wanted if wanted in FORMATS else "Large"
        artist = self.catalogue.artist[work.artist]
        return {
            "id": work.id, "title": work.title, "url": work.slug, "artistUrl": work.artist,
            "artistName": artist.name, "artistId": artist_id(artist), "completitionYear": work.year,
            "width": work.width, "image": self.records.image("C", work, f"!{size}.jpg"), "height": work.height,
        }  # fmt: skip

    def dictionaries_by_group(self, request: Request) -> Response:
        """The entries of a dictionary."""
        entries = self.records.dictionary(_number(request.query.get("group")))
        return self._list(request, [
            {"id": f"{digest('entry', row['url']):040x}"[:24], "title": row["title"], "url": row["url"],
             "group": row["group"]} for row in entries
        ])  # fmt: skip

    def _list(self, request: Request, rows: Sequence[Json]) -> Response:
        """60 rows from where the token says; the next token is percent-encoded already, as the site's is."""
        token = request.query.get("paginationToken")
        start = _start(token) if token else 0
        if start is None:
            return _failed("Invalid length for a Base-64 char array or string.")
        end = start + PAGE_SIZE
        following = quote(base64.b64encode(f"page|{end}".encode()).decode(), safe="") if end < len(rows) else None
        return _json({"data": list(rows[start:end]), "paginationToken": following, "hasMore": end < len(rows)})


def artist_id(artist: Artist) -> str:
    """The 24 hex digits of an artist."""
    return f"{digest('artist id', artist.slug):040x}"[:24]


def _start(token: str) -> int | None:
    """Where a page begins; None for a token that was encoded once too often, or is none."""
    try:
        kind, _, number = base64.b64decode(token.replace(" ", "+"), validate=True).decode().partition("|")
    except ValueError:
        return None
    return int(number) if kind == "page" and number.isdigit() and unquote(token) == token else None


def _within(times: deque[float], limit: int, hour: float) -> bool:
    """Whether one more may be had within the last hour; counts it if so."""
    now = time.monotonic()
    while times and times[0] < now - hour:
        times.popleft()
    if len(times) >= limit:
        return False
    times.append(now)
    return True


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _json(value: Any) -> Response:
    return Response(200, json.dumps(value, ensure_ascii=False).encode(), "application/json; charset=utf-8")


def _failed(message: str) -> Response:
    now = int(time.time() * 1000)
    body = {"Exception": {"Message": message, "Stacktrace": None, "InnerException": None}, "Status": 500,
            "RequestTime": f"/Date({now})/"}  # fmt: skip
    return Response(500, json.dumps(body).encode(), "application/json; charset=utf-8")
