"""Museums and IIIF through real Scrapy and real HTTP against their replicas: rights, nights, kills, refusals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pipeline import tables
from pipeline.errors import SourceRefused, UsageError
from pipeline.storage import Root
from spiders.gallery import Catalogue
from spiders.gallery.http1 import Request, Response
from spiders.gallery.sites.iiif import MAX_WIDTH
from spiders.gallery.sites.museum_records import is_open
from spiders.gallery.sites.museums import CHALLENGE, Limits
from spiders.museum_filters import TAKES
from spiders.run import crawl, estimate
from spiders.summary import CrawlSummary
from tests.museum_site import MuseumSite, catalogue, refuse

KEY = "practice-key"


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue(tmp_path_factory.mktemp("museum") / "pictures")


@pytest.fixture
def site(works: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Iterator[MuseumSite]:
    for name in ("SMITHSONIAN_KEY", "EUROPEANA_KEY"):
        monkeypatch.setenv(name, KEY)
    with MuseumSite(works) as running:
        yield running


def take(site: MuseumSite, root: Root, museum: str, limit: int | None = None, **args: Any) -> CrawlSummary:
    return crawl("museum", root, args={"museum": museum, **args}, limit=limit, base_url=site.url)


def rows(root: Root) -> list[dict[str, Any]]:
    names = tables.names(root, tables.CRAWLED)
    return [row for name in names for row in tables.read(root, tables.CRAWLED, name).to_pylist()]


def objects(found: list[dict[str, Any]]) -> set[str]:
    return {json.loads(row["extra"])["object"] for row in found}


@pytest.mark.parametrize("museum", TAKES)
def test_a_museum_gives_its_open_pictures_once(site: MuseumSite, root: Root, works: Catalogue, museum: str) -> None:
    summary = take(site, root, museum)
    found = rows(root)
    free = [work for work in works.works if is_open(work)]
    assert summary.new == len(found) >= len(free) == len(objects(found)) and not summary.failed
    assert len({row["source_id"] for row in found}) == len(found)
    for row in found:
        assert row["licence"] == "CC0-1.0" and row["licence_url"] and row["attribution"].endswith("(CC0)")
        assert row["source"] == f"museum-{museum}" and row["creator"] and row["page_url"]
        assert 1600 <= row["year"] <= 1640 and row["robots"] == "none" and KEY not in json.dumps(row, default=str)
        assert sha256(root.read(tables.original_path(row["id"], row["format"]))).hexdigest() == row["id"]
    site.clear()
    again = take(site, root, museum)
    assert (again.new, again.unchanged, again.partitions) == (0, summary.new, ())
    assert len(site.log) <= 4 and not [target for target in site.log if "original" in target or "/full/" in target]


@pytest.mark.parametrize("museum", ["met", "cleveland", "smithsonian"])
def test_a_dry_run_counts_and_stores_nothing(site: MuseumSite, root: Root, museum: str) -> None:
    ahead = estimate({"crawl": "museum", "museum": museum, "base_url": site.url}, root)
    assert ahead.pictures is not None and 30 <= ahead.pictures <= 45 and ahead.seconds >= 30
    assert len(site.log) <= 2 and rows(root) == []
    assert ("1,000 requests an hour" in ahead.cost) == (museum == "smithsonian")


def test_filters_and_rights_are_those_asked_for(site: MuseumSite, root: Root, works: Catalogue) -> None:
    take(site, root, "met", query="skull", department="baroque", from_year="1600", to_year="1620")
    assert objects(rows(root)) == {
        str(work.content_id) for work in works.works[:21]
        if "Skull" in work.title and "Baroque" in work.styles and is_open(work)
    }  # fmt: skip
    assert {row["query"] for row in rows(root)} <= {"skull department=1 from_year=1600 to_year=1620",
                                                   "skull department=2 from_year=1600 to_year=1620"}  # fmt: skip
    with pytest.raises(UsageError, match=r"no department 'Barok'\. Did you mean Baroque"):
        take(site, root, "met", department="Barok")
    everything = take(site, root, "europeana", rights="any", images="first")
    assert everything.new == len(works.works)
    licences = Counter(row["licence"] for row in rows(root) if row["source"] == "museum-europeana")
    assert licences == {
        "CC0-1.0": sum(map(is_open, works.works)),
        "LicenseRef-InC": 40 - sum(map(is_open, works.works)),
    }


def test_nothing_found_is_said(site: MuseumSite, root: Root) -> None:
    for museum in ("met", "rijksmuseum"):
        with pytest.raises(UsageError, match=r"shows no pictures for unheard-of.*fewer filters"):
            take(site, root, museum, query="unheard-of")


def test_pages_follow_each_other(root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMITHSONIAN_KEY", "EUROPEANA_KEY"):
        monkeypatch.setenv(name, KEY)
    many = catalogue(tmp_path / "many", 210)
    with MuseumSite(many) as site:
        for museum, part, pages in (("cleveland", "skip=", 2), ("europeana", "cursor=", 2), ("artic", "sort=id", 2),
                                    ("rijksmuseum", "verb=ListRecords", 5)):  # fmt: skip
            summary = take(site, root, museum, images="first")
            assert summary.new == sum(map(is_open, many.works)), museum
            assert len(site.asked(part)) == pages, museum
        assert take(site, root, "rijksmuseum", query="flower", limit=90).new == 90
        assert len(site.asked("pageToken=100")) == 1
        ahead = estimate({"crawl": "museum", "museum": "cleveland", "base_url": site.url}, root)
        assert ahead.pictures is not None and abs(ahead.pictures - sum(map(is_open, many.works))) <= 60


# nights


def test_the_next_night_asks_for_what_is_new_or_changed(site: MuseumSite, root: Root, works: Catalogue) -> None:
    take(site, root, "met")
    free = [work for work in works.works if is_open(work)]
    site.records.changes[free[0].key] = "2099-01-01"
    moved = site.records.image
    site.records.image = lambda work, folder, name="": (  # type: ignore[method-assign]
        moved(work, folder, name).replace(str(work.content_id), f"0{work.content_id}")
        if work is free[0] and "original" in folder else moved(work, folder, name))  # fmt: skip
    site.clear()
    night = take(site, root, "met")
    assert night.new == 1 and night.unchanged == len(rows(root)) - 2 and night.gone in (0, 1)
    assert len(site.asked("metadataDate=")) == 1
    assert site.asked("/objects/") == [f"/public/collection/v1/objects/{free[0].content_id}"]


@pytest.mark.parametrize(
    ("museum", "part"),
    [("europeana", "timestamp_update"), ("artic", "updated_at%5D%5Bgte%5D"), ("rijksmuseum", "from=")],
)
def test_museums_that_tell_changes_are_asked_for_them_alone(
    site: MuseumSite, root: Root, works: Catalogue, museum: str, part: str
) -> None:
    first = take(site, root, museum)
    assert not site.asked(part)
    free = [work for work in works.works if is_open(work)]
    site.records.changes[free[3].key] = "2099-01-01"
    site.clear()
    night = take(site, root, museum)
    assert site.asked(part) and (night.new, night.described, night.unchanged) == (0, 1, first.new - 1)
    assert any("changed since" in note for note in night.notes)
    if museum != "europeana":
        return
    for path in (root.local or Path()).glob("cache/museum/*"):
        path.write_bytes(b"{damaged")
    site.clear()
    assert take(site, root, museum).unchanged >= first.new - 1 and not site.asked(part)


def test_a_picture_that_failed_in_passing_is_had_the_next_night(site: MuseumSite, root: Root) -> None:
    site.scripts["/europeana/shown"] = refuse(500)
    first = take(site, root, "europeana", limit=4)
    assert first.new == 0 and sum(first.failed.values()) == 4
    site.scripts.clear()
    assert take(site, root, "europeana", limit=4).new == 4
    assert take(site, root, "europeana").new > 20
    assert all(row["reason"] is None for row in rows(root)[-20:])


STARTER = """
import sys
from pipeline.storage import Root
from spiders.run import crawl
print(crawl("museum", Root(sys.argv[2]), args={"museum": sys.argv[3]}, base_url=sys.argv[1]))
"""


@pytest.mark.parametrize("museum", ["met", "cleveland"])
def test_killed_and_started_again(site: MuseumSite, root: Root, museum: str) -> None:
    folder = "/CRDImages" if museum == "met" else "/cma"

    def slow(request: Request, times: int) -> None:
        time.sleep(0.05)

    site.scripts[folder] = slow
    for count in (5, 12):
        process = subprocess.Popen([sys.executable, "-c", STARTER, site.url, root.url, museum], start_new_session=True)
        begun, end = len(site.asked(folder)), time.monotonic() + 30
        while len(site.asked(folder)) < begun + count:
            assert time.monotonic() < end
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    site.scripts.clear()
    summary = take(site, root, museum)
    found = rows(root)
    assert summary.new + summary.unchanged == len({row["source_id"] for row in found}) == len(found)
    assert all(row["reason"] is None for row in found) and len(objects(found)) >= 30


# refusals


def test_the_firewall_of_the_met_ends_the_crawl_with_advice(works: Catalogue, root: Root) -> None:
    with MuseumSite(works, Limits(wall=10, quick=5.0)) as site:
        with pytest.raises(SourceRefused, match=r"refused 5 requests in a row.*wait ten minutes"):
            take(site, root, "met")
        assert len(site.asked("/public/")) <= 16 and 5 <= len(rows(root)) <= 12
        site.limits.wall = 0
        assert take(site, root, "met").unchanged >= 5
    assert len(objects(rows(root))) == sum(map(is_open, works.works))


def test_the_browser_check_of_chicago_is_named_and_passes(works: Catalogue, root: Root) -> None:
    with MuseumSite(works, Limits(challenge=True)) as site:
        with pytest.raises(SourceRefused, match=r"None of \d+ pictures could be had.*browser check.*December 2025"):
            take(site, root, "artic")
        assert len(site.asked("/iiif/2/")) <= 40
        found = rows(root)
        assert {row["reason"] for row in found} == {"connection_failed"} and all(row["title"] for row in found)
        site.limits.challenge = False
        assert take(site, root, "artic").new == len(found)


def test_the_limit_of_the_demonstration_key_is_explained(
    works: Catalogue, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMITHSONIAN_KEY", "DEMO_KEY")
    with MuseumSite(works, Limits(demo=1)) as site:
        take(site, root, "smithsonian", limit=3)
        with pytest.raises(SourceRefused, match=r"asks to wait 60 minutes.*api\.data\.gov/signup"):
            take(site, root, "smithsonian")


@pytest.mark.parametrize(("museum", "name"), [("smithsonian", "SMITHSONIAN_KEY"), ("europeana", "EUROPEANA_KEY")])
def test_keys_missing_and_wrong(
    site: MuseumSite, root: Root, monkeypatch: pytest.MonkeyPatch, museum: str, name: str
) -> None:
    monkeypatch.setenv(name, "canary-4711-canary")
    with pytest.raises(SourceRefused, match=f"key.*into {name}") as refused:
        take(site, root, museum)
    told = str(refused.value) + "".join(getattr(refused.value, "__notes__", ()))
    assert "canary" not in told and len(site.asked("search")) == 1
    files = [path for path in (root.local or Path()).rglob("*") if path.is_file()]
    assert not [path for path in files if b"canary-4711" in path.read_bytes()]
    monkeypatch.delenv(name)
    with pytest.raises(UsageError, match=f"{name}.*https://"):
        take(site, root, museum)


def test_a_key_goes_where_it_belongs_and_nowhere_else(site: MuseumSite, root: Root) -> None:
    for museum in ("smithsonian", "europeana"):
        site.clear()
        take(site, root, museum, limit=3)
        for target, headers in zip(site.log, site.headers, strict=True):
            sent = KEY in target or KEY in json.dumps(headers)
            assert sent == ("search" in target), target
    assert not [
        path for path in (root.local or Path()).rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()
    ]


def test_chicago_is_told_who_asks_and_its_minute_is_waited_for(works: Catalogue, root: Root) -> None:
    with MuseumSite(works, Limits(minute=1)) as site:
        summary = take(site, root, "artic")
        assert summary.new >= 30 and len(site.asked("/api/v1/")) >= 1
        again = take(site, root, "artic")
        assert again.unchanged == summary.new
        agents = [headers.get("aic-user-agent", "") for headers in site.headers if "aic-user-agent" in headers]
    assert agents and all(agent.startswith("wunderkammer/") for agent in agents)


@pytest.mark.parametrize("fault", ["challenge", "cut"])
def test_a_list_that_is_none_is_refused_not_taken_for_empty(site: MuseumSite, root: Root, fault: str) -> None:
    body = {"challenge": CHALLENGE, "cut": b'{"info": {"total": 3}, "data": [{"id"'}[fault]
    script = refuse(403, body, cf_mitigated="challenge") if fault == "challenge" else refuse(200, body)
    site.scripts["/api/artworks"] = script
    with pytest.raises(SourceRefused, match=r"bot protection|HTTP 403|oddly: the answer is"):
        take(site, root, "cleveland")
    assert len(site.log) <= 5


def test_a_stumbling_museum_loses_nothing(site: MuseumSite, root: Root, works: Catalogue) -> None:
    def stumble(request: Request, times: int) -> Response | None:
        if times > 1 or hash(request.target) % 3:
            return None
        return Response(503) if hash(request.target) % 2 else Response(429, headers={"Retry-After": "0"})

    site.scripts["/"] = stumble
    summary = take(site, root, "met")
    assert not summary.failed and len(objects(rows(root))) == sum(map(is_open, works.works))


def test_a_picture_that_is_gone_is_had_in_a_smaller_size_or_counted(site: MuseumSite, root: Root) -> None:
    site.scripts["/CRDImages/ep/original"] = refuse(404)
    summary = take(site, root, "met", images="first")
    found = rows(root)
    assert {row["variant"] for row in found} == {"web-large"} and summary.new == len(found)
    site.scripts["/cma"] = refuse(404)
    gone = take(site, root, "cleveland", limit=3)
    assert (gone.new, dict(gone.failed)) == (0, {"http_4xx": 3})
    assert take(site, root, "cleveland", limit=3).unchanged == 3


def test_robots_are_for_pictures_and_not_for_documented_apis(works: Catalogue, root: Root) -> None:
    with MuseumSite(works, robots="User-agent: *\nDisallow: /") as site:
        summary = take(site, root, "met", images="first", limit=3)
        assert dict(summary.failed) == {"robots": 3}
    assert {row["robots"] for row in rows(root)} == {"disallow"}


# IIIF


def manifest(site: MuseumSite, root: Root, path: str, limit: int | None = None, **args: Any) -> CrawlSummary:
    return crawl("iiif", root, args={"manifest": f"{site.url}/iiif/presentation/{path}", **args}, limit=limit)


def test_a_manifest_of_each_version(site: MuseumSite, root: Root, works: Catalogue) -> None:
    mine = works.by_artist["jane-doe"]
    three = manifest(site, root, "3/jane-doe/manifest")
    found = rows(root)
    assert three.new == len(found) == sum(map(is_open, mine)) < len(mine)
    assert any("not open access" in note for note in three.notes)
    assert {row["variant"] for row in found} == {"max"} and {row["creator"] for row in found} == {"Jane Doe"}
    assert all("Practice Gallery" in row["attribution"] and row["licence"] == "CC0-1.0" for row in found)
    two = manifest(site, root, "2/jane-doe/manifest")
    assert two.new == len(mine) and any("only as tiles" in note for note in two.notes)
    again = manifest(site, root, "2/jane-doe/manifest")
    assert (again.new, again.unchanged) == (0, len(mine))
    assert again.requests <= 2


def test_a_collection_with_its_pages(root: Root, tmp_path: Path) -> None:
    with MuseumSite(catalogue(tmp_path / "c", 8)) as site:
        everything = manifest(site, root, "2/collection", rights="any")
        assert everything.new == 8 and len(site.asked("start=0")) == 1
        third = manifest(site, root, "3/collection", rights="any")
        assert third.new == 8 and Counter(row["licence"] for row in rows(root))["LicenseRef-InC"] == 8 - sum(
            map(is_open, site.works.works))  # fmt: skip
        ahead = estimate({"crawl": "iiif", "manifest": f"{site.url}/iiif/presentation/3/collection"}, root)
        assert ahead.pictures is None and ahead.requests == 5 and "4" in ahead.notes[0]


def test_the_limits_and_sizes_of_a_service(tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "large"
    folder.mkdir()
    Image.effect_noise((1800, 600), 60).save(folder / "wide.png")
    with MuseumSite(Catalogue.from_folder(folder)) as site:
        (slug,) = site.works.by_artist
        for path, size, expected in (
            (f"3/{slug}/manifest", None, (MAX_WIDTH, 300)), (f"3/{slug}/manifest", "600", (600, 200)),
        ):  # fmt: skip
            place = Root(tmp_path / f"size-{size}")
            manifest(site, place, path, rights="any", **({"size": size} if size else {}))
            (row,) = rows(place)
            with Image.open((place.local or Path()) / tables.original_path(row["id"], row["format"])) as picture:
                assert picture.size == expected
        assert not [target for target in site.asked("/full/") if re.search(r"/full/(\d+),", target)
                    and int(re.search(r"/full/(\d+),", target)[1]) > MAX_WIDTH]  # type: ignore[index]  # fmt: skip


def test_errors_of_manifests_are_said(site: MuseumSite, root: Root) -> None:
    with pytest.raises(UsageError, match="not the address of a manifest"):
        crawl("iiif", root, args={"manifest": "manifest.json"})
    with pytest.raises(UsageError, match="longest side in pixels"):
        manifest(site, root, "3/jane-doe/manifest", size="large")
    with pytest.raises(SourceRefused, match="HTTP 404"):
        manifest(site, root, "3/nobody/manifest")
    site.scripts["/iiif/presentation/3/x"] = refuse(200, b'{"type": "Manifest", "id": "x", "items": []}')
    with pytest.raises(UsageError, match="names no images"):
        manifest(site, root, "3/x/manifest")
    site.scripts["/iiif/3/"] = lambda request, times: Response(404) if "info.json" in request.target else None
    assert manifest(site, root, "3/jane-doe/manifest").new > 3
