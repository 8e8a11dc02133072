"""What the decisions of people make of themes and verdicts. Pure: events in, arrays and names out.

Everywhere `events` are those that stand, in their order (`Journal.live()`): the later word counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.decisions import Event
from pipeline.errors import Reason

Themes = NDArray[np.int32]
Mask = NDArray[np.bool_]
NONE = -1
"""The theme of a picture that is in none."""


def themes_of(
    ids: Sequence[str], clusters: Themes, events: Iterable[Event], rows: Mapping[str, int] | None = None
) -> tuple[Themes, Mask]:
    """The theme of each picture after `events`: int32 (n,), `NONE` stays `NONE`; and bool (n,), whether it is another.

    `clusters` int32 (n,) are the themes it was given by its vector. `rows` says where each id stands in `ids`, for
    callers who know that already. A merge, a split and a theme that was hidden hold for pictures that come later too:
    what is assigned to a merged theme belongs to the one it went into; what is assigned to a split one and named
    in no part stays with the first.
    """
    given = np.asarray(clusters, np.int32)
    made = given.copy()
    where = rows if rows is not None else {picture: row for row, picture in enumerate(ids)}
    for event in events:
        apply(made, where, event)
    return made, made != given


def apply(themes: Themes, rows: Mapping[str, int], event: Event) -> None:
    """Change `themes` int32 (n,) in place by one event; pictures in no theme stay in none."""
    if event.action == "merge":
        themes[np.isin(themes, [theme for theme in event["themes"] if theme != event["into"]])] = event["into"]
    elif event.action == "split":
        for part, number in zip(event["parts"][1:], event["numbers"][1:], strict=True):
            here = _rows(part, rows)
            themes[here[themes[here] == event["theme"]]] = number
    elif event.action in ("move", "theme"):
        here = _rows(event["pictures"], rows)
        themes[here[themes[here] != NONE]] = event["into" if event.action == "move" else "number"]


def _rows(pictures: Iterable[str], rows: Mapping[str, int]) -> NDArray[np.int64]:
    return np.array([rows[picture] for picture in pictures if picture in rows], np.int64)


def verdicts(events: Iterable[Event]) -> dict[str, str]:
    """For each picture that was rejected or rescued the last of the two: `reject` or `rescue`."""
    made: dict[str, str] = {}
    for event in events:
        if event.action in ("reject", "rescue"):
            made.update(dict.fromkeys(event["pictures"], event.action))
    return made


def left_out(events: Iterable[Event]) -> dict[str, str]:
    """The pictures that people rejected, with the reason `rejected_by_person`."""
    return {p: str(Reason.REJECTED_BY_PERSON) for p, verdict in verdicts(events).items() if verdict == "reject"}


def rescued(events: Iterable[Event]) -> frozenset[str]:
    """The pictures that people want kept whatever a threshold or a look-alike says."""
    return frozenset(picture for picture, verdict in verdicts(events).items() if verdict == "rescue")


def names(events: Iterable[Event]) -> dict[int, str]:
    """The names that people gave, by the number of the theme."""
    made: dict[int, str] = {}
    for event in events:
        if event.action in ("rename", "theme"):
            made[event["number" if event.action == "theme" else "theme"]] = event["name"]
    return made


def hidden(events: Iterable[Event]) -> frozenset[int]:
    """The themes that are neither shown nor trained on."""
    return frozenset(event["theme"] for event in events if event.action == "hide")


def numbers(events: Iterable[Event]) -> frozenset[int]:
    """The numbers that people's new themes have: no other theme may be given one of them."""
    made: set[int] = set()
    for event in events:
        if event.action == "split":
            made.update(event["numbers"][1:])
        elif event.action == "theme":
            made.add(event["number"])
    return frozenset(made)
