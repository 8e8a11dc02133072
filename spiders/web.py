"""The web search spider: several providers at once, one list of pictures, each with its licence and its source."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

from pipeline import licences, tables
from pipeline.errors import PipelineError, SourceRefused, UsageError
from pipeline.storage import Root
from spiders import search
from spiders.desk import Seen
from spiders.estimate import Estimate
from spiders.known import partitions
from spiders.pages.fields import year_of
from spiders.pages.web import PROVIDERS, chosen
from spiders.pages.web.addresses import address_id, address_key
from spiders.pages.web.base import Hit, Provider, Query
from spiders.pages.web.plan import Outlook, outlook
from spiders.records import UNKNOWN_LICENCE, record, redacted, redacted_url
from spiders.registry import described, is_detailed
from spiders.search import Over, Searcher, explained
from spiders.secrets import secret
from spiders.shares import Shares
from spiders.spider import BACKLOG, PictureSpider
from spiders.till import Till

QUEUE = 64
EVERYBODY = ",".join(PROVIDERS)


class WebSpider(PictureSpider):
    """Searches the web for pictures.

        scrapy crawl web -a query="human skull" -a provider=openverse,commons -a limit=200

    A limit is shared out equally among the providers; what one does not have goes to the others. A picture that
    several find is fetched once. Provider names, keys and limits are in docs/crawl.md.
    """

    name = "web"
    home = ""
    placeholder = "photo_unavailable"
    pictures_anywhere = True
    rates = {"pictures": 1.0}  # noqa: RUF012 - as Scrapy spiders declare theirs

    def __init__(
        self, query: str | None = None, provider: str | None = None, budget: Any = None, fresh: Any = None,
        **arguments: Any,
    ) -> None:  # fmt: skip
        super().__init__(query=query, provider=provider, **arguments)
        also = [part.strip() for part in (arguments.get("also") or "").split(",")]
        self.texts = list(dict.fromkeys(part for part in [query or "", *also] if part))
        self.providers = chosen(provider)
        self.wanted_licences, self.licences = self.licences, ()
        self.budget = int(budget) if budget not in (None, "") else None
        self.fresh = float(fresh) if fresh not in (None, "") else None
        self.thumbnails = arguments.get("thumbnails") is not None and is_detailed(arguments["thumbnails"])
        self.asks_quota = arguments.get("quota") is not None and is_detailed(arguments["quota"])
        self.goes_out = not self.asks_quota
        self.shares = Shares([one.name for one in self.providers], self.limit)
        self.errors: list[PipelineError] = []
        self.ids: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.other_licences: Counter[str] = Counter()
        self.finders: dict[str, list[dict[str, Any]]] = {}
        self._queue: asyncio.Queue[Any] = asyncio.Queue(QUEUE)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> AsyncIterator[Any]:
        """Ask all providers side by side, and pass on what they find."""
        root = Root(self.crawler.settings["WUNDERKAMMER_ROOT"])
        if self.asks_quota:
            self.answer = [self.quota_line(one, root) for one in chosen(self.spec.get("provider") or EVERYBODY)]
            return
        searchers = self.searchers(root)
        if self.dry_run:
            await self.look(searchers)
            return
        self.ids = await search.in_thread(_known_ids, root, self.prefix)
        everything = asyncio.get_running_loop().create_task(self.all(searchers))
        self._tasks.append(everything)
        while (made := await self._queue.get()) is not None:
            yield made

    def searchers(self, root: Root) -> list[Searcher]:
        """One for each provider that can be asked; the others are notes, or the end when there is none left."""
        found = []
        for provider in self.providers:
            if self.wanted_licences and provider.licences == "none":
                self.failed_provider(provider, UsageError(
                    f"{provider.title} says nothing of licences, so it cannot be asked with --license: leave it out."
                ))  # fmt: skip
                continue
            base = self.base or None
            try:
                counter = search.Counter(provider, root, base, self.budget, self.fresh)
            except PipelineError as error:
                self.failed_provider(provider, error)
                continue
            pause, longest = (self.crawler.settings.getfloat(name) for name in ("PAUSE_SECONDS", "PAUSE_MAX"))
            found.append(Searcher(counter, pause, longest, self.note_pause))
        if found:
            self.shares = Shares([searcher.provider.name for searcher in found], self.limit)
        else:
            self.nothing_works()
        return found

    # searching

    async def all(self, searchers: list[Searcher]) -> None:
        """Run the searchers to their ends; then nothing more is handed on."""
        try:
            await asyncio.gather(*(self.one(searcher) for searcher in searchers))
            self.word_of(searchers)
        finally:
            await self._queue.put(None)

    async def one(self, searcher: Searcher) -> None:
        """Run one searcher; its failure is its own."""
        provider = searcher.provider

        async def take(query: Query, rank: int, hit: Hit) -> bool:
            return await self.take(provider, query, rank, hit)

        name, shares = provider.name, self.shares
        try:
            await searcher.run(self.queries(provider), take, lambda: shares.more(name), lambda: shares.left(name))
        except Over as over:
            if over.refused.kind == "budget":
                self.notes.append(str(explained(over.refused)))
            else:
                self.failed_provider(provider, explained(over.refused))
        except PipelineError as error:
            self.failed_provider(provider, error)
        finally:
            self.shares.finished(provider.name)
            self.crawler.stats.inc_value("downloader/request_count", searcher.counter.asked)

    def queries(self, provider: Provider) -> list[Query]:
        """The broad queries: the subject and what it is also called, for the licences that are wanted."""
        broad = [Query(text) for text in self.texts]
        if not self.wanted_licences:
            return broad
        return [provider.licensed(query, self.wanted_licences) for query in broad]

    async def take(self, provider: Provider, query: Query, rank: int, hit: Hit) -> bool:
        """Hand on what a hit becomes; says whether it is the first time that this provider lists its picture."""
        if provider.licences == "told" and not licences.admits(self.wanted_licences, hit.licence):
            self.other_licences[provider.title] += 1
            return True
        key = address_key(hit.addresses[0][1])
        finders = self.finders.setdefault(key, [])
        if any(finder["provider"] == provider.name for finder in finders):
            return False
        self.shares.listed(provider.name, first=not finders)
        finders.append({"provider": provider.name, "query": str(query), "rank": rank})
        if len(finders) > 1:
            return True
        source_id = self.ids.setdefault(key, f"{provider.name}:{hit.id or address_id(hit.addresses[0][1])}")
        self.keys[source_id] = key
        if self.turn(source_id) is not None:
            for made in self.wanted(provider, query, rank, hit, source_id):
                await self._queue.put(made)
            while self._pending >= BACKLOG and not self.stopping:
                await asyncio.sleep(0.02)
        return True

    def wanted(self, provider: Provider, query: Query, rank: int, hit: Hit, source_id: str) -> Iterator[Any]:
        """The request for a picture, with what to try when it is gone."""
        row = _row(provider, query, rank, hit, source_id)
        addresses = list(hit.addresses)
        if self.thumbnails and hit.thumbnail:
            addresses.append(("thumbnail", hit.thumbnail))
        yield from self.picture(row, addresses)

    def done(self, seen: Seen) -> Iterator[Any]:
        """Note who else found the picture, as far as is known by now."""
        finders = self.finders.get(self.keys.get(seen.record["source_id"], ""), [])
        if also := finders[1:]:
            extra = json.loads(seen.record["extra"] or "{}") | {"also_found": also}
            seen.record["extra"] = redacted(extra)
        yield from super().done(seen)

    # ends

    def failed_provider(self, provider: Provider, error: PipelineError) -> None:
        """A provider that cannot go on is a note, and an error when it is the only one."""
        self.errors.append(error)
        if len(self.providers) > 1:
            self.notes.append(f"{provider.name} was left out or ended early: {error}")

    def nothing_works(self) -> None:
        """End with the errors of all providers."""
        kind = UsageError if all(isinstance(error, UsageError) for error in self.errors) else SourceRefused
        self.error = self.error or kind(" ".join(dict.fromkeys(str(error) for error in self.errors)))

    def word_of(self, searchers: list[Searcher]) -> None:
        """Leave word of what was passed over, found nothing, or failed."""
        for searcher in searchers:
            if searcher.passed_over:
                kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(searcher.passed_over.items()))
                self.notes.append(f"{searcher.provider.title} listed files that are no pictures: {kinds}.")
            if self.wanted_licences and searcher.provider.licences == "filtered":
                self.notes.append(f"{searcher.provider.title} filtered by licence but does not say which each picture "
                                  "has: they are NOASSERTION, with the filter in `extra`.")  # fmt: skip
        for title, count in self.other_licences.items():
            self.notes.append(f"{title} listed {count:,} pictures under other licences, which were passed over.")
        if len(self.errors) == len(self.providers):
            self.nothing_works()
        elif not self.rank and not self.error:
            self.notes.append(f"Nothing was found for {' or '.join(self.texts)}: try other or fewer words.")

    def stop(self, why: str) -> None:
        """End the crawl now, the searches too."""
        for task in self._tasks:
            task.cancel()
        super().stop(why)

    # looking ahead

    async def look(self, searchers: list[Searcher]) -> None:
        """Ask the providers that count, for nothing but how many there are, and foresee the crawl."""
        found = []
        for searcher in searchers:
            try:
                queries = self.queries(searcher.provider)
                totals = [await searcher.total(query) for query in queries]
            except Over as over:
                self.failed_provider(searcher.provider, explained(over.refused))
                continue
            may, free = await search.in_thread(searcher.counter.till.left)
            share = None if self.limit is None else -(-self.limit // len(searchers))
            found.append(outlook(searcher.provider, totals, share, may, free))
        if not found:
            self.nothing_works()
        else:
            self.estimate = self.combined(found)

    def combined(self, found: list[Outlook]) -> Estimate:
        """The outlooks of all providers as one estimate."""
        known = [one.pictures for one in found]
        pictures = None if None in known else sum(number or 0 for number in known)
        if self.limit is not None:
            pictures = min(pictures, self.limit) if pictures is not None else self.limit
        calls = sum(one.calls for one in found)
        rates = {one.name: one.rate for one in self.providers}
        slowest = max(one.calls / rates[one.provider] for one in found)
        return Estimate(
            source=described(self.spec), pictures=pictures, requests=calls + (pictures or 0),
            seconds=max(slowest, (pictures or 0) / self.rates["pictures"]),
            caps=tuple(cap for one in found for cap in one.caps),
            cost="; ".join(f"{one.provider}: {one.cost}" for one in found),
            notes=(*self.notes, *(note for one in found for note in one.notes),
                   "The time is for pictures on one host; those on several hosts come sooner."),
        )  # fmt: skip

    def quota_line(self, provider: Provider, root: Root) -> str:
        """What was spent at a provider, and what is left; and which key it lacks."""
        missing = [name for name in provider.keys if not secret(name)]
        lacks = f" ({' and '.join(missing)} not set)" if missing else ""
        return Till(search.registered(provider), root, self.budget).told() + lacks


def _row(provider: Provider, query: Query, rank: int, hit: Hit, source_id: str) -> dict[str, Any]:
    """The columns of `crawled` that a hit fills."""
    filters = dict(query.filters)
    filtered = {name: filters[name] for name in ("rights", "sur") if name in filters}
    extra = {"licence_filter": filtered} if filtered else {}
    return record(
        source=provider.name, source_id=source_id, page_url=redacted_url(hit.page_url) if hit.page_url else None,
        title=hit.title, creator=hit.creator, creator_id=hit.creator_id, year_text=hit.year_text,
        year=year_of(hit.year_text), tags=list(hit.tags), licence=hit.licence or UNKNOWN_LICENCE,
        licence_url=hit.licence_url, attribution=hit.attribution, query=str(query), rank=rank,
        declared_width=hit.width, declared_height=hit.height, extra=redacted(extra) if extra else None,
        raw=redacted(hit.raw),
    )  # fmt: skip


def _known_ids(root: Root, prefix: str) -> dict[str, str]:
    """The ids of the pictures that earlier runs met, by the keys of their addresses."""
    found: dict[str, str] = {}
    for name in partitions(root, tables.CRAWLED, prefix):
        columns = tables.read(root, tables.CRAWLED, name, ("source_id", "url")).to_pydict()
        for source_id, url in zip(columns["source_id"], columns["url"], strict=True):
            found.setdefault(address_key(url), source_id)
    return found
