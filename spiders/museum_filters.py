"""The museums by name, and the filters that each one's API really has. Imports nothing, for the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.errors import UsageError, did_you_mean

_YEARS = {"from_year": "the first year", "to_year": "the last year; before Christ it is negative"}
TAKES: Mapping[str, Mapping[str, str]] = {
    "met": {
        "department": "a department by name or number, such as Photographs or 19",
        "medium": "a medium or kind of object, such as Paintings", "artist": "an artist or a culture",
        "place": "where it comes from, such as France", **_YEARS,
    },
    "cleveland": {
        "department": "a department, such as Prints", "type": "a kind of object, such as Painting",
        "artist": "an artist", "medium": "a medium, such as oil on canvas", **_YEARS,
    },
    "smithsonian": {
        "department": "a unit by its code, such as SAAM or NMNHBIRDS", "type": "a kind of object, such as Paintings",
        "artist": "a name", "place": "a place", "culture": "a culture", "topic": "a topic, such as Birds", **_YEARS,
    },
    "europeana": {
        "artist": "a creator", "place": "a place", "type": "a kind of object, such as painting",
        "institution": "who holds it, such as Rijksmuseum",
        "country": "the country of who holds it, such as Netherlands", **_YEARS,
    },
    "artic": {
        "department": "a department, such as Photography and Media", "type": "a kind of object, such as Painting",
        "classification": "a classification, such as oil on canvas", "artist": "an artist", "style": "a style",
        "medium": "a medium", "place": "where it comes from", **_YEARS,
    },
    "rijksmuseum": {
        "set": "a set by its number, such as 260214 for the Top 1000", "type": "a kind of object, such as painting",
        "artist": "an artist", "medium": "a material, such as canvas", "technique": "a technique, such as etching",
        "year": "a year of making, with ? for any digit, such as 16??",
    },
}  # fmt: skip
"""Filters by museum, each with what it takes."""
RIGHTS = ("open", "any")
IMAGES = ("all", "first")
DEFAULTS = frozenset({("rights", "open"), ("images", "all")})
"""Arguments that say what happens without them."""


def options() -> dict[str, str]:
    """All filters as arguments of the source, each with the museums that have it."""
    names = list(dict.fromkeys(name for filters in TAKES.values() for name in filters))
    return {name: f"{_help(name)} ({', '.join(_having(name))})" for name in names}


def _having(name: str) -> list[str]:
    return [museum for museum, filters in TAKES.items() if name in filters]


def _help(name: str) -> str:
    return next(filters[name] for filters in TAKES.values() if name in filters)


def check(source: str, given: Mapping[str, Any]) -> None:
    """Refuse, in one sentence (UsageError), a museum that is unknown, a filter that its API does not have, and
    values that there are not. `source` is `museum` or `iiif`."""
    if source == "museum":
        _check_museum(given)
    else:
        _check_iiif(given)
    for name, values in (("rights", RIGHTS), ("images", IMAGES)):
        if given.get(name) not in (None, "", *values):
            raise UsageError(f"`{name}` is {' or '.join(values)}, not {given[name]!r}: choose one of them.")


def _check_iiif(given: Mapping[str, Any]) -> None:
    manifest, size = str(given.get("manifest", "")), given.get("size")
    if not re.fullmatch(r"https?://[^/\s]+/\S*", manifest):
        raise UsageError(f"{manifest!r} is not the address of a manifest: it begins with http:// or https://.")
    if size not in (None, "") and not re.fullmatch(r"[1-9]\d{0,5}", str(size)):
        raise UsageError(f"A size of {size!r} makes no sense: give the longest side in pixels, such as 1024.")


def _check_museum(given: Mapping[str, Any]) -> None:
    museum = str(given.get("museum", ""))
    if museum not in TAKES:
        hint = did_you_mean(museum.lower(), TAKES) or f" Known: {', '.join(TAKES)}."
        raise UsageError(f"There is no museum called {museum!r} here.{hint}")
    for name in options():
        if given.get(name) is not None and name not in TAKES[museum]:
            others = f"; {', '.join(_having(name))} can" if _having(name) else ""
            raise UsageError(f"{museum} cannot be asked by {name}{others}. It has: {', '.join(TAKES[museum])}.")
