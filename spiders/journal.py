"""The journal: what a crawl has taken and not yet put into a partition, so that kill −9 loses none of it.

On a disk each picture is written beside the journal when it arrives, and its row appended as a line; both survive the
death of the process, and after a power cut what is torn is found by its hash. In an object store, where nothing can
be appended, the rows of a few pictures make an object, after their originals. A journal bears the name of the
partition it becomes, and is removed when that stands.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from pipeline import tables
from pipeline.storage import Root
from spiders.records import original_id

Row = dict[str, Any]
Step = Callable[[], None]
FOLDER = "journal"
_TIMES = ("fetched_at", "checked_at")
_JSON = json.JSONEncoder(default=datetime.isoformat)


@dataclass(slots=True)
class Pile:
    """Rows that wait to become a partition, by table (`crawled`, `checked`)."""

    crawled: list[Row] = field(default_factory=list)
    checked: list[Row] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.crawled) + len(self.checked)

    def of(self, table: str) -> list[Row]:
        """The rows of one table."""
        return self.crawled if table == "crawled" else self.checked


class Journal(Protocol):
    """What the two kinds of journal do. `keep` and `note` are cheap; `settling` makes durable what they took.

    It gives the steps that wait for a disk or network, each to be called before the next one, in any thread.
    """

    enough: tuple[int, int, float]
    """Pictures, bytes and seconds after which `settling` is due."""

    def recover(self) -> dict[str, Pile]:
        """What killed runs left, by the name of the partition it was to become."""

    def keep(self, path: str, body: bytes) -> None:
        """Take the bytes of an original whose final place is `path`."""

    def note(self, name: str, table: str, row: Row) -> None:
        """Take a row that goes into the partition `name`."""

    def take(self) -> Any:
        """What waits, for `settling`."""

    def settling(self, taken: Any) -> Iterator[Step]:
        """Publish the originals that were taken, and make their rows survive the death of the process."""

    def fold(self, name: str) -> None:
        """Forget the rows of a partition that stands."""


def line(table: str, row: Row) -> bytes:
    """A row as a line; columns without a value are left out."""
    kept = {key: value for key, value in row.items() if value is not None}
    return _JSON.encode([table, kept]).encode() + b"\n"


def lines(data: bytes) -> Iterator[tuple[str, Row]]:
    """The rows of whole lines; torn and empty ones are passed over."""
    for text in data.split(b"\n"):
        with suppress(ValueError, TypeError):
            table, row = json.loads(text)
            if table not in ("crawled", "checked") or not isinstance(row, dict):
                continue
            yield table, row | {name: datetime.fromisoformat(row[name]) for name in _TIMES if name in row}


class DiskJournal:
    """On a disk: one file of lines a partition, and the pictures beside it until they are published."""

    enough = (256, 64 * 2**20, 30.0)

    def __init__(self, root: Root, prefix: str) -> None:
        assert root.local is not None
        self.root, self.folder = root, f"{FOLDER}/{prefix}"
        self.place = root.local / self.folder
        self._place = str(self.place)
        self.waiting: dict[str, str] = {}
        self.settled: dict[str, str] = {}
        self._rows: tuple[str, int] | None = None

    def recover(self) -> dict[str, Pile]:
        """Rows whose bytes are whole, here or under their final name; what else lies here is removed."""
        found: dict[str, Pile] = {}
        for path in sorted(self.place.glob("*.jsonl")):
            data = path.read_bytes()
            found[path.stem] = self._whole(data)
            if data and not data.endswith(b"\n"):
                self._append(path.stem, b"\n")
        for path in self.place.glob("*"):
            if path.suffix != ".jsonl" and f"{self.folder}/{path.name}" not in self.waiting:
                path.unlink()
        return found

    def _whole(self, data: bytes) -> Pile:
        pile = Pile()
        for table, row in lines(data):
            if table == "checked" or row.get("sha256") is None or self._has(row):
                pile.of(table).append(row)
        return pile

    def _has(self, row: Row) -> bool:
        final = tables.original_path(row["sha256"], row["format"])
        staged = f"{self.folder}/{row['sha256']}"
        if staged in self.waiting or self.root.exists(final):
            return True
        with suppress(FileNotFoundError):
            if original_id(self.root.read(staged)) == row["sha256"]:
                self.waiting[staged] = final
                return True
        return False

    def keep(self, path: str, body: bytes) -> None:
        """Write the bytes beside the journal; `settling` drops what is published already."""
        digest = os.path.splitext(os.path.basename(path))[0]
        staged = f"{self.folder}/{digest}"
        if staged in self.waiting or staged in self.settled:
            return
        with self.root.explained():
            handle = self._opened(digest, os.O_TRUNC)
            try:
                _write(handle, body)
            finally:
                os.close(handle)
        self.waiting[staged] = path

    def note(self, name: str, table: str, row: Row) -> None:
        """Append the row."""
        self._append(name, line(table, row))

    def _append(self, name: str, data: bytes) -> None:
        """To the file of a partition, which stays open until the next `take`."""
        with self.root.explained():
            if self._rows is None or self._rows[0] != name:
                self._close()
                self._rows = name, self._opened(f"{name}.jsonl", os.O_APPEND)
            _write(self._rows[1], data)

    def _opened(self, name: str, how: int) -> int:
        path, flags = f"{self._place}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            self.place.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags, 0o666)

    def _close(self) -> None:
        if self._rows is not None:
            os.close(self._rows[1])
            self._rows = None

    def take(self) -> dict[str, str]:
        """The staged pictures, with their final names."""
        self._close()
        waiting, self.waiting = self.waiting, {}
        return waiting

    def settling(self, taken: dict[str, str]) -> Iterator[Step]:
        """Publish the pictures, whose files nobody writes again meanwhile; their rows are on the disk already."""
        self.settled = taken
        yield from self.root.adopting(taken.items())
        self.settled = {}

    def fold(self, name: str) -> None:
        """Remove the file of a partition, and the folder with the last one."""
        (self.place / f"{name}.jsonl").unlink(missing_ok=True)
        for folder in (self.place, self.place.parent):
            with suppress(OSError):
                folder.rmdir()


def _write(handle: int, data: bytes) -> None:
    """All of it goes to the system at once, so that it outlives the process."""
    while data:
        data = data[os.write(handle, data) :]


class StoreJournal:
    """In an object store: an object for the rows of a few pictures, published after their originals."""

    enough = (8, 8 * 2**20, 1.0)

    def __init__(self, root: Root, prefix: str) -> None:
        self.root, self.folder = root, f"{FOLDER}/{prefix}"
        self.originals: dict[str, bytes] = {}
        self.lines: dict[str, list[bytes]] = defaultdict(list)
        self.written: dict[str, list[str]] = defaultdict(list)

    def recover(self) -> dict[str, Pile]:
        """All rows: their originals were published before them."""
        found: dict[str, Pile] = defaultdict(Pile)
        for file in self.root.names(self.folder, ".jsonl"):
            name = file.split(".")[0]
            self.written[name].append(f"{self.folder}/{file}")
            for table, row in lines(self.root.read(f"{self.folder}/{file}")):
                found[name].of(table).append(row)
        return dict(found)

    def keep(self, path: str, body: bytes) -> None:
        """Hold the bytes."""
        self.originals[path] = body

    def note(self, name: str, table: str, row: Row) -> None:
        """Hold the row."""
        self.lines[name].append(line(table, row))

    def take(self) -> tuple[dict[str, bytes], dict[str, list[bytes]]]:
        """The bytes by their final names, and the lines by their partition."""
        taken = self.originals, self.lines
        self.originals, self.lines = {}, defaultdict(list)
        return taken

    def settling(self, taken: tuple[dict[str, bytes], dict[str, list[bytes]]]) -> Iterator[Step]:
        """Publish the originals, then the rows."""
        yield partial(self._settle, *taken)

    def _settle(self, originals: dict[str, bytes], noted: dict[str, list[bytes]]) -> None:
        self.root.commit_many(originals.items())
        for name, rows in noted.items():
            path = f"{self.folder}/{name}.{len(self.written[name]):06d}.jsonl"
            self.root.commit(path, b"".join(rows))
            self.written[name].append(path)

    def fold(self, name: str) -> None:
        """Remove the objects of a partition."""
        for path in self.written.pop(name, ()):
            self.root.delete(path)


def journal(root: Root, prefix: str) -> Journal:
    """The journal of a source: of the kind that its root can have."""
    return DiskJournal(root, prefix) if root.local else StoreJournal(root, prefix)
