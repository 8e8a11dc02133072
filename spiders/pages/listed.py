"""A row of a list of addresses: which column is what, the address as it is asked, and what else is known."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from pipeline.errors import UsageError, did_you_mean
from pipeline.licences import UNKNOWN
from spiders import index
from spiders.licences import licence
from spiders.pages.fields import text
from spiders.records import record, redacted

Fields = dict[str, Any]

URLS = (
    "url", "image_url", "img_url", "imageurl", "image_link", "photo_image_url", "photo_url", "original_url",
    "originalurl", "coco_url", "flickr_url", "media_url", "content_url", "contenturl", "display_url", "download_url",
    "file_url", "img_src", "src", "href", "link", "uri", "address", "image", "img", "picture",
)  # fmt: skip
"""What the column of addresses may be called, in lower case; the first that is there counts."""
CAPTIONS = ("caption", "text", "alt_text", "alt", "description", "image_description")
HASHES = ("sha256", "md5", "sha1", "image_md5", "image_sha256", "originalmd5", "md5sum", "sha256sum")
"""Names of columns that promise a hash of the bytes, as hex or base64."""
_ALGORITHMS = {16: "md5", 20: "sha1", 32: "sha256"}
_ADDRESS = re.compile(r"\s*[<\"']?(https?:)?//[^\s/]", re.IGNORECASE)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!'()*")
_LONGEST = 4000
_TITLE = 200


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns of addresses, captions and hashes; None for those that a list lacks."""

    url: str
    caption: str | None = None
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One address as it stands in a list, the columns beside it, its caption, and the hash that is promised."""

    url: str
    fields: Mapping[str, Any]
    caption: str | None = None
    promised: str | None = None


def is_address(value: Any) -> bool:
    """Whether a value looks like an address of the web: `https://…`, or `//…` as pages write it."""
    return isinstance(value, str) and bool(_ADDRESS.match(value))


def columns(
    rows: Sequence[Fields], url: str | None, caption: str | None, promised: str | None, name: str
) -> Columns:  # fmt: skip
    """Which columns are which in the first rows of the list `name`; named ones must be there.

    Raises UsageError, with the columns that there are, when none holds addresses.
    """
    names = list(dict.fromkeys(column for fields in rows for column in fields))
    found = _named(url, names, name, "--url-col") or _first(URLS, names) or _looking(rows, names)
    if found is None:
        has = f"it has {', '.join(names[:12])}" if names else "it is empty"
        raise UsageError(f"The list {name} has no column of addresses ({has}): name it with --url-col.")
    return Columns(
        found,
        _named(caption, names, name, "--caption-col") or _first(CAPTIONS, names, but=found),
        _named(promised, names, name, "--hash-col") or _first(HASHES, names, but=found),
    )


def promised(fields: Fields, column: str | None) -> str | None:
    """The hash that a row promised, from its columns beside the address, where `column` may name which."""
    names = list(fields)
    found = next((name for name in names if name.lower() == column.lower()), None) if column else _first(HASHES, names)
    return text(fields[found]) if found else None


def _named(wanted: str | None, names: list[str], name: str, option: str) -> str | None:
    if not wanted:
        return None
    found = next((column for column in names if column.lower() == wanted.lower()), None)
    if found is None and wanted:
        hint = did_you_mean(wanted, names) or f" It has {', '.join(names[:12])}."
        raise UsageError(f"The list {name} has no column {wanted!r} ({option}).{hint}")
    return found


def _first(known: Sequence[str], names: list[str], but: str | None = None) -> str | None:
    plain = {re.sub(r"[\s-]+", "_", column.lower()): column for column in reversed(names) if column != but}
    return next((plain[spelling] for spelling in known if spelling in plain), None)


def _looking(rows: Sequence[Fields], names: list[str]) -> str | None:
    """The first column in which every value is an address."""
    values = {column: [fields[column] for fields in rows if column in fields] for column in names}
    return next((column for column in names if all(is_address(value) for value in values[column])), None)


def row(fields: Fields, of: Columns) -> Listed:
    """One row of a list."""
    value = fields.get(of.url)
    others = {name: item for name, item in fields.items() if name != of.url}
    promised = text(fields.get(of.hash)) if of.hash else None
    caption = text(fields.get(of.caption)) if of.caption else None
    return Listed(value.strip() if isinstance(value, str) else "", others, caption, promised)


# addresses


def address(written: str, base: str = "") -> str:
    """The address to ask: without quotes around it, with a scheme, below `base` when it is relative."""
    found = written.strip().strip("<>\"'").replace("&amp;", "&")
    if found.startswith("//"):
        return f"https:{found}"
    return urljoin(f"{base}/", found) if base and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", found) else found


def identity(url: str) -> str:
    """The same 32 hex digits for every spelling of an address: case of the host, default port, escapes, fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ":"))
    except ValueError:
        return hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    asked = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return hashlib.sha256(f"{parts.scheme}://{host}{_escaped(asked)}".encode()).hexdigest()[:32]


