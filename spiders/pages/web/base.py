"""What all search providers have in common: a query, a page of hits, a refusal, and the interface of a provider."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pipeline.licences import UNKNOWN
from spiders.pages.fields import Drift, Json, integer, load, text

Params = dict[str, str]
Kind = Literal["key", "setup", "quota", "budget", "rate", "page_size", "end", "query", "down"]


@dataclass(frozen=True, slots=True)
class Query:
    """A text to search, and what narrows it, in words of the provider, such as `imgSize` or `license`."""

    text: str
    filters: tuple[tuple[str, str], ...] = ()

    def having(self, name: str, value: str) -> Query:
        """The query with one filter set."""
        return replace(self, filters=tuple(sorted({**dict(self.filters), name: value}.items())))

    def __str__(self) -> str:
        """As it stands in records: `human skull, imgSize=LARGE`."""
        return ", ".join([self.text, *(f"{name}={value}" for name, value in self.filters)])


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture that was found. `addresses` are (variant, address), best first; `id` is None where there is none.

    `licence` is an SPDX id, an address, or NOASSERTION; `raw` the provider's own item.
    """

    id: str | None
    addresses: tuple[tuple[str, str], ...]
    page_url: str | None = None
    title: str | None = None
    creator: str | None = None
    creator_id: str | None = None
    year_text: str | None = None
    tags: tuple[str, ...] = ()
    licence: str = UNKNOWN
    licence_url: str | None = None
    attribution: str | None = None
    width: int | None = None
    height: int | None = None
    thumbnail: str | None = None
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of hits. `total` is what the provider says it has, `following` how the next page is asked for.

    `passed_over` counts results that are no pictures, by their type.
    """

    hits: tuple[Hit, ...]
    total: int | None = None
    following: Params | None = None
    passed_over: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a provider gave no page, for people in `why`.

    `key`: it is wrong, or lacks rights; `setup`: the service must be set up; `quota`: used up; `budget`: what this run
    may spend is; `rate`: wait, `wait`
    seconds if it says so; `page_size`: ask for less at once; `end`: it shows no more of this query; `query`: it does
    not take this query; `down`: it fails.
    """

    kind: Kind
    why: str
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """So many units in each hour, day or month, as a clock in `zone` counts them."""

    units: int
    per: Literal["hour", "day", "month"]
    zone: str = "UTC"

    def began(self, now: datetime) -> datetime:
        """When the period that `now` lies in began."""
        here = now.astimezone(ZoneInfo(self.zone)).replace(minute=0, second=0, microsecond=0)
        if self.per != "hour":
            here = here.replace(hour=0)
        return here.replace(day=1) if self.per == "month" else here

    def frees(self, now: datetime) -> datetime:
        """When the next period begins."""
        start = self.began(now)
        if self.per == "hour":
            return start + timedelta(hours=1)
        if self.per == "day":
            return self.began(start + timedelta(hours=36))
        return self.began(start + timedelta(days=32))

    def __str__(self) -> str:
        """`100 a day`."""
        return f"{self.units:,} {'an' if self.per == 'hour' else 'a'} {self.per}"


