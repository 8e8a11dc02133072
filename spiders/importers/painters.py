"""Import Painter by Numbers, the Kaggle set: train/ and test/ joined with all_data_info.csv and train_info.csv."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from typing import Any

from pipeline.errors import UsageError
from spiders import folder, index
from spiders.folder import Found
from spiders.importers.given import Given
from spiders.intake import Item, missing, row_of

ALL, TRAIN = "all_data_info.csv", "train_info.csv"
_NAME = re.compile(r"\S+\.\w{2,5}")
_NAMES = ("new_filename", "filename")
_FIRST_YEAR = 1060
_LINES = 4

Fields = dict[str, Any]


def items(given: Given) -> Iterator[Item]:
    """The pictures by file name, which is their `source_id`, then the rows of the CSVs that have no picture.

    Where both CSVs know a picture, all_data_info.csv counts and train_info.csv fills gaps; its hashed artist becomes
    `creator_id`. A picture in a folder of replacements takes the place of that of the same name. `year` is null
    before 1060, as such dates are mislabelled in this set. Raises UsageError without CSV or pictures.
    """
    if not given.path.is_dir():
        raise UsageError(f"{given.shown} is a file: name the folder with {ALL}, train and test.")
    tree = given.tree()
    rows = _rows(tree.files, given)
    pictures = _pictures(tree.files, given)
    if not pictures:
        raise UsageError(f"{given.shown} has the CSV but no pictures: unpack train.zip and test.zip beside it.")
    given.tally.total = len(pictures)
    for name, found in pictures.items():
        known = rows.pop(name, None)
        if known is None:
            given.tally.notes["pictures stand in no CSV"] += 1
        yield folder.item(found, "painter-by-numbers", name, said(known or {}))
    for name, known in sorted(rows.items()):
        path = os.path.join(os.path.abspath(os.fsencode(given.path)), _part(known).encode(), os.fsencode(name))
        yield missing(
            row_of("painter-by-numbers", name, path, said(known)), "a CSV names it, but there is no such file"
        )


def _pictures(files: list[Found], given: Given) -> dict[str, Found]:
    """The picture files by their names without folders; replacements first."""
    chosen: dict[str, Found] = {}
    others = 0
    for found in sorted(files, key=lambda found: ("replacement" not in found.name.lower(), found.name)):
        name = os.path.basename(found.name)
        if name in (ALL, TRAIN):
            continue
        if name in chosen:
            given.tally.notes["files have the name of another: replacements count, else the first"] += 1
        elif folder.is_picture(found):
            chosen[name] = found
            continue
        others += 1
    given.tally.skipped += others
    return dict(sorted(chosen.items()))


# the CSVs


def _rows(files: list[Found], given: Given) -> dict[str, dict[str, Fields]]:
    """What each CSV says of each file name."""
    joined: dict[str, dict[str, Fields]] = {}
    tables = {name: found for name in (ALL, TRAIN) for found in files if os.path.basename(found.name) == name}
    if not tables:
        raise UsageError(f"{given.shown} has no {ALL} or {TRAIN}: name the folder of the set that one of them lies in.")
    for table, found in tables.items():
        healed = faults = 0
        for cells, was_healed in read(index.decoded(found.read()), found.name):
            name = next((str(cells[key]).strip() for key in _NAMES if cells.get(key)), "")
            if not _NAME.fullmatch(name):
                faults += 1
                continue
            healed += was_healed
            joined.setdefault(name, {})[table] = cells
        if healed:
            given.tally.notes[f"rows of {table} had a quoting fault and were healed"] += healed
        if faults:
            given.tally.notes[f"lines of {table} cannot be read"] += faults
    return joined


def read(text: str, name: str) -> Iterator[tuple[Fields, bool]]:
    """The rows of a CSV as objects, and whether a quoting fault was healed; a row without cells is a line given up.

    Each line is read alone, so that a quote that is not closed costs one row and not the rest of the file. Parts
    too many belong to the title, the one column with commas. Raises UsageError for a header without titles.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    header = [column.strip() for column in _cells(lines[0])]
    while header and not header[-1]:
        header.pop()
    if "title" not in header or not set(_NAMES) & set(header):
        raise UsageError(f"{name} has no columns filename (or new_filename) and title: it is not the CSV of that name.")
    at = 1
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        cells, healed, used = _row(lines, at, header)
        at += used
        yield dict(zip(header, cells, strict=True)) if cells else {}, healed


def _row(lines: list[str], at: int, header: list[str]) -> tuple[list[str], bool, int]:
    """The cells of the row that begins in a line, whether it was healed, and how many lines it has."""
    cells = _fitted(_cells(lines[at]), header)
    if cells:
        return cells, len(_cells(lines[at])) != len(cells) and _surplus(_cells(lines[at]), header) > 0, 1
    if cells := _fitted(_cells(lines[at], quoted=False), header):
        return [cell.strip('"').replace('""', '"') for cell in cells], True, 1
    for used in range(2, _LINES + 1):
        together = _cells("\n".join(lines[at : at + used]))
        if _surplus(together, header) == 0 and (cells := _fitted(together, header)):
            return cells, False, used
    return [], False, 1


def _cells(line: str, quoted: bool = True) -> list[str]:
    try:
        return next(csv.reader([line], quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE), [])
    except csv.Error:
        return []


def _surplus(cells: list[str], header: list[str]) -> int:
    """How many cells there are too many, without empty ones at the end."""
    while len(cells) > len(header) and not cells[-1]:
        cells = cells[:-1]
    return len(cells) - len(header)


def _fitted(cells: list[str], header: list[str]) -> list[str]:
    """The cells under the header's columns, what is too much in the title; [] when they do not fit."""
    surplus = _surplus(cells, header)
    if surplus < 0:
        return []
    title = header.index("title")
    fitted = [*cells[:title], ",".join(cells[title : title + surplus + 1]), *cells[title + surplus + 1 :]][
        : len(header)
    ]
    name = next(fitted[header.index(key)] for key in _NAMES if key in header)
    return fitted if _NAME.fullmatch(name.strip()) else []


# a row


def said(known: dict[str, Fields]) -> index.Row:
    """The columns of `crawled` that the CSVs' rows of one picture fill."""
    train = dict(known.get(TRAIN, {}))
    artist = train.pop("artist", "")
    row = {**_filled(index.of(train)), **_filled(index.of(known.get(ALL, {})))}
    row["creator_id"] = artist or None
    year_text = row.get("year_text")
    row["year_text"] = year_text.removesuffix(".0") if year_text else None
    if (row.get("year") or 0) < _FIRST_YEAR:
        row["year"] = None
    if known:
        row["extra"] = {**(row.get("extra") or {}), "part": _part(known)}
    return {**row, "raw": known or None}


def _filled(row: index.Row) -> index.Row:
    return {name: value for name, value in row.items() if value not in (None, [], "")}


def _part(known: dict[str, Fields]) -> str:
    """train or test: the folder the picture belongs in."""
    told = known.get(ALL, {}).get("in_train", "")
    return "train" if str(told).strip().lower() == "true" or TRAIN in known else "test"
