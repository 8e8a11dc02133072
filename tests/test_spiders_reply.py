"""HTTP answers read from pieces: where they end, whether the connection lasts, and what is no answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiders.reply import MAX_HEAD, Broken, Reply, TooLarge

LIMIT = 100_000
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def fed(data: bytes, cuts: list[int] = [], limit: int = LIMIT) -> Reply:  # noqa: B006 - never changed
    reply, last = Reply(limit), 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        if cut > last and not reply.whole:
            reply.feed(data[last:cut])
        last = max(last, cut)
    return reply


@given(st.binary(max_size=300), st.integers(1, 50), st.lists(st.integers(0, 1000), max_size=6), st.booleans())
def test_it_does_not_matter_how_an_answer_is_cut(body: bytes, size: int, cuts: list[int], in_chunks: bool) -> None:
    framing = b"Transfer-Encoding: chunked" if in_chunks else b"Content-Length: %d" % len(body)
    sent = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\n" + framing + b"\r\n\r\n"
    reply = fed(sent + (chunked(body, size) if in_chunks else body), cuts)
    assert reply.whole and reply.lasting
    assert (reply.status, reply.body, reply.fields[b"X-A"]) == (200, body, [b"1", b"2"])


@given(st.binary(max_size=200), st.integers(1, 40), st.integers(0, 250))
def test_an_answer_that_breaks_off_is_not_whole(body: bytes, size: int, at: int) -> None:
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, size)
    reply = fed(sent[: min(at, len(sent) - 1)])
    assert not reply.whole and not reply.ended()


@given(st.binary(max_size=400))
def test_rubbish_is_refused_or_waited_for(data: bytes) -> None:
    reply = Reply(LIMIT)
    try:
        reply.feed(data)
    except (Broken, TooLarge):
        return
    assert not reply.status or data.startswith(b"HTTP/1.")


@pytest.mark.parametrize(
    ("head", "lasting"),
    [
        ("HTTP/1.1 200 OK", True), ("HTTP/1.1 200", True), ("HTTP/1.0 200 OK", False),
        ("HTTP/1.1 200 OK\r\nConnection: close", False), ("HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close", False),
        ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive", True),
    ],
)  # fmt: skip
def test_whether_the_connection_lasts(head: str, lasting: bool) -> None:
    reply = fed(f"{head}\r\nContent-Length: 2\r\n\r\nab".encode())
    assert (reply.whole, reply.body, reply.lasting) == (True, b"ab", lasting)


def test_the_end_of_the_connection_is_the_end_of_an_answer_without_a_length() -> None:
    reply = fed(b"HTTP/1.1 200 OK\r\n\r\nabc", [17, 20])
    assert not reply.whole and reply.ended() and reply.body == b"abc" and not reply.lasting


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_by_definition(status: int) -> None:
    reply = fed(b"HTTP/1.1 %d X\r\nContent-Length: 99\r\n\r\n" % status)
    assert reply.whole and reply.lasting and reply.body == b""


def test_what_comes_after_the_end_is_left_and_the_connection_not_used_again() -> None:
    for sent in (b"Content-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n\r\n", CHUNKED + b"2\r\nab\r\n0\r\n\r\nx"):
        reply = fed(b"HTTP/1.1 200 OK\r\n" + sent)
        assert (reply.whole, reply.body, reply.lasting) == (True, b"ab", False)


def test_early_hints_folded_lines_trailers_and_bare_newlines() -> None:
    sent = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\nA: b\n c\nnonsense\n"
    reply = fed(sent + b"Transfer-Encoding: chunked\n\n2;name=value\r\nab\r\n0\r\nTrailer: x\r\n\r\n")
    assert (reply.status, reply.body, reply.whole) == (200, b"ab", True)
    assert reply.fields == {b"A": [b"b c"], b"Transfer-Encoding": [b"chunked"]}


@pytest.mark.parametrize(
    "sent",
    [
        b"220 ftp ready\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n", HEAD + b"Content-Length: -5\r\n\r\n",
        b"HTTP/2 200\r\n\r\n", HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        HEAD + b"Content-Length: 5,6\r\n\r\n", HEAD + b"Content-Length: 0x10\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        HEAD + CHUNKED + b"xyz\r\n", HEAD + CHUNKED + b"1\r\nab\r\n", HEAD + CHUNKED + b"-1\r\n",
        HEAD + b"X: " + b"y" * MAX_HEAD, HEAD + CHUNKED + b"0" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_answer(sent: bytes) -> None:
    with pytest.raises(Broken):
        fed(sent)


@pytest.mark.parametrize("sent", [b"Content-Length: 11\r\n\r\n", CHUNKED + b"b\r\n01234567890", b"\r\n01234567890"])
def test_what_is_too_large(sent: bytes) -> None:
    with pytest.raises(TooLarge):
        fed(HEAD + sent, limit=10)
