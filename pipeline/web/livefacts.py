"""The facts of an edition as decisions leave them, brought up to date without asking the tables anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import overlay
from pipeline.decisions import Event
from pipeline.errors import Reason
from pipeline.storage import Root
from pipeline.web.catalogue import Catalogue
from pipeline.web.facts import Facts

_PERSON = str(Reason.REJECTED_BY_PERSON)


class LiveFacts(Facts):
    """Facts whose themes come from a `Catalogue`, which `replay` follows."""

    def __init__(self, root: Root, edition: Mapping[str, Any], catalogue: Catalogue) -> None:
        left_out = {p: reason for p, reason in edition.get("left_out", {}).items() if reason != _PERSON}
        super().__init__(root, {**edition, "left_out": left_out}, [])
        self._catalogue = catalogue
        self._out: set[str] = set()
        self._folders: dict[str, dict[str, Any]] = {}
        self._said: dict[tuple[str, ...], list[tuple[str, int]]] = {}

    def replay(self, events: Sequence[Event]) -> None:
        """Say what stands after `events`; the catalogue has replayed them."""
        self.events = events
        self.rescued = overlay.rescued(events)
        out = set(overlay.left_out(events))
        if out != self._out:
            self._mark(out - self._out, "reason IS NULL", _PERSON)
            self._mark(self._out - out, f"reason = '{_PERSON}'", None)
            self._out = out
            self.__dict__.pop("kept", None)
        for name in ("clusters", "different"):
            self.__dict__.pop(name, None)

    def _mark(self, pictures: set[str], now: str, reason: str | None) -> None:
        if pictures:
            self._db.register("marked", pa.table({"id": pa.array(sorted(pictures), pa.string())}))
            self._db.execute(f"UPDATE rows SET reason = ? WHERE {now} AND id IN (SELECT id FROM marked)", [reason])

    def _members(self, folders: Mapping[int, Mapping[str, Any]]) -> dict[int, list[tuple[str, float]]]:
        known, made = self._catalogue, {}
        for theme in np.unique(known.themes[~known.out]).tolist():
            rows = known.members(theme)
            rows = rows[np.argsort(known.distances[rows], kind="stable")]
            ids = [known.ids[row] for row in rows]
            made[theme] = list(zip(ids, known.distances[rows].tolist(), strict=True))
        return made

    def _folder(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        if facts["path"] not in self._folders:
            self._folders[facts["path"]] = super()._folder(facts)
        return self._folders[facts["path"]]

    def _words(self, ids: Sequence[str]) -> list[tuple[str, int]]:
        key = tuple(ids)
        if key not in self._said:
            self._said[key] = super()._words(ids)
        return self._said[key]
