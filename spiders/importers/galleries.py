"""Import what gallery-dl downloaded with --write-metadata: pictures with a JSON file each, or one data.jsonl."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from pipeline.errors import UsageError
from spiders import folder
from spiders.folder import PICTURES, Found
from spiders.importers.given import Given, hashtags, title_of
from spiders.importers.instagram import IN_COPYRIGHT
from spiders.intake import Item, missing, row_of
from spiders.pages import fields
from spiders.pages.fields import Json, integer, text, words, year_of

LINES = "data.jsonl"
_TITLES = ("title", "description", "content", "caption")
_CREATORS = ("artistName", "artist", "author", "creator", "user", "fullname", "username", "uploader", "owner")
_CREATOR_IDS = ("artistUrl", "owner_id", "author_id", "user_id", "username")
_PAGES = ("post_url", "paintingUrl", "permalink", "page_url", "webpage_url")
_DATES = ("year", "completitionYear", "post_date", "date", "created_at")
_SPECIAL = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')
_SITES = {"wikiart": "https://www.wikiart.org"}


def items(given: Given) -> Iterator[Item]:
    """The pictures, each with its JSON, then what a JSON names and is not there. `source_id` is the file's path.

    Raises UsageError when there is no picture, or no JSON of gallery-dl at all.
    """
    tree = given.tree()
    pictures = {found.name: found for found in tree.files if folder.is_picture(found)}
    told = _told([found for found in tree.files if found.name not in pictures], pictures, given)
    if not told:
        raise UsageError(
            f"There is no JSON of gallery-dl in {given.shown}: download with `gallery-dl --write-metadata`, "
            "or use `pipeline import folder`."
        )
    given.tally.skipped += tree.skipped
    given.tally.total = len(pictures)
    for name, found in pictures.items():
        value = told.pop(name, None)
        if value is None:
            given.tally.notes["pictures have no JSON that can be read"] += 1
        yield folder.item(found, "gallery-dl", name, said(value or {}))
    for name, value in sorted(told.items()):
        path = os.path.join(os.path.abspath(os.fsencode(given.path)), os.fsencode(name))
        yield missing(row_of("gallery-dl", name, path, said(value)), "its JSON is there, but there is no such file")


def _told(others: list[Found], pictures: dict[str, Found], given: Given) -> dict[str, Json]:
    """What JSON files say, by the path of the picture; the other files are counted as skipped."""
    told: dict[str, Json] = {}
    stems = {os.path.splitext(name)[0]: name for name in pictures}
    plain = {os.path.join(os.path.dirname(stem), _plain(os.path.basename(stem))): stems[stem] for stem in stems}
    for found in others:
        where, base = os.path.split(found.name)
        if base == LINES:
            told |= {_placed(where, value, plain): value for value in _lines(found, given)}
        elif found.extension == ".json" and (name := _owner(found.name.removesuffix(".json"), pictures, stems)):
            if isinstance(value := _load(_bytes(found), given), dict):
                told[name] = value
        else:
            given.tally.skipped += 1
    return told


def _owner(name: str, pictures: dict[str, Found], stems: dict[str, str]) -> str | None:
    """The picture that NAME.json belongs to: NAME, also when it is gone, or NAME with an extension."""
    if name in pictures or os.path.splitext(name)[1].lower() in PICTURES:
        return name
    return stems.get(name)


def _lines(found: Found, given: Given) -> list[Json]:
    values = [_load(line, given) for line in _bytes(found).splitlines() if line.strip()]
    return [value for value in values if isinstance(value, dict) and _ending(value) in PICTURES]


def _bytes(found: Found) -> bytes:
    """What a file of JSON holds; nothing when it may not be read."""
    try:
        return found.read()
    except OSError:
        return b""


def _load(data: bytes, given: Given) -> Any:
    try:
        return fields.load(data)
    except fields.Drift:
        given.tally.notes["JSON texts cannot be read"] += 1
        return None


def _ending(value: Json) -> str:
    return f".{text(value.get('extension')) or ''}".lower()


def _placed(where: str, value: Json, stems: dict[str, str]) -> str:
    """The path of the picture that a line of data.jsonl is about, by the names that gallery-dl gives files."""
    ids = [text(value.get(key)) or "" for key in ("sidecar_media_id", "media_id", "id", "title", "filename")]
    album, media, number, title, filename = ids
    named = (f"{album}_{media}", media, f"{number}_{title}", number, filename)
    places = [os.path.join(where, _plain(name)) for name in named if name.strip("_")]
    found = next((stems[place] for place in places if place in stems), None)
    return found or (places[-1] if places else os.path.join(where, LINES)) + _ending(value)


def _plain(name: str) -> str:
    """A name as it can be a file's: gallery-dl writes _ for what is special to a system."""
    return _SPECIAL.sub("_", name)


# a row


def said(value: Json) -> dict[str, Any]:
    """The columns of `crawled` that a file's JSON fills, whichever site it is of."""
    category = text(value.get("category"))
    caption = _first(value, _TITLES)
    page = _first(value, _PAGES)
    group, kind = text(value.get("group")), text(value.get("type"))
    listed = {group: [kind.replace("-", " ")]} if group in ("style", "genre") and kind else {}
    tags = [tag.lstrip("#") for tag in words(_listed(value.get("tags")))] or hashtags(caption)
    tag = text(value.get("tag"))
    date = _first(value, _DATES)
    return {
        "title": title_of(caption), "creator": _first(value, _CREATORS), "creator_id": _first(value, _CREATOR_IDS),
        "page_url": f"{_SITES[category]}{page}" if page and page.startswith("/") and category in _SITES else page,
        "style": words(value.get("style")) or listed.get("style", []),
        "genre": words(value.get("genre")) or listed.get("genre", []),
        "tags": tags, "year_text": date, "year": year_of(date),
        "licence": IN_COPYRIGHT if category == "instagram" else _first(value, ("license", "licence")),
        "licence_url": text(value.get("license_url")),
        "query": f"#{tag}" if tag else f"{group}={kind}" if listed else None,
        "declared_width": integer(value.get("width")), "declared_height": integer(value.get("height")),
        "extra": {"category": category} if category else None, "raw": value or None,
    }  # fmt: skip


def _first(value: Json, keys: tuple[str, ...]) -> str | None:
    """The first of these that is a text, or an object or list with a name in it."""
    for key in keys:
        found = value.get(key)
        found = found[0] if isinstance(found, list) and found else found
        if isinstance(found, dict):
            found = next((found[name] for name in ("name", "artistName", "username", "id") if found.get(name)), None)
        if told := text(found):
            return told
    return None


def _listed(value: Any) -> Any:
    """Tags as a list: some sites part them by commas, some by spaces."""
    return value.split() if isinstance(value, str) and "," not in value else value
