"""What all museums have in common: what is asked, the works that come back, and the rows made of them."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from pipeline.errors import UsageError
from pipeline.licences import IN_COPYRIGHT, UNKNOWN, families
from spiders.licences import licence
from spiders.pages.fields import Json, integer, text
from spiders.pages.years import year
from spiders.records import record, redacted

OPEN = frozenset({"cc0", "public-domain", "cc-by", "cc-by-sa"})
"""Families of licences under which a museum's picture counts as open access."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a museum at `base`. `most` is how many works are wanted at most, `since`
    a day (`2026-11-20`) when only what changed from then on is wanted, `key` the museum's API key,
    `agent` who asks, for museums that want it in a header of their own.
    """

    base: str
    query: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    open_only: bool = True
    first_only: bool = False
    most: int | None = None
    since: str | None = None
    key: str | None = None
    agent: str = ""

    def years(self) -> tuple[int, int] | None:
        """The first and last year asked for; an open end is as far as museums go. Raises UsageError."""
        ends = [self.filters.get(name) for name in ("from_year", "to_year")]
        if ends == [None, None]:
            return None
        for end in ends:
            if end is not None and not re.fullmatch(r"-?\d{1,6}", end):
                raise UsageError(f"{end!r} is not a year: give a number such as 1650, or -300 for 300 BC.")
        first, last = int(ends[0] or -100_000), int(ends[1] or 2100)
        if first > last:
            raise UsageError(f"The years {first} to {last} run backwards: put the earlier one into --from-year.")
        return first, last

    def rows(self, largest: int) -> int:
        """How many works to ask for on a page: as many as are wanted, at most `largest`."""
        return largest if self.most is None or not self.open_only else max(1, min(largest, self.most))


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a work: the addresses to try, best first, and its own rights when they are not the work's."""

    id: str
    addresses: list[tuple[str, str]]
    width: int | None = None
    height: int | None = None
    rights: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One work as a museum describes it. `rights` is what the museum says, in its own words or an address;
    `caption` is the museum's own line of credit, where it writes one, and `credit` what follows ours where not.
    """

    id: str
    title: str | None
    creator: str | None = None
    creator_id: str | None = None
    year_text: str | None = None
    first_year: int | None = None
    last_year: int | None = None
    style: list[str] = field(default_factory=list)
    genre: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    rights: str | None = None
    page: str | None = None
    credit: str | None = None
    caption: str | None = None
    changed: str | None = None
    pictures: list[Picture] = field(default_factory=list)
    extra: Mapping[str, str | None] = field(default_factory=dict)
    raw: Any = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: works, or only the `ids` of works that must be asked one by one; `next` is the address of
    the following page. `total` counts all works found.
    """

    works: list[Work] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    total: int | None = None
    next: str | None = None


class Museum(ABC):
    """One museum's API. Methods are pure; bodies in another shape than the documented one raise Drift.

    `secret` names the key it wants, `how` says where to get one, and `quota` what one is good for; `hint` is what a
    person should know when it refuses. The filters that each API has stand in `spiders.museum_filters`.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    home: ClassVar[str]
    page_size: ClassVar[int] = 100
    secret: ClassVar[str | None] = None
    how: ClassVar[str] = ""
    hint: ClassVar[str] = ""
    quota: ClassVar[str] = ""

    @abstractmethod
    def first(self, asked: Asked) -> str:
        """The address of the first page. Raises UsageError for what the museum cannot be asked."""

    @abstractmethod
    def page(self, body: bytes, asked: Asked, url: str) -> Page:
        """One page of the list, asked at `url`."""

    def headers(self, asked: Asked) -> dict[str, str]:
        """Headers of requests for data."""
        return {}

    def vocabulary(self, asked: Asked) -> str | None:
        """The address of names that must be known before the first page, if there are any."""
        return None

    def settled(self, body: bytes, asked: Asked) -> Asked:
        """What is asked, with names put right by the vocabulary. Raises UsageError for an unknown one."""
        return asked

    def detail_url(self, asked: Asked, work: str) -> str:
        """The address of one work, for museums that list ids."""
        raise NotImplementedError

    def detail(self, body: bytes, asked: Asked) -> Work | None:
        """One work; None when the museum has it no more."""
        raise NotImplementedError

    def tells_changes(self, asked: Asked) -> bool:
        """Whether its list can be asked for what changed `since` a day alone."""
        return False

    def changes_url(self, asked: Asked, since: str) -> str | None:
        """The address of the ids that changed since a day (`2026-11-20`), where a list of ids tells nothing else."""
        return None

    def explain(self, status: int, body: bytes) -> str | None:
        """What an error means and what to do, in one sentence, when it is one that people can do something about."""
        return None


def address(base: str, path: str, **parameters: Any) -> str:
    """An address with a query; parameters that are None are left out, lists stand once for each value."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{base}{path}?{urlencode(given, doseq=True)}"


