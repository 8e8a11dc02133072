"""The WikiArt spider against the practice gallery: what is asked, what is recorded, and nothing twice."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline import tables
from pipeline.errors import Fatal, LockHeld
from pipeline.storage import Root
from spiders.desk import Desk
from spiders.gallery import Catalogue, Faults, Gallery
from spiders.registry import source_prefix
from spiders.run import crawl, progress_line
from spiders.summary import CrawlSummary
from tests.spiders_site import Answer, Site, png, rows

STYLES = ("Cubism", "Naïve Art (Primitivism)", "Pop Art")
GENRES = ("portrait", "sketch and study")
WORKS = 150


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures with an index: 130 of 150 works are Cubism, by 3 artists."""
    folder = tmp_path_factory.mktemp("pictures")
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "title", "artist", "style", "genre", "year", "tags"])
        for number in range(WORKS):
            name = f"{number:03d}.png"
            style = STYLES[0] if number < 130 else STYLES[1 + number % 2]
            artist = ("Jane Doe", "Matthias Grünling", "Zoë")[number % 3]
            (folder / name).write_bytes(png(number))
            writer.writerow([name, f"Work {number}", artist, style, GENRES[number % 2], "c.1890", "hat, sky"])
    return folder


@pytest.fixture(scope="module")
def gallery(pictures: Path) -> Iterator[Gallery]:
    with Gallery(Catalogue.from_folder(pictures)) as running:
        yield running


def intact(root: Root, found: list[dict[str, Any]]) -> None:
    """Every row that has no reason has its original, byte for byte; there is no other file under originals."""
    for row in found:
        if row["reason"] is None:
            assert sha256(root.read(tables.original_path(row["id"], row["format"]))).hexdigest() == row["id"]
    stored = {path.stem for path in (root.local or Path()).glob("originals/*/*")}
    assert {row["id"] for row in found if row["reason"] is None} <= stored
    assert all(len(name) == 64 for name in stored)


def test_by_style_with_every_provenance_field(gallery: Gallery, root: Root, pictures: Path) -> None:
    summary = crawl("wikiart", root, args={"style": "Cubism"}, base_url=gallery.url)
    found = rows(root)
    assert (summary.new, summary.unchanged, dict(summary.failed)) == (130, 0, {})
    assert CrawlSummary.from_json(json.loads(json.dumps(summary.to_json()))) == summary and summary.requests > 260
    assert summary.partitions == tuple(tables.names(root, tables.CRAWLED))
    assert summary.prefix.startswith("wikiart-style-cubism-")
    assert [row["rank"] for row in found] == list(range(130))
    intact(root, found)
    row = found[7]
    assert root.read(tables.original_path(row["id"], "png")) == (pictures / "007.png").read_bytes()
    assert (row["title"], row["creator"], row["creator_id"]) == ("Work 7", "Matthias Grünling", "matthias-grunling")
    assert (row["style"], row["genre"], row["tags"]) == (["Cubism"], ["sketch and study"], ["hat", "sky"])
    assert (row["year_text"], row["year"], row["query"]) == ("c.1890", 1890, "style=cubism")
    assert row["url"].startswith("http://127.0.0.1") and "%C3%BC" in row["url"]
    assert row["page_url"].startswith(f"{gallery.url}/en/matthias-grunling/")
    assert (row["declared_width"], row["declared_height"]) == (8, 8)
    assert (row["http_status"], row["content_type"]) == (200, "image/png")
    assert (row["variant"], row["robots"]) == ("original", "allow")
    assert (row["licence"], row["source"]) == ("NOASSERTION", "wikiart")
    assert row["etag"] and row["last_modified"] and row["fetched_at"] and row["attribution"] and row["final_url"]
    raw = json.loads(row["raw"])
    assert raw["listing"]["id"] == row["source_id"] and raw["detail"]["completitionYear"] == 1890


