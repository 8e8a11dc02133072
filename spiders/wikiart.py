"""The WikiArt spider: listings of surface B for the works, surface A for what listings do not tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

from pipeline.errors import Reason, UsageError, nearest
from spiders.pages import wikiart as pages
from spiders.pages.wikiart import Artist, Asked, Detail, Item
from spiders.pages.wikiart_names import KNOWN
from spiders.registry import is_detailed
from spiders.spider import DETAIL, PictureSpider, Trouble

Waiting = tuple[Item, int]
Stranger = tuple[Item, Detail | None, int]


class WikiArtSpider(PictureSpider):
    """Crawls wikiart.org by style, genre or artist, or all artists one after the other.

        scrapy crawl wikiart -a style=cubism -a limit=200

    One request lists all artists (for names and years of death), one each 60 works, one each artist's works by
    number, and one each work's own styles, genres, tags and year. `details=no` leaves the last two out.
    """

    name = "wikiart"
    home = "https://www.wikiart.org"
    placeholder = pages.PLACEHOLDER
    rates = {"data": 2.0, "pictures": 5.0}  # noqa: RUF012 - as Scrapy spiders declare theirs

    def __init__(self, details: Any = None, **arguments: Any) -> None:
        super().__init__(details=details, **arguments)
        self.details = is_detailed(details)
        self.group = next((name for name in ("style", "genre", "artist") if arguments.get(name)), "all")
        self.word = str(arguments.get(self.group) or "")
        self.asked = Asked(self.base, self.group, "", None, datetime.now(UTC).year)
        self.artists: dict[str, Artist] = {}
        self.numbers: dict[str, dict[str, int]] = {}
        self.waiting: dict[str, list[Waiting]] = defaultdict(list)
        self.strangers: dict[str, list[Stranger]] = defaultdict(list)
        self.queue: Iterator[str] = iter(())
        self.undetailed = 0

    async def start(self) -> AsyncIterator[Any]:
        """Begin with the names: of styles or genres, then of artists."""
        if self.group in pages.DICTIONARIES:
            url = pages.dictionary_url(self.base, self.group)
            yield self.data(url, self.on_dictionary, self.no_dictionary)
        else:
            yield self.ask_artists()

    def ask_artists(self) -> Any:
        """The list of all artists."""
        return self.data(pages.artists_url(self.base), self.on_artists, self.no_artists)

    # names

    def on_dictionary(self, body: bytes) -> Iterator[Any]:
        """Styles or genres: settle which one is meant."""
        names = pages.dictionary(body)
        slug = pages.resolved(self.word, names)
        if slug is None and names:
            self.unknown(names)
            return
        self.asked = self.about(slug or self.word, names.get(slug or ""))
        yield self.ask_artists()

    def no_dictionary(self, trouble: Trouble) -> Iterator[Any]:
        """Without a dictionary the name is taken as it is, if the site answers at all."""
        if not self.gone(trouble):
            slug = self.word.strip().lower().replace(" ", "-")
            self.asked = self.about(slug, slug.replace("-", " ").title())
            yield self.ask_artists()

    def on_artists(self, body: bytes) -> Iterator[Any]:
        """The artists: settle which one is meant, and list."""
        self.artists = pages.artists(body)
        if self.group == "artist":
            names = {slug: artist.name or slug for slug, artist in self.artists.items()}
            slug = pages.resolved(self.word, names)
            if slug is None and names:
                self.unknown(names)
                return
            self.asked = self.about(slug or self.word, None)
        yield from self.first_page()

    def no_artists(self, trouble: Trouble) -> Iterator[Any]:
        """Without the list of artists each artist is asked for, if the site answers at all."""
        if self.group == "all":
            self.refused(trouble)
        elif not self.gone(trouble):
            self.asked = self.asked if self.asked.slug else self.about(self.word, None)
            yield from self.first_page()

    def gone(self, trouble: Trouble) -> bool:
        """Whether a failure was not a 404, so that the site as a whole must be taken for unavailable."""
        if trouble.missing:
            return False
        self.refused(trouble)
        return True

    def about(self, slug: str, title: str | None) -> Asked:
        """What is asked, now that its slug is known."""
        return Asked(self.base, self.group, slug, title, self.asked.this_year)

    def unknown(self, names: dict[str, str]) -> None:
        """Say that there is no such style, genre or artist, and which ones are like it."""
        near = nearest(self.word.lower(), names) or nearest(self.word.title(), names.values())
        near = near or nearest(self.word.lower(), KNOWN.get(self.group, ()))
        hint = f"did you mean {', '.join(near)}?" if near else f"some that it has: {', '.join(list(names)[:5])}."
        self.give_up(UsageError(f"WikiArt has no {self.group} {self.word!r}; {hint}"))

    # listings

    def first_page(self) -> Iterator[Any]:
        """Begin the listing, or the first artist's."""
        if self.group == "all":
            self.queue = iter(list(self.artists))
            yield from self.next_artist()
        else:
            yield from self.next_list(self.page(self.group, self.asked.slug, 1))

    def next_artist(self) -> Iterator[Any]:
        """Go on with the next artist's works, when all are asked for."""
        slug = next(self.queue, None)
        if slug is not None:
            yield from self.next_list(self.page("artist", slug, 1))

    def page(self, group: str, slug: str, number: int) -> Any:
        """One page of a listing."""
        url = pages.listing_url(self.base, group, slug, number)
        return self.data(url, self.on_listing, self.no_listing, group=group, slug=slug, page=number)

    def on_listing(self, body: bytes, group: str, slug: str, page: int) -> Iterator[Any]:
        """A page of works: take those that are new, and go on."""
        found = pages.listing(body)
        if page == 1 and self.group != "all":
            self.expect(found)
        for item in found.items:
            if (rank := self.turn(item.id)) is not None:
                yield from self.work(item, rank)
        following = pages.next_page(page, found)
        if following is not None:
            yield from self.next_list(self.page(group, slug, following))
            return
        if found.items and (found.total or 0) > page * pages.PAGE_SIZE and not self.full:
            self.notes.append(
                f"WikiArt shows at most {pages.PAGE_CAP * pages.PAGE_SIZE:,} works of a list, and {slug} has "
                f"{found.total:,}: crawl its artists to get the others."
            )
        if self.group == "all" and not self.full:
            yield from self.next_artist()

    def no_listing(self, trouble: Trouble, group: str, slug: str, page: int) -> Iterator[Any]:
        """A page that cannot be had: an artist without a list is passed over, else the crawl ends here."""
        if self.group == "all" and not self.gone(trouble):
            yield from self.next_artist()
        elif page == 1 and trouble.missing:
            self.nothing()
        else:
            self.refused(trouble)

    def expect(self, found: pages.Listing) -> None:
        """Say how many works there will be, or that there are none."""
        if not found.items:
            self.nothing()
        total = min(found.total or 0, pages.PAGE_CAP * pages.PAGE_SIZE) or None
        if total is not None:
            self.expected = min(total, self.limit) if self.limit is not None else total

    def nothing(self) -> None:
        """The site has an empty list, or none, for what was asked: most likely the name is wrong."""
        near = [name for name in nearest(self.word.lower(), KNOWN.get(self.group, ())) if name != self.asked.slug]
        hint = f"did you mean {', '.join(near)}?" if near else "check the name, or the address of the site."
        self.give_up(UsageError(f"{self.base} shows no works for {self.asked.query}; {hint}"))

    # works

    def work(self, item: Item, rank: int) -> Iterator[Any]:
        """Ask for what the listing does not tell of a work, then for its picture."""
        if self.details and item.artist and item.image:
            if item.artist in self.numbers:
                yield from self.ask_detail(item, rank)
                return
            self.waiting[item.artist].append((item, rank))
            if len(self.waiting[item.artist]) == 1:
                url = pages.works_url(self.base, item.artist)
                yield self.data(url, self.on_numbers, self.no_numbers, artist=item.artist).replace(priority=DETAIL)
        else:
            yield from self.with_artist(item, None, rank)

    def on_numbers(self, body: bytes, artist: str) -> Iterator[Any]:
        """The numbers of an artist's works."""
        self.numbers[artist] = pages.content_ids(body)
        for item, rank in self.waiting.pop(artist, []):
            yield from self.ask_detail(item, rank)

    def no_numbers(self, trouble: Trouble, artist: str) -> Iterator[Any]:
        """Without numbers the artist's works go on without details."""
        self.numbers[artist] = {}
        for item, rank in self.waiting.pop(artist, []):
            yield from self.ask_detail(item, rank)

    def ask_detail(self, item: Item, rank: int) -> Iterator[Any]:
        """Everything about a work, when its number is known."""
        number = self.numbers[item.artist or ""].get(pages.image_key(item.image or ""))
        if number is None:
            self.undetailed += 1
            yield from self.with_artist(item, None, rank)
        else:
            url = pages.detail_url(self.base, number)
            given = {"item": item, "rank": rank}
            yield self.data(url, self.on_detail, self.no_detail, follow=False, **given).replace(priority=DETAIL)

    def on_detail(self, body: bytes, item: Item, rank: int) -> Iterator[Any]:
        """The detail of a work."""
        found = pages.detail(body)
        yield from self.with_artist(item, found if pages.belongs(found, item) else None, rank)

    def no_detail(self, trouble: Trouble, item: Item, rank: int) -> Iterator[Any]:
        """A work without details goes on with what its listing told."""
        self.undetailed += 1
        yield from self.with_artist(item, None, rank)

    def with_artist(self, item: Item, more: Detail | None, rank: int) -> Iterator[Any]:
        """Ask for an artist whom the list of artists lacks, once, then for the picture."""
        slug = item.artist
        if slug is None or slug in self.artists:
            yield from self.fetch(item, more, rank)
            return
        self.strangers[slug].append((item, more, rank))
        if len(self.strangers[slug]) == 1:
            url = pages.artist_url(self.base, slug)
            yield self.data(url, self.on_artist, self.no_artist, slug=slug).replace(priority=DETAIL)

    def on_artist(self, body: bytes, slug: str) -> Iterator[Any]:
        """An artist whom the list of artists lacked."""
        yield from self.introduce(slug, pages.artist(body))

    def no_artist(self, trouble: Trouble, slug: str) -> Iterator[Any]:
        """An artist of whom nothing is known."""
        yield from self.introduce(slug, Artist(slug, None, None, None, False))

    def introduce(self, slug: str, artist: Artist) -> Iterator[Any]:
        """Go on with the works that waited for their artist."""
        self.artists[slug] = artist
        for item, more, rank in self.strangers.pop(slug, []):
            yield from self.fetch(item, more, rank)

    def fetch(self, item: Item, more: Detail | None, rank: int) -> Iterator[Any]:
        """The picture, unless the site shows a placeholder in its place."""
        row = pages.to_record(item, more, self.artists.get(item.artist or ""), self.asked, rank)
        if not item.image:
            row["url"] = row["page_url"]
            yield from self.without_picture(row, Reason.MISSING, "the listing names no picture")
        elif self.placeholder in item.image:
            row["url"] = item.image
            yield from self.without_picture(row, Reason.PLACEHOLDER)
        else:
            yield from self.picture(row, pages.variants(item.image))

    def closed(self, reason: str) -> None:
        """Leave word of what could not be told."""
        if self.undetailed:
            self.notes.append(f"{self.undetailed:,} works have no details on WikiArt beyond their listing.")
        super().closed(reason)


