"""The web search spider against the practice gallery's search sites: real HTTP, real limits, nothing bought twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import tables
from pipeline.errors import SourceRefused, UsageError
from pipeline.storage import Root
from spiders.gallery import Catalogue, Faults, Gallery
from spiders.ledger import Ledger
from spiders.run import crawl, enquire, estimate
from spiders.summary import CrawlSummary
from tests.spiders_site import Answer, Site, ok, png
from tests.web_site import KEYS

pytestmark = pytest.mark.usefixtures("search_keys")
ALL = "openverse,commons,brave,google,serpapi,flickr,searxng"


@pytest.fixture
def gallery(skulls: Catalogue) -> Iterator[Gallery]:
    with Gallery(skulls) as running:
        yield running


def search(
    root: Root, gallery: Gallery, provider: str = "", query: str = "skull", limit: int | None = None, **more: Any
) -> CrawlSummary:
    args = {"query": query, **({"provider": provider} if provider else {}), **more}
    return crawl("web", root, args=args, limit=limit, base_url=gallery.url)


def rows(root: Root) -> list[dict[str, Any]]:
    return [
        row
        for name in tables.names(root, tables.CRAWLED)
        for row in tables.read(root, tables.CRAWLED, name).to_pylist()
    ]


def asked(gallery: Gallery, path: str) -> list[str]:
    return [target for _, target, _ in gallery.log() if target.startswith(path)]


# each provider


def test_openverse_goes_past_its_depth_of_240_by_narrower_queries(root: Root, gallery: Gallery) -> None:
    found = search(root, gallery, "openverse")
    stored = rows(root)
    assert found.new == 620 and not found.failed
    assert {row["source"] for row in stored} == {"openverse"}
    assert {row["licence"] for row in stored} >= {"CC0-1.0", "CC-PDM-1.0", "CC-BY-4.0", "CC-BY-NC-ND-4.0"}
    assert any(row["query"].startswith("skull, license=") for row in stored)
    calls = asked(gallery, "/v1/images/?")
    assert len(calls) == len(set(calls)) < 60
    assert all("page_size=20" in call for call in calls)


def test_a_limit_within_the_depth_needs_no_narrower_query(root: Root, gallery: Gallery) -> None:
    assert search(root, gallery, "openverse", limit=60).new == 60
    assert len(asked(gallery, "/v1/images/?")) == 3
    assert [row["rank"] for row in rows(root)] == list(range(60))


def test_commons_strips_markup_filters_documents_and_follows_every_continuation(root: Root, gallery: Gallery) -> None:
    found = search(root, gallery, "commons")
    stored = rows(root)
    assert found.new == 620
    assert {row["creator"] for row in stored} == {"Jane Doe", "Zoë"}
    assert {row["licence"] for row in stored} == {"CC0-1.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-PDM-1.0"}
    assert any("application/pdf 1" in note for note in found.notes)
    assert len(asked(gallery, "/w/api.php")) == 13
    assert all("filetype%3Abitmap" in call for call in asked(gallery, "/w/api.php"))


def test_a_category_of_commons_is_walked(root: Root, gallery: Gallery) -> None:
    assert search(root, gallery, "commons", query="Category:vanitas").new == 330


def test_commons_asks_to_wait_with_http_200_and_is_obeyed(root: Root, skulls: Catalogue) -> None:
    with Gallery(skulls, Faults(maxlag_every=3)) as gallery:
        began = time.monotonic()
        assert search(root, gallery, "commons", limit=150).new == 150
        assert time.monotonic() - began >= 1.0
        assert len(asked(gallery, "/w/api.php")) == 4


def test_brave_has_one_page_and_other_countries_get_more(root: Root, gallery: Gallery) -> None:
    found = search(root, gallery, "brave", limit=350)
    assert found.new == 350
    calls = asked(gallery, "/res/v1/images/search")
    assert "country" not in calls[0] and all("country=" in call for call in calls[1:])
    assert {row["licence"] for row in rows(root)} == {"NOASSERTION"}
    assert all(KEYS["BRAVE_KEY"] not in call for call in calls)


def test_google_stops_at_100_and_goes_on_by_colour(root: Root, gallery: Gallery) -> None:
    found = search(root, gallery, "google", limit=300)
    calls = asked(gallery, "/customsearch/v1")
    assert found.new == 300
    starts = [call.partition("start=")[2].partition("&")[0] for call in calls if "imgDominantColor" not in call]
    assert starts == ["1", "11", "21", "31", "41", "51", "61", "71", "81", "91"]
    assert Ledger(root, "google").total(datetime.now(UTC) - timedelta(days=1)) == len(calls) <= 100
    assert {row["query"].partition("=")[0] for row in rows(root)} >= {"skull", "skull, imgDominantColor"}


def test_serpapi_turns_pages_until_there_is_none(root: Root, gallery: Gallery) -> None:
    assert search(root, gallery, "serpapi").new == 620
    calls = asked(gallery, "/search.json")
    assert [call.partition("ijn=")[2][:1] for call in calls[:8]] == ["0", "1", "2", "3", "4", "5", "6", "7"]


def test_flickr_takes_the_largest_size_and_knows_licences_by_number(root: Root, gallery: Gallery) -> None:
    found = search(root, gallery, "flickr", license="cc0,cc-by")
    stored = rows(root)
    assert found.new == len(stored) > 50
    assert {row["licence"] for row in stored} == {"CC0-1.0", "CC-BY-2.0"}
    assert {row["variant"] for row in stored} == {"url_o", "url_l"}
    assert "license=4%2C9%2C11" in asked(gallery, "/services/rest/")[0]


def test_searxng_passes_over_pictures_that_are_no_addresses(
    root: Root, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARXNG_URL", gallery.url)
    found = search(root, gallery, "searxng", limit=250)
    assert found.new == 250
    assert any("without an address 1" in note for note in found.notes)


@pytest.mark.parametrize(("thumbnails", "expected"), [("no", ("http_4xx", None)), ("yes", (None, "thumbnail"))])
def test_a_thumbnail_is_taken_on_request_alone(
    root: Root, thumbnails: str, expected: tuple[str | None, str | None]
) -> None:
    def page(site: Site, times: int) -> Answer:
        row = {"id": "1", "url": f"{site.url}/gone.jpg", "thumbnail": f"{site.url}/images/a/1.png", "license": "by"}
        return site.json({"result_count": 1, "page_count": 1, "results": [row]})

    with Site(scripts={"/v1/images/": page}) as site:
        args = {"query": "skull", "provider": "openverse", "thumbnails": thumbnails}
        crawl("web", root, args=args, base_url=site.url)
    (row,) = rows(root)
    assert (row["reason"], row["variant"] if row["sha256"] else None) == expected
    assert (row["licence"], row["source_id"]) == ("https://creativecommons.org/licenses/by/", "openverse:1")


def test_a_photo_that_flickr_took_away_is_a_placeholder_and_no_picture(root: Root) -> None:
    def page(site: Site, times: int) -> Answer:
        row = {"id": "1", "owner": "a", "license": "4", "url_o": f"{site.url}/taken.jpg"}
        return site.json({"photos": {"page": 1, "total": 1, "photo": [row]}, "stat": "ok"})

    def moved(site: Site, times: int) -> Answer:
        return 302, {"Location": f"{site.url}/photo_unavailable.png"}, b""

    scripts = {
        "/services/rest/": page, "/taken.jpg": moved, "/photo_unavailable.png": lambda site, times: ok(png(1)),
    }  # fmt: skip
    with Site(scripts=scripts) as site:
        crawl("web", root, args={"query": "skull", "provider": "flickr"}, base_url=site.url)
    (row,) = rows(root)
    assert (row["reason"], row["sha256"]) == ("placeholder", None)


# several at once


def test_several_providers_share_a_limit_and_a_second_run_finds_nothing_to_do(root: Root, gallery: Gallery) -> None:
    first = search(root, gallery, limit=101)
    assert first.new == 101
    stored = rows(root)
    counts = {name: sum(row["source"] == name for row in stored) for name in ("openverse", "commons")}
    assert min(counts.values()) >= 30
    assert len({row["url"] for row in stored}) == 101
    assert any("also_found" in (row["extra"] or "") for row in stored)
    before = len(asked(gallery, "/v1/images/?"))
    second = search(root, gallery, limit=101)
    assert (second.new, second.unchanged) == (0, 101)
    assert len(asked(gallery, "/v1/images/?")) == before


def test_what_one_provider_does_not_have_another_gives(root: Root, gallery: Gallery) -> None:
    assert search(root, gallery, "commons,openverse", query="flower", limit=80).new == 40


def test_a_provider_that_fails_is_a_note(root: Root, gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_KEY")
    monkeypatch.setenv("FLICKR_KEY", "wrong-one")
    found = search(root, gallery, "google,flickr,commons", limit=60)
    assert found.new == 60
    said = " ".join(found.notes)
    assert "GOOGLE_KEY is not set" in said and "programmablesearchengine.google.com" in said
    assert "Invalid API Key" in said and "wrong-one" not in said


@pytest.mark.parametrize(
    ("provider", "name", "value", "error", "words"),
    [
        ("google", "GOOGLE_KEY", "", UsageError, "GOOGLE_KEY is not set"),
        ("google", "GOOGLE_KEY", "wrong", UsageError, "refuses GOOGLE_KEY .API key not valid.*check the key"),
        ("brave", "BRAVE_KEY", "", UsageError, "BRAVE_KEY is not set: ask for one at https://api-dashboard"),
        ("brave", "BRAVE_KEY", "wrong", UsageError, "refuses BRAVE_KEY .*token is invalid.*check the key"),
        ("serpapi", "SERPAPI_KEY", "wrong", UsageError, "Invalid API key.*check the key"),
        ("flickr", "FLICKR_KEY", "wrong", UsageError, r"Invalid API Key.*\(code 100\).*check the key"),
        ("searxng", "SEARXNG_URL", "", UsageError, "SEARXNG_URL is not set: run a SearXNG of your own"),
    ],
)
def test_the_only_provider_explains_itself(
    root: Root, gallery: Gallery, monkeypatch: pytest.MonkeyPatch, provider: str, name: str, value: str,
    error: type[Exception], words: str,
) -> None:  # fmt: skip
    monkeypatch.setenv(name, value)
    with pytest.raises(error, match=words) as caught:
        search(root, gallery, provider)
    assert "wrong" not in str(caught.value)
    assert rows(root) == []


def test_searxng_without_json_says_what_to_set(root: Root, skulls: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    with Gallery(skulls, Faults(searxng_json=False)) as gallery:
        monkeypatch.setenv("SEARXNG_URL", gallery.url)
        with pytest.raises(UsageError, match=r"add `json` to `formats` under `search` in its settings\.yml"):
            search(root, gallery, "searxng")


def test_a_site_that_is_down_is_said_to_be(root: Root) -> None:
    with pytest.raises(SourceRefused, match="does not answer"):
        crawl("web", root, args={"query": "skull", "provider": "commons"}, base_url="http://127.0.0.1:9")


# quota, and what was bought


def test_a_used_up_quota_keeps_what_came_and_is_remembered(root: Root, skulls: Catalogue) -> None:
    with Gallery(skulls, Faults(search_calls=2)) as gallery:
        for _ in range(2):
            with pytest.raises(SourceRefused, match=r"its quota is used up; it frees at|are used up; it frees at"):
                search(root, gallery, "google")
            assert len(rows(root)) == 20
        assert len(asked(gallery, "/customsearch")) == 3


def test_the_ledger_is_obeyed_before_anything_is_asked(root: Root, gallery: Gallery) -> None:
    Ledger(root, "google").spend(97, "another run")
    with pytest.raises(SourceRefused, match=r"100 calls that Google allows in one day are used up; it frees at .* UTC"):
        search(root, gallery, "google")
    assert len(asked(gallery, "/customsearch")) == 3
    assert len(rows(root)) == 30


def test_a_budget_is_kept_and_what_was_bought_is_not_bought_again(root: Root, gallery: Gallery) -> None:
    first = search(root, gallery, "google", limit=100, budget=4)
    assert first.new == 40 and "budget of 4 calls of Google is used up: --budget N" in first.notes[0]
    assert len(asked(gallery, "/customsearch")) == 4 and len(rows(root)) == 40
    found = search(root, gallery, "google", limit=100, budget=6)
    assert (found.new, found.unchanged) == (60, 40)
    assert len(asked(gallery, "/customsearch")) == 10
    other = Root(root.address("../other"))
    os.makedirs(other.address(""), exist_ok=True)
    os.symlink(root.address("answers"), other.address("answers"))
    assert search(other, gallery, "google", limit=100).new == 100
    assert len(asked(gallery, "/customsearch")) == 10


def test_old_answers_are_bought_again_when_asked_to(root: Root, gallery: Gallery) -> None:
    search(root, gallery, "brave", limit=10)
    search(root, gallery, "brave", limit=10, fresh=0)
    assert len(asked(gallery, "/res/v1/images/search")) == 2


def test_what_is_not_answered_is_not_charged(root: Root, gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_KEY", "wrong")
    with pytest.raises(UsageError):
        search(root, gallery, "google")
    assert Ledger(root, "google").total(datetime.now(UTC) - timedelta(days=1)) == 0


def test_openverse_takes_a_smaller_page_when_it_must(root: Root, skulls: Catalogue) -> None:
    with Gallery(skulls, Faults(anonymous_page=10)) as gallery:
        assert search(root, gallery, "openverse", limit=35).new == 35
        calls = asked(gallery, "/v1/images/?")
        assert "page_size=20" in calls[0]
        assert all("page_size=10" in call for call in calls[1:]) and len(calls) == 5


def test_openverse_with_credentials_has_larger_pages(
    root: Root, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVERSE_CLIENT_ID", "canary-client")
    monkeypatch.setenv("OPENVERSE_CLIENT_SECRET", "canary-word")
    assert search(root, gallery, "openverse", limit=500).new == 500
    assert len(asked(gallery, "/v1/images/?")) == 10
    assert len(asked(gallery, "/v1/auth_tokens/token/")) == 1
    monkeypatch.setenv("OPENVERSE_CLIENT_SECRET", "wrong")
    with pytest.raises(UsageError, match="does not take OPENVERSE_CLIENT_ID"):
        search(Root(root.address("other")), gallery, "openverse", limit=5)


def test_no_secret_is_found_anywhere(root: Root, gallery: Gallery, tmp_path: Path) -> None:
    search(root, gallery, "brave,google,serpapi,flickr", limit=120)
    files = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not [path for path in files if b"canary" in path.read_bytes()]
    assert not [row for row in rows(root) if "canary" in json.dumps(row, default=str)]


# licences


def test_licences_are_filtered_where_they_are_told_and_noted_where_they_are_not(root: Root, gallery: Gallery) -> None:
    found = search(root, gallery, "commons,google,brave", limit=90, license="cc0")
    stored = rows(root)
    assert found.new == len(stored) == 90 and not found.failed
    assert {row["licence"] for row in stored if row["source"] == "commons"} == {"CC0-1.0"}
    unknown = [row for row in stored if row["source"] == "google"]
    assert {row["licence"] for row in unknown} == {"NOASSERTION"}
    assert all(json.loads(row["extra"])["licence_filter"] == {"rights": "cc_publicdomain"} for row in unknown)
    assert not [row for row in stored if row["source"] == "brave"]
    said = " ".join(found.notes)
    assert "under other licences" in said and "Brave says nothing of licences" in said
    assert "does not say which each picture has" in said


# looking ahead


def test_a_dry_run_of_what_counts_asks_once_and_stores_nothing(root: Root, gallery: Gallery, tmp_path: Path) -> None:
    ahead = estimate({"crawl": "web", "query": "skull"}, root, base_url=gallery.url)
    assert (ahead.pictures, ahead.cost.count(";")) == (1240, 1)
    assert "openverse" in ahead.cost and "commons: nothing" in ahead.cost
    assert any("240 results" in cap for cap in ahead.caps)
    assert len(asked(gallery, "/")) - len(asked(gallery, "/-/")) == 2
    assert not list((tmp_path / "root").rglob("crawled*"))


def test_a_dry_run_of_what_costs_asks_nothing_and_tells_the_price(root: Root, gallery: Gallery) -> None:
    spec = {"crawl": "web", "query": "skull", "provider": "google", "limit": 1000}
    ahead = estimate(spec, root, base_url=gallery.url)
    assert asked(gallery, "/customsearch") == []
    assert any("may be asked 100 times now" in cap for cap in ahead.caps)
    paid = estimate({**spec, "budget": 500}, root, base_url=gallery.url)
    assert paid.pictures == 1000
    assert paid.cost == "google: 190 calls, 90 of them paid: 0.45 USD"
    brave = estimate({**spec, "provider": "brave"}, root, base_url=gallery.url)
    assert "searches of your plan" in brave.cost


def test_the_quota_is_told_without_a_query_a_key_or_a_contact(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger(root, "google").spend(12, "earlier")
    monkeypatch.delenv("BRAVE_KEY")
    monkeypatch.delenv("PIPELINE_CONTACT", raising=False)
    lines = enquire({"crawl": "web", "quota": "yes"}, root)
    assert len(lines) == 7
    assert any(line.startswith("google: 12 of 100 a day spent, 88 left; it frees at ") for line in lines)
    assert any("(BRAVE_KEY not set)" in line for line in lines)


# interruptions


def test_a_killed_crawl_goes_on_without_asking_twice(root: Root, gallery: Gallery) -> None:
    order = f"""
from pipeline.storage import Root
from spiders.run import crawl
crawl("web", Root({root.url!r}), args={{"query": "skull", "provider": "openverse"}}, base_url={gallery.url!r})
"""
    process = subprocess.Popen([sys.executable, "-c", order], start_new_session=True)
    while len(asked(gallery, "/v1/images/?")) < 6:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.5)
    before = set(asked(gallery, "/v1/images/?"))
    found = search(root, gallery, "openverse")
    after = asked(gallery, "/v1/images/?")
    assert found.new + found.unchanged == 620
    assert len(after) - len(set(after)) <= 1
    assert before <= set(after)
    assert len({row["url"] for row in rows(root) if row["sha256"]}) == 620
