"""The museum spider: lists of works from the APIs of museums, and their pictures from wherever they lie."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, ClassVar

from pipeline.errors import PipelineError, SourceRefused, UsageError
from pipeline.storage import Root
from spiders import museum_filters, recheck, secrets, settings
from spiders.desk import Seen
from spiders.estimate import FREE, Estimate
from spiders.museum_memory import Memory, complete, is_later
from spiders.pages.museum import MUSEUMS
from spiders.pages.museum.model import Asked, Page, Work, described, to_record, wanted
from spiders.records import PASSING
from spiders.spider import Callback, PictureSpider, Trouble

SAVED_EVERY = 500
"""So many works without pictures are learnt before they are written down."""


class MuseumSpider(PictureSpider):
    """Crawls the open access pictures of one museum.

        scrapy crawl museum -a museum=met -a query=skull -a limit=50

    `museum` is one of `museum_filters.TAKES`, which also says by what each can be asked. `rights=any` takes pictures
    that are not open access too, `images=first` one picture of each work.
    """

    name = "museum"
    home = ""
    rates: ClassVar[dict[str, float]] = {"data": 1.0, "pictures": 1.0}
    pictures_anywhere = True
    checked: ClassVar[dict[str, str]] = {"museum": "cleveland", "query": "skull", "base_url": "http://127.0.0.1"}

    def __init__(
        self, museum: str = "", query: str = "", rights: Any = None, images: Any = None, base_url: str | None = None,
        **arguments: Any,
    ) -> None:  # fmt: skip
        given = {"museum": museum, "rights": rights, "images": images, **arguments}
        museum_filters.check("museum", given)
        self.museum = MUSEUMS[museum]
        super().__init__(query=query or None, base_url=base_url or self.museum.home, **given)
        filters = {name: str(arguments[name]) for name in museum_filters.TAKES[museum] if arguments.get(name)}
        key = secrets.required(self.museum.secret, self.museum.how) if self.museum.secret else None
        self.asked = Asked(
            self.base, (query or "").strip(), filters, rights != "any", images == "first", self.limit, None, key,
            settings.USER_AGENT,
        )  # fmt: skip
        self.museum.first(self.asked)
        self.memory: Memory | None = None
        self.queue: deque[str] = deque()
        self.complete: set[str] = set()
        self.changed: set[str] = set()
        self.next_page: str | None = None
        self.said: str | None = None
        self.closed_off = self.unread = self.challenged = 0
        self.whole = False

    # asking

    def ask(self, url: str, callback: Callback, failed: Callback | None = None, **carried: Any) -> Any:
        """A request to the museum's documented API."""
        request = self.data(url, callback, failed, **carried)
        headers = {"Accept": "application/json, text/xml;q=0.9, */*;q=0.1", **self.museum.headers(self.asked)}
        return request.replace(headers=headers, meta={**request.meta, "documented_api": True})

    async def start(self) -> AsyncIterator[Any]:
        """Begin with the names that the museum has, where one is asked for, else with the list."""
        root = Root(self.crawler.settings["WUNDERKAMMER_ROOT"])
        self.memory = Memory.load(root, self.prefix)
        if url := self.museum.vocabulary(self.asked):
            yield self.ask(url, self.on_vocabulary)
        else:
            for request in self.begin():
                yield request

    def on_vocabulary(self, body: bytes) -> Iterator[Any]:
        """Names of departments and the like: settle which one is meant."""
        try:
            self.asked = self.museum.settled(body, self.asked)
        except UsageError as error:
            self.give_up(error)
        else:
            yield from self.begin()

    def begin(self) -> Iterator[Any]:
        """Ask for the first page: of what changed since the last whole crawl, if that can be asked."""
        if self.since and self.museum.tells_changes(self.asked):
            self.asked = replace(self.asked, since=self.since)
        yield self.page(self.museum.first(self.asked))

    @property
    def since(self) -> str | None:
        """The day of the last whole crawl, unless pictures must be tried again, or a part is asked for."""
        waiting = any(row.reason in PASSING for row in self.known.rows.values())
        return None if self.memory is None or waiting or self.limit is not None else self.memory.since

    def page(self, url: str) -> Any:
        """One page of the list."""
        return self.ask(url, self.on_page, None, at=url)

    # listing

    def on_page(self, body: bytes, at: str) -> Iterator[Any]:
        """A page: take the works it describes, or ask for those it only names, then go on.

        @saved museum/cleveland_page/page/body.json {"at": "http://127.0.0.1/api/artworks/"}
        @asks 1 /api/artworks/
        """
        found = self.museum.page(body, self.asked, at)
        if not self.rank and not self.closed_off and not self.expect(found):
            return
        self.next_page = found.next
        for work in found.works:
            yield from self.work(work)
        if found.ids:
            yield from self.on_ids(found.ids)
        else:
            yield from self.go_on()

    def expect(self, found: Page) -> bool:
        """Say how many works there will be; False when there is none."""
        number = found.total if found.total is not None else len(found.works) + len(found.ids)
        if not number and not (found.works or found.ids):
            self.list_ended = self.asked.since is None
            if self.asked.since is None:
                self.nothing()
            return False
        if number:
            self.expected = min(number, self.limit) if self.limit is not None else number
        return True

    def nothing(self) -> None:
        """The museum has nothing of what was asked for."""
        what = described(self.asked) or "this list"
        free = " as open access (--rights any takes the others too)" if self.asked.open_only else ""
        self.give_up(UsageError(
            f"{self.museum.title} shows no pictures for {what}{free}: try another spelling, or fewer filters."
        ))  # fmt: skip

    def go_on(self) -> Iterator[Any]:
        """The next page, or the end of the list."""
        if self.next_page is not None:
            yield from self.next_list(self.page(self.next_page))
        else:
            self.list_ended = not self.full and not self.unread and self.asked.since is None
            self.whole = not self.full

    def work(self, work: Work) -> Iterator[Any]:
        """The pictures of a work that may be taken and are not known."""
        chosen = wanted(work, self.asked)
        if work.pictures and not chosen.pictures:
            self.closed_off += 1
        for picture in chosen.pictures:
            if self.has_changed(picture.id, work.changed):
                self.due.add(picture.id)
            rank = self.turn(picture.id)
            if rank is not None:
                record = to_record(self.museum, chosen, picture, self.asked, rank)
                yield from self.picture(record, list(picture.addresses))

    def has_changed(self, source_id: str, changed: str | None) -> bool:
        """Whether the museum says that it changed a known picture's work since the picture was looked at."""
        if self.recheck == "none" or not self.known.settled(source_id):
            return False
        return is_later(changed, recheck.looked_at(self.known, source_id))

    # works by id

    def on_ids(self, ids: list[str]) -> Iterator[Any]:
        """Works by their ids: those that are complete or barren are not asked again, unless they changed."""
        assert self.memory is not None
        self.complete = self.complete or complete(self.memory.root, self.prefix)
        self.queue = deque(ids)
        url = self.museum.changes_url(self.asked, self.since) if self.since and not self.changed else None
        if url is not None:
            yield self.ask(url, self.on_changes, self.no_changes)
        else:
            yield from self.next_work()

    def on_changes(self, body: bytes) -> Iterator[Any]:
        """The ids that changed since the last whole crawl."""
        self.changed = set(self.museum.page(body, self.asked, "").ids)
        yield from self.next_work()

    def no_changes(self, trouble: Trouble) -> Iterator[Any]:
        """Without them only new works are asked for."""
        self.notes.append(f"{trouble}, so that changes were not looked for.")
        yield from self.next_work()

    def next_work(self) -> Iterator[Any]:
        """Ask for the next work of the queue that is not known, or the next page."""
        while self.queue:
            work = self.queue.popleft()
            if self.is_known(work):
                self.pass_by(work)
            elif self.dry_run:
                self.foreseen += 1
            else:
                url = self.museum.detail_url(self.asked, work)
                yield from self.next_list(self.ask(url, self.on_work, self.no_work, number=work))
                return
        yield from self.go_on()

    def is_known(self, work: str) -> bool:
        """Whether nothing more can be learnt of a work by asking."""
        assert self.memory is not None
        if work in self.changed or any(self.is_due(one) for one in self.of_work.get(work, ())):
            return False
        return work in self.complete or work in self.memory.barren

    def pass_by(self, work: str) -> None:
        """Count the pictures of a known work as listed and unchanged."""
        for source_id in self.of_work.get(work, ()):
            self.turn(source_id)

    @property
    def of_work(self) -> dict[str, list[str]]:
        """The known pictures by the number of their work, which begins their id."""
        if not hasattr(self, "_of_work"):
            self._of_work: dict[str, list[str]] = {}
            for source_id in self.known.rows:
                self._of_work.setdefault(source_id.partition("-")[0], []).append(source_id)
        return self._of_work

    def on_work(self, body: bytes, number: str) -> Iterator[Any]:
        """One work."""
        found = self.museum.detail(body, self.asked)
        if found is None or not wanted(found, self.asked).pictures:
            self.closed_off += found is not None
            self.learn_barren(number)
        if found is not None:
            yield from self.work(found)
        yield from self.next_work()

    def learn_barren(self, number: str) -> None:
        """Remember a work that has no picture to take."""
        assert self.memory is not None
        self.memory.barren.add(number)
        if len(self.memory.barren) % SAVED_EVERY == 0 and not self.dry_run:
            self.memory.keep()

    def no_work(self, trouble: Trouble, number: str) -> Iterator[Any]:
        """A work that is gone is passed over; one that cannot be read is left for the next crawl."""
        self.unread += not trouble.missing
        yield from self.next_work()

    # refusals

    def _on_no_data(self, failure: Any) -> Iterator[Any]:
        if response := getattr(failure.value, "response", None):
            self.said = self.museum.explain(response.status, response.body)
        yield from super()._on_no_data(failure)

    def refused(self, trouble: Trouble) -> None:
        """Say what the museum's error means where it is known."""
        if self.said:
            self.error = self.error or SourceRefused(f"{self.museum.title} refuses us: {self.said}.")
        else:
            super().refused(trouble)

    def give_up(self, error: PipelineError) -> None:
        """Stop, and say what is known of this museum's refusals."""
        if isinstance(error, SourceRefused) and self.museum.hint and self.museum.hint not in str(error):
            error = SourceRefused(f"{error} {self.museum.hint}")
        super().give_up(error)

    def done(self, seen: Seen) -> Iterator[Any]:
        """Hand a picture over, and count those that are refused to us."""
        self.challenged += seen.record["http_status"] == 403
        yield from super().done(seen)

    # ends

    def foresee(self) -> Estimate:
        """What a crawl would take."""
        cost = FREE if not self.museum.quota else f"{FREE}; {self.museum.quota}"
        ahead = super().foresee()
        if self.memory is None or not self.foreseen or self.rank:
            return replace(ahead, cost=cost)
        works = min(self.foreseen, self.limit) if self.limit is not None else self.foreseen
        note = "Each work is asked for by itself, and may have several pictures or none that is open access."
        return self.estimated(works, {"data": 1 + works}, cost, (note,))

    def closed(self, reason: str) -> None:
        """Remember how far this went, and leave word of what was passed over."""
        if self.memory is not None and not self.dry_run:
            if self.whole and not self.error and not self.unread and self.limit is None:
                self.memory.whole = self.began
            self.memory.keep()
        self._tell()
        super().closed(reason)

    def _tell(self) -> None:
        if self.asked.since and not self.error:
            left = sum(self.known.settled(one) for one in self.known.rows if one not in self._seen)
            self.unchanged += left
            self.notes.append(f"Only works that changed since {self.asked.since} were listed.")
        if self.closed_off:
            self.notes.append(
                f"{self.closed_off:,} works have pictures that are not open access: --rights any takes them too."
            )
        if self.unread:
            self.notes.append(f"{self.unread:,} works could not be read: run the same command again to get them.")
        if self.challenged and self.desk is not None and not self.desk.new:
            failed = sum(self.desk.failed.values())
            self.error = self.error or SourceRefused(
                f"None of {failed:,} pictures could be had: their host refuses us. {self.museum.hint}".strip()
            )
