"""robots.txt and tdmrep.json in real crawls: obeyed, kept, recorded, and overridden only when it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.storage import Root
from spiders.run import crawl
from spiders.summary import CrawlSummary
from tests.spiders_anywhere import MODULE
from tests.spiders_site import Script, Site, always, ok, png, rows


def pictures(site: Site, root: Root, count: int = 2, args: dict[str, Any] | None = None, **given: Any) -> CrawlSummary:
    urls = [f"{site.url}/images/a/{n}.png" for n in range(count)]
    site.scripts["/list.json"] = lambda site, times: site.json(urls)
    return crawl("wikiart", root, args=args, base_url=site.url, settings={**MODULE, "RETRY_TIMES": 0, **given})


OBJECTS = "User-agent: *\nAllow: /\n\nUser-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n"


def test_a_site_that_objects_to_training_is_not_asked_for_pictures(root: Root) -> None:
    with Site(1, robots=OBJECTS) as site:
        summary = pictures(site, root)
        assert dict(summary.failed) == {"opted_out": 2} and not site.asked("/images/")
        assert any("reserve every picture" in note and "--ignore-optout " in note for note in summary.notes)
        row = rows(root)[0]
        assert json.loads(row["optout_signals"]) == {"robots_ai": "GPTBot, CCBot"}
        assert row["detail"] == "robots_ai: GPTBot, CCBot"
        again = pictures(site, root, args={"ignore_optout": "robots_ai"})
        assert again.new + again.recovered >= 2 and len(site.asked("/images/")) == 2
    stored = [row for row in rows(root) if row["sha256"]]
    assert len(stored) == 2
    assert json.loads(stored[0]["optout_signals"]) == {"robots_ai": "GPTBot, CCBot", "ignored": "robots_ai"}


def test_a_tdmrep_is_asked_once_a_host_and_a_header_beats_it(root: Root) -> None:
    scripts = {
        "/.well-known/tdmrep.json": always(*ok(json.dumps([{"location": "/", "tdm-reservation": 1}]).encode())),
        "/images/a/1.png": always(*ok(png(1), TDM_Reservation="0")),
    }
    with Site(1, scripts) as site:
        summary = pictures(site, root, count=3)
        assert len(site.asked("/.well-known/tdmrep.json")) == 1
    assert summary.new == 1 and dict(summary.failed) == {"opted_out": 2}
    assert [row["reason"] for row in rows(root)] == ["opted_out", None, "opted_out"]
    assert json.loads(rows(root)[1]["optout_signals"]) == {"tdmrep": "1", "tdm_reservation": "0"}


def test_a_file_that_forbids_it_is_not_kept(root: Root) -> None:
    said = b'<x:xmpmeta><rdf:Description plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"/></x:xmpmeta>'
    with Site(1, {"/images/a/0.png": always(*ok(png(0) + said))}) as site:
        summary = pictures(site, root)
    assert summary.new == 1 and rows(root)[0]["detail"] == "xmp_dmi: DMI-PROHIBITED"
    assert len(list((root.local or Path()).glob("originals/*/*"))) == 1


def kept(root: Root) -> list[Path]:
    return sorted((root.local or Path()).glob("robots/*/*.txt"))


def test_its_body_is_kept_once_for_each_digest(root: Root) -> None:
    with Site(1, robots="User-agent: *\nDisallow: /private\n") as site:
        pictures(site, root)
        pictures(site, root)
        assert [path.read_text() for path in kept(root)] == [site.robots]
        site.robots = "User-agent: *\nDisallow: /other\n"
        pictures(site, root)
        assert len(kept(root)) == 2
    host = site.url.partition("//")[2]
    assert {path.parent.name for path in kept(root)} == {host.replace(":", "_")}
    record = json.loads(sorted((root.local or Path()).glob("crawls/**/*.json"))[-1].read_text())
    assert record["robots"][host]["status"] == 200
    assert any(path.stem.endswith(record["robots"][host]["sha256_16"]) for path in kept(root))


def test_only_its_first_500_kib_are_read(root: Root) -> None:
    long = "User-agent: *\n" + "# nothing to see here\n" * 100_000 + "Disallow: /images/\n"
    with Site(1, robots=long) as site:
        assert pictures(site, root).new == 2
    assert kept(root)[0].stat().st_size <= 500 * 1024


@pytest.mark.parametrize(
    ("script", "new", "reason", "robots"),
    [
        (always(404, {}, b""), 1, None, "none"), (always(403, {}, b""), 1, None, "none"),
        (always(500, {}, b""), 0, "http_5xx", None), (always(503, {"Retry-After": "0"}, b""), 0, "http_5xx", None),
    ],
    ids=["404", "403", "500", "503"],
)  # fmt: skip
def test_rfc_9309_for_the_host_of_a_picture(
    root: Root, script: Script, new: int, reason: str | None, robots: str | None
) -> None:
    with Site(1, address="0.0.0.0") as site, Site(1, {"/robots.txt": script}) as other:
        site.scripts["/list.json"] = lambda one, times: one.json([f"{other.url}/images/a/0.png"])
        base = site.url
        summary = crawl("wikiart", root, base_url=base, settings={**MODULE, "RETRY_TIMES": 0, "RETRY_BACKOFF": 0.01})
        assert len(other.asked("/images/")) == new
    assert summary.new == new
    assert (rows(root)[0]["reason"], rows(root)[0]["robots"]) == (reason, robots)


def test_a_redirect_of_robots_txt_is_followed(root: Root) -> None:
    hops = {f"/hop{n}": always(301, {"Location": f"/hop{n + 1}"}, b"") for n in range(1, 4)}
    scripts: dict[str, Script] = {
        "/robots.txt": always(301, {"Location": "/hop1"}, b""), **hops,
        "/hop4": always(*ok(b"User-agent: *\nDisallow: /images/\n")),
    }  # fmt: skip
    with Site(1, scripts) as site:
        assert dict(pictures(site, root).failed) == {"robots": 2}
        assert not site.asked("/images/")


def test_an_unknown_signal_is_said(root: Root) -> None:
    with Site(1) as site, pytest.raises(UsageError, match=r"no opt-out signal called 'tmd'. Did you mean tdm"):
        pictures(site, root, args={"ignore_optout": "tmd"})
