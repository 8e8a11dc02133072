"""Pictures that lie anywhere: each host has its own slot, and one that refuses is given up alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pipeline.errors import SourceRefused
from pipeline.storage import Root
from spiders import settings
from spiders.politeness import host_slot
from spiders.run import crawl
from spiders.summary import CrawlSummary
from tests.spiders_anywhere import MODULE
from tests.spiders_site import Answer, Site, always, ok, png, rows

UNDER_WAY = settings.PRACTICE["CONCURRENT_REQUESTS"]
"""Without a delay so many requests may have been sent before the first answer is seen, and none after it."""


def listed(site: Site, root: Root, urls: list[str], **given: Any) -> CrawlSummary:
    site.scripts["/list.json"] = lambda site, times: site.json(urls)
    return crawl("wikiart", root, base_url=site.url, settings={**MODULE, "RETRY_TIMES": 0, **given})


def hosts(site: Site) -> tuple[str, str]:
    """The site under two of its addresses: two hosts to a crawler, one server."""
    port = site.url.rpartition(":")[2]
    return f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}"


@pytest.mark.parametrize(
    ("answer", "reason", "refused"),
    [((403, {}, b""), "connection_failed", "http_4xx"), ((500, {}, b"oops"), "http_5xx", "http_5xx"),
     ((429, {"Retry-After": "7200"}, b""), "http_429", "http_429")],
    ids=["403", "500", "429"],
)  # fmt: skip
def test_a_host_that_refuses_is_given_up_and_the_crawl_goes_on(
    root: Root, answer: Answer, reason: str, refused: str
) -> None:
    with Site(1, address="0.0.0.0") as site:
        good, bad = hosts(site)
        for number in range(60):
            site.scripts[f"/bad/{number}.png"] = always(*answer)
        urls = [url for n in range(60) for url in (f"{bad}/bad/{n}.png", f"{good}/images/a/{n}.png")]
        summary = listed(site, root, urls)
        asked = site.asked("/bad/")
    assert summary.new == 60
    assert 1 <= len(asked) <= UNDER_WAY
    by_reason = Counter(row["reason"] for row in rows(root) if "/bad/" in row["url"])
    assert set(by_reason) <= {reason, refused} and sum(by_reason.values()) == 60
    given_up = [row for row in rows(root) if row["http_status"] is None and row["reason"] == reason]
    assert given_up and all("127.0.0.2" in row["detail"] for row in given_up)
    assert any("127.0.0.2" in note and "given up" in note for note in summary.notes)


def test_the_pictures_of_a_host_that_was_given_up_are_tried_again(root: Root) -> None:
    with Site(1, address="0.0.0.0") as site:
        good, bad = hosts(site)
        for number in range(40):
            site.scripts[f"/bad/{number}.png"] = always(503, {"Retry-After": "9999"}, b"")
        urls = [f"{bad}/bad/{n}.png" for n in range(40)] + [f"{good}/images/a/1.png"]
        assert listed(site, root, urls).new == 1
        for number in range(40):
            site.scripts[f"/bad/{number}.png"] = always(*ok(png(number)))
        assert listed(site, root, urls).new == 40


def test_the_site_of_the_list_still_stops_the_crawl(root: Root) -> None:
    with (
        Site(1, {"/list.json": always(403, {}, b"")}) as site,
        pytest.raises(SourceRefused, match="answered HTTP 403"),
    ):
        crawl("wikiart", root, base_url=site.url, settings=MODULE)


def test_a_redirect_moves_the_request_to_the_slot_of_its_host(root: Root) -> None:
    with Site(1, address="0.0.0.0") as site:
        good, bad = hosts(site)
        for number in range(40):
            site.scripts[f"/to/{number}.png"] = always(302, {"Location": f"{bad}/bad/{number}.png"}, b"")
            site.scripts[f"/bad/{number}.png"] = always(403, {}, b"")
        urls = [f"{good}/to/{n}.png" for n in range(40)] + [f"{good}/images/a/{n}.png" for n in range(40)]
        assert listed(site, root, urls).new == 40
        assert len(site.asked("/bad/")) <= UNDER_WAY


def test_each_host_has_the_default_rate_on_a_live_site() -> None:
    made = settings.for_site("https://api.example.org", {"web-data": 1.0}, anywhere=True)
    assert list(made["DOWNLOAD_SLOTS"]) == ["web-data"] and made["CONCURRENT_REQUESTS"] == 32
    assert (settings.DOWNLOAD_DELAY, settings.CONCURRENT_REQUESTS_PER_DOMAIN) == (1.0, 2)
    assert host_slot("web-pictures", "https://IMG.Example.org:443/a") == "web-pictures:img.example.org"
