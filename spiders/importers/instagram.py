"""Import what instaloader downloaded: pictures with the JSON of their post beside them."""

from __future__ import annotations

import lzma
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.errors import UsageError
from spiders import folder
from spiders.folder import Found
from spiders.importers.given import Given, hashtags, title_of
from spiders.intake import Item, missing, row_of
from spiders.pages import fields
from spiders.pages.fields import Json

IN_COPYRIGHT = "LicenseRef-InC"
_SIDECARS = (".json.xz", ".json")
_NO_SIDECAR = re.compile(r"(^|/)iterator_[^/]*$|_comments\.json(\.xz)?$|_location\.txt$")
_SIDECAR_BYTES = 16 * 2**20
_BULKY = (
    "edge_sidecar_to_children",
    "edge_media_to_comment",
    "edge_media_to_parent_comment",
    "edge_media_preview_comment",
)


@dataclass(slots=True)
class Post:
    """The files of one post: its JSON, its caption, and its pictures by their number (0 when there is one)."""

    sidecar: Found | None = None
    caption: Found | None = None
    pictures: dict[int, Found] = field(default_factory=dict)


def items(given: Given) -> Iterator[Item]:
    """The pictures of every post, then those that a post's JSON names and that are not there.

    `source_id` is the path of the file. All are in copyright. Films are skipped, their preview pictures are taken.
    Raises UsageError when there is nothing of instaloader.
    """
    tree = given.tree()
    given.tally.skipped += tree.skipped
    posts = _posts(tree.files, given)
    if not any(post.sidecar or post.caption for post in posts.values()):
        raise UsageError(
            f"There is nothing of instaloader in {given.shown} (pictures with .json.xz beside them): "
            "`pipeline import folder` takes pictures without."
        )
    for name in sorted(posts):
        yield from _post(name, posts[name], given)


def _posts(files: list[Found], given: Given) -> dict[str, Post]:
    """All posts by the path that their files begin with."""
    posts: dict[str, Post] = defaultdict(Post)
    pictures = []
    for found in files:
        ending = next((ending for ending in _SIDECARS if found.name.endswith(ending)), "")
        if _NO_SIDECAR.search(found.name):
            given.tally.skipped += 1
        elif ending:
            posts[found.name.removesuffix(ending)].sidecar = found
        elif found.extension == ".txt":
            posts[found.name.removesuffix(".txt")].caption = found
        elif folder.is_picture(found):
            pictures.append(found)
        else:
            given.tally.skipped += 1
    for found in pictures:
        stem = os.path.splitext(found.name)[0]
        base, _, number = stem.rpartition("_")
        if stem not in posts and number.isdecimal() and base in posts:
            posts[base].pictures[int(number)] = found
        else:
            posts[stem].pictures[0] = found
    return dict(posts)


def _post(name: str, post: Post, given: Given) -> Iterator[Item]:
    value = _value(post.sidecar, given) if post.sidecar else {}
    node = value.get("node")
    node = node if isinstance(node, dict) else {}
    if post.pictures and not node:
        given.tally.notes["pictures have no JSON that can be read"] += len(post.pictures)
    for number, found in sorted(post.pictures.items()):
        row = said(node, number, found.name)
        if not node and post.caption:
            row |= _captioned(post.caption.read().decode("utf-8", "replace"))
        yield folder.item(found, "instaloader", found.name, row)
    absent = _absent(node, post.pictures) if _is_post(value) else []
    for number in absent:
        source_id = f"{name}_{number}.jpg" if number else f"{name}.jpg"
        path = os.path.join(os.path.abspath(os.fsencode(given.path)), os.fsencode(source_id))
        made = row_of("instaloader", source_id, path, said(node, number, source_id))
        yield missing(made, "the post's JSON names it, but there is no such file")
    if not post.pictures and not absent:
        given.tally.skipped += 1


def _value(found: Found, given: Given) -> Json:
    """The JSON of a post. xz has no sum to check here, so that anything may be wrong with it."""
    try:
        with lzma.open(found.path) if found.name.endswith(".xz") else open(found.path, "rb") as file:
            value = fields.load(file.read(_SIDECAR_BYTES))
    except (OSError, EOFError, lzma.LZMAError, fields.Drift):
        value = None
    if not isinstance(value, dict):
        given.tally.notes["JSON files cannot be read"] += 1
        return {}
    return value


def _is_post(value: Json) -> bool:
    kind = value.get("instaloader")
    return isinstance(kind, dict) and kind.get("node_type") == "Post"


def _absent(node: Json, there: dict[int, Found]) -> list[int]:
    """The numbers of a post's pictures without a file; films count as pictures only where they have a preview."""
    children = _children(node)
    if not children:
        return [] if there or node.get("is_video") else [0]
    return [at for at, child in enumerate(children, 1) if at not in there and not child.get("is_video")]


def _children(node: Json) -> list[Json]:
    album = node.get("edge_sidecar_to_children")
    edges = fields.rows(album.get("edges")) if isinstance(album, dict) else []
    return [edge["node"] if isinstance(edge.get("node"), dict) else {} for edge in edges]


# a row


def said(node: Json, number: int, path: str) -> dict[str, Any]:
    """The columns of `crawled` that a post fills for its picture of this number."""
    children = _children(node)
    child = children[number - 1] if 0 < number <= len(children) else {}
    owner, size = _object(node.get("owner")), _object(child.get("dimensions") or node.get("dimensions"))
    shortcode = fields.text(node.get("shortcode")) or fields.text(node.get("code"))
    taken = _time(node.get("taken_at_timestamp") or node.get("date"))
    tag = next((part for part in path.split("/")[:-1] if part.startswith("#")), None)
    raw = {key: value for key, value in node.items() if key not in _BULKY}
    is_video = bool((child or node).get("is_video"))
    return {
        **_captioned(_caption(node)), "licence": IN_COPYRIGHT, "query": tag,
        "page_url": f"https://www.instagram.com/p/{shortcode}/" if shortcode else None,
        "creator": fields.text(owner.get("username")), "creator_id": fields.text(owner.get("id")),
        "year_text": taken.isoformat() if taken else None, "year": taken.year if taken else None,
        "declared_width": fields.integer(size.get("width")), "declared_height": fields.integer(size.get("height")),
        "variant": "preview" if is_video else "original", "raw": {**raw, "child": child} if child else raw or None,
    }  # fmt: skip


def _captioned(caption: str | None) -> dict[str, Any]:
    return {"title": title_of(caption), "tags": hashtags(caption), "extra": {"caption": caption} if caption else None}


def _caption(node: Json) -> str | None:
    """The caption in any of its three spellings."""
    edges = fields.rows(_object(node.get("edge_media_to_caption")).get("edges"))
    texts = [_object(edge.get("node")).get("text") for edge in edges]
    told = node.get("caption")
    texts += [_object(told).get("text"), told]
    return next((text for text in map(fields.text, texts) if text), None)


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _time(value: Any) -> datetime | None:
    seconds = int(value) if isinstance(value, float) and abs(value) < 2**40 else value
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 2**32:
        return None
    return datetime.fromtimestamp(seconds, UTC)
