"""WikiArt's rows of `crawled`: what listing, detail and artist say of a work, and its computed licence."""

from __future__ import annotations

from typing import Any

from spiders.pages.fields import Json, year_of
from spiders.pages.wikiart import Artist, Asked, Detail, Item
from spiders.pages.wikiart_rights import ADDRESSES, licence
from spiders.records import record, redacted


def to_record(item: Item, more: Detail | None, by: Artist | None, asked: Asked, rank: int) -> Json:
    """The columns of `crawled` that a work's metadata fills; the fetch fills the others."""
    name, why = licence(by, asked.this_year)
    year_text = item.year_text or (more.year_text if more else None)
    year = more.year if more and more.year is not None else year_of(year_text)
    raw: dict[str, Any] = {"listing": item.raw}
    if more:
        raw["detail"] = {key: value for key, value in more.raw.items() if key != "description"}
    return record(
        source="wikiart", source_id=item.id,
        page_url=f"{asked.base}{item.page}" if item.page else None, title=item.title,
        creator=item.artist_name or (by.name if by else None), creator_id=item.artist,
        year_text=year_text, year=year, style=_labels("style", more, asked), genre=_labels("genre", more, asked),
        tags=more.tags if more else [], licence=name, licence_url=ADDRESSES[name], attribution=attribution(item),
        query=asked.query, rank=rank, declared_width=item.width, declared_height=item.height,
        extra=redacted({"licence_reason": why}), raw=redacted(raw),
    )  # fmt: skip


def _labels(group: str, more: Detail | None, asked: Asked) -> list[str]:
    """The work's styles or genres, and the one asked for, which listings do not repeat."""
    found = list(getattr(more, group)) if more else []
    if asked.group == group and asked.title and asked.title.lower() not in {name.lower() for name in found}:
        found.append(asked.title)
    return found


def attribution(item: Item) -> str:
    """Jane Doe, A Valley (1836), WikiArt."""
    title = f"{item.title or 'Untitled'}{f' ({item.year_text})' if item.year_text else ''}"
    return ", ".join(part for part in (item.artist_name, title, "WikiArt") if part)
