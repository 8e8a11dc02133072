"""Which addresses may be asked at all: judged by their text, and by the network address they stand for.

Ranges are those of the IANA special-purpose registries. Imports no crawler.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REFUSED: tuple[Network, ...] = tuple(ip_network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
    "::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
    "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
))  # fmt: skip
LOOPBACK = ("127.0.0.0/8", "::1/128")
PORTS = frozenset({80, 443})

_EMBEDDED = ((ip_network("::ffff:0:0/96"), 0), (ip_network("::/96"), 0), (ip_network("64:ff9b::/96"), 0),
             (ip_network("2002::/16"), 80))  # fmt: skip
"""Networks that carry an IPv4 address, and how many bits lie below it."""
_ODD = re.compile(r"[\x00-\x20\x7f\\]")


def inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address carries (mapped, compatible, NAT64, 6to4), else the address."""
    if isinstance(address, IPv6Address) and int(address) > 1:
        for network, below in _EMBEDDED:
            if address in network:
                return IPv4Address((int(address) >> below) & 0xFFFFFFFF)
    return address


def is_refused(address: str | Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether an address must not be connected to: not public, and in none of the `allowed` networks.

    Raises ValueError for what is no address.
    """
    real = inner(ip_address(address.partition("%")[0]) if isinstance(address, str) else address)
    if any(real in network for network in allowed if network.version == real.version):
        return False
    return not real.is_global or any(real in network for network in REFUSED if network.version == real.version)


def why_refused(url: str, allowed: Iterable[Network] = (), ports: Iterable[int] = PORTS) -> str | None:
    """Why an address must not be asked, judged by its text alone; None when it may be looked up."""
    if _ODD.search(url):
        return "it has control characters, spaces or backslashes"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "it is no address"
    if parts.scheme not in ("http", "https"):
        return f"it is {parts.scheme or 'nothing'}, not http or https"
    return _why_place(parts.netloc, tuple(allowed), frozenset(ports))


@lru_cache(1024)
def _why_place(netloc: str, allowed: tuple[Network, ...], ports: frozenset[int]) -> str | None:
    """As `why_refused`, of a host with its port: a crawl asks few hosts many times."""
    try:
        parts = SplitResult("", netloc, "", "", "")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "it is no address"
    if "@" in netloc:
        return "it holds a user name"
    if not host:
        return "it has no host"
    try:
        literal = ip_address(host.partition("%")[0])
    except ValueError:
        literal = None
    if literal is not None and is_refused(literal, allowed):
        return f"{host} is not a public address"
    local = literal is not None and is_refused(literal)
    if literal is None and "." not in host.rstrip(".") and not (host == "localhost" and tuple(allowed)):
        return f"{host} is no public name"
    if port is not None and port not in ports and not (local or host == "localhost"):
        return f"port {port} is not for web pages"
    return None


def networks(names: Sequence[str]) -> tuple[Network, ...]:
    """Networks from their names, such as 127.0.0.0/8."""
    return tuple(ip_network(name) for name in names)


def is_loopback(url: str) -> bool:
    """Whether an address names this machine, as a practice gallery's does."""
    return _is_local(urlsplit(url).netloc)


@lru_cache(1024)
def _is_local(netloc: str) -> bool:
    host = SplitResult("", netloc, "", "", "").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
