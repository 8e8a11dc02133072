"""WikiArt's answers, surfaces A (`/App/…`) and B (`?json=2`): bodies to records, and the addresses to ask.

The site spells `completitionYear` and `dictonaries` so; its image hosts vary between answers for the same
picture, so works are joined by the path of their picture and checked by their pair of slugs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from spiders.pages.fields import Drift, Json, date_year, integer, load, rows, text, words, year_of

PAGE_CAP = 60
PAGE_SIZE = 60
PLACEHOLDER = "FRAME-600x480"
LIVING = 9999
DICTIONARIES = {"style": 2, "genre": 3}
VARIANTS = ("original", "HD", "Large")
_SUFFIX = re.compile(r"![A-Za-z]+(\.[a-z]+)?$")


@dataclass(frozen=True, slots=True)
class Artist:
    """One artist: the year of death is None when unknown, and `living` when the site says so."""

    slug: str
    name: str | None
    content_id: int | None
    death: int | None
    living: bool
    filed: tuple[int, ...] = ()
    """Numbers of the dictionary entries under which the site files the artist."""


@dataclass(frozen=True, slots=True)
class Item:
    """One work of a listing (surface B). `image` is the address of the original."""

    id: str
    title: str | None
    year_text: str | None
    width: int | None
    height: int | None
    artist_name: str | None
    artist: str | None
    image: str | None
    page: str | None
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a listing; no items means that the list has ended, whatever `total` says."""

    items: list[Item]
    total: int | None


@dataclass(frozen=True, slots=True)
class Detail:
    """What ImageJson adds to a work (surface A)."""

    content_id: int | None
    page: str | None
    style: list[str]
    genre: list[str]
    tags: list[str]
    year: int | None
    year_text: str | None
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: `group` is style, genre, artist or all; `title` how the site writes the slug."""

    base: str
    group: str
    slug: str
    title: str | None
    this_year: int

    @property
    def query(self) -> str:
        """As it stands in records: `style=cubism`."""
        return f"{self.group}={self.slug}" if self.slug else self.group


# addresses


def artists_url(base: str) -> str:
    """All artists."""
    return f"{base}/en/App/Artist/AlphabetJson?v=new"


def artist_url(base: str, slug: str) -> str:
    """One artist."""
    return f"{base}/en/{quote(slug)}?json=2"


def dictionary_url(base: str, group: str) -> str:
    """The vocabulary of a group: style or genre."""
    return f"{base}/en/App/wiki/DictionariesJson/{DICTIONARIES[group]}"


def listing_url(base: str, group: str, slug: str, page: int) -> str:
    """One page of 60 works of a style, a genre or an artist."""
    place = f"{quote(slug)}/mode/all-paintings" if group == "artist" else f"paintings-by-{group}/{quote(slug)}"
    return f"{base}/en/{place}?json=2&layout=new&page={page}&resultType=masonry"


def works_url(base: str, artist: str) -> str:
    """Short records of all works of an artist."""
    return f"{base}/en/App/Painting/PaintingsByArtist?artistUrl={quote(artist, safe='')}&json=2"


def detail_url(base: str, content_id: int) -> str:
    """Everything about one work."""
    return f"{base}/en/App/Painting/ImageJson/{content_id}"


def variants(image: str) -> list[tuple[str, str]]:
    """Names and addresses to try for a picture, best first: the original, then the sizes made of it."""
    original = bare(image)
    return [(name, original if name == "original" else f"{original}!{name}.jpg") for name in VARIANTS]


def bare(image: str) -> str:
    """An image address without its size suffix: the original's."""
    return _SUFFIX.sub("", image)


def image_key(image: str) -> str:
    """What identifies a picture among an artist's works: its path, as the host varies between answers."""
    try:
        path = urlsplit(bare(image)).path
    except ValueError:
        path = image
    return unicodedata.normalize("NFC", unquote(path))


# answers


