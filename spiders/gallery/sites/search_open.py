"""Replicas of Openverse, Wikimedia Commons and Flickr: shapes, limits and errors of their search."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import md5, sha1
from html import escape
from uuid import UUID

from spiders.gallery.http1 import Request, Response
from spiders.gallery.sites.search import (
    LICENSES,
    Finder,
    Handler,
    Json,
    Till,
    answered,
    aspect,
    is_wrong,
    pick,
    uploaded,
)
from spiders.gallery.works import Work, digest, number, share

DEPTH = 240
COMMONS_LICENCES = (
    ("CC0", "cc0", "http://creativecommons.org/publicdomain/zero/1.0/deed.en"),
    ("CC BY 4.0", "cc-by-4.0", "https://creativecommons.org/licenses/by/4.0"),
    ("CC BY-SA 3.0", "cc-by-sa-3.0", "https://creativecommons.org/licenses/by-sa/3.0"),
    ("Public domain", "pd", ""),
)
_FLICKR = {"cc0": 9, "pdm": 10, "by": 4, "by-sa": 5, "by-nc": 2, "by-nd": 6, "by-nc-sa": 1, "by-nc-nd": 3}


class Open:
    """Answers the three. The token of Openverse is `token-CLIENT`."""

    def __init__(self, finder: Finder, till: Till) -> None:
        self.finder, self.till = finder, till
        self.lagged = 0
        self.routes: dict[str, Handler] = {
            "/v1/images/": self.openverse, "/v1/auth_tokens/token/": self.token, "/w/api.php": self.commons,
            "/services/rest/": self.flickr,
        }  # fmt: skip

    # Openverse

    def token(self, request: Request) -> Response:
        """Client credentials for a token."""
        form = request.form
        if request.method != "POST" or form.get("grant_type") != "client_credentials":
            return answered({"error": "unsupported_grant_type"}, 400)
        if is_wrong(form.get("client_id")) or is_wrong(form.get("client_secret")):
            return answered({"error": "invalid_client"}, 401)
        token = f"token-{form['client_id']}"
        return answered({"access_token": token, "expires_in": 36000, "token_type": "Bearer", "scope": "read write"})

    def openverse(self, request: Request) -> Response:
        """A page of images, filtered; anonymous pages and depth are limited."""
        asked, token = request.query, request.headers.get("authorization", "")
        if token and not token.startswith("Bearer token-"):
            return answered({"detail": "Authentication credentials were not provided."}, 401)
        if self.till.is_over("openverse", 10_000 if token else 200):
            said = "Request was throttled. Expected available in 40000 seconds."
            return answered({"detail": said}, 429, Retry_After="40000")
        size, page = int(asked.get("page_size", 20)), int(asked.get("page", 1))
        most = 500 if token else self.till.limits.anonymous_page
        if size > most:
            said = f"page_size must be between 1 & {most} for anonymous requests; authenticate for more."
            return answered({"detail": said}, 401)
        works = self.finder.find(asked.get("q", ""), lambda work: _fits(work, asked))
        deepest = 20 * size if token else DEPTH
        pages = -(-min(len(works), deepest) // size)
        if page > max(1, pages):
            return answered({"detail": f"Invalid page: pagination depth of {deepest} exceeded."}, 401)
        shown = works[(page - 1) * size : page * size]
        return answered({"result_count": min(10_000, len(works)), "page_count": pages, "page_size": size, "page": page,
                         "results": [self._openverse_item(work) for work in shown]})  # fmt: skip

    def _openverse_item(self, work: Work) -> Json:
        code = pick("licence", work, LICENSES)
        place = "publicdomain/zero/1.0" if code == "cc0" else "publicdomain/mark/1.0" if code == "pdm" else (
            f"licenses/{code}/4.0")  # fmt: skip
        uuid, creator = str(UUID(int=digest("openverse", work.key) % 2**128)), self.finder.creator(work)
        api = f"{self.finder.base}/v1/images/{uuid}"
        return {
            "id": uuid, "title": work.title, "indexed_on": "2024-01-01T00:00:00Z",
            "foreign_landing_url": self.finder.page(work), "url": self.finder.image(work), "creator": creator,
            "creator_url": f"{self.finder.base}/en/{work.artist}", "license": code,
            "license_version": "1.0" if code in ("cc0", "pdm") else "4.0",
            "license_url": f"https://creativecommons.org/{place}/", "provider": "flickr", "source": "flickr",
            "category": None if share("category", work.key) < 0.5 else "digitized_artwork", "filesize": None,
            "filetype": work.path.rpartition(".")[2], "tags": [{"name": tag, "accuracy": None} for tag in work.tags],
            "attribution": f'"{work.title}" by {creator} is licensed under CC {code.upper()} 4.0.',
            "fields_matched": ["title"], "mature": False, "height": work.height, "width": work.width,
            "thumbnail": f"{api}/thumb/", "detail_url": f"{api}/", "related_url": f"{api}/related/",
            "unstable__sensitivity": [],
        }  # fmt: skip

    # Wikimedia Commons

    def commons(self, request: Request) -> Response:
        """Generators search and categorymembers, the count of a search, and the size of a category."""
        asked = request.query
        if "wunderkammer" not in request.headers.get("user-agent", ""):
            return Response(403, b"Please set a user-agent and respect our robot policy", "text/plain")
        every = self.till.limits.maxlag_every
        self.till.is_over("commons", 10**9)
        if every and asked.get("maxlag") and self.till.calls["commons"] % every == 0:
            said = "Waiting for a database server: 6.1 seconds lagged."
            lag = {"error": {"code": "maxlag", "info": said, "host": "db1", "lag": 6.1}, "servedby": "mw1"}
            return answered(lag, Retry_After="1", MediaWiki_API_Error="maxlag")
        if asked.get("list") == "search":
            works = self._searched(asked.get("srsearch", ""))
            rows = [{"ns": 6, "title": f"File:{work.title}"} for work in works[:1]]
            return answered({"batchcomplete": True, "query": {"searchinfo": {"totalhits": len(works)}, "search": rows}})
        if asked.get("prop") == "categoryinfo":
            works = self._in_category(asked.get("titles", ""))
            info = {"size": len(works), "pages": 0, "files": len(works), "subcats": 0}
            page = {"ns": 14, "title": asked.get("titles"), "pageid": 1, "categoryinfo": info}
            return answered({"batchcomplete": True, "query": {"pages": [page]}})
        if asked.get("generator") == "search":
            return self._listed(asked, "gsroffset", "gsrlimit", self._searched(asked.get("gsrsearch", "")))
        if asked.get("generator") == "categorymembers":
            return self._listed(asked, "gcmcontinue", "gcmlimit", self._in_category(asked.get("gcmtitle", "")))
        return answered({"error": {"code": "badvalue", "info": "Unrecognized value"}}, MediaWiki_API_Error="badvalue")

    def _searched(self, text: str) -> list[Work]:
        words = re.sub(r"\b(filetype|filew):\S*", "", text)
        window = re.search(r"\bfilew:(\d+),(\d+)", text)
        keeps: Callable[[Work], bool] = lambda work: True  # noqa: E731
        if window:
            keeps = lambda work: int(window[1]) <= work.width <= int(window[2])  # noqa: E731
        return self.finder.find(words, keeps)

    def _in_category(self, title: str) -> list[Work]:
        name = title.partition(":")[2].strip().lower()
        return [work for work in self.finder.catalogue.works if name in {genre.lower() for genre in work.genres}]

    def _listed(self, asked: Json, offset: str, limit: str, works: list[Work]) -> Response:
        """A page of files, unordered, with a PDF that is in the way on the first one."""
        start, size = int(asked.get(offset) or 0), min(50, int(asked.get(limit, 10)))
        if start >= 10_000 and offset == "gsroffset":
            info = "The offset is too large"
            return answered({"error": {"code": "cirrussearch-offset-too-large", "info": info}})
        pages = [self._file(work, start + place + 1) for place, work in enumerate(works[start : start + size])]
        if start == 0 and works:
            pages.append(_pdf(len(pages) + 1))
        pages.sort(key=lambda page: page["pageid"])
        value: Json = {"query": {"pages": pages}} if pages else {}
        if start + size < len(works):
            return answered({"continue": {offset: start + size, "continue": f"{offset}||"}, **value})
        return answered({"batchcomplete": True, **value})

    def _file(self, work: Work, index: int) -> Json:
        short, code, url = COMMONS_LICENCES[digest("commons", work.key) % len(COMMONS_LICENCES)]
        artist = f'<a href="//commons.wikimedia.org/wiki/User:{work.artist}">{escape(self.finder.creator(work))}</a>'
        about = {
            "LicenseShortName": short, "License": code, "LicenseUrl": url, "UsageTerms": short, "Artist": artist,
            "Credit": "<span>Own work</span>", "AttributionRequired": "true", "Copyrighted": "True",
            "Restrictions": "", "ImageDescription": f"<p>{escape(work.title)}</p>", "ObjectName": work.title,
            "DateTimeOriginal": work.year_text or "", "Categories": "|".join(work.genres),
        }  # fmt: skip
        kind = {"jpg": "jpeg"}.get(suffix := work.path.rpartition(".")[2].lower(), suffix)
        info = {
            "url": self.finder.image(work), "descriptionurl": self.finder.page(work), "width": work.width,
            "height": work.height, "size": 5000, "mime": f"image/{kind}", "sha1": sha1(work.key.encode()).hexdigest(),
            "timestamp": "2020-01-01T00:00:00Z", "user": work.artist, "thumburl": self.finder.image(work),
            "thumbwidth": work.width, "thumbheight": work.height,
            "extmetadata": {name: {"value": text, "source": "commons-desc-page"}
                            for name, text in about.items() if text},
        }  # fmt: skip
        title = f"File:{work.title}.{suffix}"
        return {"pageid": number("page", work.key, set()), "ns": 6, "title": title, "index": index,
                "imagerepository": "local", "imageinfo": [info]}  # fmt: skip

    # Flickr

    def flickr(self, request: Request) -> Response:
        """flickr.photos.search; errors have HTTP 200, and after 4,000 results it repeats itself."""
        asked = request.query
        if asked.get("method") != "flickr.photos.search":
            return _fail(112, f'Method "{asked.get("method", "")}" not found')
        if is_wrong(asked.get("api_key")):
            return _fail(100, "Invalid API Key (Key has invalid format)")
        if not asked.get("text") and not asked.get("tags"):
            return _fail(3, "Parameterless searches have been disabled. Please use flickr.photos.getRecent instead.")
        if self.till.is_over("flickr", 3600):
            return Response(429, b"<html>Too Many Requests</html>", headers={"Retry-After": "1"})
        works = self.finder.find(asked.get("text", ""), lambda work: _flickr_fits(work, asked))
        size, page = min(500, int(asked.get("per_page", 100))), int(asked.get("page", 1))
        start = min((page - 1) * size, max(0, 4000 - size))
        photos = [self._photo(work) for work in works[start : start + size]]
        listing = {"page": page, "pages": -(-len(works) // size), "perpage": size, "total": len(works)}
        return answered({"photos": {**listing, "photo": photos}, "stat": "ok"})

    def _photo(self, work: Work) -> Json:
        row = {
            "id": str(number("flickr", work.key, set())), "owner": f"{digest('owner', work.artist) % 10**8}@N00",
            "secret": md5(work.key.encode()).hexdigest()[:10], "server": "65535", "farm": 66, "title": work.title,
            "ispublic": 1, "isfriend": 0, "isfamily": 0, "license": str(_FLICKR[pick("licence", work, LICENSES)]),
            "ownername": self.finder.creator(work), "datetaken": "2020-01-01 10:00:00", "datetakengranularity": 0,
            "datetakenunknown": "1", "tags": " ".join(tag.replace(" ", "") for tag in work.tags),
            "lastupdate": str(uploaded(work)), "pathalias": None, "media": "photo", "media_status": "ready",
        }  # fmt: skip
        sizes = ("o", "l") if share("url_o", work.key) < 0.3 else ("l",)
        for size in sizes:
            row |= {f"url_{size}": self.finder.image(work), f"height_{size}": work.height, f"width_{size}": work.width}
        return row


def _fits(work: Work, asked: Json) -> bool:
    """Whether a work passes Openverse's filters."""
    facts = {
        "license": pick("licence", work, LICENSES), "aspect_ratio": aspect(work),
        "size": pick("size", work, ("small", "medium", "large")), "extension": work.path.rpartition(".")[2],
    }  # fmt: skip
    return all(value in asked[name].split(",") for name, value in facts.items() if asked.get(name))


def _flickr_fits(work: Work, asked: Json) -> bool:
    when = uploaded(work)
    if not int(asked.get("min_upload_date") or 0) <= when <= int(asked.get("max_upload_date") or 2**31):
        return False
    numbers = asked.get("license")
    return not numbers or str(_FLICKR[pick("licence", work, LICENSES)]) in numbers.split(",")


def _fail(code: int, said: str) -> Response:
    return answered({"stat": "fail", "code": code, "message": said})


def _pdf(index: int) -> Json:
    info = {"url": "https://upload.wikimedia.org/a.pdf", "mime": "application/pdf", "width": 1, "height": 1}
    return {"pageid": 5, "ns": 6, "title": "File:A book.pdf", "index": index, "imageinfo": [info]}
