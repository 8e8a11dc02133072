"""The credits of a corpus: every picture that was kept, whose it is, where it was seen, under which licence."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

from pipeline import licences, tables
from pipeline.corpus import CORPUS_TABLES
from pipeline.errors import UsageError
from pipeline.schema import ID_DIGITS
from pipeline.storage import Root

FORMATS = ("md", "html", "csv", "json", "txt")
_COLUMNS = (
    "id", "reason", "url", "page_url", "source", "source_id", "title", "creator", "year_text", "licence", "licence_url",
    "attribution",
)  # fmt: skip
_STATEMENTS = {
    "InC-OW-EU": "In copyright: orphan work in the EU", "InC-EDU": "In copyright: educational use permitted",
    "InC-NC": "In copyright: non-commercial use permitted", "InC-RUU": "In copyright: rights holder not to be found",
    "NoC-CR": "No copyright, contractual restrictions", "NoC-NC": "No copyright, non-commercial use only",
    "NoC-OKLR": "No copyright, other legal restrictions", "NoC-US": "No copyright in the United States",
    "CNE": "Copyright not evaluated", "UND": "Copyright undetermined", "NKC": "No known copyright",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Credit:
    """One picture as one source showed it; a picture of several sources has one of each. `pictures` share the line."""

    id: str
    title: str
    creator: str
    year: str
    page: str
    source: str
    licence: str
    licence_url: str
    attribution: str
    pictures: int = 1


def credits(
    root: Root, edition: Mapping[str, Any], chosen: Sequence[str] = (), only: Iterable[str] | None = None
) -> list[Credit]:
    """The credits of an edition, by licence, creator and title: each kept picture with all rows that have its bytes.

    `chosen` is a filter as `licences.wanted` makes it; `only` are the ids of some pictures, instead of those kept.
    Lines that say the same are one, with how many pictures share it. Raises UsageError when the edition stands no
    more.
    """
    kept = _kept(root, edition) if only is None else {one[:ID_DIGITS] for one in only}
    found: dict[tuple[Any, ...], Credit] = {}
    counts: dict[tuple[Any, ...], set[str]] = {}
    for row in tables.read_latest(root, edition["partitions"], _COLUMNS).to_pylist():
        if row["id"] in kept and row["reason"] is None and licences.admits(chosen, row["licence"]):
            credit = _credit(row)
            key = (credit.title, credit.creator, credit.year, credit.page, credit.source, credit.licence)
            found.setdefault(key, credit)
            counts.setdefault(key, set()).add(credit.id)
    whole = [replace(credit, pictures=len(counts[key])) for key, credit in found.items()]
    return sorted(whole, key=lambda one: (one.licence, one.creator.lower(), one.title.lower(), one.page, one.id))


def _kept(root: Root, edition: Mapping[str, Any]) -> set[str]:
    """The ids of the pictures that came through."""
    partitions = list(edition["partitions"])
    for table in reversed(CORPUS_TABLES):
        folder = edition["folders"][table]
        if partitions and set(partitions) <= set(tables.names(root, folder)):
            rows = tables.read_all(root, folder, partitions, ["id", "reason"])
            pairs = zip(rows["id"].to_pylist(), rows["reason"].to_pylist(), strict=True)
            return {i[:ID_DIGITS] for i, r in pairs if r is None} - set(edition.get("left_out", ()))
    raise UsageError(f"The tables of the corpus {edition['corpus']} are gone: make them with `pipeline run`.")


def _credit(row: Mapping[str, Any]) -> Credit:
    """A row of `crawled` as a credit; a path on this machine is no page."""
    url = row["page_url"] or (row["url"] or "")
    page = url if re.match(r"https?://", url) else ""
    title = row["title"] or ("" if page else row["source_id"]) or "Untitled"
    licence = row["licence"] or licences.UNKNOWN
    return Credit(
        row["id"], _line(title), _line(row["creator"]), _date(row["year_text"]), page, row["source"] or "", licence,
        row["licence_url"] or licences.address(licence) or "", _line(row["attribution"]),
    )  # fmt: skip


def _date(text: str | None) -> str:
    """A year as it was given; of a time to the second its date."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)[T ].*", r"\1", _line(text))