def stem(url: str) -> str:
    """The name of a picture's file without its ending: what tells the pictures of a work apart."""
    name = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    return re.sub(r"\.[A-Za-z0-9]{2,5}$", "", name) or name


def is_open(name: str) -> bool:
    """Whether a licence lets everybody use and change the picture, also for money."""
    return bool(families(name) & OPEN)


def rights_of(said: str | None) -> tuple[str, str | None]:
    """The licence that a museum's words or address mean, and where it can be read."""
    return licence(said)


def attribution(work: Work) -> str:
    """The line that the museum asks for: `Jane Doe, A Valley, 1836. The museum, gift of Jim Doe.`"""
    if work.caption:
        return work.caption
    what = ", ".join(part for part in (work.creator, work.title or "Untitled", work.year_text) if part)
    return f"{what.rstrip('.')}. {work.credit}" if work.credit else what


def fits(work: Work, picture: Picture, asked: Asked) -> bool:
    """Whether the rights of a picture are those asked for."""
    return not asked.open_only or is_open(rights_of(picture.rights or work.rights)[0])


def wanted(work: Work, asked: Asked) -> Work:
    """The work with the pictures that are asked for: of the right rights, and the first one alone if so wanted."""
    pictures = [picture for picture in work.pictures if fits(work, picture, asked)]
    return replace(work, pictures=pictures[:1] if asked.first_only else pictures)


def to_record(museum: Museum, work: Work, picture: Picture, asked: Asked, rank: int) -> Json:
    """The columns of `crawled` that a museum's description fills; the fetch fills the others."""
    name, where = rights_of(picture.rights or work.rights)
    extra = {
        "object": work.id, "pictures": len(work.pictures), "changed": work.changed,
        **{key: value for key, value in work.extra.items() if value},
    }  # fmt: skip
    return record(
        source=f"museum-{museum.slug}", source_id=picture.id, page_url=work.page, title=work.title,
        creator=work.creator, creator_id=work.creator_id, year_text=work.year_text,
        year=year(work.year_text, work.first_year, work.last_year),
        style=work.style, genre=work.genre, tags=work.tags, licence=name, licence_url=where,
        attribution=attribution(work) + (f" ({spelled(name)})" if name != UNKNOWN else ""),
        query=described(asked) or "all", rank=rank, declared_width=picture.width, declared_height=picture.height,
        extra=json.dumps(extra, ensure_ascii=False, sort_keys=True), raw=redacted(work.raw),
    )  # fmt: skip


def spelled(name: str) -> str:
    """A licence as people write it in a line of credit."""
    return {"CC-PDM-1.0": "public domain", IN_COPYRIGHT: "in copyright", "CC0-1.0": "CC0"}.get(name, name)


def described(asked: Asked) -> str:
    """What was asked, as it stands in records: `skull department=Photographs`."""
    given = [f"{key}={value}" for key, value in asked.filters.items()]
    return " ".join([asked.query, *given]).strip()


def texts(value: Any) -> list[str]:
    """The texts of a list or of one value, without doubles, in order: commas part nothing here."""
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(part for part in map(text, values) if part))


def first_text(value: Any) -> str | None:
    """The first text of a list, or the text itself."""
    return next(iter(texts(value)), None)


def side(value: Any) -> int | None:
    """A width or height in pixels, from a number or digits; None when it is none."""
    number = integer(value)
    return number if number and number > 0 else None
