"""Read lists of addresses row by row: text, CSV, TSV, JSON, JSON lines and Parquet, also gzipped, and folders."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, time
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from pipeline.errors import UsageError
from spiders.pages import listed
from spiders.pages.listed import Fields, Listed

FORMATS = {
    ".txt": "text", ".lst": "text", ".urls": "text", ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".json": "json",
    ".jsonl": "lines", ".ndjson": "lines", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
"""What a file is by its extension, before a `.gz`; of others the first bytes decide."""
BATCH = 1024
_HEAD = 64 * 1024
_CHUNK = 256 * 1024
_LONGEST = 16 * 2**20
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, csv.Error, json.JSONDecodeError)


@dataclass(slots=True)
class Lists:
    """The rows of one list or of a folder of lists, in order; nothing is held but what is being read.

    `notes` counts what could not be read. Raises UsageError when a file holds no addresses at all.
    """

    path: Path
    url_col: str | None = None
    caption_col: str | None = None
    hash_col: str | None = None
    notes: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Listed]:
        for file in self.files():
            yield from self._rows(file)

    def files(self) -> list[Path]:
        """The lists that the path names. Raises UsageError when there are none."""
        if not self.path.is_dir():
            return [self.path]
        found = sorted(path for path in self.path.rglob("*") if path.is_file() and _format_by_name(path))
        if not found:
            raise UsageError(f"There are no lists in {_shown(self.path)}: name a file, or a folder with {_kinds()}.")
        return found

    def _rows(self, file: Path) -> Iterator[Listed]:
        with _opened(file) as stream:
            rows = _whole(self._read(stream, file), _shown(file), self.notes)
            first = list(islice(rows, 20))
            columns = listed.columns(first, self.url_col, self.caption_col, self.hash_col, _shown(file))
            for fields in chain(first, rows):
                yield listed.row(fields, columns)

    def _read(self, stream: Any, file: Path) -> Iterator[Fields]:
        head = stream.peek(_HEAD)[:_HEAD]
        kind = _format_by_name(file) or _format_by_bytes(head)
        yield from _READERS[kind](stream, head, file, self.notes)


def _shown(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _kinds() -> str:
    return ", ".join(FORMATS)


def _format_by_name(path: Path) -> str | None:
    return FORMATS.get(Path(path.name.lower().removesuffix(".gz")).suffix)


def _format_by_bytes(head: bytes) -> str:
    start = head.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
    if start.startswith(b"PAR1"):
        return "parquet"
    if start[:1] in (b"[", b"{"):
        return "json" if start[:1] == b"[" else "lines"
    return "text" if listed.is_address(start.split(b"\n")[0].decode("utf-8", "replace")) else "csv"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A file as a buffered stream of bytes, unpacked when it is gzipped, whatever its name."""
    try:
        with io.BufferedReader(io.FileIO(path), _HEAD) as raw:
            if raw.peek(2)[:2] == b"\x1f\x8b":
                with gzip.open(raw) as unpacked, io.BufferedReader(unpacked, _HEAD) as stream:
                    yield stream
            else:
                yield raw
    except OSError as error:
        raise UsageError(f"The list {_shown(path)} cannot be read ({error.strerror or error}).") from None


def _whole(rows: Iterator[Fields], name: str, notes: Counter[str]) -> Iterator[Fields]:
    """The rows up to where the file breaks off, if it does."""
    count = 0
    try:
        for fields in rows:
            count += 1
            yield fields
    except _BROKEN as error:
        if not count:
            raise UsageError(f"The list {name} cannot be read ({error}).") from None
        notes[f"rows were read of {name}, which breaks off there ({error})"] = count


@contextmanager
def _text(stream: IO[bytes], head: bytes) -> Iterator[io.TextIOWrapper]:
    """The text: UTF-8 with a mark or without, UTF-16 with one, else as Windows writes it."""
    encoding = "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            encoding = "cp1252"
    text = io.TextIOWrapper(stream, encoding, errors="replace", newline="")
    try:
        yield text
    finally:
        with suppress(ValueError):  # what it reads from may be closed already
            text.detach()


