"""Instagram's Graph API for practice: hashtag search with its limits, errors, usage headers and expiring addresses.

The token decides how the account stands (`ACCOUNTS`), the tag what it holds: the pictures of a style or genre of
that name, or all of them. Each third post is an album, whose last part is a film.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from spiders.gallery.catalogue import Catalogue
from spiders.gallery.http1 import Request, Response
from spiders.gallery.works import Work, digest, slug

Json = dict[str, Any]

TOKEN, USER = "practice-token", "17841400000000001"
ACCOUNTS = {
    "practice-expired": (400, 190, 463, "Error validating access token: Session has expired."),
    "practice-password": (400, 190, 460, "The session has been invalidated because the user changed the password."),
    "practice-no-permission": (403, 10, None, "Application does not have permission for this action"),
    "practice-limited": (400, 4, None, "Application request limit reached"),
    "practice-full": (400, 18, None, "You can query up to 30 unique hashtags within a 7 day period"),
    "practice-wrong-user": (400, 100, None, "Invalid parameter"),
}
"""Tokens of accounts in trouble: status, code, subcode, message. `practice-stumbling` fails once for each address,
`practice-busy` has used 80 percent of its allowance and `practice-spent` 96, `practice-ending` ends in three days."""
UNKNOWN = "unknowntag"
EXPIRING = "expiring"
"""A tag whose addresses have expired when its pages are asked for the first time."""
HOUR = 3600
_CURSOR = "QVFIUmNvbnN0YW50"
_PATH = re.compile(r"/v\d+\.0/([A-Za-z0-9_]+)(?:/([a-z_]+))?")


class Graph:
    """Answers requests for `/vNN.0/…` and for pictures under `/scontent/`; None for other paths.

    The cursor is the same on every page, as the API's may be: it is the how-many-th request that decides.
    """

    def __init__(self, catalogue: Catalogue, base: str) -> None:
        self.catalogue, self.base = catalogue, base
        self.by_id = {str(digest("media", work.key)): work for work in catalogue.works}
        self.tags: dict[str, str] = {}
        self.searched: list[str] = []
        self.asked: Counter[str] = Counter()
        self.turned: Counter[tuple[str, str]] = Counter()

    def answer(self, request: Request) -> Response | None:
        """The answer to a request."""
        if request.path.startswith("/scontent/"):
            return self._picture(request)
        found = _PATH.fullmatch(request.path)
        return self._api(request, found[1], found[2] or "") if found else None

    def _api(self, request: Request, node: str, edge: str) -> Response:
        token = request.query.get("access_token", "")
        self.asked[request.target] += 1
        if node == "debug_token":
            return _json({"data": self._debug(request.query.get("input_token", ""))}, token)
        if trouble := self._trouble(token, node, edge, request):
            return trouble
        if node == "ig_hashtag_search":
            return self._search(request.query.get("q", ""), token)
        if edge == "recently_searched_hashtags":
            return _json({"data": [{"id": _tag_id(tag)} for tag in self.searched]}, token)
        if edge in ("recent_media", "top_media") and node in self.tags:
            return self._page(request, self.tags[node], edge, token)
        return _error(400, 100, None, f"Unsupported get request. Object with ID '{node}' does not exist", token)

    def _trouble(self, token: str, node: str, edge: str, request: Request) -> Response | None:
        if token == "practice-full" and node != "ig_hashtag_search":
            return None
        if token in ACCOUNTS:
            return _error(*ACCOUNTS[token], token)
        if token == "practice-stumbling" and self.asked[request.target] == 1:
            return _error(500, 2, None, "Service temporarily unavailable", token, passing=True)
        if token not in (TOKEN, *(f"practice-{name}" for name in ("stumbling", "busy", "spent", "ending"))):
            return _error(400, 190, 467, "Invalid OAuth access token.", token)
        if request.query.get("user_id") != USER:
            return _error(400, 100, 33, "Invalid user id", token)
        return None

    def _debug(self, token: str) -> Json:
        ends = {"practice-ending": 3 * 24 * HOUR, "practice-expired": -HOUR}.get(token, 50 * 24 * HOUR)
        return {
            "app_id": "1", "type": "USER", "application": "practice", "is_valid": ends > 0,
            "expires_at": int(time.time()) + ends, "scopes": ["instagram_basic", "pages_read_engagement"],
        }  # fmt: skip

    def _search(self, tag: str, token: str) -> Response:
        if tag == UNKNOWN or not tag.replace("_", "").isalnum():
            return _error(400, 24, 2207024, "The requested resource does not exist", token)
        self.tags[_tag_id(tag)] = tag
        if tag not in self.searched:
            self.searched.append(tag)
        return _json({"data": [{"id": _tag_id(tag)}]}, token)

    # posts

    def _page(self, request: Request, tag: str, edge: str, token: str) -> Response:
        size = min(int(request.query.get("limit", "25")), 50)
        posts = self._posts(tag, edge)
        if not request.query.get("after"):
            self.turned[(tag, edge)] = 0
        start = self.turned[(tag, edge)] * size
        self.turned[(tag, edge)] += 1
        stale = tag == EXPIRING and self.asked[request.target] == 1
        data = [self._post(post, tag, stale) for post in posts[start : start + size]]
        paging: Json = {"cursors": {"after": _CURSOR}}
        if start + size < len(posts):
            paging["next"] = f"{self.base}{request.target}&after={_CURSOR}"
        return _json({"data": data, "paging": paging if data else {}}, token)

    def _posts(self, tag: str, edge: str) -> list[list[Work]]:
        """Posts of one work, each third one of three."""
        groups = (self.catalogue.listings.get(group, {}) for group in ("style", "genre"))
        works = next((list(group[slug(tag)]) for group in groups if slug(tag) in group), list(self.catalogue.works))
        if edge == "top_media":
            works = works[: max(1, len(works) // 4)]
        posts: list[list[Work]] = []
        while works:
            count = 3 if len(posts) % 3 == 2 else 1
            posts.append(works[:count])
            works = works[count:]
        return posts

    def _post(self, works: Sequence[Work], tag: str, stale: bool) -> Json:
        first = works[0]
        code = hashlib.sha256(first.key.encode()).hexdigest()[:11]
        post: Json = {
            "id": self._id(first) if len(works) == 1 else f"9{self._id(first)}",
            "caption": f"{first.title} #{tag} #practice", "permalink": f"https://www.instagram.com/p/{code}/",
            "timestamp": "2026-11-20T08:00:00+0000", "comments_count": digest("comments", first.key) % 9,
        }  # fmt: skip
        if len(works) == 1:
            return post | {"media_type": "IMAGE", "media_url": self._signed(first, stale), "like_count": 21}
        parts: list[Json] = [
            {"id": self._id(work), "media_type": "IMAGE", "media_url": self._signed(work, stale)} for work in works
        ]
        parts.append({"id": f"8{self._id(first)}", "media_type": "VIDEO"})
        return post | {"media_type": "CAROUSEL_ALBUM", "children": {"data": parts}}

    def _id(self, work: Work) -> str:
        return str(digest("media", work.key))

    # pictures

    def _signed(self, work: Work, stale: bool) -> str:
        ends = f"{int(time.time()) + (-HOUR if stale else HOUR):x}"
        name = self._id(work)
        return f"{self.base}/scontent/{name}.jpg?oh={_signature(name, ends)}&oe={ends}"

    def _picture(self, request: Request) -> Response:
        name = request.path.rpartition("/")[2].removesuffix(".jpg")
        ends, given = request.query.get("oe", "0"), request.query.get("oh", "")
        if given != _signature(name, ends) or int(ends, 16) < time.time():
            return Response(403, b"URL signature expired", "text/plain")
        work = self.by_id.get(name)
        if work is None:
            return Response(404, b"Not Found", "text/plain")
        with open(work.file, "rb") as file:
            return Response(200, file.read(), "image/jpeg", {"Cache-Control": "max-age=1209600"})


def _tag_id(tag: str) -> str:
    return f"178{digest('tag', tag) % 10**14:014}"


def _signature(name: str, ends: str) -> str:
    return hashlib.sha256(f"practice {name} {ends}".encode()).hexdigest()[:32]


def _headers(token: str) -> dict[str, str]:
    percent = {"practice-busy": 80, "practice-spent": 96, "practice-limited": 100}.get(token, 3)
    regain = 19 if percent >= 96 else 0
    use = {"type": "instagram", "call_count": percent, "total_cputime": 2, "total_time": 2,
           "estimated_time_to_regain_access": regain}  # fmt: skip
    return {
        "X-App-Usage": json.dumps({"call_count": min(percent, 28), "total_time": 2, "total_cputime": 2}),
        "X-Business-Use-Case-Usage": json.dumps({USER: [use]}), "facebook-api-version": "v23.0",
    }  # fmt: skip


def _json(value: Json, token: str) -> Response:
    return Response(200, json.dumps(value).encode(), "application/json; charset=UTF-8", _headers(token))


def _error(
    status: int, code: int, subcode: int | None, message: str, token: str, passing: bool = False
) -> Response:  # fmt: skip
    error: Json = {"message": message, "type": "OAuthException", "code": code, "is_transient": passing,
                   "fbtrace_id": "AbCdEf"}  # fmt: skip
    if subcode:
        error["error_subcode"] = subcode
    return Response(status, json.dumps({"error": error}).encode(), "application/json; charset=UTF-8", _headers(token))
