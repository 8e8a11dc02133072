"""The download handler of crawls in a child process: HTTP/1.1 on asyncio, behind the address guard.

Connections are kept and used again. The address connected to is one that the guard has checked; certificates are
verified; a download has one deadline from the look-up of its name to its last byte, and is cut off at its limit.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from functools import cached_property
from typing import Any

from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.exceptions import (
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Request, Response
from scrapy.utils.httpobj import urlparse_cached

from spiders.guard import GuardedNames
from spiders.reply import Broken, Reply, TooLarge

IDLE_SECONDS = 60.0
IDLE_MOST = 64
TRY_SECONDS = 5.0
"""How long the first addresses of a name are tried before the next one is."""
ADDRESSES = 6

Place = tuple[str, str, int]
"""Scheme, host and port."""


class Closed(Exception):
    """A connection that was kept for later was closed before the answer began."""


class Connection(asyncio.Protocol):
    """One connection to a host, which asks one thing at a time."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.since = 0.0
        self.used = False
        self.reply: Reply | None = None
        self.waiting: asyncio.Future[Reply] | None = None
        self.began = 0.0
        self.latency = 0.0

    def connection_made(self, transport: Any) -> None:
        """As asyncio asks."""
        self.transport = transport

    async def ask(self, message: bytes, limit: int, began: float) -> Reply:
        """Send a request and wait for its answer. The connection is closed when that is not waited for to its end."""
        self.reply, self.began, self.latency = Reply(limit), began, 0.0
        self.waiting = asyncio.get_running_loop().create_future()
        try:
            if self.transport.is_closing():
                raise Closed if self.used else DownloadFailedError("the connection closed at once")
            self.transport.write(message)
            return await self.waiting
        except BaseException:
            self.transport.abort()
            raise
        finally:
            self.reply = self.waiting = None
            self.used = True

    def data_received(self, data: bytes) -> None:
        """Read on. What nobody asked for closes the connection."""
        if self.reply is None or self.waiting is None or self.waiting.done():
            self.transport.abort()
            return
        try:
            whole = self.reply.feed(data)
        except (Broken, TooLarge) as error:
            self._fail(error)
            return
        if not self.latency and self.reply.status:
            self.latency = time.monotonic() - self.began
        if whole:
            self.waiting.set_result(self.reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """The answer ends here, whole or not."""
        reply, waiting = self.reply, self.waiting
        if reply is None or waiting is None or waiting.done():
            return
        if exc is None and reply.ended():
            waiting.set_result(reply)
        elif reply.status:
            self._fail(ResponseDataLossError("the connection closed before the end"))
        elif self.used and not reply.begun:
            self._fail(Closed())
        else:
            self._fail(DownloadFailedError(f"the connection closed without an answer ({exc or 'no reason given'})"))

    def _fail(self, error: Exception) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(error)
        self.transport.abort()


class Wire(BaseDownloadHandler):  # type: ignore[misc]
    """Downloads http and https. Raises what Scrapy's own handlers raise, and AddressRefused."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self.limit = crawler.settings.getint("DOWNLOAD_MAXSIZE")
        self.seconds = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self.names = GuardedNames(crawler.settings.getlist("GUARD_ALLOW"))
        self.idle: dict[Place, deque[Connection]] = {}
        self.idle_count = 0

    async def download_request(self, request: Request) -> Response:
        """The answer to a request."""
        seconds = request.meta.get("download_timeout") or self.seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._answered(request)
        except TimeoutError as error:
            raise DownloadTimeoutError(f"Nothing whole came within {seconds:g} seconds.") from error
        except TooLarge as error:
            raise DownloadCancelledError(f"The answer is larger than DOWNLOAD_MAXSIZE: {error}.") from error
        except Broken as error:
            raise DownloadFailedError(f"The answer is not HTTP: {error}.") from error
        except ConnectionRefusedError as error:
            raise DownloadConnectionRefusedError(str(error)) from error
        except OSError as error:
            raise DownloadFailedError(str(error)) from error

    async def _answered(self, request: Request) -> Response:
        began, limit = time.monotonic(), request.meta.get("download_maxsize", self.limit)
        parts = urlparse_cached(request)
        place = parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        message = written(request)
        connection = self._kept(place) or await self._connected(place)
        try:
            reply = await connection.ask(message, limit, began)
        except Closed:
            connection = await self._connected(place)
            reply = await connection.ask(message, limit, began)
        request.meta["download_latency"] = connection.latency
        self._keep(connection, reply)
        response = Response(request.url, status=reply.status, body=reply.body, protocol="HTTP/1.1")
        dict.update(response.headers, reply.fields)  # they are spelt as Headers would spell them
        return response

    # connections

    def _kept(self, place: Place) -> Connection | None:
        """A connection to a place that is still open, if one was kept."""
        kept = self.idle.get(place)
        while kept:
            connection = kept.pop()
            self.idle_count -= 1
            if not connection.transport.is_closing() and time.monotonic() - connection.since < IDLE_SECONDS:
                return connection
            connection.transport.abort()
        self.idle.pop(place, None)
        return None

    def _keep(self, connection: Connection, reply: Reply) -> None:
        if not reply.lasting or connection.transport.is_closing():
            connection.transport.abort()
            return
        connection.since = time.monotonic()
        self.idle.setdefault(connection.place, deque()).append(connection)
        self.idle_count += 1
        if self.idle_count > IDLE_MOST:
            oldest = min(self.idle, key=lambda place: self.idle[place][0].since)
            self.idle[oldest].popleft().transport.abort()
            self.idle_count -= 1
            if not self.idle[oldest]:
                del self.idle[oldest]

    async def _connected(self, place: Place) -> Connection:
        """A new connection to the first address of a name that can be connected to."""
        *first, last = (await self.names.look_up(place[1]))[:ADDRESSES]
        for address in first:
            try:
                async with asyncio.timeout(TRY_SECONDS):
                    return await self._connect(place, address)
            except OSError:
                continue
        return await self._connect(place, last)

    async def _connect(self, place: Place, address: str) -> Connection:
        scheme, host, port = place
        secure: dict[str, Any] = {}
        if scheme == "https":
            secure = {"ssl": self._context, "server_hostname": host.partition("%")[0].rstrip(".")}
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(place), address, port, **secure)
        return connection

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    async def close(self) -> None:
        """Close what is open and idle."""
        for kept in self.idle.values():
            for connection in kept:
                connection.transport.abort()
        self.idle.clear()
        self.names.close()


def written(request: Request) -> bytes:
    """A request as it is sent. Raises DownloadFailedError for a line break where none may be."""
    parts = urlparse_cached(request)
    target = (parts.path or "/") + (f";{parts.params}" if parts.params else "")
    target += f"?{parts.query}" if parts.query else ""
    lines = [f"{request.method} {target} HTTP/1.1".encode(), b"Host: " + parts.netloc.encode()]
    headers = request.headers
    lines += [name + b": " + value for name, values in dict.items(headers) for value in values if name != b"Host"]
    if request.body:
        lines.append(b"Content-Length: %d" % len(request.body))
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise DownloadFailedError("a header or address holds a line break")
    return b"\r\n".join([*lines, b"", request.body])