class Provider:
    """A search service: how it is asked, and what its answers mean. Pure; it holds no state and no key.

    `size` results come at most on a page and `cap` for one query; `rate` is requests a second; `keys` are the
    names of secrets without which it answers nothing, `how` says where they are had. `quota` is what may be asked
    for nothing, `price` what a call costs in USD after that; `metered` services are asked no more often than
    allowed, and what they answered is kept. `counts`: a call tells how many results there are.
    `partitions`: narrower queries together find what the broad one does, so that it need not be read to its end.
    `licences`: `told` with each hit, `filtered` only (no hit says which), or `none`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    home: ClassVar[str]
    path: ClassVar[str]
    size: ClassVar[int]
    cap: ClassVar[int]
    rate: ClassVar[float] = 1.0
    keys: ClassVar[tuple[str, ...]] = ()
    how: ClassVar[str] = ""
    quota: ClassVar[Quota | None] = None
    metered: ClassVar[bool] = False
    price: ClassVar[float | None] = 0.0
    keep_days: ClassVar[float | None] = None
    counts: ClassVar[bool] = True
    partitions: ClassVar[bool] = True
    licences: ClassVar[str] = "told"
    axes: ClassVar[tuple[tuple[str, tuple[str, ...]], ...]] = ()

    def first(self, query: Query, size: int) -> Params:
        """The parameters of the first page of a query, without keys."""
        raise NotImplementedError

    def counting(self, query: Query, size: int) -> Params:
        """The parameters of the call that tells how many results a query has."""
        return self.first(query, size)

    def signed(self, params: Params, keys: Mapping[str, str]) -> tuple[Params, dict[str, str]]:
        """Parameters and headers with the keys."""
        return params, {}

    def read(self, body: bytes, asked: Params) -> Page:
        """The page in an answer to `asked`. Raises Drift when it has another shape than the documented one."""
        raise NotImplementedError

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, asked: Params) -> Refused | None:
        """Why an answer holds no page; None when it does. Header names in lower case."""
        return refused_by_status(self.title, status, body)

    def licensed(self, query: Query, wanted: tuple[str, ...]) -> Query:
        """The query for these licences alone, as far as the provider can filter."""
        return query

    def narrower(self, query: Query, total: int | None) -> tuple[Query, ...]:
        """The query split in parts, by the first axis that it is not split by yet."""
        given = dict(query.filters)
        for axis, values in self.axes:
            chosen = given.get(axis, "").split(",") if "," in given.get(axis, "") else None
            if axis not in given or chosen:
                return tuple(query.having(axis, value) for value in chosen or values)
        return ()


def refused_by_status(title: str, status: int, body: bytes) -> Refused | None:
    """What a status says by itself; None for 2xx."""
    if status < 300:
        return None
    said = message(body)
    tail = f" ({said})" if said else ""
    if status in (401, 403):
        return Refused("key", f"{title} refuses the key, or what it asks for (HTTP {status}){tail}")
    if status == 429:
        return Refused("rate", f"{title} says that we ask too often (HTTP 429){tail}")
    if status >= 500:
        return Refused("down", f"{title} fails (HTTP {status}){tail}")
    return Refused("query", f"{title} does not take the query (HTTP {status}){tail}")


def message(body: bytes) -> str:
    """The sentence in an error's JSON, by the names that APIs give it, at most 200 characters."""
    try:
        value = load(body)
    except Drift:
        return ""
    for name in ("error", "detail", "message", "info"):
        inner = value.get(name) if isinstance(value, dict) else None
        if isinstance(inner, dict):
            inner = next((inner[key] for key in ("message", "detail", "info") if inner.get(key)), None)
        if said := text(inner):
            if name == "error" and isinstance(value.get("detail"), str):
                said = value["detail"]
            return plain(said)[:200].rstrip(". ")
    return ""


def plain(markup: str) -> str:
    """A text without tags, entities and doubled space."""
    bare = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", markup, flags=re.DOTALL | re.IGNORECASE)
    return re.sub(r"\s+", " ", html.unescape(bare)).strip()


def web_address(value: object) -> str | None:
    """An http(s) address as a provider gives it, one without a scheme as https; None for anything else."""
    found = text(value)
    if found and found.startswith("//"):
        found = f"https:{found}"
    return found if found and re.match(r"https?://[^/\s]", found, re.IGNORECASE) else None


def variants(*pairs: tuple[str, object]) -> tuple[tuple[str, str], ...]:
    """The pairs of variant and address that are addresses, each address once."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if address := web_address(value):
            found.setdefault(address, name)
    return tuple((name, address) for address, name in found.items())


def plain_hit(
    address: object, row: Json, *, page: object, shown_by: object, size: tuple[object, object], thumbnail: object
) -> Hit | None:
    """The hit of a row that tells one address, a title and who shows it, and no licence; None without an address."""
    addresses = variants(("original", address))
    if not addresses:
        return None
    title, where = text(row.get("title")), text(shown_by)
    return Hit(
        None, addresses, page_url=text(page), title=title,
        attribution=", ".join(part for part in (title, where) if part) or None,
        width=integer(size[0]), height=integer(size[1]), thumbnail=text(thumbnail), raw=row,
    )  # fmt: skip


def credit(title: str | None, creator: str | None, licence: str, where: str) -> str:
    """`"A skull" by Jane Doe, CC-BY-4.0, via Flickr`."""
    by = f" by {creator}" if creator else ""
    said = f", {licence}" if licence != UNKNOWN else ""
    return f"“{title or 'Untitled'}”{by}{said}, via {where}"
