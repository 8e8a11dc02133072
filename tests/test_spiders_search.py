"""Planning, sharing, and talking to search providers, without fetching a picture."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SourceRefused, UsageError
from pipeline.storage import Root
from spiders.gallery import Catalogue, Faults, Gallery
from spiders.ledger import Ledger
from spiders.pages.web import PROVIDERS
from spiders.pages.web.addresses import address_key
from spiders.pages.web.base import Hit, Query, Quota
from spiders.pages.web.plan import Plan, outlook
from spiders.search import Counter, Over, Searcher, explained
from spiders.shares import Shares
from tests.spiders_site import Answer, Site, ok
from tests.web_site import KEYS

pytestmark = pytest.mark.usefixtures("search_keys")
SKULL = Query("skull")


@pytest.fixture(scope="module")
def gallery(skulls: Catalogue) -> Iterator[Gallery]:
    with Gallery(skulls) as running:
        yield running


class Listing:
    """Runs a searcher to its end, and notes what it was given."""

    def __init__(self, name: str, root: Root, base: str, limit: int | None = None, **options: Any) -> None:
        self.pauses: list[float] = []
        self.searcher = Searcher(Counter(PROVIDERS[name](), root, base, **options), 0.05, 900, self.pauses.append)
        self.found: dict[str, tuple[str, int]] = {}
        self.limit = limit

    async def take(self, query: Query, rank: int, hit: Hit) -> bool:
        key = address_key(hit.addresses[0][1])
        is_new = key not in self.found
        self.found.setdefault(key, (str(query), rank))
        return is_new

    async def more(self) -> bool:
        return self.limit is None or len(self.found) < self.limit

    def run(self, query: Query = SKULL) -> Listing:
        left = None if self.limit is None else self.limit
        asyncio.run(self.searcher.run([query], self.take, self.more, lambda: left))
        return self


# past the caps


@pytest.mark.parametrize(
    ("name", "cap", "least", "most_calls"),
    [("openverse", 240, 620, 60), ("google", 100, 300, 100), ("brave", 200, 380, 14), ("flickr", 4000, 620, 4)],
)
def test_narrower_queries_get_past_the_cap(
    root: Root, gallery: Gallery, name: str, cap: int, least: int, most_calls: int
) -> None:
    broad = Listing(name, root, gallery.url, limit=cap).run()
    assert len(broad.found) == min(cap, 620)
    assert {query for query, _ in broad.found.values()} == {"skull"}
    all_of_it = Listing(name, root, gallery.url, limit=least)
    all_of_it.run()
    assert len(all_of_it.found) == least
    assert broad.searcher.counter.asked + all_of_it.searcher.counter.asked <= most_calls


def test_what_lies_beyond_flickr_s_4000_is_found_by_windows_of_time(
    root: Root, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spiders.pages.web.flickr.Flickr.cap", 100)
    monkeypatch.setattr("spiders.pages.web.flickr.Flickr.size", 50)
    found = Listing("flickr", root, gallery.url).run()
    assert len(found.found) == 620
    assert any("uploaded=" in query for query, _ in found.found.values())
    assert found.searcher.counter.asked < 40


def test_a_kind_of_narrower_queries_that_brings_nothing_is_given_up() -> None:
    google = PROVIDERS["google"]()
    plan = Plan(google, [SKULL])
    assert plan.next() == SKULL
    plan.ended(SKULL, 100, 100, None)
    asked = 0
    while (query := plan.next()) is not None:
        asked += 1
        plan.ended(query, 100, 2, None)
    assert asked == 3


def test_the_parts_that_promise_most_come_first() -> None:
    google = PROVIDERS["google"]()
    plan = Plan(google, [SKULL, Query("cranium")])
    assert [plan.next(), plan.next()] == [SKULL, Query("cranium")]
    plan.ended(SKULL, 100, 30, None)
    plan.ended(Query("cranium"), 100, 90, None)
    first = plan.next()
    assert first is not None and first.text == "cranium" and first.filters[0][0] == "imgDominantColor"


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=60))
def test_a_plan_ends_and_asks_no_query_twice(results: list[tuple[int, int]]) -> None:
    plan = Plan(PROVIDERS["google"](), [SKULL, SKULL])
    seen: list[Query] = []
    for listed, new in results:
        query = plan.next()
        if query is None:
            break
        seen.append(query)
        plan.ended(query, listed, min(listed, new), None)
    assert len(seen) == len(set(seen))


# foreseen


def test_an_outlook_tells_calls_caps_and_cost() -> None:
    google = PROVIDERS["google"]()
    within = outlook(google, [None], 60, 100, 100)
    assert (within.pictures, within.calls, within.cost) == (60, 6, "6 calls of 100 a day free of charge")
    beyond = outlook(google, [None], 1000, 9_000, 100)
    assert (beyond.calls, beyond.cost) == (190, "190 calls, 90 of them paid: 0.45 USD")
    short = outlook(google, [None], 1000, 20, 20)
    assert short.pictures == 150 and "20 times now, which is for about 150" in short.caps[-1]
    commons = outlook(PROVIDERS["commons"](), [3], None, None, None)
    assert (commons.pictures, commons.calls, commons.cost, commons.caps) == (3, 1, "nothing", ())


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
@given(moment=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)))
def test_a_period_holds_its_moment(zone: str, moment: datetime) -> None:
    for per in ("hour", "day", "month"):
        quota = Quota(1, per, zone)  # type: ignore[arg-type]
        assert quota.began(moment) <= moment < quota.frees(moment)
        assert quota.began(quota.frees(moment)) == quota.frees(moment)


def test_google_s_day_begins_at_midnight_in_california() -> None:
    quota = Quota(100, "day", "America/Los_Angeles")
    assert quota.frees(datetime(2026, 7, 1, 12, tzinfo=UTC)).astimezone(UTC).hour == 7
    assert quota.frees(datetime(2026, 12, 1, 12, tzinfo=UTC)).astimezone(UTC).hour == 8


# shares


def shared_out(lists: list[list[int]], limit: int | None, order: list[int]) -> list[set[int]]:
    """What each list gets when they are read side by side, in an order of turns."""
    names = [str(place) for place in range(len(lists))]
    shares = Shares(names, limit)
    taken: list[set[int]] = [set() for _ in lists]

    async def read(place: int) -> None:
        for item in lists[place]:
            if not await shares.more(names[place]):
                break
            if item not in taken[place]:
                shares.listed(names[place], first=not any(item in others for others in taken))
                taken[place].add(item)
            for _ in range(order[place]):
                await asyncio.sleep(0)
        shares.finished(names[place])

    async def everybody() -> None:
        await asyncio.wait_for(asyncio.gather(*(read(place) for place in range(len(lists)))), 20)

    asyncio.run(everybody())
    return taken


@given(st.lists(st.lists(st.integers(0, 30), max_size=25, unique=True), min_size=1, max_size=4), st.integers(1, 40))
def test_a_limit_is_reached_when_it_can_be_and_does_not_depend_on_speed(lists: list[list[int]], limit: int) -> None:
    slow_first = shared_out(lists, limit, [4, 0, 2, 1])
    slow_last = shared_out(lists, limit, [0, 3, 1, 5])
    assert set().union(*slow_first) == set().union(*slow_last)
    together = set().union(*slow_first)
    assert len(together) == min(limit, len(set().union(*map(set, lists))))


# conversations


def answers(*given: Answer) -> Any:
    """A script that gives these answers in turn, and the last one for ever."""
    return lambda site, times: given[min(times, len(given)) - 1]


def page_of(*images: str) -> bytes:
    rows = [{"id": url, "url": url, "license": "by", "license_version": "4.0"} for url in images]
    return json.dumps({"result_count": len(rows), "page_count": 1, "results": rows}).encode()


GOOD = ok(page_of("https://a.example/1.jpg", "https://a.example/2.jpg"), "application/json")


@pytest.mark.parametrize(
    "bad",
    [
        ok(b'{"result_count": 2, "results": [{"id"', "application/json"),
        ok(b"<!DOCTYPE html><title>Just a moment...</title>", "text/html"),
        (503, {}, b"<h1>later</h1>"),
    ],
)
def test_an_answer_that_is_cut_or_a_web_page_is_asked_again(root: Root, bad: Answer) -> None:
    with Site(scripts={"/v1/images/": answers(bad, GOOD)}) as site:
        assert len(Listing("openverse", root, site.url).run().found) == 2
        assert len(site.asked("/v1/images")) == 2
    with Site(scripts={"/v1/images/": answers(bad)}) as site, pytest.raises(Over) as caught:
        Listing("openverse", Root(root.address("other")), site.url).run()
    assert isinstance(explained(caught.value.refused), SourceRefused)
    assert Ledger(Root(root.address("other")), "openverse").total(datetime.now(UTC) - timedelta(days=1)) == 0


def test_retry_after_is_waited_for_and_told(root: Root) -> None:
    busy: Answer = (429, {"Retry-After": "1"}, b'{"detail": "Request was throttled."}')
    with Site(scripts={"/v1/images/": answers(busy, GOOD)}) as site:
        listing = Listing("openverse", root, site.url).run()
        first, second = site.asked("/v1/images")
    assert len(listing.found) == 2 and listing.pauses == [1.0]
    assert second - first >= 1.0


@pytest.mark.parametrize("name", ["google", "brave", "serpapi", "openverse"])
def test_a_used_up_quota_is_remembered_until_it_frees(root: Root, skulls: Catalogue, name: str) -> None:
    with Gallery(skulls, Faults(search_calls=1)) as gallery:
        for expected in (1, 0):
            listing = Listing(name, root, gallery.url, budget=None)
            with pytest.raises(Over) as caught:
                listing.run()
            assert caught.value.refused.kind == "quota" and caught.value.whole
            assert "used up" in str(explained(caught.value.refused))
            assert len(listing.found) >= 10
            assert listing.searcher.counter.asked <= 1 + expected
    if name in ("google", "openverse"):
        assert "it frees at 20" in caught.value.refused.why


def test_a_provider_that_repeats_the_key_does_not_give_it_away(root: Root) -> None:
    said = json.dumps({"error": {"message": f"no rights: {KEYS['GOOGLE_KEY']}"}}).encode()
    with Site(scripts={"/customsearch/v1": answers((403, {}, said))}) as site, pytest.raises(Over) as caught:
        Listing("google", root, site.url).run()
    assert "no rights" in caught.value.refused.why and "canary" not in caught.value.refused.why


def test_a_wrong_key_is_no_failure_of_the_provider(
    root: Root, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLICKR_KEY", "wrong")
    with pytest.raises(Over) as caught:
        Listing("flickr", root, gallery.url).run()
    found = explained(caught.value.refused)
    assert isinstance(found, UsageError) and str(found).endswith("check the key, and what it may be used for.")


def test_a_searxng_at_home_may_be_asked_though_its_address_is_private(
    root: Root, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARXNG_URL", gallery.url)
    assert len(Listing("searxng", root, "https://elsewhere.example", limit=30).run().found) == 30
