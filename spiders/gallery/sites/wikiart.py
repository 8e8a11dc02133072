"""WikiArt's records: the JSON objects of surfaces A and B, field by field as the site spells them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from spiders.gallery.catalogue import Catalogue
from spiders.gallery.works import Artist, Work, digest, share, slug

PAGE_SIZE = 60
PAGE_CAP = 60
GROUPS = {1: "art-movement", 2: "style", 3: "genre", 7: "painting-school", 10: "nation", 12: "media"}
"""Numbers of the dictionaries that hold anything here."""

MS_PER_YEAR = 31_556_952_000
Json = dict[str, Any]


def upload_host(surface: str, work: Work) -> int:
    """Which of the ten upload hosts an answer names: it varies between surfaces, as on the site."""
    return digest("host", surface, work.key) % 10


def dictionary_id(group: str, entry: str) -> int:
    """The number of a dictionary entry."""
    return digest("dictionary", group, entry) % 12_000 + 1


def date(ms: int | None) -> str | None:
    """`/Date(ms)/`, the site's way to write a time."""
    return None if ms is None else f"/Date({ms})/"


def century(artist: Artist) -> str | None:
    """The century in which an artist was born, as the site titles it."""
    if artist.birth_ms is None:
        return None
    year = 1970 + artist.birth_ms // MS_PER_YEAR
    number = year // 100 + 1 if year >= 0 else -year // 100 + 1
    return f"{number}th century{'' if year >= 0 else ' BC'}"


FILED: dict[str, Callable[[Artist], str | None]] = {
    "nation": lambda artist: artist.nation,
    "century": century,
    "painting-school": lambda artist: f"{artist.nation} School" if artist.nation else None,
}
"""Facets that the site files artists under by what they are, not by what they paint."""