def _escaped(part: str) -> str:
    encoded = quote(part.encode("utf-8", "surrogateescape"), safe="%/:?#[]@!$&'()*+,;=-._~")
    return re.sub(r"%([0-9A-Fa-f]{2})", _one_escape, encoded)


def _one_escape(match: re.Match[str]) -> str:
    letter = chr(int(match[1], 16))
    return letter if letter in _UNRESERVED else match[0].upper()


def shown(url: str) -> str:
    """An address as rows hold it: one that is longer than 4,000 characters, such as `data:…`, is cut."""
    if len(url) <= _LONGEST:
        return url
    return f"{url[:100]}…{hashlib.sha256(url.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


# records


def to_record(source_id: str, one: Listed, rank: int, query: str) -> Fields:
    """The columns of `crawled` that a list fills: those that are known by name, the others as they are in `extra`."""
    found = index.of(one.fields)
    extra = {name: _finite(value) for name, value in one.fields.items() if not _is_used(name, value, found)}
    name, where = licence(found.get("licence"))
    if name == UNKNOWN:
        name, where = licence(found.get("licence_url"))
    title = found.get("title") or (one.caption.splitlines()[0][:_TITLE] if one.caption else None)
    return record(
        source="urls", source_id=source_id, rank=rank, query=query, title=title, licence=name, licence_url=where,
        extra=redacted(extra) if extra else None,
        **{key: found.get(key) for key in (
            "creator", "creator_id", "style", "genre", "tags", "year_text", "year", "attribution", "page_url",
            "declared_width", "declared_height",
        )},
    )  # fmt: skip


def _is_used(name: str, value: Any, found: Mapping[str, Any]) -> bool:
    """Whether a column of `crawled` says the same."""
    ours = next((column for column, spelled in index.COLUMNS.items() if name.lower() in spelled), "")
    return ours not in ("", "path", "licence", "licence_url") and found.get(ours) in (value, [value], str(value))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# hashes


def broken_promise(promised: str | None, body: bytes) -> str | None:
    """What is wrong when the bytes have another hash than was promised; None when they have it.

    MD5, SHA-1 and SHA-256 are told apart by their length, as hex or base64.
    """
    if not promised:
        return None
    wanted = _digest(promised.strip())
    if wanted is None or len(wanted) not in _ALGORITHMS:
        return f"{promised[:80]!r} is no MD5, SHA-1 or SHA-256"
    name = _ALGORITHMS[len(wanted)]
    got = hashlib.new(name, body, usedforsecurity=False).digest()
    return None if got == wanted else f"{name} is {got.hex()}, the list says {wanted.hex()}"


def _digest(value: str) -> bytes | None:
    try:
        if re.fullmatch(r"[0-9A-Fa-f]{32,64}", value):
            return bytes.fromhex(value)
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return None
