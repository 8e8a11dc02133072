"""When two addresses are of the same picture: what search providers add or spell differently is left out."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|msclkid|mc_[ce]id|igshid|_ga|ref_src", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


def address_key(url: str) -> str:
    """One spelling for addresses of the same picture: scheme, `www.`, default ports, fragments, tracking parameters,
    their order and percent-encoding do not matter; upper and lower case of the path do.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return url.strip()
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    where = host if port in (None, _PORTS.get(parts.scheme)) else f"{host}:{port}"
    path = quote(unquote(parts.path or "/"), safe="/")
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.fullmatch(pair[0])]
    return f"{where}{path}" + (f"?{urlencode(sorted(pairs))}" if pairs else "")


def address_id(url: str) -> str:
    """An id for a picture that its provider gives none: 24 hex digits of its address's key."""
    return hashlib.sha256(address_key(url).encode("utf-8", "surrogateescape")).hexdigest()[:24]
