"""HTTP/1.1 answers, read piece by piece as they arrive (RFC 9112). Pure: no sockets, no crawler."""

from __future__ import annotations

import re

MAX_HEAD = 64 * 1024
MAX_LINE = 1024
_BLANK = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?")
_EMPTY = frozenset({204, 304})

Fields = dict[bytes, list[bytes]]


class Broken(ValueError):
    """What arrives is no HTTP answer, or one whose end cannot be told."""


class TooLarge(ValueError):
    """The body is larger than it may be."""


class Reply:
    """One answer to a GET or POST. `feed` it until it is `whole`; `ended` when the connection closed.

    Header names are in the spelling `Content-Type`. `lasting`: whether the connection may be used again. A length
    that is declared above `limit` bytes is refused before the body is read.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.status = 0
        self.fields: Fields = {}
        self.whole = False
        self.lasting = False
        self._rest = b""
        self._pieces: list[bytes] = []
        self._size = 0
        self._length: int | None = None
        self._chunked = False
        self._left = 0
        self._between = self._trailing = False

    @property
    def body(self) -> bytes:
        """The bytes of the body that have arrived."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    @property
    def begun(self) -> bool:
        """Whether anything has arrived."""
        return bool(self.status or self._rest)

    def feed(self, data: bytes) -> bool:
        """Take what arrived; True once the answer is whole. Raises Broken and TooLarge."""
        if not self.status:
            data = self._rest + data if self._rest else data
            head = _BLANK.search(data)
            if (head.end() if head else len(data)) > MAX_HEAD:
                raise Broken("its head has more than 64 KiB")
            if head is None:
                self._rest = data
                return False
            self._rest = b""
            self._begin(data[: head.start()])
            data = data[head.end() :]
            if not self.status:
                return self.feed(data)
        if self._chunked:
            self._unchunk(data)
        else:
            self._take(data)
        return self.whole

    def ended(self) -> bool:
        """The connection is closed: whether the answer is whole, as it is when it has no other end."""
        self.lasting = False
        self.whole = self.whole or bool(self.status and not self._chunked and self._length is None)
        return self.whole

    def _begin(self, head: bytes) -> None:
        first, *lines = head.split(b"\n")
        match = _STATUS.fullmatch(first.rstrip(b"\r"))
        if match is None:
            raise Broken(f"it begins with {first[:40]!r}")
        status = int(match[2])
        if status < 200 and status != 101:
            return
        self.status, self.fields = status, fields(lines)
        said = b",".join(self.fields.get(b"Connection", ())).lower()
        self.lasting = b"close" not in said if match[1] == b"1" else b"keep-alive" in said
        self._frame()

    def _frame(self) -> None:
        """How the end of the body will be told."""
        if self.status in _EMPTY:
            self._length = 0
            return
        coding = b",".join(self.fields.get(b"Transfer-Encoding", ())).strip().lower()
        if coding and coding != b"identity":
            if coding != b"chunked":
                raise Broken(f"its transfer encoding is {coding[:40]!r}")
            self._chunked = True
            self.lasting = self.lasting and b"Content-Length" not in self.fields
            return
        lengths = {one.strip() for value in self.fields.get(b"Content-Length", ()) for one in value.split(b",")}
        if not lengths:
            return
        text = lengths.pop()
        if lengths or not text.isdigit() or len(text) > 18:
            raise Broken("its length makes no sense")
        self._length = int(text)
        if self._length > self.limit:
            raise TooLarge(f"{self._length} bytes are declared")

    def _take(self, data: bytes) -> None:
        """Take bytes of a body without chunks."""
        if self._length is not None and self._size + len(data) >= self._length:
            self.whole = True
            if self._size + len(data) > self._length:
                self.lasting = False
                data = data[: self._length - self._size]
        self._keep(data)

    def _keep(self, data: bytes) -> None:
        if data:
            self._size += len(data)
            self._pieces.append(data)
        if self._size > self.limit:
            raise TooLarge(f"more than {self.limit} bytes arrive")

    def _unchunk(self, data: bytes) -> None:
        """Take bytes of chunks: sizes in lines of their own, each chunk followed by an empty line."""
        data = self._rest + data
        at = 0
        while not self.whole:
            if self._left:
                piece = data[at : at + self._left]
                self._keep(piece)
                self._left -= len(piece)
                at += len(piece)
                self._between = True
                if self._left:
                    break
            end = data.find(b"\n", at)
            if (end if end >= 0 else len(data)) - at > MAX_LINE:
                raise Broken("a line between chunks is too long")
            if end < 0:
                break
            self._line(data[at:end].rstrip(b"\r"))
            at = end + 1
        self._rest = data[at:]
        self.lasting = self.lasting and not (self.whole and self._rest)

    def _line(self, line: bytes) -> None:
        if self._trailing:
            self.whole = not line
        elif self._between:
            if line:
                raise Broken("a chunk is longer than it says")
            self._between = False
        else:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise Broken("a chunk has no size")
            self._left = int(match[1], 16)
            self._trailing = self._left == 0


def fields(lines: list[bytes]) -> Fields:
    """Header fields by name; a line that is folded goes on with the one before, one without a colon is passed over."""
    found: Fields = {}
    last: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if last:
                last[-1] += b" " + line.strip()
            continue
        name, colon, value = line.partition(b":")
        if colon:
            last = found.setdefault(name.strip().title(), [])
            last.append(value.strip())
    return found
