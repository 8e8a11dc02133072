"""The address guard: which addresses are refused, by text and by what a name stands for."""

from __future__ import annotations

import itertools
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address as IPv4
from twisted.internet.address import IPv6Address as IPv6

from spiders.addresses import LOOPBACK, REFUSED, is_refused, networks, why_refused
from spiders.guard import GuardedResolver

PUBLIC = ["93.184.216.34", "8.8.8.8", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8",
          "64:ff9b::808:808", "2002:808:808::1", "172.32.0.1", "100.128.0.1", "198.20.0.1", "11.0.0.1"]  # fmt: skip
PRIVATE = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:0:53aa:64c:0:7a4:80ff:fffe", "100::1", "3fff::1", "5f00::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert is_refused(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert not is_refused(address)


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_alike_in_every_ipv6_form(number: int) -> None:
    plain = is_refused(IPv4Address(number))
    forms = (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80 | 1)
    assert {is_refused(IPv6Address(form)) for form in forms} == {plain}


@given(st.sampled_from(REFUSED), st.integers(0, 2**128))
def test_every_address_of_a_refused_network_is_refused(network: object, offset: int) -> None:
    size = network.num_addresses  # type: ignore[attr-defined]
    assert is_refused(network[offset % size])  # type: ignore[index]


def test_loopback_passes_only_when_it_is_allowed() -> None:
    allowed = networks(LOOPBACK)
    assert not is_refused("127.0.0.19", allowed)
    assert not is_refused("::1", allowed)
    assert is_refused("10.0.0.1", allowed)
    assert is_refused("169.254.169.254", allowed)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a.jpg", "file:///etc/passwd", "data:image/png;base64,AAAA", "gopher://example.org/",
        "//example.org/a", "example.org/a", "", "http:///a", "http://user:pw@example.org/", "http://user@example.org/",
        "http://example.org:22/", "http://example.org:6379/", "http://localhost/", "http://intranet/",
        "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/latest/meta-data/", "http://10.1.2.3:80/", "http://a\\@b.example/",
        "http://exa\tmple.org/", "http://example.org/\r\nX: y", "http://[zz]/", "http://example.org:99999/",
        "http://2130706433/", "http://0x7f000001/", "http://0/",
    ],
)  # fmt: skip
def test_addresses_refused_by_their_text(url: str) -> None:
    assert why_refused(url)


@pytest.mark.parametrize(
    "url", ["http://example.org/a", "https://example.org:443/a?b#c", "http://8.8.8.8/", "https://xn--mnchen-3ya.de/"]
)
def test_ordinary_addresses_pass(url: str) -> None:
    assert why_refused(url) is None


def test_ports_and_loopback_pass_when_they_are_allowed() -> None:
    assert why_refused("http://example.org:8080/", ports={80, 443, 8080}) is None
    allowed = networks(LOOPBACK)
    for url in ("http://127.0.0.1:8899/", "http://localhost:8899/", "http://127.0.0.10:8899/images/a.jpg"):
        assert why_refused(url, allowed) is None
    assert why_refused("http://10.0.0.1:8899/", allowed)


class Reactor:
    """As much of a reactor as a resolver needs."""

    def getThreadPool(self) -> None:  # noqa: N802
        pass


class Receiver:
    """Takes what a resolver gives."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.done = False

    def resolutionBegan(self, resolution: object) -> None:  # noqa: N802
        pass

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        self.found.append(f"{address.host} {address.port}")

    def resolutionComplete(self) -> None:  # noqa: N802
        self.done = True


class Names:
    """A hostile DNS: what it answers, one list after the other."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): iter(found) for name, found in answers.items()}

    def resolveHostName(self, receiver: Any, name: str, port: int, *_: Any) -> None:  # noqa: N802
        for host in next(self.answers[name]):
            receiver.addressResolved((IPv6 if ":" in host else IPv4)("TCP", host, port))
        receiver.resolutionComplete()


def resolver(names: Names, allowed: tuple[str, ...] = (), clock: Any = None) -> GuardedResolver:
    made = GuardedResolver(Reactor(), allowed, clock or itertools.count(0, 1000).__next__)
    made.names = names
    return made


def resolved(resolver: GuardedResolver, name: str, port: int = 80) -> list[str]:
    receiver = Receiver()
    resolver.resolveHostName(receiver, name, port)
    assert receiver.done
    return receiver.found


def test_a_name_is_judged_by_all_its_addresses_each_time() -> None:
    names = Names(
        public_example=[["93.184.216.34"]], local_example=[["127.0.0.1"]], six_example=[["2606:2800:220:1::1"]],
        both_example=[["8.8.8.8", "10.0.0.1"]], mapped_example=[["8.8.8.8", "::ffff:127.0.0.1"]],
        rebound_example=[["8.8.8.8"], ["10.0.0.1"], ["8.8.4.4"]], none_example=[[]],
    )  # fmt: skip
    guarded = resolver(names)
    assert resolved(guarded, "public.example") == ["93.184.216.34 80"]
    assert resolved(guarded, "six.example", 443) == ["2606:2800:220:1::1 443"]
    for name, address in (("local", "127.0.0.1"), ("both", "10.0.0.1"), ("mapped", "::ffff:127.0.0.1")):
        assert resolved(guarded, f"{name}.example") == []
        assert guarded.refused[f"{name}.example"] == address
    assert [resolved(guarded, "rebound.example") for _ in range(3)] == [["8.8.8.8 80"], [], ["8.8.4.4 80"]]
    assert "rebound.example" not in guarded.refused
    assert resolved(guarded, "none.example") == [] and "none.example" not in guarded.refused
    assert resolved(resolver(Names(local_example=[["127.0.0.1"]]), LOOPBACK), "local.example") == ["127.0.0.1 80"]


def test_a_good_answer_is_kept_for_a_while_with_the_port_that_is_asked() -> None:
    now = [0.0]
    guarded = resolver(Names(a_example=[["8.8.8.8"], ["10.0.0.1"]]), clock=lambda: now[0])
    assert resolved(guarded, "a.example", 80) == ["8.8.8.8 80"]
    now[0] = 299.0
    assert resolved(guarded, "a.example", 443) == ["8.8.8.8 443"]
    now[0] = 301.0
    assert resolved(guarded, "a.example", 443) == []
