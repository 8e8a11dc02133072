"""kill −9 of all processes, a full disk, two crawls at once: what was fetched stays, and nothing is doubled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.crawl_kills import crawl_with_kills, make_works
from pipeline import tables
from pipeline.storage import Root
from spiders import crawls
from spiders.gallery import Catalogue, Gallery
from tests.job import pipeline
from tests.spiders_site import Answer, Site, ok, png

IN_FLIGHT = 16
"""Requests of one kind that a practice crawl has under way at most."""


def rows(root: Path | str) -> list[dict[str, Any]]:
    place = Root(root)
    names = tables.names(place, tables.CRAWLED)
    return [row for name in names for row in tables.read(place, tables.CRAWLED, name).to_pylist()]


def test_kills_lose_nothing_double_nothing_and_repeat_what_was_under_way(tmp_path: Path, any_root: str) -> None:
    in_store = any_root.startswith("s3:")
    count, kills = (120, 2) if in_store else (300, 4)
    with Gallery(Catalogue.from_folder(make_works(tmp_path / "works", count))) as gallery:
        found = crawl_with_kills(gallery, any_root, count, kills, seed=11)
    assert found["stored"] == count
    assert (found["lost"], found["doubled"], found["damaged"], found["journal left"]) == (0, 0, 0, 0), found
    if not in_store:
        assert found["pictures asked twice"] <= found["kills"] * IN_FLIGHT, found


LIMITED = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2); "
LIMITED += "sys.argv = ['pipeline', *sys.argv[2:]]; from pipeline.cli import main; main()"


@pytest.mark.parametrize("size", [30, 1_500, 9_000])
def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(tmp_path: Path, size: int) -> None:
    """A limit on the size of files stands in for a full disk: it strikes in turn at a picture, a line and a table."""
    with Site(20) as site:
        command = ["crawl", "wikiart", "--style", "cubism", "--base-url", site.url]
        given = [sys.executable, "-c", LIMITED, str(size), *command, "--root", str(tmp_path / "root")]
        done = subprocess.run(given, capture_output=True, text=True, check=False)
        assert done.returncode == 6, done.stderr
        assert "No space is left at" in done.stderr and "run the same command again" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list((tmp_path / "root").glob("tables/*/*/*")), "no table is visible in part"
        pipeline(*command, root=tmp_path / "root")
    found = rows(tmp_path / "root")
    assert Counter(row["source_id"] for row in found) == Counter(f"{number:024x}" for number in range(20))
    for row in found:
        assert Root(tmp_path / "root").read(tables.original_path(row["id"], row["format"])) == png(row["rank"])


def slow(site: Site, times: int) -> Answer:
    time.sleep(6)
    return ok(png(0))


def test_two_crawls_of_one_source_at_once_one_wins_and_the_other_says_so(tmp_path: Path) -> None:
    with Site(6, {"/images/a/0.png": slow}) as site:
        command = ["crawl", "wikiart", "--style", "cubism", "--base-url", site.url]
        codes: list[int] = []

        def one() -> None:
            done = pipeline(*command, root=tmp_path, check=False)
            assert "Traceback" not in done.stderr
            codes.append(done.returncode)

        threads = [threading.Thread(target=one) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(codes) == [0, 5]
    assert Counter(row["source_id"] for row in rows(tmp_path)) == Counter(f"{n:024x}" for n in range(6))


def test_ctrl_c_keeps_what_arrived_and_is_written_down(tmp_path: Path) -> None:
    with Site(40, {"/images/a/39.png": slow}) as site:
        command = [sys.executable, "-m", "pipeline.cli", "crawl", "wikiart", "--style", "cubism"]
        command += ["--base-url", site.url, "--root", str(tmp_path)]
        run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 30
        while len(site.asked("/images/")) < 40 and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(run.pid, 2)
        _, said = run.communicate(timeout=30)
    assert run.returncode == 130 and "Stopped; the same command goes on from here." in said
    assert len(rows(tmp_path)) == 39
    assert not list(tmp_path.glob("journal/*/*")), "a stop folds the journal into its partition"
    (record,) = crawls.newest(Root(tmp_path))
    assert json.dumps(record["summary"]["new"]) == "39"
