"""Works and artists, the site's way of spelling slugs and years, and the ids made from a work's key."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

LIVING_MS = 253402300799999
"""The time of death that WikiArt gives living artists: the last millisecond of the year 9999."""


@dataclass(frozen=True, slots=True)
class Artist:
    """One artist. Dates are the site's own text; `*_ms` are milliseconds since 1970, negative before."""

    slug: str
    name: str
    last_first: str
    content_id: int
    birth: str | None = None
    birth_ms: int | None = None
    death: str | None = None
    death_ms: int | None = None
    nation: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One picture of the catalogue and all that the site says of it.

    `file` is the local file with the original's bytes, `path` the URL path of the original on every
    image host, and `gone` the variants ("" is the original, "Large", "HD", …) that answer 404.
    `forced` are variants that exist whatever their share of the site is.
    """

    key: str
    id: str
    content_id: int
    artist: str
    slug: str
    title: str
    file: str
    path: str
    width: int
    height: int
    year_text: str | None = None
    year: int | None = None
    styles: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    technique: str | None = None
    size_cm: tuple[float, float] | None = None
    museum: str | None = None
    location: str | None = None
    serie: str | None = None
    period: str | None = None
    description: str | None = None
    gone: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()


def digest(*parts: object) -> int:
    """160 bits that depend on nothing but the parts."""
    return int.from_bytes(hashlib.sha1("\0".join(map(str, parts)).encode()).digest(), "big")


def share(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but the parts."""
    return digest(*parts) % 2**52 / 2**52


def hex_id(key: str) -> str:
    """The 24 hex digits of a work on surfaces B and C."""
    return f"{digest('work', key):040x}"[:24]


def number(kind: str, key: str, taken: set[int]) -> int:
    """A positive id under two thousand million for `key`, unlike those `taken`, to which it is added."""
    candidate = digest(kind, key) % 1_999_000_000 + 1_000
    while candidate in taken:
        candidate += 1
    taken.add(candidate)
    return candidate


def slug(text: str) -> str:
    """A style or genre as the site spells it: every run of anything but a-z and 0-9 becomes a hyphen.

    So `Naïve Art (Primitivism)` is `na-ve-art-primitivism`: odd, but theirs.
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def name_slug(text: str, otherwise: str) -> str:
    """An artist's or a work's slug: accents folded to ASCII first; `otherwise` when nothing is left."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return slug(folded)[:80].strip("-") or otherwise


def image_folder(name: str) -> str:
    """The artist's folder on the image hosts, where the site leaves letters such as ü as they are."""
    return re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", name).lower()).strip("-") or "unknown"


def completion_year(text: str | None) -> int | None:
    """The last year that a text such as `c.1900` or `1912 - 1914` names, or None."""
    years = re.findall(r"\d{3,4}", text or "")
    return int(years[-1]) if years else None


def last_first(name: str) -> str:
    """`Jane van Doe` → `Doe Jane van`."""
    *given, last = name.split() or [name]
    return " ".join([last, *given])
