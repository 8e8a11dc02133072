"""The WikiArt spider: names and lists of surface B for the works, surfaces A or C for what lists do not tell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pipeline.errors import UsageError, did_you_mean, nearest
from pipeline.storage import Root
from spiders import wikiart_nightly as nightly
from spiders.estimate import FREE, Estimate
from spiders.pages import wikiart as pages
from spiders.pages import wikiart_api as api
from spiders.pages import wikiart_facets as facets
from spiders.pages.wikiart import Asked, Listing
from spiders.pages.wikiart_facets import FACETS, Entry
from spiders.pages.wikiart_names import KNOWN
from spiders.registry import is_detailed
from spiders.spider import LIST, Trouble
from spiders.wikiart_api import Api
from spiders.wikiart_works import Works

GROUPS = (*pages.DICTIONARIES, "artist", *FACETS)
LISTS = {"styles": "style", "genres": "genre", "artists": "artist", "movements": "movement", "nations": "nation",
         "centuries": "century", "schools": "school"}  # fmt: skip
"""What `list` may ask for."""
STRATEGIES = ("auto", "listing", "artists")
MOST = pages.PAGE_CAP * pages.PAGE_SIZE
WORKS_PER_ARTIST = 39
"""As a harvest of the whole site found in 2026: 223,094 works by 5,755 artists."""


class WikiArtSpider(Works):
    """Crawls wikiart.org by style, genre, artist, movement, nation, century or school, or all artists in turn.

        scrapy crawl wikiart -a style=cubism -a limit=200

    One request lists all artists (for names and years of death), one each 60 works, one each artist's works by
    number, and one each work's own styles, genres, tags and year. `details=no` leaves the last two out; `api=yes`
    takes them from the documented API. A list ends at 3,600 works; of a longer style or genre the others are looked
    for among the works of its artists, unless `strategy=listing`. `list=styles` answers with names alone.
    """

    name = "wikiart"
    home = "https://www.wikiart.org"
    placeholder = pages.PLACEHOLDER
    rates = {"data": 2.0, "pictures": 5.0, "api": 2.0}  # noqa: RUF012 - as Scrapy spiders declare theirs
    checked = {"style": "cubism", "base_url": "http://127.0.0.1"}  # noqa: RUF012

    def __init__(self, list: Any = None, strategy: Any = None, api: Any = None, **arguments: Any) -> None:
        super().__init__(list=list, strategy=strategy, api=api, **arguments)
        self.question = _chosen("list", list, LISTS) if list else None
        self.strategy = _chosen("strategy", strategy or "auto", STRATEGIES)
        self.with_api = api is not None and is_detailed(api)
        self.group = next((name for name in GROUPS if arguments.get(name)), "all")
        self.word = str(arguments.get(self.group) or "")
        if self.question:
            self.group, self.word = LISTS[self.question], ""
        self.asked = Asked(self.base, self.group, "", None, datetime.now(UTC).year)
        self.entry: Entry | None = None
        self.met: dict[str, None] = {}
        self.queue: Iterator[str] | None = None
        self.sure = True
        self.total: int | None = None
        self.whole = False
        self.began = datetime.now(UTC)

    async def start(self) -> AsyncIterator[Any]:
        """Begin with the names: of styles or genres, then of artists."""
        if self.with_api and not self.dry_run:
            try:
                self.api = Api(self, Root(self.crawler.settings["WUNDERKAMMER_ROOT"]))
            except UsageError as error:
                self.give_up(error)
                return
        if self.group in pages.DICTIONARIES:
            yield self.data(pages.dictionary_url(self.base, self.group), self.on_names, self.no_names)
        elif self.group in FACETS:
            yield self.data(facets.facet_url(self.base, self.group), self.on_names, self.no_names)
        else:
            yield self.ask_artists()

    def ask_artists(self) -> Any:
        """The list of all artists."""
        return self.data(pages.artists_url(self.base), self.on_artists, self.no_artists)

    # names

    def on_names(self, body: bytes) -> Iterator[Any]:
        """Styles, genres, movements, …: settle which one is meant, or answer with all of them."""
        names = facets.entries(body)
        if self.question:
            self.answer = [_line(entry) for entry in names.values()]
            return
        slug = pages.resolved(self.word, {name: entry.title for name, entry in names.items()})
        if slug is None and names:
            self.unknown({name: entry.title for name, entry in names.items()})
            return
        self.entry = names.get(slug or "")
        self.asked = self.about(slug or self.word, self.entry.title if self.entry else None)
        yield self.ask_artists()

    def no_names(self, trouble: Trouble) -> Iterator[Any]:
        """Without a dictionary the name is taken as it is, if the site answers at all."""
        if self.gone(trouble):
            return
        if self.question:
            self.answer = list(KNOWN.get(self.group, ()))
            return
        slug = self.word.strip().lower().replace(" ", "-")
        self.asked = self.about(slug, slug.replace("-", " ").title())
        yield self.ask_artists()

    def on_artists(self, body: bytes) -> Iterator[Any]:
        """The artists: settle which one is meant, and list."""
        self.artists = pages.artists(body)
        if self.question:
            self.answer = list(self.artists)
            return
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
        plural = next(name for name, group in LISTS.items() if group == self.group)
        self.give_up(UsageError(
            f"WikiArt has no {self.group} {self.word!r}; {hint} `pipeline crawl wikiart --list {plural}` has them all."
        ))  # fmt: skip

    # listings

    def first_page(self) -> Iterator[Any]:
        """Begin the listing, or the first artist's."""
        if self.group == "all":
            yield from nightly.changed(self) if self.api else self.go_by(self.artists)
        elif self.group in FACETS:
            yield self.members(self.group, self.asked.slug, 1, [])
        elif self.strategy == "artists" and self.group in pages.DICTIONARIES:
            yield from self.find_artists()
        else:
            yield self.page(self.group, self.asked.slug, 1)

    def go_by(self, slugs: Any, sure: bool = True) -> Iterator[Any]:
        """List these artists one after the other; when not `sure`, the details of each work decide."""
        self.sure = sure
        self.queue = iter([slug for slug in slugs if not self.only_free or self.may_be_free(slug)])
        yield from self.next_artist()

    def may_be_free(self, slug: str) -> bool:
        """Whether an artist's works are in the public domain, or the artist is not known yet."""
        return slug not in self.artists or self.is_free(self.artists[slug])

    def next_artist(self) -> Iterator[Any]:
        """Go on with the next artist's works."""
        slug = next(self.queue, None) if self.queue is not None else None
        if slug is not None:
            yield from self.next_list(self.page("artist", slug, 1))
        elif self.queue is not None and not self.full:
            self.whole = True

    def page(self, group: str, slug: str, number: int) -> Any:
        """One page of a listing."""
        url = pages.listing_url(self.base, group, slug, number)
        return self.data(url, self.on_listing, self.no_listing, group=group, slug=slug, page=number)

    def on_listing(self, body: bytes, group: str, slug: str, page: int) -> Iterator[Any]:
        """A page of works: take those that are new, and go on.

        @saved wikiart/listing/page/body.json {"group": "style", "slug": "cubism", "page": 1}
        @asks 1 /paintings-by-style/cubism
        """
        found = pages.listing(body)
        if page == 1 and self.queue is None:
            self.expect(found)
        for item in found.items:
            self.met |= {item.artist: None} if item.artist and self.queue is None else {}
            yield from self.consider(item, self.sure)
        following = pages.next_page(page, found)
        if following is not None:
            yield from self.next_list(self.page(group, slug, following))
        elif found.items and (found.total or 0) > page * pages.PAGE_SIZE and not self.full:
            yield from self.cut_off(group, slug, found.total or 0)
        elif self.queue is not None and not self.full:
            yield from self.next_artist()
        elif self.queue is None:
            self.list_ended = True

    def no_listing(self, trouble: Trouble, group: str, slug: str, page: int) -> Iterator[Any]:
        """A page that cannot be had: an artist without a list is passed over, else the crawl ends here."""
        if self.queue is not None and not self.gone(trouble):
            yield from self.next_artist()
        elif self.queue is None and page == 1 and trouble.missing:
            self.nothing()
        else:
            self.refused(trouble)

    def expect(self, found: Listing) -> None:
        """Say how many works there will be, or that there are none."""
        if not found.items:
            self.nothing()
        self.total = found.total
        by_artists = self.strategy != "listing" and self.group in pages.DICTIONARIES
        total = (found.total if by_artists else min(found.total or 0, MOST)) or None
        if total is not None:
            self.expected = min(total, self.limit) if self.limit is not None else total

    def nothing(self) -> None:
        """The site has an empty list, or none, for what was asked: most likely the name is wrong."""
        near = [name for name in nearest(self.word.lower(), KNOWN.get(self.group, ())) if name != self.asked.slug]
        hint = f"did you mean {', '.join(near)}?" if near else "check the name, or the address of the site."
        self.give_up(UsageError(f"{self.base} shows no works for {self.asked.query}; {hint}"))

    # lists that are cut off, and facets

    def cut_off(self, group: str, slug: str, total: int) -> Iterator[Any]:
        """The site shows no more of a list: the others are looked for among the artists' works."""
        if self.queue is None and group in pages.DICTIONARIES and self.strategy == "auto":
            yield from self.find_artists()
            return
        self.cut(
            f"WikiArt shows at most {MOST:,} works of a list, and {slug} has {total:,}: "
            + ("the others were not taken." if self.queue is not None or group == "artist" else
               "`--strategy artists` looks for the others among the works of its artists.")
        )  # fmt: skip
        if self.queue is not None:
            yield from self.next_artist()

    def find_artists(self) -> Iterator[Any]:
        """Find the artists of a style or genre: the API knows them, else those filed under the same movement."""
        if self.api is not None:
            given = {"group": str(api.GROUPS[self.group]), "dictUrl": self.asked.slug}
            yield from self.ask_filed(given, [])
        elif self.group == "style":
            yield self.members("movement", self.asked.slug, 1, [])
        else:
            yield from self.by_artists([])

    def ask_filed(self, given: dict[str, str], found: list[str], token: str | None = None) -> Iterator[Any]:
        """One page of the artists whom the API files under a style or genre."""
        assert self.api is not None
        yield from self.api.ask(
            "ArtistsByDictionary", given, self.on_filed, self.no_members, LIST, token, named=given, found=found
        )

    def on_filed(self, body: bytes, named: dict[str, str], found: list[str]) -> Iterator[Any]:
        """Artists of a style or genre, from the API."""
        page = api.page(body)
        found += api.slugs(page)
        if page.token is not None and page.rows:
            yield from self.ask_filed(named, found, page.token)
        else:
            yield from self.by_artists(found)

    def members(self, facet: str, slug: str, page: int, found: list[str]) -> Any:
        """One page of the artists of an entry of a facet."""
        url = facets.members_url(self.base, facet, slug, page)
        return self.data(url, self.on_members, self.no_members, facet=facet, slug=slug, page=page, found=found)

    def on_members(self, body: bytes, facet: str, slug: str, page: int, found: list[str]) -> Iterator[Any]:
        """Artists of a facet: ask for more, or begin with the first one's works."""
        artists = {artist.slug: artist for artist in facets.members(body)}
        self.artists = artists | self.artists
        fresh = [name for name in artists if name not in found]
        if fresh and page < pages.PAGE_CAP:
            yield self.members(facet, slug, page + 1, found + fresh)
        elif facet == self.group:
            yield from self.of_facet(found + fresh)
        else:
            yield from self.by_artists(found + fresh)

    def no_members(self, trouble: Trouble, found: list[str], **where: Any) -> Iterator[Any]:
        """The artists of a facet cannot be had: a style or genre does with those that are known otherwise."""
        if self.group in pages.DICTIONARIES:
            yield from self.by_artists(found)
        elif trouble.missing:
            self.nothing()
        else:
            self.refused(trouble)

    def of_facet(self, found: list[str]) -> Iterator[Any]:
        """The works of the artists of a movement, nation, century or school."""
        if found:
            yield from self.go_by(found)
        else:
            self.nothing()

    def by_artists(self, found: list[str]) -> Iterator[Any]:
        """Look for the works of a style or genre among those of its artists, or of all if none are known."""
        chosen = dict.fromkeys([*self.met, *found, *self.filed()]) or dict.fromkeys(self.artists)
        about = f"{self.asked.slug} has {self.total:,} works and WikiArt shows {MOST:,} of a list" if self.total else (
            f"{self.asked.slug} goes by artists, as asked"
        )
        self.notes.append(f"{about}: looked among all works of {len(chosen):,} artists.")
        yield from self.go_by(chosen, sure=False)

    def filed(self) -> list[str]:
        """The artists whom the list of all artists files under the style or genre asked for."""
        number = self.entry.number if self.entry else None
        return [slug for slug, artist in self.artists.items() if number is not None and number in artist.filed]

    # looking ahead, and the end

    def foresee(self) -> Estimate:
        """What a crawl would take: pages of 60, the numbers of each artist's works, and a detail for each work."""
        known = sum(self.known.settled(source_id) for source_id in self.known.rows)
        pictures = self.foreseen if self.listed_whole else self.ahead(known)
        lists = 0.0 if self.listed_whole else max(0.0, ((self.expected or 0) - self.rank) / pages.PAGE_SIZE)
        artists = len(self.met) / max(1, self.rank) if self.queue is None else 1 / WORKS_PER_ARTIST
        notes: list[str] = []
        if self.queue is not None and not self.listed_whole:
            left = 1 + sum(1 for _ in self.queue)
            lists, pictures = 2.0 * left, self.limit
            notes.append(f"{left:,} artists; WikiArt as a whole has about {WORKS_PER_ARTIST} works of each.")
        elif (self.total or 0) > MOST and (self.limit is None or self.limit > MOST):
            lists += self.foresee_cap(notes)
        details = (pictures or 0) * self.details
        data = lists + (0 if self.with_api else details * (1 + artists))
        calls = details if self.with_api else 0
        found = self.estimated(pictures, {"data": data, "api": calls}, _cost(calls), tuple(notes))
        return replace(found, seconds=max(found.seconds, 3600.0 * (calls // api.CALLS_PER_HOUR)))

    def ahead(self, known: int) -> int | None:
        """How many pictures are to be fetched, when a first page has told how many there are."""
        return None if self.expected is None else max(self.foreseen, self.expected - known)

    def foresee_cap(self, notes: list[str]) -> float:
        """Requests that finding the works beyond the cap takes; says so."""
        if self.strategy == "listing":
            self.notes.append(f"WikiArt shows {MOST:,} works of a list; {self.asked.slug} has {self.total:,}.")
            return 0.0
        artists = len(dict.fromkeys([*self.met, *self.filed()])) or len(self.artists)
        notes.append(
            f"WikiArt shows {MOST:,} works of a list: the others are looked for among all works of {artists:,} or "
            "more artists, which asks for the details of works of other kinds too."
        )
        return float(artists * (2 + WORKS_PER_ARTIST))

    def closed(self, reason: str) -> None:
        """Remember a crawl of everything that came to its end."""
        if self.api is not None and self.whole and self.group == "all":
            nightly.remember(self)
        super().closed(reason)


def _chosen(argument: str, value: Any, known: Any) -> str:
    word = str(value).strip().lower()
    if word not in known:
        hint = did_you_mean(word, known) or f" Known: {', '.join(known)}."
        raise UsageError(f"`{argument}` takes no {value!r}.{hint}")
    return word


def _line(entry: Entry) -> str:
    """A name as it is listed, with the number of artists where the site tells it."""
    return entry.slug if entry.count is None else f"{entry.slug}\t{entry.count:,} artists"


def _cost(calls: float) -> str:
    return f"{calls:,.0f} of the {api.CALLS_PER_HOUR} calls an hour of WikiArt's API" if calls else FREE
