"""Instagram's Graph API: hashtag search as it is documented, its errors in words, and its usage headers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from pipeline.licences import IN_COPYRIGHT, address
from spiders.pages import fields
from spiders.pages.fields import Drift, Json
from spiders.pages.hashtags import SLOT_DAYS, SLOTS
from spiders.records import record, redacted

VERSION = "v23.0"
EDGES = ("recent_media", "top_media")
PAGE_SIZE = 50
SLOW_FROM, STOP_AT = 75.0, 95.0
"""Percent of the allowance from which requests are spaced out, and at which none is sent."""
CODES_OF_TOKENS = frozenset({102, 190})
FIELDS = (
    "id,caption,media_type,media_url,permalink,timestamp,like_count,comments_count,"
    "children{id,media_type,media_url}"
)
NEEDED = (
    "a user token of the Graph API with instagram_basic and Instagram Public Content Access "
    "(developers.facebook.com, App Review)"
)
INSTEAD = "`pipeline import instaloader`, `gallery-dl` and `instagram-export` work without one"

_LIMITS = {4: "the app's", 17: "the account's", 32: "the page's", 613: "a custom", 80002: "Instagram's"}
_TOKEN = {460: "its password was changed", 463: "it has expired", 467: "it is not valid any more"}


def url(base: str, path: str, **parameters: Any) -> str:
    """An address of the API."""
    return f"{base}/{VERSION}/{path}?{urlencode({key: value for key, value in parameters.items() if value})}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What an error means: `kind` is retry, wait, stop or skip (the tag); a sentence; how long to wait, in seconds."""

    kind: str
    sentence: str
    wait: float = 0.0


def trouble(body: bytes, status: int, tag: str | None = None) -> Trouble | None:
    """The error in an answer, explained; None when it is none. Raises Drift for an answer that is no JSON object."""
    value = fields.load(body)
    if not isinstance(value, dict):
        raise Drift("the answer is no object")
    error = value.get("error")
    if not isinstance(error, dict):
        return None if status < 400 else Trouble("stop", f"Instagram answered HTTP {status} without a word.")
    code, subcode = fields.integer(error.get("code")) or 0, fields.integer(error.get("error_subcode"))
    said = fields.text(error.get("error_user_msg")) or fields.text(error.get("message")) or "no reason given"
    return _explained(code, subcode, said[:200].rstrip("."), tag, bool(error.get("is_transient")))


def _explained(code: int, subcode: int | None, said: str, tag: str | None, passing: bool) -> Trouble:
    ending = f" (code {code}{f'/{subcode}' if subcode else ''}: {said})"
    if code in CODES_OF_TOKENS:
        why = _TOKEN.get(subcode or 0, "it is not accepted")
        return Trouble("stop", f"Instagram refuses INSTAGRAM_TOKEN, as {why}: get {NEEDED}{ending}.")
    if code in _LIMITS:
        return Trouble("wait", f"Instagram says that {_LIMITS[code]} allowance of calls is used up{ending}", 3600.0)
    if code == 18:
        return Trouble("skip", f"all {SLOTS} tags of {SLOT_DAYS} days are used, so #{tag} was not asked{ending}")
    if code == 24:
        return Trouble("skip", f"Instagram does not know #{tag}, or does not let it be searched{ending}")
    if code == 10 or 200 <= code < 300:
        return Trouble("stop", "The token lacks a permission: instagram_basic and the feature Instagram Public Content "
                       f"Access are needed, after App Review{ending}.")  # fmt: skip
    if code in (1, 2) or passing:
        return Trouble("retry", f"Instagram has a passing fault{ending}")
    if code == 100:
        return Trouble("stop", f"Instagram does not take the request: check INSTAGRAM_USER_ID{ending}.")
    return Trouble("stop", f"Instagram refuses{ending}.")


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of the allowance is used, in percent, and after how many seconds access is regained, if told."""

    percent: float = 0.0
    regain: float | None = None


def usage(headers: Mapping[str, str]) -> Usage:
    """What X-App-Usage and X-Business-Use-Case-Usage say (names in lower case): the fullest counts."""
    entries = [_json(headers.get("x-app-usage"))]
    business = _json(headers.get("x-business-use-case-usage"))
    entries += [entry for listed in business.values() for entry in fields.rows(listed)]
    counts = [entry.get(key) for entry in entries for key in ("call_count", "total_time", "total_cputime")]
    numbers = [float(count) for count in counts if isinstance(count, int | float) and not isinstance(count, bool)]
    minutes = [fields.integer(entry.get("estimated_time_to_regain_access")) or 0 for entry in entries]
    longest = max(minutes, default=0)
    return Usage(max(numbers, default=0.0), longest * 60.0 if longest else None)


def _json(text: str | None) -> Json:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def tag_id(body: bytes) -> str:
    """The id of a tag. Raises Drift."""
    found = [fields.text(row.get("id")) for row in fields.rows(_object(fields.load(body)).get("data"))]
    if not found or not found[0]:
        raise Drift("the answer names no tag")
    return found[0]


def recent_tags(body: bytes) -> set[str]:
    """The ids of the tags that the account asked in the last seven days."""
    rows = fields.rows(_object(fields.load(body)).get("data"))
    return {found for row in rows if (found := fields.text(row.get("id")))}


@dataclass(frozen=True, slots=True)
class Media:
    """One picture of a post: its id, address (None when the API gives none), post, and number in an album (from 1)."""

    id: str
    url: str | None
    post: Json
    number: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of posts: its pictures, the ids of its posts, how many films there were, and the cursor after it."""

    media: list[Media]
    posts: list[str]
    films: int
    after: str | None


