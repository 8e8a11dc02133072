"""Everything known of a picture: each row about it in each table, and each decision of people that names it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline import licences
from pipeline.web.facts import Facts, web_address

# Title, table, what is not shown of it; ids are said once, at the top.
_SECTIONS = (
    ("Where it was seen", "crawled", ("raw", "corpus", "partition", "row")),
    ("What was measured", "measured", ()),
    ("Duplicate of another", "selected", ("model",)),
    ("As the networks see it", "prepared", ()),
    ("Its theme", "clustered", ()),
)
_DIGITS = 64
_NOWHERE = ("id", "corpus", "partition", "row")


@dataclass(frozen=True)
class Row:
    """One thing that is known: what it is, what was found, and where that leads (a picture's id or a web address)."""

    label: str
    text: str
    picture: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class Section:
    """What one table says of a picture, once for each of its rows."""

    title: str
    entries: Sequence[Sequence[Row]]


def known(facts: Facts, ids: Sequence[str]) -> dict[str, list[Section]]:
    """The sections of each picture, by id; what a stage did not come to is left out.

    A face of a picture is told also what is known of the whole picture.
    """
    asked = list(dict.fromkeys([*ids, *(picture[:_DIGITS] for picture in ids)]))
    made: dict[str, list[Section]] = {picture: [] for picture in ids}
    for title, table, hidden in _SECTIONS:
        found: dict[str, list[list[Row]]] = {}
        query = f"SELECT * FROM {table} WHERE id IN (SELECT unnest(?)) AND partition IN (SELECT unnest(?))"
        for row in facts.ask(f"{query} ORDER BY partition, row", [asked, list(facts.edition["partitions"])]):
            if said := _said(row, {*_NOWHERE, *hidden}):
                found.setdefault(row["id"], []).append(said)
        for picture, sections in made.items():
            if entries := found.get(picture) or found.get(picture[:_DIGITS]):
                sections.append(Section(title, entries))
    return made


def _said(row: Mapping[str, Any], hidden: set[str]) -> list[Row]:
    return [_row(key, value) for key, value in row.items() if key not in hidden and value is not None and value != []]


def _row(key: str, value: Any) -> Row:
    label = key.replace("_", " ")
    if key in ("keeper", "changed_from"):
        return Row(label, str(value), picture=str(value))
    if key in ("phash",):
        return Row(label, f"{value:016x}")
    link = value if isinstance(value, str) and key in ("url", "page_url", "final_url", "licence_url") else None
    if key == "licence":
        link = licences.address(str(value))
    return Row(label, _text(value), link=web_address(link))


def _text(value: Any) -> str:
    """Lists with commas, times in UTC, numbers with four digits that matter."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "not a number"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list | tuple):
        return ", ".join(_text(one) for one in value)
    return str(value)
