"""Which queries are asked, in which order, and what comes of it: the planner that gets past a provider's cap."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spiders.pages.web.base import Provider, Query

LEAST_NEW = 0.1
"""Share of new pictures under which more of the same kind of query is not worth its calls."""
TRIED = 3
"""So many narrower queries of one kind are asked before their yield is judged."""
OVERLAP = 0.5
"""Share of a narrower query's results that is taken to be new before anything is known, where parts overlap."""


class Plan:
    """Broad queries first; one that a provider cuts is split, and its parts are asked in order of expected yield.

    Narrower queries of a kind (all colours, all sizes) are given up when three of them brought nearly nothing new.
    """

    def __init__(self, provider: Provider, queries: Iterable[Query]) -> None:
        self.provider = provider
        self.split = 0
        self._heap: list[tuple[float, int, Query]] = []
        self._count = 0
        self._yields: dict[str, list[float]] = defaultdict(list)
        self._axis: dict[Query, str] = {}
        self._asked: set[Query] = set()
        for query in queries:
            self._push(query, math.inf)

    def _push(self, query: Query, expected: float) -> None:
        self._count += 1
        heapq.heappush(self._heap, (-expected, self._count, query))

    def next(self) -> Query | None:
        """The query to ask now; None when there is nothing left that promises anything."""
        while self._heap:
            query = heapq.heappop(self._heap)[2]
            if query not in self._asked and not self._poor(query):
                self._asked.add(query)
                return query
        return None

    def _poor(self, query: Query) -> bool:
        found = self._yields[self._axis.get(query, "")]
        return query in self._axis and len(found) >= TRIED and sum(found[-TRIED:]) / TRIED < LEAST_NEW

    def splits_now(self, query: Query, total: int | None, wanted: int | None) -> bool:
        """Whether to leave a query after its first page, as its parts together find all that it does, and more."""
        provider = self.provider
        if not provider.partitions or total is None or total <= provider.cap:
            return False
        return (wanted is None or wanted > provider.cap) and bool(provider.narrower(query, total))

    def reads_on(self, query: Query, listed: int, new: int) -> bool:
        """Whether the next page of a narrower query is worth a call, after `listed` results of which `new` are new."""
        return query not in self._axis or not listed or new / listed >= LEAST_NEW

    def ended(self, query: Query, listed: int, new: int, total: int | None) -> None:
        """A query was read as far as it goes, or was left for its parts: split it when there is more of it."""
        share = new / listed if listed else 0.0
        if query in self._axis:
            self._yields[self._axis[query]].append(share)
        if not self._is_cut(listed, total) or (listed and share < LEAST_NEW):
            return
        parts = self.provider.narrower(query, total)
        self.split += bool(parts)
        each = min(self.provider.cap, (total or self.provider.cap * len(parts)) / max(1, len(parts)))
        for part in parts:
            self._axis[part] = _axis(query, part)
            self._push(part, each * (share or 1.0))

    def _is_cut(self, listed: int, total: int | None) -> bool:
        provider = self.provider
        if provider.counts:
            return (total or 0) > provider.cap or listed >= provider.cap
        return listed >= min(provider.cap / 2, provider.size * 2)


def _axis(query: Query, part: Query) -> str:
    """What a part is narrower by, such as `imgSize`."""
    return next((name for name, value in part.filters if (name, value) not in query.filters), "")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one provider is expected to give: `pictures` None when it does not tell; `calls` it takes, `bought` ones
    of which cost money or quota; `caps` and `notes` are sentences."""

    provider: str
    pictures: int | None
    calls: int
    cost: str
    caps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def outlook(
    provider: Provider, totals: Sequence[int | None], wanted: int | None, calls_left: int | None, free_left: int | None
) -> Outlook:
    """Foresee a crawl of queries with these totals.

    `wanted` is the number of pictures asked for, `calls_left` how many calls may be made, `free_left` how many of
    them cost nothing (None: all).
    """
    known = [total for total in totals if total is not None]
    there = sum(known) if provider.counts and len(known) == len(totals) else None
    broad = provider.cap * len(totals)
    reach = there if there is not None else math.inf
    goal = min(reach, wanted if wanted is not None else math.inf)
    calls = _calls(provider, goal, broad, len(totals))
    if calls_left is not None and (calls is None or calls > calls_left):
        calls, goal = calls_left, _reached(provider, calls_left, broad)
    pictures = None if math.isinf(goal) or calls is None else int(min(goal, reach))
    return Outlook(
        provider.name, pictures, calls or len(totals), cost(provider, calls or 0, free_left),
        tuple(_caps(provider, totals, wanted, calls_left, pictures)), _notes(provider),
    )  # fmt: skip


def _calls(provider: Provider, goal: float, broad: int, queries: int) -> int | None:
    """Calls for so many pictures: pages of broad queries, then of narrower ones, which overlap or must be probed."""
    if math.isinf(goal):
        return None
    first = max(queries, math.ceil(min(goal, broad) / provider.size))
    rest = max(0.0, goal - broad)
    if provider.partitions:
        return first + math.ceil(rest / provider.size) + 2 * math.ceil(rest / provider.cap)
    return first + math.ceil(rest / (provider.size * OVERLAP))


def _reached(provider: Provider, calls: int, broad: int) -> float:
    pages = math.ceil(broad / provider.size)
    share = 1.0 if provider.partitions else OVERLAP
    return min(calls, pages) * provider.size + max(0, calls - pages) * provider.size * share


def cost(provider: Provider, calls: int, free_left: int | None) -> str:
    """What calls cost, in money where the price is known, else in units."""
    if not provider.metered:
        return "nothing"
    paid = max(0, calls - free_left) if free_left is not None else 0
    if provider.price is None:
        return f"{calls:,} searches of your plan"
    if provider.price and paid:
        return f"{calls:,} calls, {paid:,} of them paid: {paid * provider.price:,.2f} USD"
    quota = f" of {provider.quota} free of charge" if provider.quota else ""
    return f"{calls:,} calls{quota}"


def _caps(
    provider: Provider, totals: Sequence[int | None], wanted: int | None, calls_left: int | None, pictures: int | None
) -> Iterable[str]:
    broad = provider.cap * len(totals)
    if (wanted is None or wanted > broad) and any(total is None or total > provider.cap for total in totals):
        split = "narrower queries get more" if provider.narrower(Query(""), None) else "there is no way past that"
        yield f"{provider.title} shows {provider.cap:,} results of a query at most; {split}"
    if calls_left is not None and wanted is not None and pictures is not None and pictures < wanted:
        yield f"{provider.title} may be asked {calls_left:,} times now, which is for about {pictures:,} pictures"


def _notes(provider: Provider) -> tuple[str, ...]:
    if provider.licences == "none":
        return (f"{provider.title} says nothing of licences: every picture is NOASSERTION",)
    if provider.licences == "filtered":
        return (f"{provider.title} filters by licence but does not say which: every picture is NOASSERTION",)
    return ()
