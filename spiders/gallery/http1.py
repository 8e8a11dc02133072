"""A small HTTP/1.1 server on asyncio: GET, HEAD and POST, keep-alive, pipelining, a plain function as the site.

Hand-made because the gallery must sustain more pictures a second than the spiders it tests can fetch,
and because faults such as a body shorter than its Content-Length must be sendable.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_HEAD = 64 * 1024


@dataclass(frozen=True)
class Request:
    """One request. `target` is the path and query as sent, header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(urlsplit(self.target).path)

    @cached_property
    def query(self) -> dict[str, str]:
        """The query; of a parameter given twice the last one counts."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a POST as a browser sends a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True)
class Response:
    """One answer. Content-Length is added from the body, and Content-Type from `kind`."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self, head_only: bool, close: bool) -> bytes:
        """The bytes on the wire. 304 has no body by definition."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", "Server: gallery"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.status != HTTPStatus.NOT_MODIFIED:
            lines += [f"Content-Type: {self.kind}", f"Content-Length: {len(self.body)}"]
        lines.append(f"Connection: {'close' if close else 'keep-alive'}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        return head if head_only or self.status == HTTPStatus.NOT_MODIFIED else head + self.body


App = Callable[[Request], Response]


class Connection(asyncio.Protocol):
    """One connection: parses requests as they arrive and answers them in order."""

    def __init__(self, app: App, open_ones: set[asyncio.Transport]) -> None:
        self.app = app
        self.open_ones = open_ones
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection, so that a stop can close it."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.open_ones.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.open_ones.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0 and not self.transport.is_closing():
            head = self.buffer[:end]
            size = body_size(head)
            if len(self.buffer) < end + 4 + size:
                break
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            self._answer(head, body)
        if len(self.buffer) > MAX_HEAD:
            self._send(Response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), False, True)

    def _answer(self, head: bytes, body: bytes) -> None:
        request = parse_head(head, body)
        if request is None:
            self._send(Response(HTTPStatus.BAD_REQUEST), False, True)
        elif request.method not in ("GET", "HEAD", "POST"):
            self._send(Response(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD, POST"}), False, True)
        else:
            close = request.headers.get("connection", "").lower() == "close"
            self._send(self.app(request), request.method == "HEAD", close)

    def _send(self, response: Response, head_only: bool, close: bool) -> None:
        self.transport.write(response.encode(head_only, close))
        if close:
            self.transport.close()


def body_size(head: bytes) -> int:
    """How many bytes follow a head, by its Content-Length."""
    found = re.search(rb"\r\ncontent-length:\s*(\d{1,6})\s*(?:\r\n|$)", head, re.IGNORECASE)
    return int(found[1]) if found else 0


def parse_head(head: bytes, body: bytes = b"") -> Request | None:
    """The request line and headers, or None when they are not HTTP/1.x."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        return None
    pairs = (line.partition(":") for line in lines)
    return Request(words[0], words[1], {name.strip().lower(): value.strip() for name, _, value in pairs}, body)


async def serve(app: App, sockets: list[socket.socket], until: asyncio.Event) -> None:
    """Serve `app` on bound sockets until the event is set, then close every connection."""
    loop = asyncio.get_running_loop()
    open_ones: set[asyncio.Transport] = set()
    servers = [await loop.create_server(lambda: Connection(app, open_ones), sock=sock) for sock in sockets]
    await until.wait()
    for server in servers:
        server.close()
    for transport in list(open_ones):
        transport.close()
    for server in servers:
        await server.wait_closed()
