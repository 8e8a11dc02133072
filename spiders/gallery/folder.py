"""Read any folder of pictures, with or without an `index.csv`, as artists and works."""

from __future__ import annotations

import csv
import os
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from pipeline.errors import UsageError
from spiders.gallery.works import (
    Artist,
    Work,
    completion_year,
    hex_id,
    image_folder,
    last_first,
    name_slug,
    number,
)

EXTENSIONS = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".heic",
}  # fmt: skip
COLUMNS = {
    "path": ("path", "file", "filename", "file_name"),
    "title": ("title", "name"),
    "artist": ("artist", "creator", "painter", "artistname"),
    "style": ("style", "styles", "movement"),
    "genre": ("genre", "genres", "label", "kind", "class", "category"),
    "year": ("year", "date", "year_text", "yearasstring"),
    "tags": ("tags", "keywords"),
    "technique": ("technique", "medium", "media", "material"),
    "museum": ("museum", "galleryname", "gallery"),
    "location": ("location",),
    "width": ("width",),
    "height": ("height",),
}
"""What a column of index.csv may be called, in lower case, for each thing the site tells of a work."""
LISTS = ("style", "genre", "tags")
UNKNOWN_ARTIST = "Unknown artist"

Row = dict[str, str]


def read(folder: Path, limit: int | None = None) -> tuple[list[Artist], list[Work]]:
    """Artists and works of the pictures under `folder`, in the order of their relative paths.

    Without an index.csv, or where it has no genre column, the first folder of the path is the genre
    (unless all pictures lie in one folder). Raises UsageError when there is no picture.
    """
    rows = list(_rows(folder))
    if not rows:
        raise UsageError(f"{folder} has no pictures; name a folder with JPEG, PNG, … files in it.")
    rows.sort(key=lambda row: row["path"])
    return _build(folder, _with_genres(rows)[:limit])


def _rows(folder: Path) -> Iterator[Row]:
    index = folder / "index.csv"
    if not index.is_file():
        yield from ({"path": path} for path in _pictures(folder))
        return
    with index.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        names = _columns(reader.fieldnames or ())
        if "path" not in names:
            raise UsageError(f"{index} has no `path` column; it names each picture relative to the folder.")
        for line in reader:
            row = {key: (line[name] or "").strip() for key, name in names.items()}
            if (folder / row["path"]).is_file():
                yield row


def _columns(fields: object) -> dict[str, str]:
    """Our name of each known column → the file's own; the first spelling of `COLUMNS` wins."""
    known = {str(field).strip().lower(): str(field) for field in fields if field}  # type: ignore[attr-defined]
    found = {ours: [known[name] for name in spellings if name in known] for ours, spellings in COLUMNS.items()}
    return {ours: names[0] for ours, names in found.items() if names}


def _pictures(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            if Path(name).suffix.lower() in EXTENSIONS and not name.startswith("."):
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _with_genres(rows: list[Row]) -> list[Row]:
    tops = {row["path"].partition("/")[0] for row in rows if "/" in row["path"]}
    if len(tops) < 2 or any(row.get("genre") or row.get("style") for row in rows):
        return rows
    return [{**row, "genre": row["path"].partition("/")[0] if "/" in row["path"] else ""} for row in rows]


def _build(folder: Path, rows: list[Row]) -> tuple[list[Artist], list[Work]]:
    artists: dict[str, Artist] = {}
    taken: set[int] = set()
    slugs: set[tuple[str, str]] = set()
    works = []
    for row in rows:
        artist = _artist(row.get("artist") or UNKNOWN_ARTIST, artists, taken)
        works.append(_work(folder, row, artist, taken, slugs))
    return list(artists.values()), works


def _artist(name: str, artists: dict[str, Artist], taken: set[int]) -> Artist:
    if name not in artists:
        ident = number("artist", name, taken)
        artist_slug = name_slug(name, f"artist-{ident}")
        if any(other.slug == artist_slug for other in artists.values()):
            artist_slug = f"{artist_slug}-{ident}"
        artists[name] = Artist(artist_slug, name, last_first(name), ident)
    return artists[name]


def _work(folder: Path, row: Row, artist: Artist, taken: set[int], slugs: set[tuple[str, str]]) -> Work:
    file = (folder / row["path"]).resolve()
    title = row.get("title") or file.stem
    ident = number("work", row["path"], taken)
    year_text = row.get("year") or None
    work_slug = name_slug("-".join(filter(None, (title, year_text))), f"work-{ident}")
    if (artist.slug, work_slug) in slugs:
        work_slug = f"{work_slug}-{ident}"
    slugs.add((artist.slug, work_slug))
    width, height = _size(file, row)
    lists = {name: tuple(_split(row.get(name, ""))) for name in LISTS}
    return Work(
        key=row["path"], id=hex_id(row["path"]), content_id=ident, artist=artist.slug, slug=work_slug,
        title=title, file=str(file), path=f"/images/{image_folder(artist.name)}/{work_slug}{file.suffix.lower()}",
        width=width, height=height, year_text=year_text, year=completion_year(year_text),
        styles=lists["style"], genres=lists["genre"], tags=lists["tags"],
        technique=row.get("technique") or None, museum=row.get("museum") or None,
        location=row.get("location") or None,
    )  # fmt: skip


def _split(text: str) -> list[str]:
    return [part.strip().replace("_", " ") for part in text.split(",") if part.strip()]


def _size(file: Path, row: Row) -> tuple[int, int]:
    """Width and height in pixels as the index or the file's header declares them; 0, 0 when neither does."""
    if row.get("width", "").isdigit() and row.get("height", "").isdigit():
        return int(row["width"]), int(row["height"])
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as picture:
            return picture.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError,
            struct.error, IndexError, TypeError, NotImplementedError, RuntimeError):  # fmt: skip
        return 0, 0
