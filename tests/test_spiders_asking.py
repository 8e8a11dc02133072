"""One-off calls: what they may reach, how long and how much, and what they say when it goes wrong."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.errors import SourceRefused
from spiders import secrets
from spiders.asking import ask
from tests.spiders_site import Answer, Script, Site, always, ok


def to(location: str) -> Script:
    return always(302, {"Location": location}, b"")


def asked(site: Site, path: str, **given: Any) -> Any:
    return ask(f"{site.url}{path}", base=site.url, **given)


def test_an_answer_whatever_its_status() -> None:
    with Site(1, {"/a": always(429, {"Retry-After": "3"}, b'{"error": 1}')}) as site:
        answer = asked(site, "/a", params={"q": "skull & rose"})
    assert (answer.status, answer.headers["retry-after"], answer.json()) == (429, "3", {"error": 1})
    assert site.log[0][1] == "/a?q=skull+%26+rose"


def test_what_is_no_json_is_said() -> None:
    with Site(1, {"/a": always(*ok(b"<html>", "text/html"))}) as site, pytest.raises(SourceRefused, match="text/html"):
        asked(site, "/a").json()


def test_loopback_needs_a_base_on_loopback() -> None:
    with Site(1) as site:
        with pytest.raises(SourceRefused, match=r"127.0.0.1 is not a public address"):
            ask(f"{site.url}/a")
        assert site.log == []


def test_redirects_are_followed_thrice_and_checked() -> None:
    scripts = {"/a": to("/b"), "/b": to("/c"), "/c": to("/d"), "/d": always(*ok(b"here")), "/0": to("/a"),
               "/in": to("http://10.0.0.1/"), "/meta": to("http://169.254.169.254/latest/meta-data/"),
               "/file": to("file:///etc/passwd"), "/port": to("http://93.184.216.34:22/")}  # fmt: skip
    with Site(1, scripts) as site:
        assert asked(site, "/a").body == b"here"
        with pytest.raises(SourceRefused, match="more than 3 times"):
            asked(site, "/0")
        for path, said in (("/in", "10.0.0.1 is not a public"), ("/meta", "169.254.169.254 is not a public"),
                           ("/file", "it is file, not http"), ("/port", "port 22")):  # fmt: skip
            with pytest.raises(SourceRefused, match=said):
                asked(site, path)


def test_headers_stay_with_the_host_they_were_given_for() -> None:
    with Site(1) as other, Site(1, {"/a": to(f"{other.url}/b"), "/same": to("/c")}) as site:
        for path in ("/a", "/same"):
            ask(f"{site.url}{path}", base=site.url, headers={"Authorization": "Bearer c4n4ry"})
        assert [headers["Authorization"] for headers in site.headers] == ["Bearer c4n4ry"] * 3
        assert "Authorization" not in other.headers[0] and other.headers[0]["User-Agent"].startswith("wunderkammer/")


def test_a_post_is_not_sent_on() -> None:
    with Site(1, {"/a": to("/b")}) as site:
        assert asked(site, "/a", method="POST", form={"x": "1"}).status == 302
        assert len(site.log) == 1


def drip(site: Site, times: int) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(60):
        time.sleep(0.1)
        yield b"X-%d: y\r\n" % number


def test_a_drip_is_cut_at_the_deadline_though_each_read_is_quick() -> None:
    with Site(1, {"/a": drip}) as site:
        began = time.monotonic()
        with pytest.raises(SourceRefused, match="did not answer in time"):
            asked(site, "/a", seconds=0.5)
        assert time.monotonic() - began < 3


def endless(site: Site, times: int) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    for _ in range(1000):
        yield bytes(10_000)


def bomb(site: Site, times: int) -> Answer:
    return ok(gzip.compress(bytes(30_000_000)), Content_Encoding="gzip")


@pytest.mark.parametrize(
    "script", [endless, bomb, always(200, {"Content-Length": "2000000"}, bytes(2_000_000))],
    ids=["endless", "bomb", "declared"],
)  # fmt: skip
def test_a_body_has_a_limit(script: Script) -> None:
    with Site(1, {"/a": script}) as site, pytest.raises(SourceRefused, match=r"1,000,000"):
        asked(site, "/a", max_bytes=1_000_000)


def test_a_body_that_breaks_off() -> None:
    def cut(site: Site, times: int) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"

    with Site(1, {"/a": cut}) as site, pytest.raises(SourceRefused, match="broke off its answer"):
        asked(site, "/a")


def test_a_service_that_is_down_and_a_name_that_is_not_known() -> None:
    with Site(1) as site:
        pass
    with pytest.raises(SourceRefused, match="the connection is refused"):
        asked(site, "/a")
    with pytest.raises(SourceRefused, match="its name is not known"):
        ask("http://no-such-name.invalid/")


def test_proxies_and_passwords_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    with Site(1) as site:
        assert asked(site, "/robots.txt").status == 404


def test_no_secret_is_in_an_error() -> None:
    secrets.hide("c4n4ry-asked")
    with pytest.raises(SourceRefused) as caught:
        ask("ftp://h.example/", params={"key": "c4n4ry-asked"})
    assert "c4n4ry" not in str(caught.value)