def test_only_what_is_new_is_fetched(gallery: Gallery, root: Root) -> None:
    before = gallery.counts()
    crawl("wikiart", root, args={"genre": "portrait"}, limit=10, base_url=gallery.url)
    middle = gallery.counts()
    assert middle["image"] - before.get("image", 0) == 10
    again = crawl("wikiart", root, args={"genre": "portrait"}, limit=10, base_url=gallery.url)
    after = gallery.counts()
    assert (again.new, again.unchanged, again.partitions) == (0, 10, ())
    assert after["image"] == middle["image"] and after["metadata"] - middle["metadata"] == 3
    more = crawl("wikiart", root, args={"genre": "portrait"}, base_url=gallery.url)
    assert (more.new, more.unchanged) == (65, 10)
    found = rows(root)
    assert len({row["source_id"] for row in found}) == len(found) == 75
    assert {tuple(row["genre"]) for row in found} == {("portrait",)}


def test_by_artist_and_all(gallery: Gallery, root: Root) -> None:
    summary = crawl("wikiart", root, args={"artist": "Matthias Grünling", "details": "no"}, base_url=gallery.url)
    assert summary.new == 50
    assert {row["creator_id"] for row in rows(root)} == {"matthias-grunling"}
    assert {row["query"] for row in rows(root)} == {"artist=matthias-grunling"}
    everything = crawl("wikiart", root, args={"details": "no"}, base_url=gallery.url)
    assert everything.new == WORKS and everything.prefix.startswith("wikiart-details-no-")


def test_a_site_that_stumbles_loses_nothing(pictures: Path, root: Root) -> None:
    stumbling = Faults(seed=3, too_many_every=60, retry_after=0, throttle_every=60, burst=1, error_every=20)
    with Gallery(Catalogue.from_folder(pictures), stumbling) as gallery:
        summary = crawl("wikiart", root, args={"style": "na-ve-art-primitivism"}, base_url=gallery.url)
        everything = crawl("wikiart", root, base_url=gallery.url)
        counts = gallery.counts()
    assert (summary.new, everything.new) == (10, WORKS) and not summary.failed and not everything.failed
    assert counts["fault_error"] and counts["fault_too_many"] and counts["fault_throttled"]
    intact(root, rows(root))
    assert {tuple(row["style"]) for row in rows(root)} == {(style,) for style in STYLES}


def test_listings_end_at_the_cap_and_say_so(root: Root) -> None:
    class Long(Site):
        """Pages of one work, so that sixty pages are sixty pictures."""

        def answer(self, target: str) -> Answer:
            page = re.search(r"page=(\d+)", target)
            if page:
                return self.json({"Paintings": [self.work(int(page[1]))], "AllPaintingsCount": 5_000})
            return super().answer(target)

    with Long() as site:
        summary = crawl("wikiart", root, args={"style": "cubism", "details": "no"}, base_url=site.url)
        assert site.asked("page=60") and not site.asked("page=61")
    assert summary.new == 60
    assert any("at most 3,600 works" in note and "5,000" in note for note in summary.notes)


# being stopped

STARTER = """
import sys
from pipeline.storage import Root
from spiders.run import crawl
print(crawl("wikiart", Root(sys.argv[2]), args={"style": "cubism", "details": "no"}, base_url=sys.argv[1]))
"""


def started(site: Site, root: Root) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, site.url, root.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def slowly(site: Site) -> Site:
    """The site with pictures that take their time."""
    plain = site.answer

    def answer(target: str) -> Answer:
        if target.startswith("/images/"):
            time.sleep(0.05)
        return plain(target)

    site.answer = answer  # type: ignore[method-assign]
    return site


