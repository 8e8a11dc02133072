"""`pipeline crawl retry`, `--dry-run`, and the records of crawls, as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import tables
from pipeline.errors import UsageError
from pipeline.storage import Root
from spiders import again, crawls
from spiders.estimate import Estimate, at_rates, duration
from spiders.run import crawl, estimate, retry
from tests.job import make_pictures, pipeline
from tests.spiders_site import Answer, Site, ok, png


def reasons(root: Root) -> dict[int, list[str | None]]:
    found: dict[int, list[str | None]] = {}
    for name in tables.names(root, tables.CRAWLED):
        for row in tables.read(root, tables.CRAWLED, name).to_pylist():
            found.setdefault(int(row["source_id"], 16), []).append(row["reason"])
    return found


def failing(site: Site, status: int, *numbers: int) -> None:
    def answer(_site: Site, _times: int) -> Answer:
        return status, {}, b""

    site.scripts |= {f"/images/a/{number}.png{tail}": answer for number in numbers
                     for tail in ("", "!HD.jpg", "!Large.jpg")}  # fmt: skip


def mended(site: Site) -> None:
    site.scripts.clear()
    site.log.clear()


def test_exactly_the_failed_pictures_are_asked_for_again(root: Root) -> None:
    with Site(9) as site:
        failing(site, 500, 2, 5)
        failing(site, 404, 7)
        first = crawl("wikiart", root, args={"style": "cubism"}, base_url=site.url)
        assert dict(first.failed) == {"http_5xx": 2, "http_4xx": 1}
        mended(site)
        (done,) = retry(root, again.reasons_named("timeout,http_5xx"))
        rules = ("/robots.txt", "/.well-known/tdmrep.json", "/ai.txt", "/.well-known/ai.txt")
        asked = sorted(path for _, path in site.log if path not in rules)
        assert asked == ["/images/a/2.png", "/images/a/5.png"]
        assert (done.new, done.source) == (2, "wikiart style=cubism")
        assert reasons(root)[2] == ["http_5xx", None] and reasons(root)[7] == ["http_4xx"]
        assert retry(root, again.reasons_named(None)) == []
        (last,) = retry(root, again.reasons_named("http_4xx"), ["wikiart"])
        assert last.new == 1


def test_status_tells_the_last_crawls(tmp_path: Path) -> None:
    with Site(4) as site:
        failing(site, 500, 3)
        pipeline("crawl", "wikiart", "--style", "cubism", "--base-url", site.url, root=tmp_path)
        site.scripts = {path: lambda site, times: (403, {}, b"") for path in ("/en/paintings-by-style/cubism",)}
        pipeline("crawl", "wikiart", "--style", "cubism", "--base-url", site.url, root=tmp_path, check=False)
    found = json.loads(pipeline("status", "--json", root=tmp_path).stdout)["crawls"]
    assert [(one["source"], one["new"], one["failed"]) for one in found] == [
        ("wikiart style=cubism", 0, {}), ("wikiart style=cubism", 3, {"http_5xx": 1}),
    ]  # fmt: skip
    assert "HTTP 403" in found[0]["error"] and found[1]["error"] is None
    text = pipeline("status", root=tmp_path).stdout
    assert "wikiart style=cubism: new 3, failed 1 (http_5xx 1)\n" in text and "ended early: 127.0.0.1" in text


def test_what_fails_alike_again_stays_as_it_is(root: Root) -> None:
    with Site(4) as site:
        failing(site, 500, 1)
        crawl("wikiart", root, args={"style": "cubism"}, base_url=site.url)
        (done,) = retry(root, again.reasons_named("http_5xx"), ["wikiart style=cubism"])
    assert (done.new, dict(done.failed), reasons(root)[1]) == (0, {"http_5xx": 1}, ["http_5xx"])


def test_wrong_words_get_the_nearest(root: Root) -> None:
    with pytest.raises(UsageError, match=r"no reason 'timeot'.* Did you mean timeout"):
        again.reasons_named("http_5xx,timeot")
    with pytest.raises(UsageError, match="Choose among"):
        again.reasons_named("blurred")
    with pytest.raises(UsageError, match=r"Nothing of a source 'wikart' stands here\. Did you mean wikiart"):
        again.failed(root, again.reasons_named(None), ["wikart"])


def test_the_command_retries_and_says_when_there_is_nothing(tmp_path: Path) -> None:
    with Site(4) as site:
        failing(site, 500, 3)
        pipeline("crawl", "wikiart", "--style", "cubism", "--base-url", site.url, root=tmp_path)
        mended(site)
        dry = json.loads(pipeline("crawl", "retry", "--dry-run", "--json", root=tmp_path).stdout)
        assert dry["sources"] == [{"source": "wikiart style=cubism", "failed": {"http_5xx": 1}}]
        assert not site.log
        done = json.loads(pipeline("crawl", "retry", "--reason", "http_5xx", "--json", root=tmp_path).stdout)
        assert [found["new"] for found in done["sources"]] == [1]
        assert "Nothing to retry" in pipeline("crawl", "retry", root=tmp_path).stderr
        wrong = pipeline("crawl", "retry", "--reason", "htp_5xx", root=tmp_path, check=False)
    assert wrong.returncode == 2 and "There is no reason 'htp_5xx'" in wrong.stderr.splitlines()[-1]


# looking ahead


def test_an_estimate_asks_the_first_page_and_stores_nothing(root: Root) -> None:
    with Site(150) as site:
        ahead = estimate({"crawl": "wikiart", "style": "cubism"}, root, base_url=site.url)
        assert ahead.pictures == 150 and 300 <= ahead.requests <= 320
        assert ahead.seconds == pytest.approx(150 / 2, rel=0.1)
        assert len(site.asked("paintings-by-style")) == 1 and not site.asked("/images/")
        assert not (root.local or Path()).exists()
        crawl("wikiart", root, args={"style": "cubism"}, limit=70, base_url=site.url)
        rest = estimate({"crawl": "wikiart", "style": "cubism"}, root, base_url=site.url)
        assert rest.pictures == 80
        command = ("crawl", "wikiart", "--style", "cubism", "--base-url", site.url, "--dry-run")
        text = pipeline(*command, root=root.url).stdout
        found = json.loads(pipeline(*command, "--json", root=root.url).stdout)
    assert text.startswith("wikiart style=cubism: about 80 pictures, ") and "at the polite rate; cost: nothing." in text
    assert found["pictures"] == 80 and found["cost"] == "nothing" and found["caps"] == []


def test_an_import_foretells_what_is_new(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures", 6)
    spec = {"import": "folder", "path": str(pictures)}
    ahead = estimate(spec, Root(tmp_path / "root"))
    assert (ahead.pictures, ahead.requests) == (11, 0)
    pipeline("import", "folder", pictures, root=tmp_path / "root")
    assert estimate(spec, Root(tmp_path / "root")).pictures == 0


def test_times_and_rates_are_readable() -> None:
    assert [duration(seconds) for seconds in (12.2, 100, 3700, 200_000)] == ["13 s", "2 min", "1 h 2 min", "2 d 7 h"]
    assert at_rates({"data": 100, "pictures": 100}, {"data": 2.0, "pictures": 5.0}) == 50.0
    ahead = Estimate("x", None, 3, 9.0, ("cap.",), "3 units", ("note.",))
    assert Estimate.from_json(json.loads(json.dumps(ahead.to_json()))) == ahead
    assert str(ahead).splitlines() == [
        "x: as many pictures as come, at least 3 requests, at least 9 s at the polite rate; cost: 3 units.",
        "  Cap: cap.", "  Note: note.",
    ]  # fmt: skip


# records


def test_each_crawl_leaves_a_record(root: Root) -> None:
    def busy_once(site: Site, times: int) -> Answer:
        return (429, {"Retry-After": "0"}, b"") if times == 1 else ok(png(2))

    with Site(6) as site:
        failing(site, 500, 1)
        site.scripts["/images/a/2.png"] = busy_once
        site.scripts["/images/a/3.png"] = lambda site, times: ok(png(3), X_Robots_Tag="noai")
        crawl("wikiart", root, args={"style": "cubism"}, limit=5, base_url=site.url)
    (found,) = crawls.newest(root)
    assert found["spec"] == {"crawl": "wikiart", "style": "cubism", "limit": 5, "base_url": site.url}
    assert found["summary"]["new"] == 3 and found["summary"]["failed"] == {"http_5xx": 1, "opted_out": 1}
    assert found["optout_signals"] == {"x_robots_tag": 1} and found["error"] is None
    assert found["retries"] >= 2 and found["pauses"] == 1 and found["responses"]["200"] > 5
    assert found["began_at"] <= found["ended_at"]
    assert crawls.last_of_each(root)[found["prefix"]] == found


def test_a_crawl_that_ends_in_an_error_leaves_one_too(root: Root) -> None:
    with Site(3) as site:
        pipeline("crawl", "wikiart", "--style", "cubsm", "--base-url", site.url, root=root.url, check=False)
    (found,) = crawls.newest(root)
    assert found["error"]["kind"] == "UsageError" and "did you mean cubism?" in found["error"]["message"]


def test_an_import_leaves_a_record(tmp_path: Path) -> None:
    pipeline("import", "folder", make_pictures(tmp_path / "pictures", 6), root=tmp_path / "root")
    (found,) = crawls.newest(Root(tmp_path / "root"))
    assert found["summary"]["new"] >= 8 and sum(found["summary"]["failed"].values()) == 2
