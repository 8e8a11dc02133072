"""Import pictures that lie on disk: any depth, any file name, with what an `index.csv` beside them says."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from pipeline import sniff
from pipeline.errors import Reason, UsageError
from pipeline.storage import Root
from spiders import index
from spiders.desk import MAX_BYTES, Desk, Seen
from spiders.records import original_id, record
from spiders.registry import source_prefix
from spiders.summary import CrawlSummary

INDEX = "index.csv"
PICTURES = frozenset(sniff.EXTENSIONS.values()) | {
    ".jpeg", ".jpe", ".jfif", ".tiff", ".heif", ".hif", ".avifs", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".dib",
}  # fmt: skip
"""Extensions of files that claim to be pictures: when they are none, that is worth a row."""
LINE_SECONDS = 5.0

Echo = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """One file: its path relative to the folder (`name`, as text), its bytes path, size and time of change."""

    name: str
    path: bytes
    size: int
    changed: str


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
    began = time.monotonic()
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UsageError(f"There is no folder {_shown(path)}: check the path.")
    tree = walk(folder, root.local)
    if not tree.files and not tree.rows:
        raise UsageError(f"There are no pictures in {_shown(path)}: name a folder with JPEG, PNG, … files in it.")
    desk = Desk(root, source_prefix({"import": "folder", "path": str(path)}))
    try:
        unchanged, skipped = _take(desk, tree, folder, limit, echo)
    finally:
        desk.close()
    skipped += tree.skipped
    if not (desk.new or unchanged or desk.failed):
        raise UsageError(f"There are no pictures in {_shown(path)}, only {skipped:,} other files.")
    return CrawlSummary(
        source=f"folder {_shown(path)}", prefix=desk.prefix, new=desk.new, unchanged=unchanged,
        failed=dict(desk.failed), partitions=tuple(desk.partitions), skipped=skipped,
        seconds=round(time.monotonic() - began, 3),
    )  # fmt: skip


def _shown(path: str | Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


# walking


def walk(folder: Path, avoid: Path | None = None) -> Tree:
    """List a folder to any depth. `avoid`, the root that is imported into, is left out when it lies inside."""
    tree = Tree()
    _walk(os.fsencode(folder), tree, _identity(avoid) if avoid else None)
    tree.files.sort(key=lambda found: found.name)
    return tree


def _identity(path: str | bytes | Path) -> tuple[int, int] | None:
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _walk(base: bytes, tree: Tree, avoid: tuple[int, int] | None) -> None:
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
            elif entry == INDEX.encode():
                _index(base, below, name, tree)
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
    changed = datetime.fromtimestamp(facts.st_mtime, UTC).isoformat(timespec="microseconds")
    tree.files.append(Found(name.decode("utf-8", "backslashreplace"), path, facts.st_size, changed))


def _index(base: bytes, below: bytes, name: bytes, tree: Tree) -> None:
    with open(os.path.join(base, name), "rb") as file:
        rows = index.read(file.read(), name.decode("utf-8", "backslashreplace"))
    prefix = below.decode("utf-8", "backslashreplace")
    for path, row in rows.items():
        tree.rows[index.key(f"{prefix}/{path}" if prefix else path)] = row


# taking


def _take(desk: Desk, tree: Tree, folder: Path, limit: int | None, echo: Echo | None) -> tuple[int, int]:
    """Give every file to the desk, then every row without one; returns how many were unchanged and skipped."""
    unchanged = skipped = rank = 0
    spoken = time.monotonic()
    waiting = dict(tree.rows)
    for found in tree.files:
        if limit is not None and rank >= limit:
            return unchanged, skipped
        row = waiting.pop(index.key(found.name), None)
        if not _is_candidate(found, row is not None):
            skipped += 1
            continue
        if _is_known(desk, found):
            unchanged += 1
        else:
            unchanged += _add(desk, _seen(found, row, rank))
        rank += 1
        if echo and time.monotonic() - spoken >= LINE_SECONDS:
            spoken = time.monotonic()
            echo(f"folder {_shown(folder)}: {rank:,} of {len(tree.files):,} files")
    for name in sorted(waiting):
        if limit is not None and rank >= limit:
            break
        unchanged += _missing(desk, name, waiting[name], folder, rank)
        rank += 1
    return unchanged, skipped


def _is_candidate(found: Found, listed: bool) -> bool:
    """Whether a file is worth a row: it is in the index, is called a picture, or begins like one."""
    if listed or os.path.splitext(found.name)[1].lower() in PICTURES:
        return True
    try:
        with open(found.path, "rb") as file:
            return sniff.sniff(file.read(sniff.HEAD)) is not None
    except OSError:
        return False


def _is_known(desk: Desk, found: Found) -> bool:
    """Whether the file was taken, or refused for what it is, with this size and time of change."""
    known = desk.known.rows.get(found.name)
    return known is not None and known.reason != Reason.MISSING and known[1:3] == (found.size, found.changed)


def _add(desk: Desk, seen: Seen) -> int:
    """Give one picture to the desk; 1 when it has the same bytes as before after all."""
    known = desk.known.rows.get(seen.record["source_id"])
    if known and known.sha256 and seen.body and known.sha256 == original_id(seen.body):
        return 1
    desk.add(seen)
    while desk.due:
        desk.commit(desk.take())
    return 0


def _seen(found: Found, row: index.Row | None, rank: int) -> Seen:
    made = _record(found.name, found.path, row, rank)
    made |= {"last_modified": found.changed, "bytes": found.size}
    if found.size > MAX_BYTES:
        return Seen(made | {"reason": str(Reason.TOO_LARGE)})
    try:
        with open(found.path, "rb") as file:
            return Seen(made, file.read())
    except OSError as error:
        return Seen(made | {"reason": str(Reason.MISSING), "detail": error.strerror})


def _missing(desk: Desk, name: str, row: index.Row, folder: Path, rank: int) -> int:
    """Give a row without a file to the desk; 1 when that was known."""
    known = desk.known.rows.get(name)
    if known is not None and known.reason == Reason.MISSING:
        return 1
    made = _record(name, os.path.join(os.fsencode(folder), os.fsencode(name)), row, rank)
    _add(desk, Seen(made | {"reason": str(Reason.MISSING), "detail": f"{INDEX} names it, but there is no such file"}))
    return 0


def _record(name: str, path: bytes, row: index.Row | None, rank: int) -> dict[str, Any]:
    """The row of a file before it is read: what the index says of it, and where it lies."""
    said = dict(row or {})
    extra = said.pop("extra", None)
    return record(
        source="folder", source_id=name, url=f"file://{quote_from_bytes(os.path.abspath(path))}",
        rank=rank, fetched_at=datetime.now(UTC), variant="original",
        extra=json.dumps(extra, ensure_ascii=False) if extra else None, **said,
    )  # fmt: skip
