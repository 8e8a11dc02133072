"""What a page may ask of the server: decide, undo, look at a split, count, list, mix."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import rescuing
from pipeline.corpus import PEOPLE_ACTIONS
from pipeline.decisions import Event, checked
from pipeline.errors import UsageError
from pipeline.manifest import Select, changed
from pipeline.web import filters, journal, vectors, whose
from pipeline.web.catalogue import ID_DIGITS, Shelf
from pipeline.web.live import Live, Preview

PAGE = 200
MEDOIDS = 9
ORDERS = ("medoid", "outlier", "date", "size", "random", "score-low", "score-high")
_THEMES = {"move": ("into",), "rename": ("theme",), "merge": ("into",), "split": ("theme",), "hide": ("theme",)}


def decide(live: Live, said: Mapping[str, Any]) -> dict[str, Any]:
    """Write what was decided: `{action, …fields}`; a split by the token of its preview, a new theme without number.

    Raises UsageError when it names what is not there or says what cannot be.
    """
    fields = {name: value for name, value in said.items() if name != "action"}
    action = said.get("action")
    if action == "undo" or not isinstance(action, str):
        raise UsageError("Say what is decided: {action, …}; what was decided is undone by /api/undo.")
    if action == "split":
        fields = _split_of(live, fields)
    else:
        check(live, action, fields)
    if action == "theme":
        fields = {**fields, "number": live.journal.fresh_number(_taken(live))}
    return _answer(live, live.journal.add(action, **fields))


def undo(live: Live, said: Mapping[str, Any]) -> dict[str, Any]:
    """Take back the decision `event`, or the last one that stands."""
    event = said.get("event")
    if event is not None and not isinstance(event, str):
        raise UsageError("Name the decision to take back by its id, or none for the last.")
    return _answer(live, live.journal.undo(event))


def _answer(live: Live, event: Event) -> dict[str, Any]:
    live.refresh()
    return {"event": event.id, "said": live.said(event), "themes": live.catalogue.summary()}


def _taken(live: Live) -> set[int]:
    known = live.catalogue
    return {*known.given.tolist(), *known.names, *known.hidden}


def _split_of(live: Live, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a split that was previewed: pictures that left the theme since stay out of it."""
    preview = live.preview(fields.get("token"))
    here = {live.catalogue.ids[row] for row in live.catalogue.members(preview.theme)}
    parts = [part for ids in preview.parts if (part := [one for one in ids if one in here])]
    if len(parts) < 2:
        raise UsageError("The theme is another by now: look at the split again.")
    taken = _taken(live)
    numbers = [preview.theme, *(live.journal.fresh_number(taken) for _ in parts[1:])]
    return {"theme": preview.theme, "parts": parts, "numbers": numbers}


def check(live: Live, action: str, fields: Mapping[str, Any]) -> None:
    """Raises UsageError when a decision says what cannot be, names what is not there, or rescues what is damaged."""
    fields = checked(action, {**fields, "number": 0} if action == "theme" else fields)
    for theme in [fields[name] for name in _THEMES.get(action, ())] + fields.get("themes", []):
        if not live.catalogue.has(theme):
            raise UsageError(f"There is no theme {theme}: `pipeline status` lists them, the pages show them.")
    for picture in fields.get("pictures", ()):
        if picture[:ID_DIGITS] not in live.catalogue.row_of:
            raise UsageError(f"There is no picture {picture[:12]} in this edition.")
        if action == "rescue" and (why := rescuing.refusal(_reason(live, picture))):
            raise UsageError(f"Picture {picture[:12]} {why}.")
    if action in PEOPLE_ACTIONS:
        split = [event["number"] for event in live.events or [] if event.action == "split_person"]
        whose.check(whose.persons(live.root, live.edition, live.live), split, fields)


def _reason(live: Live, picture: str) -> str | None:
    reason = "opted_out" if picture in live.catalogue.withdrawn else live.catalogue.reason(picture)
    return str(reason) if reason else None


# looking


def split(live: Live, theme: int, k: int) -> dict[str, Any]:
    """How a theme would fall into `k` parts: sizes, medoids, and the token that decides it."""
    if not 2 <= k <= 5:
        raise UsageError("A theme is split into 2 to 5 parts.")
    rows = live.catalogue.members(theme)
    if len(rows) < k:
        raise UsageError(f"Theme {theme} has {len(rows)} pictures: too few for {k} parts.")
    parts = vectors.parted(live.vectors[rows], k)
    ids = [[live.catalogue.ids[rows[row]] for row in part] for part in parts]
    token = secrets.token_urlsafe(12)
    live.keep(token, Preview(theme, ids))
    return {"parts": [{"size": len(part), "medoids": part[:MEDOIDS]} for part in ids], "token": token}


def count(live: Live, asked: Mapping[str, str]) -> dict[str, Any]:
    """How many pictures other thresholds would keep: each of `asked` is a key of the manifest's `select`."""
    select = Select.model_validate(live.edition["manifest"].get("select") or {})
    numbers: dict[str, Any] = {}
    for key, value in asked.items():
        if key not in Select.model_fields or key in ("license", "greyscale", "animation"):
            raise UsageError(f"There is no threshold `{key[:40]}`.")
        try:
            numbers[key] = float(value)
        except ValueError:
            raise UsageError(f"`{key}` needs a number, not '{value[:40]}'.") from None
        if key == "min_side":
            numbers[key] = round(numbers[key]) if abs(numbers[key]) < 1e9 else 1e9
    return live.catalogue.count(changed(select, **numbers))


def members(live: Live, theme: int, order: str, text: str, page: int, seed: int) -> dict[str, Any]:
    """A page of 200 ids of a theme in an order, of those that the filter `text` lets through; `total` says all."""
    rows = ordered(live, theme, order, text, seed)
    shown = rows[(page - 1) * PAGE : page * PAGE]
    return {"ids": [live.catalogue.ids[row] for row in shown], "total": len(rows), "page": page, "size": PAGE}


def ordered(live: Live, theme: int, order: str, text: str, seed: int) -> NDArray[np.int64]:
    """The members of a theme that a filter lets through, in an order. Raises UsageError for an unknown one."""
    if order not in ORDERS:
        raise UsageError(f"There is no order '{order[:40]}': choose one of {', '.join(ORDERS)}.")
    rows = live.catalogue.members(theme)
    scores = live.scores(theme) if order.startswith("score") or "score" in text else {}
    if text.strip():
        rows = rows[filters.parse(text)(Shelf(live.catalogue, rows, scores))]
    if order == "random":
        return np.random.default_rng(seed).permutation(rows)
    shelf = Shelf(live.catalogue, rows, scores)
    if order in ("medoid", "outlier"):
        keys: NDArray[Any] = live.distances(rows, theme)
    elif order == "date":
        keys = shelf.time()
    else:
        keys = shelf.number("score") if order.startswith("score") else shelf.number("width") * shelf.number("height")
    keys = -keys if order in ("outlier", "date", "size", "score-high") else keys
    return rows[np.argsort(keys, kind="stable")]


def history(live: Live, limit: int) -> dict[str, Any]:
    """The decisions, newest first, and what each says."""
    told = journal.entries(live.events or [], live.catalogue.names)
    return {"total": len(told), "events": [
        {"id": one.id, "at": one.at, "by": one.by, "action": one.action, "said": one.said, "stands": one.stands,
         "pictures": len(one.pictures)} for one in told[:limit]
    ]}  # fmt: skip
