"""The Instagram spider: pictures with a hashtag over the official Graph API, and no other way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import scrapy

from pipeline.errors import Reason, SourceRefused, UsageError
from pipeline.storage import Root
from spiders import secrets
from spiders.answers import Answers
from spiders.desk import Seen
from spiders.estimate import Estimate, at_rates
from spiders.ledger import Ledger
from spiders.pages import instagram as pages
from spiders.pages.fields import Drift
from spiders.pages.hashtags import SLOT_DAYS, SLOTS, tags_of
from spiders.pages.instagram import EDGES, Media
from spiders.spider import LIST, PictureSpider

TRIES = 3
WARN_DAYS = 7
BARREN = 2
"""Pages in a row without a new post after which a list is over: its cursor may stay the same for ever."""
ROOM = 240
_EXCHANGE = "/oauth/access_token?grant_type=fb_exchange_token gives one for about 60 days"


class InstagramSpider(PictureSpider):
    """Fetches the pictures of a hashtag: posts of the last 24 hours, and the most popular ones.

        scrapy crawl instagram -a tag=skull

    Needs INSTAGRAM_TOKEN and INSTAGRAM_USER_ID. Addresses of pictures are signed and expire, so that each is fetched
    at once; one that has expired is had again by asking for its page again. With INSTAGRAM_APP_TOKEN the token is
    checked first.
    """

    name = "instagram"
    home = "https://graph.facebook.com"
    pictures_anywhere = True
    rates = {"data": 1.0, "pictures": 1.0}  # noqa: RUF012 - as Scrapy spiders declare theirs

    def __init__(self, tag: str = "", **arguments: Any) -> None:
        super().__init__(tag=tag, **arguments)
        self.tags = tags_of(tag)
        self.token = secrets.required("INSTAGRAM_TOKEN", f"{pages.INSTEAD}; else get {pages.NEEDED}")
        self.user = secrets.required("INSTAGRAM_USER_ID", "it is the number of your Instagram professional account")
        self.app_token = secrets.secret("INSTAGRAM_APP_TOKEN")
        self.slots: set[str] = set()
        self.films = self.unnamed = 0
        self.expired: dict[str, tuple[str, str, str | None]] = {}
        self.places: dict[str, tuple[str, str, str | None]] = {}
        self.renewed: set[str] = set()
        self.places_seen: set[tuple[str, str]] = set()
        self._space = asyncio.Event()

    async def start(self) -> AsyncIterator[Any]:
        """Check the token, then ask each tag for its recent and its top posts."""
        root = Root(self.crawler.settings["WUNDERKAMMER_ROOT"])
        owner = hashlib.sha256(self.user.encode()).hexdigest()[:12]
        self.ids, self.ledger = Answers(root, "instagram"), Ledger(root, f"instagram-{owner}")
        if self.dry_run:
            self.estimate = self.foresee()
            return
        self._warn_of_gap()
        if self.app_token:
            given = {"input_token": self.token, "access_token": self.app_token}
            yield self.call("debug_token", self.on_token, None, given)
        else:
            yield self.call(f"{self.user}/recently_searched_hashtags", self.on_slots, None, {"limit": SLOTS})

    def call(
        self, path: str, then: Any, tag: str | None, given: dict[str, Any], carried: dict[str, Any] | None = None
    ) -> scrapy.Request:
        """A request to the API; every answer, errors too, comes to `then(body, **carried)` or is explained."""
        asked = {"user_id": self.user, "access_token": self.token, **given}
        return scrapy.Request(
            pages.url(self.base, path, **asked), callback=self.on_answer, errback=self._on_no_data, priority=LIST,
            meta={"download_slot": self.slot("data"), "documented_api": True, "handle_httpstatus_all": True,
                  "dont_retry": True, "dont_redirect": True},
            cb_kwargs={"then": then, "failed": None, "carried": carried or {}, "tag": tag},
        )  # fmt: skip

    async def on_answer(
        self, response: Any, then: Any, failed: Any, carried: dict[str, Any], tag: str | None
    ) -> AsyncIterator[Any]:
        """An answer: what it says of the allowance first, then an error, then what was asked for."""
        names = {name.decode().lower(): response.headers[name].decode("latin-1") for name in response.headers}
        used = pages.usage(names)
        try:
            found = pages.trouble(response.body, response.status, tag)
            if found is None:
                made = list(then(response.body, **carried))
        except Drift as drift:
            found = pages.Trouble("retry", f"Instagram answers oddly: {drift}")
        if found is not None:
            async for request in self.on_trouble(response.request, found, used, tag):
                yield request
            return
        for one in sorted(made, key=_is_list):
            if _is_list(one):
                await self._slow_down(used)
                if self.error is not None:
                    return
            yield one
            await self._has_room()

    async def on_trouble(
        self, request: Any, found: pages.Trouble, used: pages.Usage, tag: str | None
    ) -> AsyncIterator[Any]:
        """Ask again, later or not at all; a tag that is refused does not stop the others."""
        tries = request.meta.get("tries", 0) + 1
        pause = self.crawler.settings.getfloat("PAUSE_SECONDS")
        wait = {"retry": pause * tries, "wait": used.regain or found.wait}.get(found.kind)
        if found.kind == "skip":
            self.notes.append(f"{found.sentence}.{self._next_slot()}")
        elif wait is None or tries >= TRIES or wait > self.crawler.settings.getfloat("PAUSE_MAX"):
            later = f"; run again in {wait / 60:,.0f} minutes to go on." if found.kind == "wait" and wait else ""
            self._end(found.sentence.rstrip(".") + (later or "."), usage=found.kind == "stop")
        else:
            self.note_pause(wait)
            await asyncio.sleep(wait)
            yield request.replace(dont_filter=True, meta={**request.meta, "tries": tries})

    def _end(self, sentence: str, usage: bool = False) -> None:
        """Ask nothing more; pictures under way are finished, as their addresses do not last."""
        self.error = self.error or (UsageError(sentence) if usage else SourceRefused(sentence))

    async def _slow_down(self, used: pages.Usage) -> None:
        """Before the next request: wait a while from 75 percent of the allowance, and ask nothing more at 95."""
        if used.percent < pages.SLOW_FROM:
            return
        pause = self.crawler.settings.getfloat("PAUSE_SECONDS")
        wait = pause * (used.percent - pages.SLOW_FROM) / (pages.STOP_AT - pages.SLOW_FROM)
        if used.percent >= pages.STOP_AT:
            wait = used.regain or 3600.0
            if wait > self.crawler.settings.getfloat("PAUSE_MAX"):
                part = f"{used.percent:.0f} % of Instagram's allowance is used"
                self._end(f"{part}: run again in {wait / 60:,.0f} minutes.")
                return
        self.note_pause(wait)
        await asyncio.sleep(wait)

    async def _has_room(self) -> None:
        while self._pending >= ROOM and not self.stopping:
            self._space.clear()
            await self._space.wait()

    # token and slots

    def on_token(self, body: bytes) -> Iterator[Any]:
        """Whether the token is valid, may what is needed, and how long."""
        told = pages.token(body)
        if not told.valid or "instagram_basic" not in told.scopes:
            lack = "is not valid any more" if not told.valid else "lacks the permission instagram_basic"
            self._end(f"INSTAGRAM_TOKEN {lack}: get {pages.NEEDED}.", usage=True)
            return
        if told.ends and told.ends - datetime.now(UTC) < timedelta(days=WARN_DAYS):
            self.notes.append(f"INSTAGRAM_TOKEN expires on {told.ends:%Y-%m-%d}: {_EXCHANGE}.")
        yield self.call(f"{self.user}/recently_searched_hashtags", self.on_slots, None, {"limit": SLOTS})

    def on_slots(self, body: bytes) -> Iterator[Any]:
        """Which tags the account asked lately, on whatever machine; then the tags that there is room for."""
        self.slots = pages.recent_tags(body)
        for tag in self.tags:
            known = self.ids.get({"q": tag})
            name = str(known.body["id"]) if known else None
            if not self._claim(tag, name):
                full = f"all {SLOTS} tags of {SLOT_DAYS} days are used"
                self.notes.append(f"{full}, so #{tag} was not asked.{self._next_slot()}")
            elif name:
                yield from self.first_pages(tag, name)
            else:
                yield self.call("ig_hashtag_search", self.on_tag, tag, {"q": tag}, {"tag": tag})

    def _claim(self, tag: str, name: str | None) -> bool:
        """Take a slot for a tag, unless it has one, or none is left."""
        since = self._since()
        if name in self.slots or any(entry.what == f"#{tag}" for entry in self.ledger.spent(since)):
            return True
        elsewhere = max(0, len(self.slots) - len(self.ledger.spent(since)))
        return self.ledger.spend_within(1, f"#{tag}", SLOTS - elsewhere, since) is not None

    def _since(self) -> datetime:
        return datetime.now(UTC) - timedelta(days=SLOT_DAYS)

    def _next_slot(self) -> str:
        spent = self.ledger.spent(self._since())
        if len(spent) < SLOTS:
            return ""
        return f" The next slot is free on {spent[0].at + timedelta(days=SLOT_DAYS):%Y-%m-%d %H:%M} UTC."

    def _warn_of_gap(self) -> None:
        last = max(self.known.stamps, default=None)
        if last is None:
            return
        ago = datetime.now(UTC) - datetime.strptime(last, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        if ago > timedelta(days=1):
            hours = ago / timedelta(hours=1)
            self.notes.append(f"The last crawl was {hours:,.0f} hours ago, and recent posts reach back 24: crawl "
                              "at least once a day to miss none.")  # fmt: skip

    # posts

    def on_tag(self, body: bytes, tag: str) -> Iterator[Any]:
        """The id of a tag, which never changes."""
        name = pages.tag_id(body)
        self.ids.keep({"q": tag}, {"id": name})
        yield from self.first_pages(tag, name)

    def first_pages(self, tag: str, name: str) -> Iterator[Any]:
        """The first page of the recent posts and of the most popular ones."""
        for edge in EDGES:
            yield self.ask_page(tag, f"{name}/{edge}", None, 0)

    def ask_page(self, tag: str, path: str, after: str | None, barren: int, again: bool = False) -> Any:
        """One page of posts."""
        given = {"fields": pages.FIELDS, "limit": pages.PAGE_SIZE, "after": after}
        carried = {"tag": tag, "path": path, "after": after, "barren": barren, "again": again}
        return self.call(path, self.on_page, tag, given, carried)

    def on_page(
        self, body: bytes, tag: str, path: str, after: str | None, barren: int, again: bool
    ) -> Iterator[Any]:  # fmt: skip
        """A page of posts: fetch what is new at once, and go on while new posts come."""
        found = pages.page(body)
        if again:
            for one in found.media:
                if self.expired.pop(one.id, None) and one.url:
                    yield from self.picture(pages.to_record(one, tag, self.rank), [("original", one.url)])
            return
        self.films += found.films
        fresh = [name for name in found.posts if (path, name) not in self.places_seen]
        self.places_seen |= {(path, name) for name in fresh}
        for one in found.media:
            if (rank := self.turn(one.id)) is not None:
                self.places[one.id] = (tag, path, after)
                yield from self.fetch(one, tag, rank)
        barren = 0 if fresh else barren + 1
        if found.after and barren < BARREN and not self.full and self.error is None:
            yield self.ask_page(tag, path, found.after, barren)

    def fetch(self, one: Media, tag: str, rank: int) -> Iterator[Any]:
        """The picture, at once."""
        row = pages.to_record(one, tag, rank)
        if one.url is None:
            row["url"] = row["page_url"] or f"instagram:{one.id}"
            self.unnamed += 1
            yield from self.without_picture(row, Reason.MISSING, "the API gives no address for it")
        else:
            yield from self.picture(row, [("original", one.url)])

    def done(self, seen: Seen) -> Iterator[Any]:
        """Hand a picture over; one whose address has expired is asked for once more, by its page."""
        self._space.set()
        name = seen.record["source_id"]
        place = self.places.pop(name, None)
        if seen.record["http_status"] in (403, 410) and place and name not in self.renewed and self.error is None:
            self.renewed.add(name)
            self._pending -= 1
            is_first = place not in self.expired.values()
            self.expired[name] = place
            if is_first:
                yield self.ask_page(*place, 0, again=True)
            return
        yield from super().done(seen)

    def is_due(self, source_id: str) -> bool:
        """A picture whose address had expired is fetched when it is listed again."""
        row = self.known.rows.get(source_id)
        return super().is_due(source_id) or (row is not None and row.reason == Reason.HTTP_4XX)

    def addresses(self, row: dict[str, Any]) -> list[tuple[str, str]]:
        """None: addresses expire, so that only a new list can have a picture again."""
        return []

    def foresee(self) -> Estimate:
        """What is asked at least, and how many slots are left, without asking anything."""
        spent = self.ledger.spent(self._since())
        fresh = [tag for tag in self.tags if f"#{tag}" not in {entry.what for entry in spent}]
        calls = 2 + 3 * len(self.tags)
        return Estimate(
            source=f"instagram {', '.join(f'#{tag}' for tag in self.tags)}", pictures=None, requests=calls,
            seconds=at_rates({"data": calls}, self.rates),
            caps=(f"{SLOTS} different tags in {SLOT_DAYS} days: {len(spent)} are used.",
                  "Recent posts reach back 24 hours."),
            cost=f"{len(fresh)} of {SLOTS - len(spent)} tags that are left",
        )  # fmt: skip

    def closed(self, reason: str) -> None:
        """Leave word of what is no picture."""
        if self.films:
            self.notes.append(f"{self.films:,} films were passed over.")
        if self.unnamed:
            self.notes.append(f"{self.unnamed:,} pictures have no address in the API.")
        super().closed(reason)


def _is_list(made: Any) -> bool:
    """Whether it is a request to the API, as opposed to one for a picture, or a row."""
    return isinstance(made, scrapy.Request) and made.priority == LIST