def _line(text: str | None) -> str:
    """On one line, without characters that move a cursor."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", text or "").strip()


def changes(manifest: Mapping[str, Any], until: str = "") -> str:
    """What was done to the pictures, in words: licences ask for it."""
    if until in ("crawl", "measure", "dedupe"):
        return "The pictures are as they were published."
    side = manifest["shard"]["size"]
    fit = {"crop": "cropped to a square", "pad": "padded to a square", "fit": "scaled to fit a square"}
    shape = "aligned on the eyes and cropped" if manifest.get("align") else fit[manifest["convert"]["fit"]]
    form = str(manifest["shard"]["format"]).upper()
    return f"Each picture was converted to sRGB, {shape}, resized to {side} × {side} pixels and saved as {form}."


def named(licence: str) -> str:
    """A licence as people say it: `CC BY-SA 4.0`, `Public domain`, `All rights reserved`."""
    if found := re.fullmatch(r"https?://rightsstatements\.org/vocab/([A-Za-z-]+)/.*", licence):
        return _STATEMENTS.get(found[1], licence)
    if found := re.fullmatch(r"https://creativecommons\.org/licenses/([a-z+-]+)/(.*?)/?", licence):
        return " ".join(part for part in ("CC", found[1].upper(), found[2].replace("/", " ").upper()) if part)
    if licence == licences.US_GOVERNMENT:
        return "Work of the United States government"
    if found := re.fullmatch(r"CC-([A-Z-]+?)-(\d.*)", licence):
        known = {"PDM": "Public Domain Mark"}
        return f"{known.get(found[1], f'CC {found[1]}')} {found[2].replace('-', ' ')}"
    plain = {"CC0-1.0": "CC0 1.0", licences.UNKNOWN: "Licence not known", licences.IN_COPYRIGHT: "All rights reserved"}
    return plain.get(licence, licence)


# formats


def written(found: Sequence[Credit], edition: Mapping[str, Any], format: str) -> str:
    """The credits as a file of one of FORMATS. What comes from the web is escaped as the format asks."""
    said = changes(edition["manifest"], edition.get("until", ""))
    title = f"Credits of {edition['corpus']}, edition {edition['edition']}"
    makers = {"md": _markdown, "html": _html, "txt": _text}
    if format == "json":
        lines = [asdict(credit) for credit in found]
        return json.dumps({"title": title, "changes": said, "credits": lines}, ensure_ascii=False, indent=1) + "\n"
    return _csv(found, said) if format == "csv" else makers[format](found, title, said)


def _by_licence(found: Iterable[Credit]) -> Iterable[tuple[str, str, list[Credit]]]:
    """Groups: the licence in words, its address, its credits."""
    for licence, group in groupby(found, key=lambda one: one.licence):
        listed = list(group)
        yield named(licence), next((one.licence_url for one in listed if one.licence_url), ""), listed


def _words(one: Credit) -> str:
    """`Jane Doe, A Valley (1836), 3 pictures`."""
    title = f"{one.title} ({one.year})" if one.year and one.year not in one.title else one.title
    count = f"{one.pictures:,} pictures" if one.pictures > 1 else ""
    return ", ".join(part for part in (one.creator, title, count) if part)


def _text(found: Sequence[Credit], title: str, said: str) -> str:
    lines = [title, said]
    for licence, address, group in _by_licence(found):
        lines += ["", f"{licence}{f' <{address}>' if address else ''}: {_count(group)}"]
        lines += [f"  {_words(one)}{f' <{one.page}>' if one.page else ''} [{one.source}]" for one in group]
    return "\n".join(lines) + "\n"


def _count(group: Sequence[Credit]) -> str:
    pictures = sum(one.pictures for one in group)
    return f"{pictures:,} picture{'s' if pictures != 1 else ''}"


def _markdown(found: Sequence[Credit], title: str, said: str) -> str:
    lines = [f"# {marked(title)}", "", said]
    for licence, address, group in _by_licence(found):
        name = f"[{marked(licence)}]({_link(address)})" if address else marked(licence)
        lines += ["", f"## {name}", "", f"{_count(group)}.", ""]
        lines += [f"- {_linked(marked(_words(one)), one.page)} ({marked(one.source)})" for one in group]
    return "\n".join(lines) + "\n"


def marked(text: str) -> str:
    """Scraped text for Markdown, where it means nothing but itself."""
    return re.sub(r"([\\`*_\[\]<>#|!&~])", r"\\\1", text)


def _linked(words: str, page: str) -> str:
    return f"[{words}]({_link(page)})" if page else words


def _link(url: str) -> str:
    return re.sub(r"[\s()<>\\\"]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), url)


def _html(found: Sequence[Credit], title: str, said: str) -> str:
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(said)}</p>"
    ]
    for licence, address, group in _by_licence(found):
        parts.append(f"<h2>{_anchor(licence, address)}</h2><p>{_count(group)}.</p><ul>")
        parts += [f"<li>{_anchor(_words(one), one.page)} ({html.escape(one.source)})</li>" for one in group]
        parts.append("</ul>")
    return "\n".join(parts) + "\n"


def _anchor(words: str, url: str) -> str:
    if not re.match(r"https?://", url):
        return html.escape(words)
    return f'<a href="{html.escape(url, quote=True)}" rel="license noopener nofollow">{html.escape(words)}</a>'


def _csv(found: Sequence[Credit], said: str) -> str:
    """A row a credit; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([*Credit.__dataclass_fields__, "changes"])
    for one in found:
        cells = [str(value) for value in asdict(one).values()]
        writer.writerow([f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell for cell in (*cells, said)])
    return stream.getvalue()
