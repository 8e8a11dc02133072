"""The address guard: which addresses may be asked at all, checked where the connection is made.

The address connected to is the one that was checked, so neither a name that changes its answer, nor a redirect,
nor an odd spelling of 127.0.0.1 gets past it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.exceptions import CannotResolveHostError, IgnoreRequest
from scrapy.resolver import CachingThreadedResolver
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError

from spiders.addresses import PORTS, is_refused, networks, why_refused
from spiders.records import redacted_url


class AddressRefused(IgnoreRequest):  # type: ignore[misc]
    """An address that is not public, or not http or https, was about to be asked."""


class GuardedResolver(CachingThreadedResolver):  # type: ignore[misc]
    """Scrapy's resolver, which is asked for every connection, with its answers checked.

    `refused` says for which names the answer was an address that is refused, and which one.
    """

    def __init__(self, reactor: Any, cache_size: int, timeout: float, allowed: Sequence[str] = ()) -> None:
        super().__init__(reactor, cache_size, timeout)
        self.allowed = networks(allowed)
        self.refused: dict[str, str] = {}

    def getHostByName(self, name: str, timeout: Sequence[int] = ()) -> Deferred[str]:  # noqa: N802
        """The checked address of a name; fails with DNSLookupError when it is refused."""
        answer: Deferred[str] = super().getHostByName(name, timeout)
        return answer.addCallback(self._checked, name)

    def _checked(self, address: str, name: str) -> str:
        if is_refused(address, self.allowed):
            self.refused[name] = address
            raise DNSLookupError(f"{name} is {address}, which is not a public address")
        return address


class Guard:
    """Downloader middleware: refuses addresses by their text, and says so when the resolver refused one.

    Settings: GUARD_ALLOW, networks that may be asked though they are not public (for a practice gallery);
    GUARD_PORTS, ports besides 80 and 443.
    """

    def __init__(self, crawler: Any) -> None:
        self.settings = crawler.settings
        crawler.signals.connect(self.spider_opened, signal=signals.spider_opened)

    @classmethod
    def from_crawler(cls, crawler: Any) -> Guard:
        """As Scrapy asks."""
        return cls(crawler)

    def spider_opened(self) -> None:
        """Put the guarded resolver, with this crawl's settings, in the place of any other."""
        from twisted.internet import reactor

        allow = self.settings.getlist("GUARD_ALLOW")
        size = self.settings.getint("DNSCACHE_SIZE") if self.settings.getbool("DNSCACHE_ENABLED") else 0
        self.resolver = GuardedResolver(reactor, size, self.settings.getfloat("DNS_TIMEOUT"), allow)
        self.resolver.install_on_reactor()
        self.allowed = networks(allow)
        self.ports = PORTS | {int(port) for port in self.settings.getlist("GUARD_PORTS")}

    def process_request(self, request: Any) -> None:
        """Refuse by the text of the address."""
        if why := why_refused(request.url, self.allowed, self.ports):
            raise AddressRefused(f"{redacted_url(request.url)[:200]} was not asked: {why}")

    def process_exception(self, request: Any, exception: Exception) -> None:
        """Tell a name that was refused from one that does not exist."""
        if isinstance(exception, CannotResolveHostError):
            host = urlsplit(request.url).hostname or ""
            if address := self.resolver.refused.get(host):
                raise AddressRefused(f"{host} was not asked: {address} is not a public address")