def after_pictures(site: Site, count: int) -> None:
    end = time.monotonic() + 30
    while len(site.asked("/images/a/")) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_at_any_moment_and_started_again(root: Root) -> None:
    with slowly(Site(160)) as site:
        for count in (5, 80):
            process = started(site, root)
            after_pictures(site, len(site.asked("/images/a/")) + count)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            intact(root, rows(root))
        summary = crawl("wikiart", root, args={"style": "cubism", "details": "no"}, base_url=site.url)
        found = rows(root)
        assert [row["rank"] for row in found] == list(range(160))
        assert len({row["source_id"] for row in found}) == 160
        intact(root, found)
        assert summary.new + summary.unchanged == 160


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, None), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_what_had_arrived_is_kept_when_the_crawl_is_stopped(root: Root, how: int, code: int | None) -> None:
    """Only the starter gets the signal: the crawler's process must stop with it, after a commit."""
    with slowly(Site(3_000)) as site:
        process = started(site, root)
        after_pictures(site, 100)
        process.send_signal(how)
        _, said = process.communicate(timeout=20)
        assert process.returncode == code if code is not None else "KeyboardInterrupt" in said
        end = time.monotonic() + 10
        while not (found := rows(root)) and time.monotonic() < end:
            time.sleep(0.05)
        asked = len(site.asked("/images/a/"))
    assert 80 <= len(found) <= asked
    intact(root, found)
    assert all(row["reason"] is None for row in found)


def crawler_process() -> psutil.Process:
    """The process that a crawl of this process runs in."""
    for one in psutil.Process().children():
        with suppress(psutil.Error):
            if "spiders.child" in one.cmdline():
                return one
    raise AssertionError("there is no crawler's process")


@pytest.mark.parametrize(("how", "said"), [("terminate", "was stopped before its end"), ("kill", "died .exit code -9")])
def test_a_crawl_whose_process_ends_early_is_not_taken_for_whole(root: Root, how: str, said: str) -> None:
    with slowly(Site(3_000)) as site, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(crawl, "wikiart", root, args={"style": "cubism", "details": "no"}, base_url=site.url)
        after_pictures(site, 100)
        getattr(crawler_process(), how)()
        with pytest.raises(Fatal, match=said):
            waiting.result(30)
    assert (how == "kill") == (rows(root) == [])


def test_two_crawls_of_one_source_do_not_run_at_once(root: Root) -> None:
    held = Desk(root, source_prefix({"crawl": "wikiart", "style": "cubism"}))
    with Site(1) as site, pytest.raises(LockHeld, match="Another run holds the lock"):
        crawl("wikiart", root, args={"style": "cubism"}, base_url=site.url)
    held.close()
    assert site.log == []


def test_progress_is_told_in_lines(root: Root) -> None:
    counts = {"new": 1_200, "failed": {"empty": 3, "http_4xx": 9}, "unchanged": 28, "expected": 2_000, "seconds": 12.12,
              "pause": 0.0}  # fmt: skip
    line = progress_line("wikiart style=cubism", counts)
    assert line == (
        "wikiart style=cubism: 1,240 of 2,000 pictures, 100.0/s, failed 12 (empty 3, http_4xx 9), 8 s left"
    )
    counts |= {"new": 0, "failed": {}, "expected": None, "seconds": 0.0}
    assert progress_line("w", counts) == "w: 28 pictures, 0.0/s"
    assert "asks to wait 60 s" in progress_line("w", {**counts, "pause": 60.4})


# as a Scrapy project


def test_it_is_a_scrapy_project(root: Root) -> None:
    project = Path(__file__).parents[1]

    def scrapy(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scrapy", *words]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=True)

    assert "wikiart" in scrapy("list").stdout.split()
    with Site(5) as site:
        done = scrapy(
            "crawl", "wikiart", "-a", "style=cubism", "-a", f"base_url={site.url}", "-a", "limit=4",
            "-s", f"WUNDERKAMMER_ROOT={root.url}", "-s", "LOG_LEVEL=WARNING",
        )  # fmt: skip
    assert done.stderr == ""
    assert len(rows(root)) == 4


def test_a_crawl_into_an_object_store(s3_root: str) -> None:
    root = Root(s3_root)
    with Site(100) as site:
        summary = crawl("wikiart", root, args={"style": "cubism", "details": "no"}, base_url=site.url)
        assert summary.new == 100
        assert crawl("wikiart", root, args={"style": "cubism", "details": "no"}, base_url=site.url).unchanged == 100
    found = rows(root)
    assert [root.read(tables.original_path(row["id"], "png")) for row in found] == [png(n) for n in range(100)]