class Records:
    """Makes the records of a catalogue; `hosts` are the base URLs of the ten upload hosts."""

    def __init__(self, catalogue: Catalogue, hosts: Sequence[str]) -> None:
        self.catalogue = catalogue
        self.hosts = hosts

    def image(self, surface: str, work: Work, suffix: str = "") -> str:
        """The image address that a surface gives, not percent-encoded, as the site's is not."""
        return f"{self.hosts[upload_host(surface, work)]}{work.path}{suffix}"

    def portrait(self, artist: Artist) -> str:
        """The artist's portrait: the first of the artist's works, small."""
        works = self.catalogue.by_artist.get(artist.slug, [])
        return self.image("portrait", works[0], "!Portrait.jpg") if works else ""

    def artist(self, artist: Artist) -> Json:
        """An artist of AlphabetJson."""
        return {
            "contentId": artist.content_id,
            "artistName": artist.name,
            "url": artist.slug,
            "lastNameFirst": artist.last_first,
            "image": self.portrait(artist),
            "wikipediaUrl": f"http://en.wikipedia.org/wiki/{artist.name.replace(' ', '_')}",
            "birthDay": date(artist.birth_ms),
            "deathDay": date(artist.death_ms),
            "birthDayAsString": artist.birth,
            "deathDayAsString": artist.death,
            "dictonaries": self._artist_dictionaries(artist),
        }

    def artist_page(self, artist: Artist) -> Json:
        """The artist object of surface B."""
        series = dict.fromkeys(work.serie for work in self._works(artist) if work.serie)
        return {
            "OriginalArtistName": artist.name,
            "activeYearsCompletion": None,
            "activeYearsStart": None,
            "biography": f"[i]{artist.name}[/i] paints for the practice gallery.",
            "gender": None,
            "periodsOfWork": "",
            "relatedArtistsIds": [],
            "series": "\r\n".join(series),
            "story": None,
            "themes": "",
            **self.artist(artist),
        }

    def short(self, work: Work) -> Json:
        """A work of PaintingsByArtist and MostViewedPaintings."""
        artist = self.catalogue.artist[work.artist]
        return {
            "title": work.title,
            "contentId": work.content_id,
            "artistContentId": artist.content_id,
            "artistName": artist.last_first,
            "completitionYear": work.year,
            "yearAsString": work.year_text,
            "width": work.width,
            "height": work.height,
            "image": self.image("A", work, "!Large.jpg"),
        }

    def full(self, work: Work) -> Json:
        """A work of ImageJson."""
        width, height = work.size_cm or (None, None)
        return {
            "artistUrl": work.artist,
            "url": work.slug,
            "dictionaries": self._work_dictionaries(work),
            "location": work.location,
            "period": work.period,
            "serie": work.serie,
            "genre": _joined(work.genres),
            "material": None,
            "style": _joined(work.styles),
            "technique": work.technique,
            "sizeX": width,
            "sizeY": height,
            "diameter": None,
            "auction": None,
            "yearOfTrade": None,
            "lastPrice": None,
            "galleryName": work.museum,
            "tags": _joined(work.tags),
            "description": work.description,
            **self.short(work),
        }

    def item(self, work: Work) -> Json:
        """A work of a listing of surface B."""
        return {
            "id": work.id,
            "title": work.title,
            "year": work.year_text,
            "width": work.width,
            "height": work.height,
            "artistName": self.catalogue.artist[work.artist].name,
            "image": self.image("B", work),
            "map": "0123**67*",
            "paintingUrl": f"/en/{work.artist}/{work.slug}",
            "artistUrl": f"/en/{work.artist}",
            "albums": None,
            "flags": 2,
            "images": None,
        }

    def listing(self, works: Sequence[Work], page: int) -> Json:
        """One page of 60; past the end, and past page 60 whatever the count says, `Paintings` is null."""
        start = (page - 1) * PAGE_SIZE
        on_page = works[start : start + PAGE_SIZE] if 1 <= page <= PAGE_CAP else []
        return {
            "ArtistsHtml": None,
            "CanLoadMoreArtists": False,
            "Paintings": [self.item(work) for work in on_page] or None,
            "Artists": None,
            "AllArtistsCount": 0,
            "PaintingsHtml": None,
            "PaintingsHtmlBeta": None,
            "AllPaintingsCount": len(works),
            "PageSize": PAGE_SIZE,
            "TimeLog": None,
        }

    def dictionary(self, group: int) -> list[Json]:
        """The entries of a dictionary, such as 2 for the styles."""
        name = GROUPS.get(group, "")
        return [
            {"contentId": dictionary_id(name, url), "title": title, "url": url, "group": group}
            for url, title in sorted(self.facet(name).items())
        ]

    def facet(self, name: str) -> dict[str, str]:
        """The slugs and titles of a group of works or artists."""
        if name == "art-movement":
            return self.catalogue.titles["style"]
        if name in FILED:
            titles = (FILED[name](artist) for artist in self.catalogue.artists)
            return {slug(title): title for title in titles if title}
        return self.catalogue.titles.get(name, {})

    def artists_in(self, facet: str, term: str) -> list[Artist]:
        """The artists of one entry of a facet."""
        if facet in FILED:
            return [artist for artist in self.catalogue.artists if slug(FILED[facet](artist) or "") == term]
        group = "style" if facet == "art-movement" else facet
        found = dict.fromkeys(work.artist for work in self.catalogue.listings.get(group, {}).get(term, []))
        return [self.catalogue.artist[name] for name in found]

    def _works(self, artist: Artist) -> list[Work]:
        return self.catalogue.by_artist.get(artist.slug, [])

    def _artist_dictionaries(self, artist: Artist) -> list[int]:
        styles = dict.fromkeys(slug(style) for work in self._works(artist) for style in work.styles)
        nations = [dictionary_id("nation", slug(artist.nation))] if artist.nation else []
        return [dictionary_id("style", style) for style in styles] + nations

    def _work_dictionaries(self, work: Work) -> list[int]:
        """Numbers of the work's style and genre; one work in twenty has none, as on the site."""
        if share("dictionaries", work.key) >= 0.948:
            return []
        return [dictionary_id("style", slug(style)) for style in work.styles] + [
            dictionary_id("genre", slug(genre)) for genre in work.genres
        ]


def _joined(words: Sequence[str]) -> str | None:
    return ", ".join(words) or None
