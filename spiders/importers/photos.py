"""Import the library of a phone or camera: HEIC and JPEG with their dates, live photos without their films."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import UsageError
from spiders import folder, index
from spiders.folder import Found
from spiders.importers.given import Given
from spiders.importers.video import FILMS
from spiders.intake import Item
from spiders.pages import exif
from spiders.pages.fields import year_of
from spiders.registry import is_detailed

_EDITED = re.compile(r"(?i)^(img_)e(\d+)$")
_RECIPES = ".aae"
LIVE = "films of live photos were left out: the still picture is taken"
ALONE = "films are no pictures: `pipeline import video` takes frames of them"
RECIPES = "lists of edits (.AAE) were left out: the edited pictures are taken where they lie beside them"
MOVING = "pictures have a film appended: the still picture is taken"

_Key = tuple[str, str]


@dataclass(frozen=True)
class _Library:
    """The files of a library by name, and the pictures and films by folder and stem, edited ones with their own."""

    files: dict[str, Found]
    pictures: dict[_Key, list[str]]
    films: dict[_Key, list[str]]


def items(given: Given) -> Iterator[Item]:
    """Every picture, with the time it was taken as year and `year_text`, and camera, time, film of a live photo and
    picture it is an edit of in `extra`. Where it was taken is left out unless `gps` says yes.

    Films, lists of edits and thumbnails of file browsers are counted, not taken. `source_id` is the path relative to
    the folder. Raises UsageError when there is no picture.
    """
    tree = given.tree(folder.INDEXES)
    library = _sorted(tree.files)
    tree.skipped += _count(library, given)
    tree.files = [found for found in tree.files if found.extension not in FILMS]
    if not tree.files and not tree.rows:
        raise UsageError(f"There are no pictures in {given.shown}: name the folder that the phone or camera filled.")
    gps = given.arguments.get("gps") is not None and is_detailed(given.arguments["gps"])

    def described(name: str, row: index.Row) -> index.Row:
        return _described(name, row, library, given, gps)

    yield from folder.items(tree, given.path, given.tally, "photos", described)


def _sorted(files: list[Found]) -> _Library:
    made = _Library({found.name: found for found in files}, {}, {})
    for found in files:
        if found.extension in FILMS:
            made.films.setdefault(_key(found.name), []).append(found.name)
        elif found.extension in folder.PICTURES:
            made.pictures.setdefault(_key(found.name), []).append(found.name)
    return made


def _key(name: str) -> _Key:
    """The folder, and what a picture, its film and its edit have in common: `img_1234` of IMG_E1234.HEIC."""
    below, last = os.path.split(name)
    stem = os.path.splitext(last)[0].lower()
    return below, _EDITED.sub(r"\1\2", stem)


def _count(library: _Library, given: Given) -> int:
    """Say what is left out and why; how many films are."""
    counts = {
        LIVE: sum(len(names) for key, names in library.films.items() if key in library.pictures),
        ALONE: sum(len(names) for key, names in library.films.items() if key not in library.pictures),
        RECIPES: sum(name.lower().endswith(_RECIPES) for name in library.files),
    }
    given.tally.notes.update({note: count for note, count in counts.items() if count})
    return counts[LIVE] + counts[ALONE]


def _described(name: str, row: index.Row, library: _Library, given: Given, gps: bool) -> index.Row:
    """The row of a picture with what the camera wrote; what an index.csv says counts more."""
    found = library.files.get(name)
    taken = _shot(found) if found else exif.Shot()
    given.tally.notes.update([MOVING] if taken.moves else [])
    said = {
        "taken": taken.taken, "camera": taken.camera, "gps": list(taken.place) if gps and taken.place else None,
        "film": _own(library.films, name), "edited_from": _edited_from(library, name), "moves": taken.moves or None,
    }  # fmt: skip
    extra = {**{key: value for key, value in said.items() if value is not None}, **(row.get("extra") or {})}
    when = row.get("year_text") or taken.taken
    return {**row, "year_text": when, "year": row.get("year") or year_of((when or "")[:10]), "extra": extra or None}


def _shot(found: Found) -> exif.Shot:
    """What the camera wrote; of a file that cannot be read the row will say so."""
    try:
        with open(found.path, "rb") as file:
            return exif.read(file)
    except OSError:
        return exif.Shot()


def _own(films: dict[_Key, list[str]], name: str) -> str | None:
    """The film of a live photo: that with its very name, else that of the picture it is an edit of."""
    stem = os.path.splitext(name)[0].lower()
    names = sorted(films.get(_key(name), []), key=lambda film: os.path.splitext(film)[0].lower() != stem)
    return os.path.basename(names[0]) if names else None


def _edited_from(library: _Library, name: str) -> str | None:
    """The picture that one is an edit of, as IMG_1234.HEIC of IMG_E1234.HEIC."""
    if not _EDITED.match(os.path.splitext(os.path.basename(name))[0]):
        return None
    others = (other for other in library.pictures.get(_key(name), []) if not _is_edit(other))
    return next((os.path.basename(other) for other in others), None)


def _is_edit(name: str) -> bool:
    return _EDITED.match(os.path.splitext(os.path.basename(name))[0]) is not None
