"""WikiArt's documented API v2 (surface C): addresses and bodies. It knows works by their 24 hex digits.

https://www.wikiart.org/en/App/GetApi: 400 calls an hour with a key, 10 in 2.5 seconds, 10 sessions an hour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from spiders.pages.fields import Drift, Json, integer, load, rows, text, words
from spiders.pages.wikiart import Detail

CALLS_PER_HOUR = 400
SESSIONS_PER_HOUR = 10
KEYS = "https://www.wikiart.org/en/App/GetApi/GetKeys"
GROUPS = {"movement": 1, "style": 2, "genre": 3, "school": 7, "nation": 10}
"""Numbers of the dictionaries, by our name of them."""
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class Session:
    """What a login gives: the key that every call carries, and how many calls an hour it may make."""

    key: str
    calls: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an answer; `token` asks for the next one, exactly as the site wrote it, None at the end."""

    rows: list[Json]
    token: str | None


def login_url(base: str, key: str, secret: str) -> str:
    """A new session for an access code and its secret code."""
    return f"{base}/en/Api/2/login?{urlencode({'accessCode': key, 'secretCode': secret})}"


def call_url(base: str, session: Session, call: str, token: str | None = None, **given: str) -> str:
    """A call with its parameters. A token that comes percent-encoded is appended as it is."""
    query = urlencode({**given, "authSessionKey": session.key})
    more = f"&paginationToken={token if _ESCAPE.search(token) else quote(token, safe='')}" if token else ""
    return f"{base}/en/api/2/{call}?{query}{more}"


def session(body: bytes) -> Session | None:
    """The session of a login; None when the codes were not accepted. Raises Drift."""
    value = load(body)
    if not isinstance(value, dict):
        raise Drift("the login is no object")
    key = text(value.get("SessionKey"))
    return Session(key, integer(value.get("MaxRequestsPerHour")) or CALLS_PER_HOUR) if key else None


def page(body: bytes) -> Page:
    """One page of a list. Raises Drift."""
    value = load(body)
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise Drift("the answer of the API has no data")
    token = text(value.get("paginationToken")) if value.get("hasMore") else None
    return Page(rows(value["data"]), token)


def slugs(found: Page) -> list[str]:
    """The slugs of the artists on a page."""
    names = (text(row.get("url")) for row in found.rows)
    return [name.rstrip("/").rpartition("/")[2] for name in names if name]


def painting(body: bytes) -> Detail:
    """Everything about one work, its styles, genres and tags as lists. Raises Drift."""
    row = load(body)
    if not isinstance(row, dict) or not text(row.get("id")):
        raise Drift("the work has no id")
    slugs = [text(row.get("artistUrl")), text(row.get("url"))]
    return Detail(
        None, "/en/" + "/".join(map(str, slugs)) if all(slugs) else None,
        words(row.get("styles")), words(row.get("genres")), words(row.get("tags")),
        integer(row.get("completitionYear")), None, row,
    )  # fmt: skip
