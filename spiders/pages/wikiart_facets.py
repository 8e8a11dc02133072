"""WikiArt's facets: the movements, nations, centuries and schools by which it files its artists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from spiders.pages.fields import Drift, integer, load, rows, text
from spiders.pages.wikiart import Artist, artist_of

FACETS = {
    "movement": "art-movement", "nation": "nation", "century": "century", "school": "painting-school"
}  # fmt: skip
"""What we call each facet, and the site."""
ARTISTS_PER_PAGE = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of a vocabulary; `count` is how many the site says it has of it, if it does."""

    slug: str
    title: str
    count: int | None = None
    number: int | None = None


def facet_url(base: str, facet: str) -> str:
    """The entries of a facet, with the number of artists of each."""
    return f"{base}/en/artists-by-{FACETS[facet]}?json=2"


def members_url(base: str, facet: str, slug: str, page: int) -> str:
    """One page of the artists of an entry of a facet, by our name of it."""
    where = f"{base}/en/App/Search/Artists-by-{FACETS[facet]}"
    return f"{where}?json=3&searchterm={quote(slug, safe='')}&layout=new&page={page}&resultType=masonry"


def entries(body: bytes) -> dict[str, Entry]:
    """A dictionary (DictionariesJson) or a facet (`artists-by-…`): entries by slug. Raises Drift."""
    value = load(body)
    if isinstance(value, dict):
        value = value.get("Dictionaries")
    if not isinstance(value, list):
        raise Drift("the dictionary is no list")
    found = {}
    for row in rows(value):
        slug = (text(row.get("url") or row.get("slug")) or "").rstrip("/").rpartition("/")[2]
        title = row.get("title")
        title = title.get("en") if isinstance(title, dict) else title
        if slug:
            count, number = integer(row.get("Count")), integer(row.get("contentId"))
            found[slug] = Entry(slug, text(title) or slug, count, number)
    return found


def members(body: bytes) -> list[Artist]:
    """One page of the artists of a facet; none when the list has ended. Raises Drift."""
    value = load(body)
    if not isinstance(value, dict) or "Artists" not in value:
        raise Drift("the list of artists has no Artists")
    found = []
    for row in rows(value["Artists"]):
        address = text(row.get("artistUrl")) or text(row.get("url")) or ""
        artist = artist_of({**row, "url": address.rstrip("/").rpartition("/")[2]})
        found += [artist] if artist else []
    return found


def same_name(one: str, other: str) -> bool:
    """Whether two spellings are of the same style or genre: `Naïve Art (Primitivism)` and `na-ve-art-primitivism`."""
    return _slug(one) == _slug(other)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