def page(body: bytes) -> Page:
    """A page of recent_media or top_media. Raises Drift."""
    value = fields.load(body)
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise Drift("the answer has no list of posts")
    media: list[Media] = []
    posts, films = [], 0
    for post in fields.rows(value["data"]):
        if (name := fields.text(post.get("id"))) is None:
            continue
        posts.append(name)
        for one in _pictures(name, post):
            if one is None:
                films += 1
            else:
                media.append(one)
    paging = _object(value.get("paging"))
    cursors = _object(paging.get("cursors"))
    after = fields.text(cursors.get("after")) if paging.get("next") else None
    return Page(media, posts, films, after if posts else None)


def _pictures(name: str, post: Json) -> list[Media | None]:
    """The pictures of a post, None for a film."""
    if post.get("media_type") == "CAROUSEL_ALBUM":
        parts = fields.rows(_object(post.get("children")).get("data"))
        return [
            None if part.get("media_type") == "VIDEO"
            else Media(fields.text(part.get("id")) or f"{name}_{number}", _address(part), post, number)
            for number, part in enumerate(parts, 1)
        ] or [Media(name, None, post)]  # fmt: skip
    return [None if post.get("media_type") == "VIDEO" else Media(name, _address(post), post)]


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _address(part: Json) -> str | None:
    return fields.text(part.get("media_url"))


def to_record(one: Media, tag: str, rank: int) -> Json:
    """The columns of `crawled` that a post fills: all rights are its owner's, whom the API does not name."""
    caption = fields.text(one.post.get("caption"))
    when = _time(one.post.get("timestamp"))
    link = fields.text(one.post.get("permalink"))
    credit = f"Instagram, {link}" if link else "Instagram"
    extra = {"caption": caption, "post": one.post.get("id"), "number": one.number or None}
    raw = {key: value for key, value in one.post.items() if key not in ("children", "media_url")}
    return record(
        source="instagram", source_id=one.id, rank=rank, query=f"#{tag}", page_url=link,
        title=caption.splitlines()[0][:200] if caption else None,
        tags=list(dict.fromkeys(found.lower() for found in re.findall(r"#(\w+)", caption or ""))),
        year_text=when.isoformat() if when else None, year=when.year if when else None,
        licence=IN_COPYRIGHT, licence_url=address(IN_COPYRIGHT), attribution=credit,
        extra=redacted({key: value for key, value in extra.items() if value}), raw=redacted(raw),
    )  # fmt: skip


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Token:
    """What debug_token says of a token: whether it is valid, when it ends (None: never), what it may."""

    valid: bool
    ends: datetime | None
    scopes: frozenset[str]


def token(body: bytes) -> Token:
    """The answer of debug_token. Raises Drift."""
    data = _object(_object(fields.load(body)).get("data"))
    if not data:
        raise Drift("the answer says nothing of the token")
    ends = [fields.integer(data.get(key)) or 0 for key in ("expires_at", "data_access_expires_at")]
    soonest = min((end for end in ends if end > 0), default=None)
    scopes = fields.words(data.get("scopes"))
    when = datetime.fromtimestamp(soonest, UTC) if soonest else None
    return Token(data.get("is_valid") is True, when, frozenset(scopes))
