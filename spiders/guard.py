"""The address guard: which addresses may be asked at all, checked where the connection is made.

The address connected to is the one that was checked, so neither a name that changes its answer, nor a redirect,
nor an odd spelling of 127.0.0.1 gets past it.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.exceptions import CannotResolveHostError, IgnoreRequest
from twisted.internet._resolver import GAIResolver
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from spiders.addresses import PORTS, is_refused, networks, why_refused
from spiders.records import redacted_url

CACHE_SECONDS = 300.0
LOOKERS = 20
"""So many names are looked up at once."""
ROBOTS_REDIRECTS = 5
PLAIN_HEADERS = {
    b"Accept", b"Accept-Encoding", b"Accept-Language", b"User-Agent", b"If-None-Match", b"If-Modified-Since",
}  # fmt: skip
"""What may be sent to the host of a redirect; keys in headers may not."""


class AddressRefused(IgnoreRequest):  # type: ignore[misc]
    """An address that is not public, or not http or https, was about to be asked."""


@implementer(IHostnameResolver)
class GuardedResolver:
    """The resolver that is asked for every connection: names get their IPv4 and IPv6 addresses, all of them checked.

    When one of the addresses of a name is refused, none is given, and `refused` says which one it was. The addresses
    given are those connected to. Good answers are kept for CACHE_SECONDS.
    """

    def __init__(self, reactor: Any, allowed: Sequence[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self.reactor, self.allowed, self._clock = reactor, networks(allowed), clock
        self.names = GAIResolver(reactor, reactor.getThreadPool)
        self.refused: dict[str, str] = {}
        self._kept: dict[str, tuple[float, list[Any]]] = {}

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> GuardedResolver:
        """As Scrapy asks; nothing is allowed until `Guard` puts its own resolver in this one's place."""
        return cls(reactor)

    def install_on_reactor(self) -> None:
        """Take the place of the reactor's resolver."""
        self.reactor.installNameResolver(self)

    def resolveHostName(  # noqa: N802
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Any = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        """Give the receiver the addresses of a name, or none when one of them is refused."""
        receiver, name, port = resolutionReceiver, hostName, portNumber
        until, kept = self._kept.get(name, (0.0, []))
        if self._clock() < until:
            receiver.resolutionBegan(_Known(name))
            for address in kept:
                receiver.addressResolved(type(address)(address.type, address.host, port))
            receiver.resolutionComplete()
            return receiver
        checked = _Checked(self, receiver, name)
        return self.names.resolveHostName(checked, name, port, addressTypes, transportSemantics)

    def checked(self, name: str, found: list[Any]) -> list[Any]:
        """The addresses, unless one is refused."""
        self.refused.pop(name, None)
        for address in found:
            if is_refused(address.host, self.allowed):
                self.refused[name] = address.host
                return []
        if found:
            self._kept[name] = (self._clock() + CACHE_SECONDS, found)
        return found


@implementer(IHostResolution)
class _Known:
    """A look-up that is over."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Nothing is left to cancel."""


@implementer(IResolutionReceiver)
class _Checked:
    """Holds the addresses of a name back until all of them are known."""

    def __init__(self, resolver: GuardedResolver, receiver: Any, name: str) -> None:
        self.resolver, self.receiver, self.name = resolver, receiver, name
        self.found: list[Any] = []

    def resolutionBegan(self, resolution: Any) -> None:  # noqa: N802
        """As Twisted asks."""
        self.receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        """Note an address."""
        self.found.append(address)

    def resolutionComplete(self) -> None:  # noqa: N802
        """Pass on the addresses, if none is refused."""
        for address in self.resolver.checked(self.name, self.found):
            self.receiver.addressResolved(address)
        self.receiver.resolutionComplete()


class GuardedNames:
    """The same for what connects by itself, without a reactor: a name's addresses, all of them checked."""

    def __init__(self, allowed: Sequence[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self.allowed, self._clock = networks(allowed), clock
        self._threads = ThreadPoolExecutor(LOOKERS, "names")
        self._kept: dict[str, tuple[float, list[str]]] = {}

    async def look_up(self, name: str) -> list[str]:
        """The addresses to connect to. Raises AddressRefused when one of them is refused, CannotResolveHostError when
        there is none.
        """
        until, kept = self._kept.get(name, (0.0, []))
        if self._clock() < until:
            return kept
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, _addresses, name)
        except (OSError, UnicodeError) as error:
            raise CannotResolveHostError(f"{name}: {error}") from error
        for address in answer:
            if is_refused(address, self.allowed):
                raise AddressRefused(f"{name} was not asked: {address} is not a public address")
        if not answer:
            raise CannotResolveHostError(f"{name} has no address")
        self._kept[name] = (self._clock() + CACHE_SECONDS, answer)
        return answer

    def close(self) -> None:
        """Let the threads go that look names up."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(name: str) -> list[str]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


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
        self.resolver = GuardedResolver(reactor, allow)
        self.resolver.install_on_reactor()
        self.allowed = networks(allow)
        self.ports = PORTS.union(int(port) for port in self.settings.getlist("GUARD_PORTS"))

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
