"""Real crawls of a site that misbehaves: every picture gets its reason, and manners are kept."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import tables
from pipeline.errors import SourceRefused, UsageError
from pipeline.storage import Root
from spiders.run import crawl
from spiders.settings import PRACTICE
from spiders.summary import CrawlSummary
from tests.spiders_site import Answer, Script, Site, always, ok, png, rows

LIMIT = b'{"Exception":{"Message":"Free API limit exceeded"}}'


def cubism(site: Site, root: Root, **given: Any) -> CrawlSummary:
    args = {"style": "cubism", **given.pop("args", {})}
    return crawl("wikiart", root, args=args, base_url=site.url, **given)


def to(location: str) -> Script:
    return always(302, {"Location": location}, b"")


def drip(site: Site, times: int) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    for _ in range(50):
        time.sleep(0.1)
        yield b"x"


def reset(site: Site, times: int) -> Iterator[bytes]:
    return iter(())


def truncated(site: Site, times: int) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n" + png(1)


def cut_off_once(site: Site, times: int) -> Answer:
    status, headers, body = site.answer("/en/App/Painting/ImageJson/1")
    return status, headers, body if times > 1 else body[:20]


def bomb(site: Site, times: int) -> Answer:
    return ok(gzip.compress(bytes(3_000_000)), Content_Encoding="gzip")


FAULTS: list[tuple[str, Script | str, str | None]] = [
    ("fine", always(*ok(png(0))), None),
    ("html", always(*ok(b"<!DOCTYPE html><h1>Log in</h1>", "image/png")), "not_a_picture"),
    ("svg", always(*ok(b'<svg xmlns="http://www.w3.org/2000/svg"/>')), "not_a_picture"),
    ("truncated", truncated, "connection_failed"),
    ("empty", always(*ok(b"")), "empty"),
    ("gone", always(404, {}, b"<h1>404</h1>"), "http_4xx"),
    ("away", always(410, {}, b""), "http_4xx"),
    ("to a file", to("file:///etc/passwd"), "address_refused"),
    ("in a circle", to("?again"), "http_4xx"),
    ("to the inside", to("http://10.1.2.3/x.png"), "address_refused"),
    ("to the metadata", to("http://169.254.169.254/latest/meta-data/"), "address_refused"),
    ("drip", drip, "timeout"),
    ("reset", reset, "connection_failed"),
    ("bomb", bomb, "too_large"),
    ("large", always(200, {"Content-Length": "2000000"}, bytes(2_000_000)), "too_large"),
    ("noai", always(*ok(png(1), X_Robots_Tag="noai, noimageai")), "opted_out"),
    ("reserved", always(*ok(png(2), TDM_Reservation="1")), "opted_out"),
    ("robots", always(*ok(png(3))), "robots"),
    ("broken", always(500, {}, b"<h1>oops</h1>"), "http_5xx"),
    ("forbidden", always(403, {}, b""), "http_4xx"),
    ("png called jpg", always(*ok(png(4), "image/jpeg")), None),
    ("placeholder", "http://127.0.0.1/images/FRAME-600x480.jpg", "placeholder"),
    ("to a placeholder", to("/images/FRAME-600x480.jpg"), "placeholder"),
    ("inside", "http://10.9.8.7/x.png", "address_refused"),
    ("name", "http://user:pw@127.0.0.1/x.png", "address_refused"),
    ("ftp", "ftp://127.0.0.1/x.png", "address_refused"),
    ("relative", "images/x.png", "address_refused"),
    ("no address", "http://[zz/x.png", "address_refused"),
    ("stranger", "http://no-such-name.invalid/x.png", "connection_failed"),
    ("redirected", to("/images/moved.png"), None),
]


def scripted() -> Site:
    site = Site(len(FAULTS), robots=f"User-agent: *\nDisallow: /images/a/{_at('robots')}.png\n")
    for number, (_, fault, _) in enumerate(FAULTS):
        if isinstance(fault, str):
            site.images[number] = fault
        else:
            site.scripts[f"/images/a/{number}.png"] = fault
    site.scripts["/images/moved.png"] = always(*ok(png(5)))
    site.scripts["/images/FRAME-600x480.jpg"] = always(*ok(png(6)))
    return site


def _at(name: str) -> int:
    return [fault[0] for fault in FAULTS].index(name)


def test_every_fault_is_a_row_with_its_reason(root: Root) -> None:
    given = {"DOWNLOAD_TIMEOUT": 1, "RETRY_TIMES": 1, "DOWNLOAD_MAXSIZE": 1_000_000}
    with scripted() as site:
        summary = cubism(site, root, settings=given)
    found = rows(root)
    reasons = {FAULTS[row["rank"]][0]: row["reason"] for row in found}
    assert reasons == {name: reason for name, _, reason in FAULTS}
    assert summary.new == 3 and sum(summary.failed.values()) == len(FAULTS) - 3
    by = {FAULTS[row["rank"]][0]: row for row in found}
    assert by["gone"]["http_status"] == 404 and by["broken"]["http_status"] == 500 and by["html"]["http_status"] == 200
    assert by["redirected"]["redirects"] == [f"{site.url}/images/a/{_at('redirected')}.png"]
    assert by["redirected"]["final_url"] == f"{site.url}/images/moved.png"
    assert json.loads(by["noai"]["optout_signals"]) == {"x_robots_tag": "noai, noimageai"}
    assert by["robots"]["robots"] == "disallow" and by["fine"]["robots"] == "allow"
    assert "pw" not in str(by["name"]["url"])
    assert not site.asked(f"/images/a/{_at('robots')}.png")
    assert len(site.asked(f"/images/a/{_at('broken')}.png")) == 2
    stored = {path.name for path in (root.local or Path()).glob("originals/*/*")}
    assert stored == {f"{row['id']}.png" for row in found if row["reason"] is None}
    for name, seed in (("fine", 0), ("png called jpg", 4), ("redirected", 5)):
        assert root.read(tables.original_path(by[name]["id"], "png")) == png(seed)


def test_failures_that_pass_are_tried_again_and_others_are_not(root: Root) -> None:
    passing: dict[str, Script] = {
        "/images/a/0.png": lambda site, times: (500, {}, b"") if times <= 2 else ok(png(0)),
        "/images/a/1.png": always(404, {}, b""),
        "/images/a/2.png": lambda site, times: truncated(site, times) if times <= 2 else ok(png(2)),
    }
    with Site(4, passing) as site:
        first = cubism(site, root, settings={"RETRY_TIMES": 0})
        assert dict(first.failed) == {"http_5xx": 1, "http_4xx": 1, "connection_failed": 1}
        again = cubism(site, root, settings={"RETRY_TIMES": 0})
        assert (again.new, again.partitions) == (0, ())
        assert dict(again.failed) == {"http_5xx": 1, "connection_failed": 1}
        third = cubism(site, root)
        assert (third.new, third.unchanged, dict(third.failed)) == (2, 2, {})
        assert len(site.asked("/images/a/1.png")) == 3  # the original and two variants, once


def test_details_are_had_where_the_site_has_them(root: Root) -> None:
    scripts: dict[str, Script] = {
        "/en/App/Painting/ImageJson/0": to("/en/error"),
        "/en/App/Painting/ImageJson/1": cut_off_once,
        "/en/App/Painting/ImageJson/2": always(200, {}, b"<html>challenge</html>"),
        "/en/App/Painting/ImageJson/3": lambda site, times: site.json(
            {"contentId": 3, "artistUrl": "other", "url": "w9", "style": "Rococo"}
        ),
        "/en/error": always(500, {}, b"<h1>error</h1>"),
        "/en/App/Artist/AlphabetJson": always(404, {}, b""),
        "/en/a": lambda site, times: site.json({"url": "a", "artistName": "A. Artist", "deathDayAsString": "1900"}),
    }
    with Site(6, scripts) as site:
        site.images[5] = f"{site.url}/images/a/0.png!Large.jpg"
        summary = cubism(site, root)
    found = rows(root)
    assert summary.new == 6
    assert [row["style"] for row in found[:5]] == [
        ["Cubism"], ["Cubism", "Orphism"], ["Cubism"], ["Cubism"], ["Cubism", "Orphism"],
    ]  # fmt: skip
    assert found[1]["tags"] == ["hat"] and found[1]["genre"] == ["portrait"] and found[1]["year"] == 1911
    assert {row["licence"] for row in found} == {"CC-PDM-1.0"}
    assert len(site.asked("/en/a?json=2")) == 1
    assert not site.asked("/en/error")
    assert any("have no details" in note for note in summary.notes)


def test_the_fallback_chain_records_its_variant(root: Root) -> None:
    scripts: dict[str, Script] = {
        f"/images/a/{n}.png": always(404, {}, b"") for n in (1, 2)
    } | {
        "/images/a/1.png!HD.jpg": always(*ok(png(101))),
        "/images/a/2.png!HD.jpg": always(404, {}, b""), "/images/a/2.png!Large.jpg": always(*ok(png(102))),
    }  # fmt: skip
    with Site(3, scripts) as site:
        cubism(site, root, args={"details": "no"})
        assert not site.asked("/App/Painting/")
    found = rows(root)
    assert [row["variant"] for row in found] == ["original", "HD", "Large"]
    assert [row["url"].rpartition("/")[2] for row in found] == ["0.png", "1.png", "2.png"]
    assert found[2]["final_url"].endswith("2.png!Large.jpg")


def test_waits_are_kept_by_the_whole_slot_and_nothing_is_lost(root: Root) -> None:
    def busy(site: Site, times: int) -> Answer:
        return (429, {"Retry-After": "1"}, b"") if times == 1 else ok(png(3))

    def used_up(site: Site, times: int) -> Answer:
        return (500, {}, LIMIT) if times <= 3 else site.answer("/en/App/Painting/ImageJson/1")

    with Site(60, {"/images/a/3.png": busy, "/en/App/Painting/ImageJson/1": used_up}) as site:
        summary = cubism(site, root)
    assert summary.new == 60 and not summary.failed
    first, second = site.asked("/images/a/3.png")
    assert second - first >= 0.95
    assert not [when for when in site.asked("/images/a/") if first + 0.3 < when < first + 0.95]
    times = [when for when, path in site.log if path.endswith("/ImageJson/1")]
    assert len(times) == 4 and times[3] - times[0] >= 3 * 0.25
    assert rows(root)[1]["style"] == ["Cubism", "Orphism"]


def test_without_brakes_little_more_than_what_was_under_way_reaches_a_site_that_refuses(root: Root) -> None:
    from_20 = {f"/images/a/{n}.png": always(403, {}, b"") for n in range(20, 180)}
    with Site(180, from_20) as site, pytest.raises(SourceRefused, match="5 requests in a row"):
        cubism(site, root, args={"details": "no"})
    refused = [path for _, path in site.log if path.startswith("/images/a/") and int(path[10:-4]) >= 20]
    assert len(refused) <= PRACTICE["CONCURRENT_REQUESTS"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((403, {}, b""), "refuses us .HTTP 403."),
        ((429, {"Retry-After": "0"}, b""), "too often .HTTP 429."),
        ((500, {}, b"<h1>oops</h1>"), "fails .HTTP 500."),
    ],
    ids=["403", "429", "500"],
)
def test_five_refusals_in_a_row_stop_the_crawl(root: Root, answer: Answer, said: str) -> None:
    given = {"RETRY_TIMES": 0, "CONCURRENT_REQUESTS_PER_DOMAIN": 2, "DOWNLOAD_DELAY": 0.03}
    from_8 = {f"/images/a/{n}.png": always(*answer) for n in range(8, 60)}
    with Site(60, from_8) as site, pytest.raises(SourceRefused, match=said) as caught:
        cubism(site, root, args={"details": "no"}, settings=given)
    assert caught.value.exit_code == 4 and "\n" not in str(caught.value)
    refused = [path for _, path in site.log if path.startswith("/images/a/") and int(path[10:-4]) >= 8]
    assert 5 <= len(refused) <= 5 + 2 * 2
    kept = rows(root)
    assert sum(row["reason"] is None for row in kept) == 8
    assert len(kept) <= 8 + len(refused)


def test_a_wait_that_is_too_long_stops_the_crawl(root: Root) -> None:
    asked = {"/images/a/5.png": always(429, {"Retry-After": "7200"}, b"")}
    with Site(10, asked) as site, pytest.raises(SourceRefused, match="asks to wait 120 minutes"):
        cubism(site, root)


def test_a_site_that_is_down(root: Root) -> None:
    with Site(1) as site:
        pass
    with pytest.raises(SourceRefused, match=r"does not answer .the connection is refused") as caught:
        cubism(site, root)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 4


def test_a_site_that_answers_with_web_pages(root: Root) -> None:
    with (
        Site(1, {"/en/paintings-by-style/cubism": always(*ok(b"<!DOCTYPE html>", "text/html"))}) as site,
        pytest.raises(SourceRefused, match="a web page"),
    ):
        cubism(site, root)


def test_robots_txt_that_forbids_or_fails(root: Root) -> None:
    with (
        Site(1, robots="User-agent: wunderkammer\nDisallow: /\n") as site,
        pytest.raises(SourceRefused, match=r"robots.txt of .* forbids it"),
    ):
        cubism(site, root)
    assert {path for _, path in site.log} == {"/robots.txt"}
    with (
        Site(1, {"/robots.txt": always(500, {}, b"")}) as site,
        pytest.raises(SourceRefused, match="counts as forbidden"),
    ):
        cubism(site, root)
    assert {path for _, path in site.log} == {"/robots.txt"}


def test_a_crawl_delay_is_obeyed(root: Root) -> None:
    with Site(4, robots="User-agent: *\nCrawl-delay: 0.4\n") as site:
        cubism(site, root, args={"details": "no"})
    times = site.asked("/images/a/")
    assert len(times) == 4
    assert times[-1] - times[0] >= 0.8, "single gaps shrink where a busy machine takes an earlier one late"


def test_unknown_names_get_the_nearest(root: Root) -> None:
    with Site(1) as site:
        with pytest.raises(UsageError, match="no style 'kubism'; did you mean cubism") as caught:
            crawl("wikiart", root, args={"style": "kubism"}, base_url=site.url)
        assert caught.value.exit_code == 2
        with pytest.raises(UsageError, match=r"no artist 'A. Artits'; did you mean A. Artist"):
            crawl("wikiart", root, args={"artist": "A. Artits"}, base_url=site.url)
        with pytest.raises(UsageError, match=r"shows no works for style=pop-art; did you mean"):
            crawl("wikiart", root, args={"style": "Pop Art"}, base_url=site.url)


def test_loopback_needs_the_switch(root: Root) -> None:
    with Site(1) as site, pytest.raises(SourceRefused, match=r"127.0.0.1 is not a public address"):
        cubism(site, root, settings={"GUARD_ALLOW": []})
    assert site.log == []


def test_odd_spellings_are_refused_where_the_connection_is_made(root: Root) -> None:
    with Site(5) as site, socket.socket() as inside:
        port = int(site.url.rpartition(":")[2])
        inside.bind(("127.0.0.2", port))
        inside.listen()
        inside.setblocking(False)
        for number, host in enumerate(("127.2", "127.0.2", "0177.0.0.2", "0x7f.2", "127.0.0.2")):
            site.images[number] = f"http://{host}:{port}/secret.png"
        given = {"GUARD_ALLOW": ["127.0.0.1/32"], "GUARD_PORTS": [port]}
        cubism(site, root, settings=given, args={"details": "no"})
        assert [row["reason"] for row in rows(root)] == ["address_refused"] * 5
        with pytest.raises(BlockingIOError):
            inside.accept()
