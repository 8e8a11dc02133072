"""Import an Instagram account's export ("Download your information", as JSON): zips, or a folder of them unpacked."""

from __future__ import annotations

import os
import posixpath
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pipeline.errors import UsageError
from pipeline.licences import IN_COPYRIGHT, address
from spiders.desk import MAX_BYTES
from spiders.folder import PICTURES, Found
from spiders.importers.given import Given, hashtags, title_of
from spiders.intake import Item, missing, row_of
from spiders.pages import fields
from spiders.pages.fields import Json

_POSTS = re.compile(r"(?P<root>.*?)(?:your_instagram_activity/)?(?:media|content)/posts_\d+\.json")
_JSON_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the export, wherever it lies: `path` is that of the file or zip on disk, `part` its name in a zip."""

    path: bytes
    part: str
    size: int
    changed: str
    read: Callable[[], bytes]


def items(given: Given) -> Iterator[Item]:
    """The pictures of every post, then those that a post names and that are not there.

    `source_id` is the picture's path in the export. Zips are not unpacked: a member is read where it lies, up to
    64 MiB, and links are passed over. Raises UsageError when there is no export in JSON.
    """
    members = _members(given)
    posts = {name: found["root"] for name in members if (found := _POSTS.fullmatch(name))}
    if not posts:
        html = any(name.endswith(".html") for name in members)
        advice = "it is the HTML variant: ask Instagram for JSON" if html else "it has no posts_1.json"
        raise UsageError(f"{given.shown} is no Instagram export in JSON ({advice}).")
    pictures = {name for name in members if posixpath.splitext(name)[1].lower() in PICTURES}
    given.tally.skipped += len(members) - len(pictures) - len(posts)
    used: set[str] = set()
    for name, root in sorted(posts.items()):
        for post in _read_posts(members[name], given):
            yield from _post(post, root, members, used, given)
    if left := len(pictures - used):
        given.tally.notes["pictures are in no post (stories, messages, profile): they are left out"] += left


def _members(given: Given) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for file in given.tree().files:
        if file.extension == ".zip":
            found |= dict(_unpacked(file, given))
        else:
            found[file.name] = Member(file.path, "", file.size, file.changed, file.read)
    return found


def _unpacked(file: Found, given: Given) -> Iterator[tuple[str, Member]]:
    """The members of a zip: no links, and no names that lead out of it."""
    try:
        with zipfile.ZipFile(os.fsdecode(file.path)) as zipped:
            infos = zipped.infolist()
    except (zipfile.BadZipFile, OSError):
        given.tally.notes["zips cannot be read"] += 1
        return
    for info in infos:
        name = info.filename
        odd = name.startswith("/") or ".." in name.split("/") or stat.S_ISLNK(info.external_attr >> 16)
        if odd:
            given.tally.notes["members of zips are links or lead out of them"] += 1
        elif not info.is_dir():
            read = partial(_read_member, file.path, name)
            changed = f"{datetime(*info.date_time, tzinfo=UTC):%Y-%m-%dT%H:%M:%S} {info.CRC:08x}"
            yield name, Member(file.path, name, info.file_size, changed, read)


def _read_member(path: bytes, name: str) -> bytes:
    """The bytes of a member, at most one more than a picture may have. Raises OSError."""
    try:
        with zipfile.ZipFile(os.fsdecode(path)) as zipped, zipped.open(name) as member:
            return member.read(_JSON_BYTES if name.endswith(".json") else MAX_BYTES + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise OSError(f"the zip is damaged or encrypted ({error})") from None


def _read_posts(member: Member, given: Given) -> list[Json]:
    try:
        return fields.rows(fields.load(member.read()))
    except (OSError, fields.Drift):
        given.tally.notes["JSON files cannot be read"] += 1
        return []


def _post(post: Json, root: str, members: dict[str, Member], used: set[str], given: Given) -> Iterator[Item]:
    for media in fields.rows(post.get("media")):
        uri = fields.text(media.get("uri")) or ""
        name = posixpath.normpath(f"{root}{uri}")
        if posixpath.splitext(name)[1].lower() not in PICTURES:
            given.tally.notes["films were passed over"] += 1
        elif name in members and name not in used:
            used.add(name)
            member = members[name]
            row = row_of("instagram-export", uri, member.path, said(post, media), part=member.part)
            yield Item(row, member.read, member.size, member.changed)
        elif name not in members:
            path = os.path.join(os.path.abspath(os.fsencode(given.path)), os.fsencode(uri))
            row = row_of("instagram-export", uri, path, said(post, media))
            yield missing(row, "a post names it, but there is no such file")


def said(post: Json, media: Json) -> dict[str, Any]:
    """The columns of `crawled` that a post of the export fills for one of its pictures."""
    caption = repaired(fields.text(media.get("title")) or fields.text(post.get("title")))
    seconds = fields.integer(media.get("creation_timestamp")) or fields.integer(post.get("creation_timestamp"))
    taken = datetime.fromtimestamp(seconds, UTC) if seconds and seconds > 0 else None
    return {
        "title": title_of(caption), "tags": hashtags(caption), "extra": {"caption": caption} if caption else None,
        "year_text": taken.isoformat() if taken else None, "year": taken.year if taken else None,
        "licence": IN_COPYRIGHT, "licence_url": address(IN_COPYRIGHT),
        "raw": {"post": {key: value for key, value in post.items() if key != "media"}, "media": media},
    }  # fmt: skip


def repaired(text: str | None) -> str | None:
    """A text of the export, whose UTF-8 bytes are written as Latin-1 letters; as it is when it is not like that."""
    try:
        return text.encode("latin-1").decode("utf-8") if text else text
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text
