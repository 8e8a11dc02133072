"""Import pictures that lie on disk: any depth, any file name, with what an `index.csv` beside them says."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline import sniff
from pipeline.errors import UsageError
from pipeline.storage import Root
from spiders import index
from spiders.intake import Echo, Item, Tally, missing, row_of, take_in
from spiders.registry import source_prefix
from spiders.summary import CrawlSummary

PICTURES = frozenset(sniff.EXTENSIONS.values()) | {
    ".jpeg", ".jpe", ".jfif", ".tiff", ".heif", ".hif", ".avifs", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".dib",
}  # fmt: skip
"""Extensions of files that claim to be pictures: when they are none, that is worth a row."""

Reader = Callable[[bytes, str], dict[str, index.Row]]
INDEXES: Mapping[str, Reader] = {"index.csv": index.read}

Describe = Callable[[str, index.Row], index.Row]
"""What else is known of a picture by its path, given what an index says of it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file: its path relative to the folder (`name`, as text), its bytes path, size and time of change."""

    name: str
    path: bytes
    size: int
    changed: str

    @property
    def extension(self) -> str:
        """As `.jpg`: in lower case, empty when there is none."""
        return os.path.splitext(self.name)[1].lower()

    def read(self) -> bytes:
        """All bytes. Raises OSError."""
        with open(self.path, "rb") as file:
            return file.read()


@dataclass(slots=True)
class Tree:
    """What lies in a folder: files in the order of their names, index rows by relative path, others counted."""

    files: list[Found] = field(default_factory=list)
    rows: dict[str, index.Row] = field(default_factory=dict)
    skipped: int = 0


def import_folder(path: str | Path, root: Root, *, limit: int | None = None, echo: Echo | None = None) -> CrawlSummary:
    """Take the pictures under `path` into a root; those that it has, unchanged in size and time, are not read.

    `source_id` is the path relative to the folder. Files without the extension of a picture are taken if they
    begin like one, else counted as skipped; rows of an index.csv without a file become rows with reason
    `missing`. Hidden files are passed over, links are followed but never in a circle. Raises UsageError when there
    is no such folder or no picture in it, and what the storage raises.
    """
    tally = Tally()
    prefix = source_prefix({"import": "folder", "path": str(path)})
    found = folder_items(path, root, tally)
    return take_in(found, tally, root, prefix, f"folder {shown(path)}", limit=limit, echo=echo)


def folder_items(path: str | Path, root: Root, tally: Tally) -> Iterator[Item]:
    """The pictures under `path`. Raises UsageError as `import_folder` does."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UsageError(f"There is no folder {shown(path)}: check the path.")
    tree = walk(folder, root.local)
    if not tree.files and not tree.rows:
        raise UsageError(f"There are no pictures in {shown(path)}: name a folder with JPEG, PNG, … files in it.")
    return items(tree, folder, tally, "folder")


def shown(path: str | Path) -> str:
    """A path as people read it, also when its bytes are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


# walking


def walk(folder: Path, avoid: Path | None = None, indexes: Mapping[str, Reader] = INDEXES) -> Tree:
    """List a folder to any depth. `avoid`, the root that is imported into, is left out when it lies inside.

    `indexes` are the names of files that describe the pictures below them, with what reads them.
    """
    tree = Tree()
    _walk(os.path.abspath(os.fsencode(folder)), tree, _identity(avoid) if avoid else None, indexes)
    tree.files.sort(key=lambda found: found.name)
    return tree


def one(path: Path) -> Found:
    """A file that was named itself, as if it lay in a folder. Raises OSError."""
    facts = path.stat()
    return Found(shown(path.name), os.path.abspath(os.fsencode(path)), facts.st_size, _time(facts))


def _identity(path: str | bytes | Path) -> tuple[int, int] | None:
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _time(facts: os.stat_result) -> str:
    return datetime.fromtimestamp(facts.st_mtime, UTC).isoformat(timespec="microseconds")


def _walk(base: bytes, tree: Tree, avoid: tuple[int, int] | None, indexes: Mapping[str, Reader]) -> None:
    """Add the folder `base`; a folder that a link leads back into is not entered again."""
    waiting: list[tuple[bytes, frozenset[tuple[int, int]]]] = [(b"", frozenset())]
    while waiting:
        below, above = waiting.pop()
        here = _identity(os.path.join(base, below))
        if here is None or here in above or here == avoid:
            continue
        for entry in _entries(os.path.join(base, below), tree):
            name = os.path.join(below, entry)
            if os.path.isdir(os.path.join(base, name)):
                waiting.append((name, above | {here}))
            elif reader := indexes.get(os.fsdecode(entry)):
                _index(base, below, name, reader, tree)
            else:
                _file(base, name, tree)


def _entries(path: bytes, tree: Tree) -> list[bytes]:
    """The names in a folder, without hidden ones."""
    try:
        return [name for name in os.listdir(path) if not name.startswith((b".", b"__MACOSX"))]
    except OSError:
        tree.skipped += 1
        return []


def _file(base: bytes, name: bytes, tree: Tree) -> None:
    path = os.path.join(base, name)
    try:
        facts = os.stat(path)
    except OSError:
        tree.skipped += 1
        return
    if not stat.S_ISREG(facts.st_mode):
        tree.skipped += 1
        return
    tree.files.append(Found(name.decode("utf-8", "backslashreplace"), path, facts.st_size, _time(facts)))


def _index(base: bytes, below: bytes, name: bytes, reader: Reader, tree: Tree) -> None:
    with open(os.path.join(base, name), "rb") as file:
        rows = reader(file.read(), name.decode("utf-8", "backslashreplace"))
    prefix = below.decode("utf-8", "backslashreplace")
    for path, row in rows.items():
        tree.rows[index.key(f"{prefix}/{path}" if prefix else path)] = row


# taking


def items(
    tree: Tree, folder: Path, tally: Tally, source: str, describe: Describe = lambda name, row: row
) -> Iterator[Item]:
    """Every picture of a tree with its row of an index, then every row without a file; others are skipped."""
    tally.skipped, tally.total = tree.skipped, len(tree.files)
    waiting = dict(tree.rows)
    for found in tree.files:
        row = waiting.pop(index.key(found.name), None)
        if row is None and not is_picture(found):
            tally.skipped += 1
        else:
            yield item(found, source, found.name, describe(found.name, row or {}))
    for name in sorted(waiting):
        path = os.path.join(os.path.abspath(os.fsencode(folder)), os.fsencode(name))
        made = row_of(source, name, path, describe(name, waiting[name]))
        yield missing(made, "an index names it, but there is no such file")


def item(found: Found, source: str, source_id: str, said: index.Row) -> Item:
    """The item of a file."""
    return Item(row_of(source, source_id, found.path, said), found.read, found.size, found.changed)


def is_picture(found: Found) -> bool:
    """Whether a file is worth a row: it is called a picture, or begins like one."""
    if found.extension in PICTURES:
        return True
    try:
        with open(found.path, "rb") as file:
            return sniff.sniff(file.read(sniff.HEAD)) is not None
    except OSError:
        return False