def _read_text(stream: IO[bytes], head: bytes, file: Path, notes: Counter[str]) -> Iterator[Fields]:
    with _text(stream, head) as text:
        for line in text:
            if (address := line.strip()) and not address.startswith("#"):
                yield {"url": address}


def _read_csv(stream: IO[bytes], head: bytes, file: Path, notes: Counter[str]) -> Iterator[Fields]:
    """Without a header, when a cell of the first line is an address, the columns are called c1, c2, ….

    A quote that is not closed would swallow the rest: a cell longer than the limit ends the file.
    """
    csv.field_size_limit(2**20)
    with _text(stream, head) as text:
        first = text.readline()
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(chain([first], text), delimiter=delimiter)
        begin = next(reader, [])
        headless = any(listed.is_address(name) for name in begin)
        names = [f"c{number}" for number in range(1, len(begin) + 1)] if headless else [name.strip() for name in begin]
        for cells in chain([begin] if headless else [], reader):
            if cells:
                notes["rows have more cells than the header"] += len(cells) > len(names)
                yield {name: cell for name, cell in zip(names, cells, strict=False) if name and cell != ""}


def _read_lines(stream: IO[bytes], head: bytes, file: Path, notes: Counter[str]) -> Iterator[Fields]:
    with _text(stream, head) as text:
        for line in text:
            if line.strip():
                try:
                    yield _fields(json.loads(line))
                except (ValueError, RecursionError):
                    notes[f"lines of {_shown(file)} are no JSON objects"] += 1


def _read_json(stream: IO[bytes], head: bytes, file: Path, notes: Counter[str]) -> Iterator[Fields]:
    """A list of objects or of addresses, one value at a time; a file of objects, one a line, as JSON lines."""
    if not head.lstrip(codecs.BOM_UTF8 + b" \t\r\n").startswith(b"["):
        yield from _read_lines(stream, head, file, notes)
        return
    with _text(stream, head) as text:
        yield from _values(text)


def _values(text: io.TextIOWrapper) -> Iterator[Fields]:
    decoder = json.JSONDecoder()
    buffer, at = re.sub(r"^\s*\[", "", text.read(_CHUNK), count=1), 0
    while True:
        at = _skip(buffer, at)
        try:
            value, end = decoder.raw_decode(buffer, at)
        except json.JSONDecodeError:
            more = text.read(_CHUNK)
            if not more and _is_over(buffer, at):
                return
            if not more or len(buffer) - at > _LONGEST:
                raise
            buffer, at = buffer[at:] + more, 0
        else:
            if end == len(buffer) and (more := text.read(_CHUNK)):
                buffer, at = buffer[at:] + more, 0  # a number may go on
                continue
            at = end
            yield _fields(value)


_GAP = re.compile(r"[\s,]*")


def _skip(buffer: str, at: int) -> int:
    found = _GAP.match(buffer, at)
    return found.end() if found else at


def _is_over(buffer: str, at: int) -> bool:
    return buffer[at:].strip() == "]"


def _fields(value: Any) -> Fields:
    if isinstance(value, dict):
        return {str(name): item for name, item in value.items() if item is not None}
    return {"url": value} if isinstance(value, str) else {}


def _read_parquet(stream: IO[bytes], head: bytes, file: Path, notes: Counter[str]) -> Iterator[Fields]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(stream)
        schema = table.schema_arrow
        names = [name for name in schema.names if "binary" not in str(schema.field(name).type)]
        for batch in table.iter_batches(BATCH, columns=names, use_threads=False):
            for fields in batch.to_pylist():
                yield {name: _plain(value) for name, value in fields.items() if value is not None}
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise UsageError(f"The list {_shown(file)} cannot be read ({str(error).splitlines()[0][:160]}).") from None


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


_READERS: dict[str, Callable[[Any, bytes, Path, Counter[str]], Iterator[Fields]]] = {
    "text": _read_text, "csv": _read_csv, "lines": _read_lines, "json": _read_json, "parquet": _read_parquet,
}  # fmt: skip
