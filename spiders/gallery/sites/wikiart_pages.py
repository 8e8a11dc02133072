"""WikiArt's addresses: which request gets which record, listing, page or error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from spiders.gallery.http1 import Request, Response
from spiders.gallery.sites.wikiart import PAGE_SIZE, Records
from spiders.gallery.sites.wikiart_api import Api
from spiders.gallery.works import LIVING_MS, Artist, Work, digest

WORKS_PER_SITEMAP = 5_000
PUBLIC_DOMAIN_YEARS = 71


class WikiArt:
    """Answers WikiArt's requests. `base` is the site's own URL, for redirects and the sitemap."""

    def __init__(self, records: Records, base: str, api: Api | None = None) -> None:
        self.api = api or Api(records)
        self.records = records
        self.catalogue = records.catalogue
        self.base = base
        self.routes: list[tuple[re.Pattern[str], Callable[..., Response]]] = [
            (re.compile(pattern, re.IGNORECASE), handler)
            for pattern, handler in (
                (r"/[a-z]{2}/App/Artist/AlphabetJson", self.alphabet),
                (r"/[a-z]{2}/App/Painting/PaintingsByArtist", self.paintings_by_artist),
                (r"/[a-z]{2}/App/Painting/ImageJson/([^/]*)", self.image_json),
                (r"/[a-z]{2}/App/Painting/MostViewedPaintings", self.most_viewed),
                (r"/[a-z]{2}/App/Painting/Newest", self.newest),
                (r"/[a-z]{2}/App/wiki/DictionariesJson/(\d+)", self.dictionaries),
                (r"/[a-z]{2}/App/Search/Artists-by-([a-z-]+)", self.artists_search),
                (r"/[a-z]{2}/paintings-by-([a-z-]+)/([^/]+)(?:/\d+)?", self.group_listing),
                (r"/[a-z]{2}/search/(.+?)(?:/(\d+))?", self.search),
                (r"/[a-z]{2}/artists-by-([a-z-]+)", self.facet),
                (r"/[a-z]{2}/error", self.error),
                (r"/[a-z]{2}/([^/]+)/mode/all-paintings", self.artist_listing),
                (r"/[a-z]{2}/([^/]+)/all-works/text-list", self.text_list),
                (r"/[a-z]{2}/([^/]+)/([^/]+)", self.work_page),
                (r"/[a-z]{2}/([^/]+)", self.artist_page),
                (r"/sitemap/sitemap_index\.xml", self.sitemap_index),
                (r"/sitemap/sitemap_(\d+)\.xml", self.sitemap),
                (r"/robots\.txt", self.robots),
                (r"/|/[a-z]{2}/?", self.home),
            )
        ]

    def answer(self, request: Request) -> Response | None:
        """The answer to a request, or None when the address is not one of WikiArt's."""
        if (answer := self.api.answer(request)) is not None:
            return answer
        for pattern, handler in self.routes:
            if match := pattern.fullmatch(request.path):
                return handler(request, *match.groups())
        return None

    def is_metadata(self, request: Request) -> bool:
        """Whether the site meters the request: JSON, as opposed to robots.txt, pages and pictures."""
        return "/App/" in request.path or "/api/2/" in request.path.lower() or "json" in request.query

    # surface A

    def alphabet(self, request: Request) -> Response:
        """All artists, or those whose works are (`inPublicDomain=true`) or may not be free."""
        wanted = request.query.get("inPublicDomain")
        artists = [
            artist for artist in self.catalogue.artists
            if wanted is None or in_public_domain(artist) == (wanted.lower() == "true")
        ]  # fmt: skip
        return _json([self.records.artist(artist) for artist in artists])

    def paintings_by_artist(self, request: Request) -> Response:
        """All works of one artist, without paging."""
        works = self.catalogue.by_artist.get(request.query.get("artistUrl", ""), [])
        return _json([self.records.short(work) for work in works])

    def image_json(self, request: Request, content_id: str) -> Response:
        """Everything about one work; a missing one redirects to an error page that itself answers 500."""
        work = self.catalogue.by_content_id.get(int(content_id)) if content_id.isdigit() else None
        if work is None:
            return _redirect(f"/en/error?aspxerrorpath={request.path}")
        return _json(self.records.full(work))

    def error(self, request: Request) -> Response:
        """The error page."""
        return Response(500, b"<!DOCTYPE html><title>WikiArt</title><h1>Something went wrong</h1>")

    def most_viewed(self, request: Request) -> Response:
        """Popular works, in an order given by `randomSeed`."""
        seed = request.query.get("randomSeed", "0")
        limit = _number(request.query.get("limit"), PAGE_SIZE)
        works = sorted(self.catalogue.works, key=lambda work: digest("popular", seed, work.key))
        return _json([self.records.short(work) for work in works[:limit]])

    def newest(self, request: Request) -> Response:
        """Dead, as on the site."""
        return Response(400, b"<h1>Bad request</h1>")

    def dictionaries(self, request: Request, group: str) -> Response:
        """The vocabulary of one group: 2 styles, 3 genres, 12 media, …"""
        return _json(self.records.dictionary(int(group)))

    def artists_search(self, request: Request, facet: str) -> Response:
        """The artists of one entry of a facet, 60 a page."""
        artists = self.records.artists_in(facet.lower(), request.query.get("searchterm", ""))
        start = (_number(request.query.get("page"), 1) - 1) * PAGE_SIZE
        rows = [
            {**self.records.artist(artist), "artistUrl": f"/en/{artist.slug}"}
            for artist in artists[start : start + PAGE_SIZE]
        ]
        return _json({"Artists": rows or None, "AllArtistsCount": len(artists), "PageSize": PAGE_SIZE})

    # surface B

    def group_listing(self, request: Request, group: str, slug: str) -> Response:
        """The works of a style, genre, …; `Paintings` is null for an unknown one."""
        works = self.catalogue.listings.get(group.lower(), {}).get(slug, [])
        return self._listing(request, works, f"{slug} ({group})")

    def artist_listing(self, request: Request, slug: str) -> Response:
        """The works of an artist."""
        if slug not in self.catalogue.artist:
            return _not_found()
        return self._listing(request, self.catalogue.by_artist.get(slug, []), slug)

    def search(self, request: Request, text: str, page: str | None) -> Response:
        """The works whose artist and title hold every word of the text."""
        words = text.lower().split()
        found = [
            work for work in self.catalogue.works
            if all(w in f"{self.catalogue.artist[work.artist].name} {work.title}".lower() for w in words)
        ]  # fmt: skip
        return self._listing(request, found, text)

    def facet(self, request: Request, facet: str) -> Response:
        """The entries of a facet, such as the nations, with the number of artists of each."""
        entries = [
            {"slug": slug, "title": {"en": title}, "Count": len(self.records.artists_in(facet.lower(), slug))}
            for slug, title in sorted(self.records.facet(facet.lower()).items())
        ]
        return _json({"Dictionaries": entries, "Categories": []})

    def artist_page(self, request: Request, slug: str) -> Response:
        """One artist, as an object with `?json=2`, else as a page."""
        artist = self.catalogue.artist.get(slug)
        if artist is None:
            return _not_found()
        if "json" in request.query:
            return _json(self.records.artist_page(artist))
        return self._list_page(self.catalogue.by_artist.get(slug, []), artist.name)

    # pages for people

    def work_page(self, request: Request, artist: str, slug: str) -> Response:
        """The page of one work, which carries the work's 24-digit id."""
        work = self.catalogue.by_slugs.get((artist, slug))
        if work is None:
            return _not_found()
        image = escape(self.records.image("B", work))
        return _page(
            work.title,
            f'<p><a href="/en/{artist}">{escape(self.catalogue.artist[artist].name)}</a>, '
            f'{escape(work.year_text or "?")}</p><div data-painting-id="{work.id}">'
            f'<img src="{image}" alt=""></div><script>var paintingId = \'{work.id}\';</script>',
        )

    def text_list(self, request: Request, slug: str) -> Response:
        """All works of an artist as a list of links."""
        if slug not in self.catalogue.artist:
            return _not_found()
        works = self.catalogue.by_artist.get(slug, [])
        lines = [
            f'<li class="painting-list-text-row"><a href="/en/{work.artist}/{work.slug}">{escape(work.title)}'
            f"</a>, <span>{escape(work.year_text or '?')}</span></li>"
            for work in works
        ]
        return _page(self.catalogue.artist[slug].name, f'<ul class="painting-list-text">{"".join(lines)}</ul>')

    def home(self, request: Request) -> Response:
        """The styles and genres, with the number of works of each."""
        lists = []
        for group in ("style", "genre"):
            entries = sorted(self.catalogue.listings[group].items())
            lists.append(f"<h2>By {group}</h2><ul>" + "".join(
                f'<li><a href="/en/paintings-by-{group}/{slug}">'
                f"{escape(self.catalogue.titles[group][slug])}</a> ({len(works)})</li>"
                for slug, works in entries) + "</ul>")  # fmt: skip
        return _page(f"Practice gallery: {len(self.catalogue.works)} works", "".join(lists))

    def robots(self, request: Request) -> Response:
        """Everything is allowed."""
        text = f"User-agent: *\nAllow: /\nSitemap: {self.base}/sitemap/sitemap_index.xml\n"
        return Response(200, text.encode(), "text/plain; charset=utf-8")

    def sitemap_index(self, request: Request) -> Response:
        """The shards: number 0 for the artists, the others for the works."""
        shards = 1 + -(-len(self.catalogue.works) // WORKS_PER_SITEMAP)
        locations = (f"{self.base}/sitemap/sitemap_{number}.xml" for number in range(shards))
        return _xml("sitemapindex", "sitemap", locations)

    def sitemap(self, request: Request, number: str) -> Response:
        """One shard."""
        if (shard := int(number)) == 0:
            return _xml("urlset", "url", (f"{self.base}/en/{artist.slug}" for artist in self.catalogue.artists))
        works = self.catalogue.works[(shard - 1) * WORKS_PER_SITEMAP : shard * WORKS_PER_SITEMAP]
        if not works:
            return _not_found()
        return _xml("urlset", "url", (f"{self.base}/en/{work.artist}/{work.slug}" for work in works))

    def _listing(self, request: Request, works: list[Work], heading: str) -> Response:
        if "json" not in request.query:
            return self._list_page(works, heading)
        tail = request.path.rpartition("/")[2]
        page = _number(request.query.get("page"), int(tail) if tail.isdigit() else 1)
        return _json(self.records.listing(works, page))

    def _list_page(self, works: list[Work], heading: str) -> Response:
        shown = "".join(
            f'<a href="/en/{work.artist}/{work.slug}">'
            f'<img src="{escape(self.records.image("B", work))}" alt="{escape(work.title)}" height="160"></a> '
            for work in works[:PAGE_SIZE]
        )
        return _page(f"{heading}: {len(works)} works", shown)


def in_public_domain(artist: Artist) -> bool:
    """Whether the artist died more than 70 full years ago; not when the death is unknown."""
    if artist.death_ms is None or artist.death_ms >= LIVING_MS:
        return False
    died = datetime(1970, 1, 1, tzinfo=UTC).year + artist.death_ms / timedelta(days=365.2425).total_seconds() / 1e3
    return int(died) <= datetime.now(UTC).year - PUBLIC_DOMAIN_YEARS


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdigit() else otherwise


def _json(value: Any) -> Response:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Response(200, body, "application/json; charset=utf-8")


def _redirect(location: str) -> Response:
    return Response(302, b"", headers={"Location": location})


def _not_found() -> Response:
    return Response(404, b"<!DOCTYPE html><title>WikiArt</title><h1>404: not found</h1>")


def _page(title: str, body: str) -> Response:
    head = f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    return Response(200, f"{head}<h1>{escape(title)}</h1>{body}".encode())


def _xml(root: str, entry: str, locations: Any) -> Response:
    lines = "".join(f"<{entry}><loc>{escape(location)}</loc></{entry}>" for location in locations)
    name_space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    text = f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="{name_space}">{lines}</{root}>'
    return Response(200, text.encode(), "application/xml; charset=utf-8")
