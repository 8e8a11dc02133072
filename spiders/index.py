"""Read what describes pictures, as an `index.csv` beside them: known columns become those of `crawled`, all is kept."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.errors import UsageError
from spiders.pages.fields import integer, text, words, year_of

Row = dict[str, Any]

COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "image", "new_filename"),
    "title": ("title",),
    "creator": ("creator", "artist", "painter", "artist_name", "author"),
    "creator_id": ("creator_id", "artist_id"),
    "style": ("style", "styles"),
    "genre": ("genre", "genres"),
    "tags": ("tags", "keywords"),
    "year_text": ("year_text", "year", "date"),
    "licence": ("licence", "license"),
    "licence_url": ("licence_url", "license_url"),
    "attribution": ("attribution", "credit"),
    "page_url": ("page_url", "source_url"),
    "declared_width": ("width", "pixelsx"),
    "declared_height": ("height", "pixelsy"),
}
"""What a column may be called, in lower case, for each column of `crawled`; the first that is there counts."""
LISTS = {"style", "genre", "tags"}
_FIELD_LIMIT = 2**20


def read(data: bytes, name: str) -> dict[str, Row]:
    """Rows of an index by the path of their picture, relative to the index, as `key` spells it.

    Styles, genres and tags are lists: parts between commas or semicolons, underscores read as spaces. Columns
    that are not known are kept in `extra` as they are. Raises UsageError, naming the line, when the file is no
    CSV or names no pictures.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    lines = io.StringIO(decoded(data), newline="")
    reader = csv.reader(lines, delimiter=_delimiter(lines.readline()))
    lines.seek(0)
    try:
        header = [column.strip() for column in next(reader, [])]
        places = _places(header)
        if "path" not in places:
            raise UsageError(
                f"{name} has no column that names the pictures: call it path, file or filename "
                f"(it has {', '.join(header[:8]) or 'nothing'})."
            )
        return dict(_rows(reader, header, places))
    except csv.Error as error:
        raise UsageError(f"{name}, line {reader.line_num}, cannot be read ({error}).") from None


def read_lines(data: bytes, name: str) -> dict[str, Row]:
    """As `read`, of a file with a JSON object in each line. Raises UsageError, naming the line, when one has none."""
    found = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        path = _path(fields) if isinstance(fields, dict) else None
        if path is None:
            raise UsageError(
                f"{name}, line {number}, is no JSON object that names a picture as file_name, file or path."
            )
        found[key(path)] = of(fields)
    return found


def of(fields: Mapping[str, Any]) -> Row:
    """The row of an object: known names in any case, lists and numbers as well as texts; the others in `extra`."""
    header = list(fields)
    return _row(header, list(fields.values()), _places(header))


def _path(fields: Mapping[str, Any]) -> str | None:
    places = _places(list(fields))
    return text(list(fields.values())[places["path"]]) if "path" in places else None


def key(path: str) -> str:
    """One spelling for a relative path: forward slashes, no `./`, composed letters."""
    return unicodedata.normalize("NFC", posixpath.normpath(path.strip().replace("\\", "/")))


def decoded(data: bytes) -> str:
    """The text of a file that people wrote: UTF-8 with a mark or without, else as Windows writes it."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _places(header: Sequence[str]) -> dict[str, int]:
    lower = [column.lower() for column in header]
    found = {}
    for ours, spellings in COLUMNS.items():
        if spelling := next((spelling for spelling in spellings if spelling in lower), None):
            found[ours] = lower.index(spelling)
    return found


def _rows(reader: Iterator[list[str]], header: Sequence[str], places: dict[str, int]) -> Iterator[tuple[str, Row]]:
    for cells in reader:
        path = cells[places["path"]] if places["path"] < len(cells) else ""
        if path.strip():
            yield key(path), _row(header, cells, places)


def _row(header: Sequence[str], cells: Sequence[Any], places: Mapping[str, int]) -> Row:
    row = {ours: _value(ours, cells[at]) for ours, at in places.items() if ours != "path" and at < len(cells)}
    row["year"] = year_of(row.get("year_text"))
    others = [at for at in range(min(len(header), len(cells))) if at not in places.values() and header[at]]
    row["extra"] = {header[at]: cells[at] for at in others if cells[at] not in ("", None)} or None
    return row


def _value(name: str, value: Any) -> Any:
    if name in LISTS:
        parts = words(value.replace(";", ",") if isinstance(value, str) else value)
        return [part.replace("_", " ") for part in parts] if name != "tags" else parts
    if name.startswith("declared"):
        return integer(float(value)) if re.fullmatch(r"\s*\d+(\.\d+)?\s*", str(value)) else None
    return text(value)