def artists(body: bytes) -> dict[str, Artist]:
    """AlphabetJson: artists by slug. Raises Drift."""
    value = load(body)
    if not isinstance(value, list):
        raise Drift("the list of artists is no list")
    found = (artist_of(row) for row in rows(value))
    return {artist.slug: artist for artist in found if artist}


def artist(body: bytes) -> Artist:
    """The artist object of surface B. Raises Drift."""
    value = load(body)
    found = artist_of(value) if isinstance(value, dict) else None
    if found is None:
        raise Drift("the artist has no slug")
    return found


def artist_of(row: Json) -> Artist | None:
    """One artist's object; None when it has no slug."""
    slug = text(row.get("url"))
    if not slug:
        return None
    date = date_year(row.get("deathDay"))
    living = date == LIVING
    said = year_of(text(row.get("deathDayAsString")))
    death = None if living else said if said is not None else date
    filed = row.get("dictonaries")
    numbers = tuple(filter(None, map(integer, filed))) if isinstance(filed, list) else ()
    return Artist(slug, text(row.get("artistName")), integer(row.get("contentId")), death, living, numbers)


def listing(body: bytes) -> Listing:
    """One page of a listing. Items without any identity are left out. Raises Drift."""
    value = load(body)
    if not isinstance(value, dict) or "Paintings" not in value:
        raise Drift("the listing has no Paintings")
    items = (_item(row) for row in rows(value["Paintings"]))
    return Listing([item for item in items if item], integer(value.get("AllPaintingsCount")))


def _item(row: Json) -> Item | None:
    image, page = text(row.get("image")), text(row.get("paintingUrl"))
    identity = text(row.get("id")) or page or (image_key(image) if image else None)
    if not identity:
        return None
    slug = (text(row.get("artistUrl")) or "").rstrip("/").rpartition("/")[2] or None
    return Item(
        identity, text(row.get("title")), text(row.get("year")), integer(row.get("width")),
        integer(row.get("height")), text(row.get("artistName")), slug, image and bare(image), page, row,
    )  # fmt: skip


def next_page(page: int, found: Listing) -> int | None:
    """The page to ask after `page`: none after an empty one, nor after the site's cap of 60, nor after a short one
    where the site's own count says that it was the last (each alone may be wrong)."""
    over = len(found.items) < PAGE_SIZE and found.total is not None and found.total <= page * PAGE_SIZE
    return page + 1 if found.items and page < PAGE_CAP and not over else None


def content_ids(body: bytes) -> dict[str, int]:
    """PaintingsByArtist: the integer id of each work by the key of its picture. Raises Drift."""
    value = load(body)
    if not isinstance(value, list):
        raise Drift("the works of an artist are no list")
    pairs = ((text(row.get("image")), integer(row.get("contentId"))) for row in rows(value))
    return {image_key(image): number for image, number in pairs if image and number is not None}


def detail(body: bytes) -> Detail:
    """ImageJson. Raises Drift."""
    row = load(body)
    if not isinstance(row, dict) or integer(row.get("contentId")) is None:
        raise Drift("the work has no contentId")
    slugs = [text(row.get("artistUrl")), text(row.get("url"))]
    return Detail(
        integer(row["contentId"]), "/en/" + "/".join(map(str, slugs)) if all(slugs) else None,
        words(row.get("style")), words(row.get("genre")), words(row.get("tags")),
        integer(row.get("completitionYear")), text(row.get("yearAsString")), row,
    )  # fmt: skip


def belongs(found: Detail, item: Item) -> bool:
    """Whether a detail is of the listed work: the pairs of slugs agree, where both are known."""
    return found.page is None or item.page is None or found.page.lower() == item.page.lower()


def resolved(word: str, names: Mapping[str, str]) -> str | None:
    """The slug that a person means: given as slug or as title, in any case, with spaces or hyphens."""
    wanted = word.strip().lower()
    if wanted in names:
        return wanted
    for slug, title in names.items():
        if wanted == title.lower() or re.sub(r"[\s_]+", "-", wanted) == slug:
            return slug
    return None
