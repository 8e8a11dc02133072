"""The download handler of crawls: connections kept and given up, deadlines, limits, and what it says of trouble."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request, exceptions
from scrapy.settings import Settings

from spiders.guard import AddressRefused, GuardedNames
from spiders.wire import IDLE_MOST, Wire, written

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def handler(**given: Any) -> Wire:
    settings = {"GUARD_ALLOW": ["127.0.0.0/8"], "DOWNLOAD_MAXSIZE": 1000, "DOWNLOAD_TIMEOUT": 5, **given}
    return Wire(SimpleNamespace(settings=Settings(settings)))


@asynccontextmanager
async def served(talk: Talk) -> AsyncIterator[tuple[str, list[int]]]:
    """A server's address, and one entry for each connection."""
    made: list[int] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.append(len(made))
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a", made


def saying(*answers: bytes) -> Talk:
    """Gives these answers on each connection, then closes it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    return talk


def asked(talk: Talk, times: int = 1, pause: float = 0.0, **given: Any) -> tuple[list[bytes], int]:
    """The bodies of so many answers, asked one after the other, and how many connections that took."""

    async def run() -> tuple[list[bytes], int]:
        wire, bodies = handler(**given), []
        async with served(talk) as (url, made):
            for _ in range(times):
                bodies.append((await wire.download_request(Request(url))).body)
                await asyncio.sleep(pause)
            await wire.close()
            return bodies, len(made)

    return asyncio.run(run())


def test_a_connection_is_used_again_until_it_closes() -> None:
    assert asked(saying(OK, OK, OK), 3) == ([b"ok"] * 3, 1)
    assert asked(saying(OK, OK), 3, pause=0.05) == ([b"ok"] * 3, 2)
    assert asked(saying(OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), OK), 2) == ([b"ok"] * 2, 2)


def test_one_that_closes_just_as_it_is_asked_again_is_asked_on_another() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")

    assert asked(talk, 3) == ([b"ok"] * 3, 3)


def test_what_was_not_asked_for_is_not_taken_for_an_answer() -> None:
    assert asked(saying(OK + OK.replace(b"ok", b"no"), OK), 2) == ([b"ok"] * 2, 2)

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await asyncio.sleep(0.02)
        writer.write(OK.replace(b"ok", b"no"))
        await reader.read()

    assert asked(late, 2, pause=0.1) == ([b"ok"] * 2, 2)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", exceptions.DownloadFailedError), (b"HTTP/1.1 2", exceptions.DownloadFailedError),
        (HEAD + b"Content-Length: 9\r\n\r\nab", exceptions.ResponseDataLossError),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab", exceptions.ResponseDataLossError),
        (b"SSH-2.0-x\r\n\r\n", exceptions.DownloadFailedError),
        (HEAD + b"Content-Length: 1001\r\n\r\n", exceptions.DownloadCancelledError),
        (HEAD + b"\r\n" + b"x" * 1001, exceptions.DownloadCancelledError),
    ],
)  # fmt: skip
def test_trouble_has_a_name(sent: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        asked(saying(sent))


def test_a_deadline_is_for_all_of_it() -> None:
    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for letter in HEAD + b"X: " + b"y" * 200:
            writer.write(bytes([letter]))
            await writer.drain()
            await asyncio.sleep(0.02)

    with pytest.raises(exceptions.DownloadTimeoutError):
        asked(drips, DOWNLOAD_TIMEOUT=0.3)


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(exceptions.DownloadConnectionRefusedError):
            asyncio.run(handler().download_request(Request(url)))


def test_few_idle_connections_are_kept() -> None:
    async def run() -> None:
        wire = handler()
        async with served(saying(OK, OK)) as (url, made):
            places = [url.replace("127.0.0.1", f"127.0.0.{n}") for n in (1,)]
            await asyncio.gather(*(wire.download_request(Request(places[0])) for _ in range(IDLE_MOST + 9)))
            assert len(made) == IDLE_MOST + 9
            assert wire.idle_count == sum(map(len, wire.idle.values())) == IDLE_MOST
            await wire.close()

    asyncio.run(run())


def test_only_addresses_that_may_be_asked_are_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"two.example": ["8.8.8.8", "10.0.0.1"], "six.example": ["::ffff:10.0.0.1"], "none.example": []}
    found = lambda name, *_, **__: [(0, 0, 0, "", (one, 0)) for one in answers[name]]  # noqa: E731
    monkeypatch.setattr(socket, "getaddrinfo", found)
    for name, error in (
        ("two", AddressRefused), ("six", AddressRefused), ("none", exceptions.CannotResolveHostError),
    ):  # fmt: skip
        with pytest.raises(error):
            asyncio.run(handler(GUARD_ALLOW=[]).download_request(Request(f"http://{name}.example/")))


def test_a_name_is_looked_up_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, now = iter(["8.8.8.8", "10.0.0.1"]), [0.0]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (next(answers), 0))])
    names = GuardedNames(clock=lambda: now[0])

    async def run() -> None:
        assert await names.look_up("a.example") == ["8.8.8.8"]
        now[0] = 299.0
        assert await names.look_up("a.example") == ["8.8.8.8"]
        now[0] = 301.0
        with pytest.raises(AddressRefused, match=r"10\.0\.0\.1 is not a public address"):
            await names.look_up("a.example")
        names.close()

    asyncio.run(run())


def test_a_request_as_it_is_sent() -> None:
    request = Request("http://h.example:81/a b?c=d#e", headers={"Accept": "image/*", "X": ["1", "2"]})
    assert written(request) == (
        b"GET /a%20b?c=d HTTP/1.1\r\nHost: h.example:81\r\nAccept: image/*\r\nX: 1\r\nX: 2\r\n\r\n"
    )
    posted = Request("https://h.example", method="POST", body=b"abc")
    assert written(posted) == b"POST / HTTP/1.1\r\nHost: h.example\r\nContent-Length: 3\r\n\r\nabc"
    with pytest.raises(exceptions.DownloadFailedError):
        written(Request("http://h.example/", headers={"X": "a\r\nHost: evil"}))
