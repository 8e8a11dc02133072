"""The hand-over writes in a thread beside the crawl: whatever happens there, originals come first and trouble is told.

The crawl is the real one, in its own process; a preamble makes one write slow or lets it fail.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline import tables
from pipeline.storage import Root
from spiders import crawls
from tests.spiders_site import Answer, Site, ok, png, rows

PICTURES = 12
SLOW = """
import time
from pathlib import Path
from pipeline.storage import Root
real = Root._synced
def slow(self):
    Path(self.local, "begun").touch()
    time.sleep(SECONDS)
    real(self)
Root._synced = slow
"""
"""Each barrier takes its time."""
OFTEN = """
from spiders.journal import DiskJournal
DiskJournal.enough = (PICTURES, 2**40, 0.5)
"""
"""Originals are published after so many pictures, or after half a second."""
FAILING = """
import errno, os
from pipeline.storage import Root
real_synced = Root._synced
def failing(self):
    real_synced(self)
    with self.explained():
        raise ERROR
Root._synced = failing
"""
NO_TABLE = """
from pipeline import tables
def broken(*_):
    raise RuntimeError("no such thing")
tables.write = broken
"""
NO_SPACE = FAILING.replace("ERROR", "OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))")
NO_DISK = FAILING.replace("ERROR", "OSError(errno.EIO, os.strerror(errno.EIO))")


class Crawl:
    """A crawl of `site` in its own process, which `preamble` has changed."""

    def __init__(self, site: Site, root: Path, preamble: str) -> None:
        order = {"spider": "wikiart", "verb": "crawl", "root": str(root),
                 "arguments": {"style": "cubism", "base_url": site.url}, "settings": {}}  # fmt: skip
        command = [sys.executable, "-c", f"{preamble}\nfrom spiders.child import main\nmain()"]
        place = Path(__file__).parents[1]
        self.run = subprocess.Popen(
            command, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.run.stdin is not None
        self.run.stdin.write(json.dumps(order) + "\n")
        self.run.stdin.flush()

    def ended(self) -> tuple[dict[str, Any], str]:
        """Its last word, and what it said besides."""
        with self.run as run:
            assert run.stdout is not None and run.stderr is not None
            words = run.stdout.read().strip().splitlines()
            said = run.stderr.read()
        return (json.loads(words[-1]) if words else {}), said


def whole(root: Path, count: int) -> None:
    """Every row has its original, no row is there twice, and no journal is left."""
    found = rows(Root(root))
    assert sorted(row["source_id"] for row in found) == [f"{number:024x}" for number in range(count)]
    for row in found:
        assert Root(root).read(tables.original_path(row["id"], row["format"])) == png(row["rank"])
    assert not list(root.glob("journal/*/*"))


def late(seconds: float) -> Any:
    def script(site: Site, times: int) -> Answer:
        time.sleep(seconds)
        return ok(png(PICTURES - 1))

    return script


def begun(root: Path) -> Any:
    """The last picture comes just after the write of the others was begun, too soon for a write of its own."""

    def script(site: Site, times: int) -> Answer:
        until(root / "begun")
        return ok(png(PICTURES - 1))

    return script


def until(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert path.exists()


def test_a_crawl_that_ends_while_the_clock_has_a_batch_written_waits_for_it(tmp_path: Path) -> None:
    """The ticker began the write; what came in meanwhile is written too, and the end is not told before."""
    preamble = SLOW.replace("SECONDS", "3") + OFTEN.replace("PICTURES", "10_000").replace("0.5", "2.0")
    with Site(PICTURES, {f"/images/a/{PICTURES - 1}.png": begun(tmp_path)}) as site:
        last, said = Crawl(site, tmp_path, preamble).ended()
    assert last["summary"]["new"] == PICTURES, said
    assert len(last["summary"]["partitions"]) == 1
    whole(tmp_path, PICTURES)


@pytest.mark.parametrize("enough", [10_000, PICTURES // 2], ids=["at the end", "by a picture"])
def test_a_crawl_told_to_stop_during_a_write_ends_it(tmp_path: Path, enough: int) -> None:
    """It may not wait for the loop for long: what the loop left is done without it."""
    preamble = SLOW.replace("SECONDS", "4") + OFTEN.replace("PICTURES", str(enough)).replace("0.5", "1e9")
    with Site(PICTURES) as site:
        crawl = Crawl(site, tmp_path, preamble)
        until(tmp_path / "begun")
        crawl.run.send_signal(signal.SIGTERM)
        last, said = crawl.ended()
    assert "stopped" in last, (last, said)
    found = rows(Root(tmp_path))
    assert len(found) >= PICTURES // 2 and len(found) == last["stopped"]["new"]
    whole(tmp_path, len(found))
    (record,) = crawls.newest(Root(tmp_path))
    assert record["summary"]["new"] == len(found)


FULL = (NO_SPACE, "NoSpace", "No space is left at")
BROKEN = (NO_DISK, "Fatal", "Input/output error); nothing more is.")


@pytest.mark.parametrize(
    ("preamble", "fault", "kind", "sentence"),
    [(OFTEN.replace("PICTURES", "3"), *FULL), (OFTEN.replace("PICTURES", "10_000"), *BROKEN), ("", *FULL)],
    ids=["by a picture", "by the clock", "at the end"],
)
def test_a_write_that_fails_in_the_thread_ends_the_crawl(
    tmp_path: Path, preamble: str, fault: str, kind: str, sentence: str
) -> None:
    with Site(PICTURES, {f"/images/a/{PICTURES - 1}.png": late(2.5)}) as site:
        last, said = Crawl(site, tmp_path, preamble + fault).ended()
        assert last["error"]["kind"] == kind and sentence in last["error"]["message"], (last, said)
        assert not rows(Root(tmp_path)) and "Traceback" not in said
        again, said = Crawl(site, tmp_path, "").ended()
    assert again["summary"]["new"] + again["summary"]["recovered"] == PICTURES, said
    whole(tmp_path, PICTURES)


@pytest.mark.parametrize("preamble", [OFTEN.replace("PICTURES", "10_000"), ""], ids=["by the clock", "at the end"])
def test_a_fault_of_ours_in_the_thread_is_told_too(tmp_path: Path, preamble: str) -> None:
    clock = "from spiders import desk\ndesk.SECONDS = 0.5\n" if preamble else ""
    with Site(PICTURES, {f"/images/a/{PICTURES - 1}.png": late(4)}) as site:
        last, said = Crawl(site, tmp_path, preamble + clock + NO_TABLE).ended()
    assert last.get("error", {}).get("kind") == "Fatal" or "RuntimeError: no such thing" in said, (last, said)
    assert "summary" not in last and not rows(Root(tmp_path))


def test_a_write_that_fails_when_nobody_waits_for_it_any_more_is_told(tmp_path: Path) -> None:
    """Told to stop, the crawl leaves its loop while the disk is slow; then the disk is full."""
    preamble = SLOW.replace("SECONDS", "4") + OFTEN.replace("PICTURES", "6").replace("0.5", "1e9") + NO_SPACE
    with Site(PICTURES) as site:
        crawl = Crawl(site, tmp_path, preamble)
        until(tmp_path / "begun")
        crawl.run.send_signal(signal.SIGTERM)
        last, said = crawl.ended()
    assert last.get("error", {}).get("kind") == "NoSpace", (last, said)
    (record,) = crawls.newest(Root(tmp_path))
    assert record["error"]["kind"] == "NoSpace" and not rows(Root(tmp_path))


def test_a_body_of_robots_txt_that_cannot_be_kept_ends_the_crawl(tmp_path: Path) -> None:
    (tmp_path / "robots").write_text("a file where a folder belongs")
    with Site(PICTURES, robots="User-agent: *\nDisallow: /private\n") as site:
        last, said = Crawl(site, tmp_path, "").ended()
    assert last["error"]["kind"] == "Fatal" and "is a file" in last["error"]["message"], (last, said)
