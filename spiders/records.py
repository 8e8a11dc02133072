"""Rows of `crawled`: how they are begun, named, and rid of secrets. Imports no crawler."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pipeline.errors import Reason
from pipeline.schema import CRAWLED

UNKNOWN_LICENCE = "NOASSERTION"
SECRETS = frozenset({
    "access_token", "accesscode", "api_key", "apikey", "app_secret", "appsecret_proof", "authorization",
    "authsessionkey", "client_secret", "cx", "fb_exchange_token", "key", "password", "secretcode", "sessionkey",
    "sig", "signature", "subscription-key", "token", "wskey", "x-amz-credential", "x-amz-security-token",
    "x-amz-signature",
})  # fmt: skip
"""Names of query parameters and JSON keys whose values never reach a table or a log, in lower case."""
PASSING = frozenset({Reason.HTTP_429, Reason.HTTP_5XX, Reason.TIMEOUT, Reason.CONNECTION_FAILED})
"""Reasons that may be gone next time: such a picture is tried again by the next crawl."""

_PARAMETER = re.compile(r"([^&=]+)=([^&]*)")
_URL = re.compile(r"https?://[^\s\"'<>\\]+")
_REDACTED = "REDACTED"
_EMPTY = dict.fromkeys(CRAWLED.names)
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def record(**fields: Any) -> dict[str, Any]:
    """A row of `crawled` with these columns, the others null, and the licence never null.

    Raises ValueError for a column that `crawled` does not have.
    """
    row = _EMPTY | fields
    if len(row) != len(_EMPTY):
        raise ValueError(f"not columns of crawled: {sorted(set(row) - set(_EMPTY))}")
    row["licence"] = row["licence"] or UNKNOWN_LICENCE
    return row


def original_id(body: bytes) -> str:
    """The id of a picture whose bytes we have: their SHA-256, 64 hex digits."""
    return hashlib.sha256(body).hexdigest()


def missing_id(source: str, url: str) -> str:
    """The id of a picture that could not be had: the SHA-256 of source, NUL and address."""
    return hashlib.sha256(f"{source}\0{url}".encode("utf-8", "surrogateescape")).hexdigest()


def redacted(value: Any) -> str:
    """JSON text of a provider's item, with secrets blanked in keys, and in addresses inside texts."""
    return _JSON.encode(_clean(value)).encode("utf-8", "replace").decode()


def redacted_url(url: str) -> str:
    """The address with the values of secret parameters, and a user and password, blanked."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _REDACTED
    host = parts.netloc.rpartition("@")[2]
    user = f"{_REDACTED}@" if "@" in parts.netloc else ""
    query = _PARAMETER.sub(_blanked, parts.query)
    fragment = _PARAMETER.sub(_blanked, parts.fragment)
    if (user, query, fragment) == ("", parts.query, parts.fragment):
        return url
    return urlunsplit((parts.scheme, user + host, parts.path, query, fragment))


def _blanked(match: re.Match[str]) -> str:
    return f"{match[1]}={_REDACTED}" if match[1].lower() in SECRETS else match[0]


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): _REDACTED if str(key).lower() in SECRETS and isinstance(item, str) else _clean(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        return _URL.sub(lambda match: redacted_url(match[0]), value) if "://" in value else value
    return value
