"""Import WebDataset tars: members of one key are a sample, its JSON becomes columns; nothing is unpacked."""

from __future__ import annotations

import lzma
import posixpath
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

from pipeline import sniff
from pipeline.errors import Reason, Rejected, UsageError
from spiders import index
from spiders.desk import MAX_BYTES
from spiders.folder import PICTURES, Found
from spiders.importers.given import Given, labelled, title_of
from spiders.intake import Item, failed, row_of
from spiders.pages import fields

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_JSON_BYTES = 2**20
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)
_BROKEN = (*_DAMAGE, OSError, Rejected)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a tar: `key` and `extension` are its name before and after the first dot of the last part."""

    name: str
    size: int
    read: Callable[[], bytes]

    @property
    def key(self) -> str:
        """What the members of a sample share."""
        return posixpath.join(posixpath.dirname(self.name), posixpath.basename(self.name).partition(".")[0])

    @property
    def extension(self) -> str:
        """As `.jpg` or `.seg.png`, in lower case."""
        return self.name[len(self.key) :].lower()

    def is_picture(self) -> bool:
        """Whether it is called a picture, or has no known name and begins like one."""
        ending = posixpath.splitext(self.extension)[1] or self.extension
        if ending in PICTURES:
            return True
        return ending not in (".json", ".txt", ".cls") and sniff.sniff(self.read()[: sniff.HEAD]) is not None


@dataclass(slots=True)
class _Tar:
    """One tar while it is read: how often a name was seen, so that each picture has its own source_id."""

    found: Found
    seen: Counter[str] = field(default_factory=Counter)

    def source_id(self, name: str) -> str:
        """Tar and member; a name that comes again gets a number."""
        self.seen[name] += 1
        number = self.seen[name]
        return f"{self.found.name}/{name}" + (f"#{number}" if number > 1 else "")


def items(given: Given) -> Iterator[Item]:
    """The pictures of every tar, read as streams: no member is written to disk under its name.

    `source_id` is the tar's path, / and the member's name. Columns of a sample's JSON that are known become columns
    of the row, the rest stays in `extra`; a `.txt` is the title, a `.cls` the genre, if the JSON has none. A tar that
    is damaged gives its pictures up to there and a row with the reason. Raises UsageError when there is no tar.
    """
    tars = given.with_extension(TARS)
    if not tars:
        raise UsageError(
            f"There are no tars in {given.shown}: name a folder with files like 00000.tar, or one of them."
        )
    for found in tars:
        yield from _samples(_Tar(found), given)


def _samples(tar: _Tar, given: Given) -> Iterator[Item]:
    found, taken = tar.found, 0
    try:
        with open(found.path, "rb") as file, tarfile.open(fileobj=file, mode="r:*") as archive:
            members = _members(archive, archive.fileobj is not file, given)
            for _, sample in groupby(members, key=lambda member: member.key):
                for item in _pictures(list(sample), tar, given):
                    taken += 1
                    yield item
    except _BROKEN as error:
        detail = f"the tar cannot be read beyond {taken:,} pictures: {error}"
        reason = Reason.TRUNCATED if taken else Reason.UNDECODABLE
        yield failed(row_of("webdataset", found.name, found.path), reason, detail, found.changed)


def _members(archive: tarfile.TarFile, packed: bool, given: Given) -> Iterator[Member]:
    """The plain files of a tar. What a packed tar holds is read in passing, as going back in it is slow."""
    for info in archive:
        if not info.isfile():
            given.tally.skipped += not info.isdir()
            continue
        read: Callable[[], bytes] = partial(_read, archive, info)
        if packed:
            read = partial(bytes, read())
        yield Member(info.name.removeprefix("./"), info.size, read)


def _read(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """The bytes of a member, at most one more than a picture may have. Raises Rejected when the tar ends before."""
    try:
        file = archive.extractfile(info)
        return file.read(MAX_BYTES + 1) if file else b""
    except (*_DAMAGE, KeyError) as error:
        raise Rejected(Reason.TRUNCATED, detail=f"the tar is damaged: {error}") from None


def _pictures(members: list[Member], tar: _Tar, given: Given) -> Iterator[Item]:
    pictures = [member for member in members if member.is_picture()]
    given.tally.skipped += len(members) - len(pictures) if not pictures else 0
    said = _said(members, given) if pictures else {}
    for member in pictures:
        made = row_of("webdataset", tar.source_id(member.name), tar.found.path, said, part=member.name)
        yield Item(made, member.read, member.size, tar.found.changed)


def _said(members: list[Member], given: Given) -> dict[str, Any]:
    """What the sample's other members say of its pictures."""
    beside = {member.extension: member for member in members if member.size <= _JSON_BYTES}
    row: dict[str, Any] = {}
    if ".json" in beside:
        try:
            value = fields.load(beside[".json"].read())
        except fields.Drift:
            given.tally.notes["samples have JSON that cannot be read"] += 1
        else:
            row = {**index.of(value), "raw": value} if isinstance(value, dict) else {"raw": value}
    extra = row.get("extra") or {}
    caption = extra.get("caption") or _text(beside, ".txt")
    row = row if row.get("title") else {**row, "title": title_of(caption)}
    if caption and "caption" not in extra:
        row["extra"] = {**extra, "caption": caption}
    return labelled(row, _text(beside, ".cls") or fields.text(extra.get("label")))


def _text(beside: dict[str, Member], extension: str) -> str | None:
    if extension not in beside:
        return None
    return fields.text(beside[extension].read().decode("utf-8", "replace"))
