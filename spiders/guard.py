"""The address guard: which addresses may be asked at all, checked where the connection is made.

The address connected to is the one that was checked, so neither a name that changes its answer, nor a redirect,
nor an odd spelling of 127.0.0.1 gets past it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.exceptions import CannotResolveHostError, IgnoreRequest
from scrapy.resolver import CachingThreadedResolver
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError

from spiders.addresses import PORTS, is_refused, networks, why_refused
from spiders.records import redacted_url

ROBOTS_REDIRECTS = 5
PLAIN_HEADERS = {
    b"Accept", b"Accept-Encoding", b"Accept-Language", b"User-Agent", b"If-None-Match", b"If-Modified-Since",
}  # fmt: skip
"""What may be sent to the host of a redirect; keys in headers may not."""


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


class Redirects(RedirectMiddleware):  # type: ignore[misc]
    """Redirects as far as they are safe: never from https to http, and nothing given for one host goes to another.

    A host's robots.txt may redirect five times (RFC 9309 2.3.1.2), a picture REDIRECT_MAX_TIMES.
    """

    max_redirect_times: int

    def _redirect(self, redirected: Any, request: Any, reason: Any) -> Any:
        limit = self.max_redirect_times
        if request.meta.get("host_file"):
            self.max_redirect_times = ROBOTS_REDIRECTS
        try:
            return super()._redirect(redirected, request, reason)
        finally:
            self.max_redirect_times = limit

    def _build_redirect_request(self, source_request: Any, response: Any, *, url: str, **kwargs: Any) -> Any:
        made = super()._build_redirect_request(source_request, response, url=url, **kwargs)
        before, after = urlsplit(source_request.url), urlsplit(made.url)
        if before.scheme == "https" and after.scheme == "http":
            raise AddressRefused(f"{before.netloc} redirects from https to http, which is not followed")
        if before.netloc != after.netloc:
            for name in set(made.headers) - PLAIN_HEADERS:
                del made.headers[name]
        return made


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
