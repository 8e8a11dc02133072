"""Replicas of Brave, Google Custom Search, SerpApi and SearXNG: shapes, limits and errors of their image search."""

from __future__ import annotations

from urllib.parse import urlsplit

from spiders.gallery.http1 import Request, Response
from spiders.gallery.sites.search import COLOURS, Finder, Handler, Json, Till, answered, is_wrong, pick
from spiders.gallery.works import Work, share

SIZES = ("ICON", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE", "HUGE")
TYPES = ("clipart", "face", "lineart", "stock", "photo")


class Web:
    """Answers the four."""

    def __init__(self, finder: Finder, till: Till) -> None:
        self.finder, self.till = finder, till
        self.routes: dict[str, Handler] = {
            "/res/v1/images/search": self.brave, "/customsearch/v1": self.google, "/search.json": self.serpapi,
            "/search": self.searxng,
        }  # fmt: skip

    def brave(self, request: Request) -> Response:
        """At most 200, and no way to the others; each country shows half of the works."""
        asked = request.query
        if is_wrong(request.headers.get("x-subscription-token")):
            code = "SUBSCRIPTION_TOKEN_INVALID"
            said = {"status": 422, "code": code, "detail": "The provided subscription token is invalid."}
            return answered({"type": "ErrorResponse", "error": said}, 422)
        if self.till.is_over("brave", 2000):
            said = {"status": 429, "code": "RATE_LIMITED", "detail": "Request rate limit exceeded for plan."}
            return answered({"type": "ErrorResponse", "error": said}, 429, X_RateLimit_Limit="1, 2000",
                            X_RateLimit_Remaining="0, 0", X_RateLimit_Reset="1, 86400")  # fmt: skip
        count, text = int(asked.get("count", 50)), asked.get("q", "")
        if not 1 <= count <= 200 or not 0 < len(text) <= 400 or len(text.split()) > 50 or "offset" in asked:
            said = {"status": 422, "code": "VALIDATION", "detail": "Unable to validate request parameter(s)"}
            return answered({"type": "ErrorResponse", "error": said}, 422)
        country = asked.get("country", "US")
        works = self.finder.find(text, lambda work: share("country", country, work.key) < 0.5)[:count]
        results = [self._brave_item(work) for work in works]
        return answered({"type": "images", "query": {"original": text, "spellcheck_off": False}, "results": results,
                         "extra": {"might_be_offensive": False}})  # fmt: skip

    def _brave_item(self, work: Work) -> Json:
        page, image = self.finder.page(work), self.finder.image(work)
        host = urlsplit(page).netloc
        return {
            "type": "image_result", "title": work.title, "url": page, "source": host,
            "page_fetched": "2026-01-01T00:00:00Z", "confidence": "high",
            "thumbnail": {"src": image, "width": 500, "height": 400},
            "properties": {"url": image, "placeholder": image, "width": work.width, "height": work.height},
            "meta_url": {"scheme": "http", "netloc": host, "hostname": host, "favicon": image, "path": "› en"},
        }  # fmt: skip

    def google(self, request: Request) -> Response:
        """Ten a page, up to 100; it offers a page beyond that, and refuses it."""
        asked = request.query
        if is_wrong(asked.get("key")):
            reason = "API key not valid. Please pass a valid API key."
            return _google_error(400, reason, "badRequest")
        if is_wrong(asked.get("cx")):
            return _google_error(400, "Request contains an invalid argument.", "badRequest")
        if self.till.is_over("google", 100):
            said = "Quota exceeded for quota metric 'Queries' and limit 'Queries per day' of service."
            return _google_error(429, said, "rateLimitExceeded", "RESOURCE_EXHAUSTED")
        start, count = int(asked.get("start", 1)), int(asked.get("num", 10))
        if start + count - 1 > 100 or not 1 <= count <= 10 or start < 1:
            return _google_error(400, "Request contains an invalid argument.", "invalid")
        works = self.finder.find(asked.get("q", ""), lambda work: _google_fits(work, asked))
        shown = works[start - 1 : start - 1 + count]
        request_row = {"totalResults": "1230000", "count": len(shown), "startIndex": start, "cx": asked["cx"]}
        queries: Json = {"request": [request_row]}
        if start - 1 + count < len(works):
            queries["nextPage"] = [{"totalResults": "1230000", "count": 10, "startIndex": start + count}]
        value: Json = {"kind": "customsearch#search", "queries": queries,
                       "searchInformation": {"totalResults": "1230000" if works else "0"}}  # fmt: skip
        if shown:
            value["items"] = [self._google_item(work) for work in shown]
        return answered(value)

    def _google_item(self, work: Work) -> Json:
        page, image = self.finder.page(work), self.finder.image(work)
        return {
            "kind": "customsearch#result", "title": work.title, "link": image, "displayLink": urlsplit(page).hostname,
            "snippet": work.title, "mime": "image/png", "fileFormat": "image/png",
            "image": {"contextLink": page, "height": work.height, "width": work.width, "byteSize": 5000,
                      "thumbnailLink": image, "thumbnailHeight": 150, "thumbnailWidth": 112},
        }  # fmt: skip

    def serpapi(self, request: Request) -> Response:
        """A hundred for each `ijn`; errors are `error`."""
        asked = request.query
        if is_wrong(asked.get("api_key")):
            said = "Invalid API key. Your API key should be here: https://serpapi.com/manage-api-key"
            return answered({"error": said}, 401)
        if self.till.is_over("serpapi", 250):
            return answered({"error": "Your account has run out of searches."}, 429)
        tbs = dict(part.split(":", 1) for part in asked.get("tbs", "").split(",") if ":" in part)
        works = self.finder.find(asked.get("q", ""), lambda work: _serpapi_fits(work, tbs))
        page = int(asked.get("ijn", 0))
        shown = works[page * 100 : page * 100 + 100]
        value: Json = {"search_metadata": {"status": "Success", "id": "1"}, "search_parameters": {"q": asked.get("q")}}
        if not shown:
            return answered({**value, "error": "Google hasn't returned any results for this query."})
        rows = [self._serpapi_item(work, page * 100 + place + 1) for place, work in enumerate(shown)]
        return answered({**value, "images_results": rows})

    def _serpapi_item(self, work: Work, position: int) -> Json:
        page, image = self.finder.page(work), self.finder.image(work)
        return {
            "position": position, "thumbnail": image, "related_content_id": str(position), "source": "Practice gallery",
            "source_logo": image, "title": work.title, "link": page, "original": image, "original_width": work.width,
            "original_height": work.height, "is_product": False,
        }  # fmt: skip

    def searxng(self, request: Request) -> Response:
        """Thirty a page; JSON only where it is switched on; a `data:` picture among them."""
        asked = request.query
        if asked.get("format") != "json" or not self.till.limits.searxng_json:
            return Response(403, b"<!DOCTYPE html><title>403 Forbidden</title><h1>Forbidden</h1>")
        period = asked.get("time_range")
        works = self.finder.find(
            asked.get("q", ""), lambda work: not period or pick("period", work, ("day", "month", "year")) == period
        )
        page = int(asked.get("pageno", 1))
        rows = [self._searxng_item(work) for work in works[(page - 1) * 30 : page * 30]]
        if page == 1:
            rows.append({"url": self.finder.base, "title": "inline", "img_src": "data:image/png;base64,AAAA",
                         "engine": "some", "template": "images.html"})  # fmt: skip
        others: Json = {name: [] for name in ("answers", "corrections", "infoboxes", "suggestions")}
        return answered({"query": asked.get("q"), "number_of_results": 0, "results": rows, **others})

    def _searxng_item(self, work: Work) -> Json:
        return {
            "url": self.finder.page(work), "title": work.title, "content": "", "engine": "bing images",
            "img_src": self.finder.image(work), "thumbnail_src": self.finder.image(work), "source": "gallery",
            "resolution": f"{work.width} x {work.height}", "img_format": "png", "template": "images.html",
            "category": "images",
        }  # fmt: skip


def _google_fits(work: Work, asked: Json) -> bool:
    facts = {
        "imgDominantColor": pick("colour", work, COLOURS), "imgSize": pick("size", work, SIZES),
        "imgType": pick("type", work, TYPES), "fileType": work.path.rpartition(".")[2],
    }  # fmt: skip
    return all(asked[name] == value for name, value in facts.items() if asked.get(name))


def _serpapi_fits(work: Work, tbs: dict[str, str]) -> bool:
    facts = {
        "isc": pick("colour", work, COLOURS), "isz": pick("size", work, ("l", "m", "i")),
        "itp": pick("type", work, TYPES),
    }  # fmt: skip
    return all(tbs[name] == value for name, value in facts.items() if name in tbs)


def _google_error(status: int, said: str, reason: str, state: str = "INVALID_ARGUMENT") -> Response:
    inner = {"message": said, "domain": "global", "reason": reason}
    return answered({"error": {"code": status, "message": said, "errors": [inner], "status": state}}, status)
