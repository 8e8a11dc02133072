"""Addresses that must never be asked, over a hundred of them, on both roads out: not one connection is made.

A socket listens where each of them would arrive, if anything did.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline import tables
from pipeline.errors import SourceRefused
from pipeline.storage import Root
from spiders.asking import ask
from spiders.run import crawl
from tests.spiders_anywhere import MODULE
from tests.spiders_names import stub
from tests.spiders_site import Site, ok

HOSTS = [
    # this machine in every spelling
    "127.0.0.2", "127.2", "127.0.2", "0177.0.0.2", "0x7f.0.0.2", "0x7f000002", "2130706434", "017700000002", "0x7f.2",
    "127.0.0.2.", "127.1", "127.255.255.254", "localhost", "localhost.", "LOCALHOST", "LocalHost.LocalDomain",
    "0", "0.0.0.0", "0x0", "00000", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]",
    "[0:0:0:0:0:ffff:127.0.0.2]", "[::127.0.0.2]", "[::7f00:2]", "[64:ff9b::7f00:2]", "[64:ff9b::127.0.0.2]",
    "[64:ff9b:1::7f00:2]", "[2002:7f00:2::]", "[2002:7f00:0002::1]", "[::1%25lo]", "[fe80::1%25lo]",
    # neighbours, clouds, and networks that are nobody's
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.1.1", "3232235777",
    "0xc0a80101",
    "100.64.0.1", "100.127.255.254", "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "169.254.170.2", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fd00:ec2::254]",
    "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "[fc00::1]", "[fd12:3456:789a::1]", "[fe80::1]",
    "[fec0::1]", "[ff02::1]", "[ff05::1:3]", "[2001:db8::1]", "[2001::1]", "[2001:10::1]", "[100::1]", "[3fff::1]",
    "[5f00::1]", "[::ffff:10.0.0.1]", "[::ffff:c0a8:101]", "[::10.0.0.1]", "[2002:0a00:0001::]", "[2002:c0a8:0101::]",
    # names that stand for them
    "local.example", "two.example", "six.example", "meta.example", "mapped.example", "nat64.example", "metadata",
    "intranet", "router.local.example", "127.0.0.2.local.example",
    # letters that only look like digits or dots
    "①②⑦.⓪.⓪.②", "127。0。0。2", "１２７.0.0.2", "ⓛocal.example",
]  # fmt: skip
TRICKS = [
    "http://user@127.0.0.2:{port}/a", "http://user:pw@127.0.0.2:{port}/a", "http://public.example@127.0.0.2:{port}/a",
    "http://public.example:80@127.0.0.2:{port}/a", "http://public.example#@127.0.0.2:{port}/a\\",
    "http://public.example\\@127.0.0.2:{port}/a", "http://127.0.0.2:{port}\\@public.example/",
    "http://127.0.0.2\t:{port}/", "http://127.0.0.2:{port}/a b\r\nHost: x", "http:\\\\127.0.0.2:{port}/",
    "file:///etc/passwd", "file://127.0.0.2/etc/passwd", "ftp://127.0.0.2:{port}/a", "gopher://127.0.0.2:{port}/_x",
    "dict://127.0.0.2:{port}/x", "data:image/png;base64,AAAA", "ldap://127.0.0.2:{port}/", "s3://bucket/a.png",
    "javascript:alert(1)", "jar:http://127.0.0.2:{port}/!/", "http://public.example:22/", "http://public.example:6379/",
    "http://public.example:65536/", "http://public.example:-1/", "http://[::1/",
    "http://[127.0.0.2]:{port}/", "http:///a",
    "//127.0.0.2:{port}/a", "127.0.0.2:{port}/a", "",
]  # fmt: skip
NAMES = {
    "local_example": [["127.0.0.2"]], "two_example": [["8.8.8.8", "127.0.0.2"]], "six_example": [["::1"]],
    "meta_example": [["169.254.169.254"]], "mapped_example": [["::ffff:127.0.0.2"]],
    "router_local_example": [["192.168.1.1"]], "nat64_example": [["64:ff9b::7f00:2"]],
    "127.0.0.2_local_example": [["127.0.0.2"]],
    "public_example": [["127.0.0.1"]],
    "rebound_example": [["127.0.0.1"], ["127.0.0.2"]],
}  # fmt: skip


def corpus(port: int) -> list[str]:
    return [f"http://{host}:{port}/secret.png" for host in HOSTS] + [trick.format(port=port) for trick in TRICKS]


@pytest.fixture
def trap() -> Iterator[tuple[int, list[socket.socket]]]:
    """A port on which every local address but 127.0.0.1 listens, and the sockets."""
    with ExitStack() as stack:
        first = stack.enter_context(socket.socket())
        first.bind(("127.0.0.2", 0))
        port = first.getsockname()[1]
        found = [first]
        for family, address in ((socket.AF_INET, "127.255.255.254"), (socket.AF_INET6, "::1")):
            other = stack.enter_context(socket.socket(family))
            other.bind((address, port))
            found.append(other)
        for one in found:
            one.listen()
            one.setblocking(False)
        yield port, found


def assert_untouched(sockets: list[socket.socket]) -> None:
    for one in sockets:
        with pytest.raises(BlockingIOError):
            one.accept()


def test_there_are_more_than_a_hundred() -> None:
    assert len(set(corpus(8000))) >= 120


def test_no_one_off_call_reaches_any(
    trap: tuple[int, list[socket.socket]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port, sockets = trap
    stub(monkeypatch, tmp_path / "names", **NAMES)
    for url in corpus(port):
        with pytest.raises(SourceRefused):
            ask(url, allow=["127.0.0.1/32"], base=f"http://public.example:{port}", seconds=5)
    assert_untouched(sockets)


def test_no_redirect_of_a_one_off_call_reaches_any(trap: tuple[int, list[socket.socket]]) -> None:
    port, sockets = trap
    with Site(1) as site:
        own = int(site.url.rpartition(":")[2])
        sent = [url for url in corpus(port) if "://[" in url or (url.isascii() and url.isprintable() and "://1" in url)]
        for number, url in enumerate(sent):
            site.scripts[f"/{number}"] = lambda _site, _times, url=url: (302, {"Location": url}, b"")  # type: ignore[misc]
            with pytest.raises(SourceRefused):
                ask(f"{site.url}/{number}", allow=["127.0.0.1/32"], ports=[own, port])
    assert_untouched(sockets)


def test_a_name_that_changes_its_answer(
    trap: tuple[int, list[socket.socket]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, sockets = trap
    stub(monkeypatch, tmp_path / "names", **NAMES)
    with Site(1, {"/a": lambda site, times: ok(b"x")}) as site:
        port = int(site.url.rpartition(":")[2])
        url, given = f"http://rebound.example:{port}/a", {"allow": ["127.0.0.1/32"], "ports": [port]}
        assert ask(url, **given).body == b"x"  # type: ignore[arg-type]
        with pytest.raises(SourceRefused, match=r"rebound.example is 127.0.0.2, which is not a public address"):
            ask(url, **given)  # type: ignore[arg-type]
    assert_untouched(sockets)


@pytest.mark.parametrize("way", ["listed", "redirected"])
def test_no_crawl_reaches_any(
    way: str, trap: tuple[int, list[socket.socket]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port, sockets = trap
    stub(monkeypatch, tmp_path / "names", **NAMES)
    root = Root(tmp_path / "root")
    with Site(1) as site:
        urls = [url for url in corpus(port) if url]
        if way == "redirected":
            urls = [url for url in urls if url.isascii() and url.isprintable()]
            for number, url in enumerate(urls):
                site.scripts[f"/to/{number}"] = lambda _s, _t, url=url: (302, {"Location": url}, b"")  # type: ignore[misc]
            urls = [f"{site.url}/to/{number}" for number in range(len(urls))]
        urls.append(f"{site.url}/images/a/1.png")
        site.scripts["/list.json"] = lambda site, times: site.json(urls)
        ports = [port, int(site.url.rpartition(":")[2])]
        given = {**MODULE, "GUARD_ALLOW": ["127.0.0.1/32"], "GUARD_PORTS": ports, "RETRY_TIMES": 0}
        summary = crawl("wikiart", root, base_url=site.url, settings=given)
    assert_untouched(sockets)
    names = tables.names(root, tables.CRAWLED)
    rows = [row for name in names for row in tables.read(root, tables.CRAWLED, name).to_pylist()]
    assert summary.new == 1 and len(rows) == len(urls)
    reached = [row["url"] for row in rows if row["reason"] is None]
    assert reached == [f"{site.url}/images/a/1.png"]
    reasons = {row["reason"] for row in rows if row["reason"]}
    assert reasons <= {"address_refused", "connection_failed", "http_4xx"}
    refused = sum(row["reason"] == "address_refused" for row in rows)
    assert refused >= 0.85 * len(urls)
