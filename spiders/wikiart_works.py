"""From a work in one of WikiArt's lists to its picture: its rights, its details, its artist, its address."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import Reason
from pipeline.storage import Root
from spiders.pages import wikiart as pages
from spiders.pages import wikiart_api as api
from spiders.pages import wikiart_rights as rights
from spiders.pages.wikiart import Artist, Asked, Detail, Item
from spiders.pages.wikiart_facets import same_name
from spiders.pages.wikiart_records import to_record
from spiders.registry import is_detailed, is_only_free
from spiders.spider import DETAIL, PictureSpider, Trouble
from spiders.wikiart_api import Api
from spiders.wikiart_labels import Labels

Then = Callable[[], Iterator[Any]]


@dataclass(slots=True)
class Work:
    """A listed work on its way; without a rank it is taken only if its details say that it was asked for."""

    item: Item
    rank: int | None
    more: Detail | None = None


class Works(PictureSpider):
    """What becomes of each work. `consider` begins with a listed one; lists are the subclass's."""

    def __init__(self, details: Any = None, public_domain: Any = None, **arguments: Any) -> None:
        super().__init__(details=details, public_domain=public_domain, **arguments)
        self.details = is_detailed(details)
        self.only_free = is_only_free(public_domain)
        self.asked = Asked(self.base, "all", "", None, datetime.now(UTC).year)
        self.api: Api | None = None
        self.artists: dict[str, Artist] = {}
        self.numbers: dict[str, dict[str, int]] = {}
        self.waiting: dict[str, list[Work]] = defaultdict(list)
        self.strangers: dict[str, list[Then]] = defaultdict(list)
        self.counted: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.undetailed = 0
        self.undecided = 0
        self._labels: Labels | None = None

    @property
    def labels(self) -> Labels:
        """What is remembered of works that were looked at."""
        if self._labels is None:
            self._labels = Labels(Root(self.crawler.settings["WUNDERKAMMER_ROOT"]))
        return self._labels

    def consider(self, item: Item, sure: bool = True) -> Iterator[Any]:
        """Take a listed work, if it is new, and free where only free ones are asked for.

        `sure` when the list itself says that the work is one of those asked for, else its details decide.
        """
        if self.full or item.id in self._seen:
            return
        if self.known.settled(item.id) and not self.is_due(item.id):
            self.turn(item.id)
            return
        by = self.artists.get(item.artist or "")
        if self.only_free and by is None and item.artist:
            yield from self.meet(item.artist, partial(self.consider, item, sure))
            return
        if self.only_free and not self.is_free(by):
            self._seen.add(item.id)
            self.left_out[self.licence(by)] += 1
            return
        if not sure and self.is_other(item.id):
            return
        rank = self.turn(item.id) if sure else None
        if rank is not None or not sure:
            yield from self.work(Work(item, rank))

    def licence(self, by: Artist | None) -> str:
        """The licence of an artist's works."""
        return rights.licence(by, self.asked.this_year)[0]

    def is_free(self, by: Artist | None) -> bool:
        """Whether an artist's works are in the public domain."""
        return self.licence(by) == rights.PUBLIC_DOMAIN

    def is_other(self, work: str) -> bool:
        """Whether a work was looked at before, and is not of the style or genre asked for."""
        names = self.labels.of(work, self.asked.group)
        return names is not None and not self.is_asked(names)

    def is_asked(self, names: list[str]) -> bool:
        """Whether one of these styles or genres is the one asked for."""
        return any(same_name(name, wanted) for name in names for wanted in (self.asked.slug, self.asked.title or ""))

    # details

    def work(self, work: Work) -> Iterator[Any]:
        """Ask for what the listing does not tell of a work, then for its picture."""
        artist = work.item.artist
        if not work.item.image or not (self.details or work.rank is None):
            yield from self.with_artist(work)
        elif self.api is not None:
            given = {"id": work.item.id, "imageFormat": "HD"}
            yield from self.api.ask("Painting", given, self.on_painting, self.no_detail, DETAIL, work=work)
        elif artist is None:
            yield from self.detailed(work, None)
        elif artist in self.numbers:
            yield from self.ask_detail(work)
        else:
            self.waiting[artist].append(work)
            if len(self.waiting[artist]) == 1:
                url = pages.works_url(self.base, artist)
                yield self.data(url, self.on_numbers, self.no_numbers, artist=artist).replace(priority=DETAIL)

    def on_numbers(self, body: bytes, artist: str) -> Iterator[Any]:
        """The numbers of an artist's works."""
        self.numbers[artist] = pages.content_ids(body)
        for work in self.waiting.pop(artist, []):
            yield from self.ask_detail(work)

    def no_numbers(self, trouble: Trouble, artist: str) -> Iterator[Any]:
        """Without numbers the artist's works go on without details."""
        self.numbers[artist] = {}
        for work in self.waiting.pop(artist, []):
            yield from self.ask_detail(work)

    def ask_detail(self, work: Work) -> Iterator[Any]:
        """Everything about a work, when its number is known."""
        number = self.numbers[work.item.artist or ""].get(pages.image_key(work.item.image or ""))
        if number is None:
            yield from self.detailed(work, None)
        else:
            url = pages.detail_url(self.base, number)
            asking = self.data(url, self.on_detail, self.no_detail, follow=False, work=work)
            yield asking.replace(priority=DETAIL)

    def on_detail(self, body: bytes, work: Work) -> Iterator[Any]:
        """The detail of a work, from the pages."""
        yield from self.detailed(work, pages.detail(body))

    def on_painting(self, body: bytes, work: Work) -> Iterator[Any]:
        """The detail of a work, from the API."""
        yield from self.detailed(work, api.painting(body))

    def no_detail(self, trouble: Trouble, work: Work) -> Iterator[Any]:
        """A work without details goes on with what its listing told."""
        yield from self.detailed(work, None)

    def detailed(self, work: Work, more: Detail | None) -> Iterator[Any]:
        """Go on with a work, whose details are known or cannot be; one that was not asked for goes no further."""
        work.more = more if more is not None and pages.belongs(more, work.item) else None
        if work.rank is None:
            work.rank = self.decided(work)
            if work.rank is None:
                return
        self.undetailed += more is None
        yield from self.with_artist(work)

    def decided(self, work: Work) -> int | None:
        """The rank of a work whose details say that it was asked for; None for any other."""
        if work.more is None:
            self.undecided += 1
            return None
        self.labels.add(work.item.id, work.more.style, work.more.genre)
        return self.turn(work.item.id) if self.is_asked(getattr(work.more, self.asked.group)) else None

    # artists

    def with_artist(self, work: Work) -> Iterator[Any]:
        """Ask for an artist whom the list of artists lacks, once, then for the picture."""
        slug = work.item.artist
        if slug is None or slug in self.artists:
            yield from self.fetch(work)
        else:
            yield from self.meet(slug, partial(self.fetch, work))

    def meet(self, slug: str, then: Then) -> Iterator[Any]:
        """Go on when an artist is known whom the list of artists lacks."""
        self.strangers[slug].append(then)
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
        """Go on with what waited for an artist."""
        self.artists[slug] = artist
        for then in self.strangers.pop(slug, []):
            yield from then()

    # pictures

    def fetch(self, work: Work) -> Iterator[Any]:
        """The picture, unless the site shows a placeholder in its place."""
        item, by = work.item, self.artists.get(work.item.artist or "")
        row = to_record(item, work.more, by, self.asked, work.rank or 0)
        self.counted[row["licence"]] += 1
        if not item.image:
            row["url"] = row["page_url"]
            yield from self.without_picture(row, Reason.MISSING, "the listing names no picture")
        elif pages.PLACEHOLDER in item.image:
            row["url"] = item.image
            yield from self.without_picture(row, Reason.PLACEHOLDER)
        else:
            yield from self.picture(row, pages.variants(item.image))

    def addresses(self, row: dict[str, Any]) -> list[tuple[str, str]]:
        """The original, and the sizes that stand in for it."""
        return pages.variants(row["url"])

    def canonical(self, url: str) -> str:
        """The ten upload hosts hold the same pictures: the path alone tells one from another."""
        return urlsplit(url).path

    def closed(self, reason: str) -> None:
        """Leave word of rights, and of what could not be told."""
        if self._labels is not None:
            self._labels.save()
        if self.left_out:
            self.notes.append(rights.left_out(self.left_out, self.asked.this_year))
        elif self.counted.keys() - {rights.UNKNOWN} and not self.only_free:
            self.notes.append(rights.told(self.counted))
        if self.undetailed:
            self.notes.append(f"{self.undetailed:,} works have no details on WikiArt beyond their listing.")
        if self.undecided:
            self.notes.append(
                f"{self.undecided:,} works of these artists were left: WikiArt does not tell their {self.asked.group}."
            )
        super().closed(reason)
