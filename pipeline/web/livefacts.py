"""The facts of an edition as decisions leave them, brought up to date without asking the tables anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import overlay
from pipeline.decisions import Event
from pipeline.errors import Reason
from pipeline.storage import Root
from pipeline.web import vectors
from pipeline.web.catalogue import Catalogue
from pipeline.web.facts import SAID, Cluster, Facts

_PERSON = str(Reason.REJECTED_BY_PERSON)


class LiveFacts(Facts):
    """Facts whose themes come from a `Catalogue`, which `replay` follows: themes nobody touched are not made anew."""

    def __init__(self, root: Root, edition: Mapping[str, Any], catalogue: Catalogue) -> None:
        left_out = {p: reason for p, reason in edition.get("left_out", {}).items() if reason != _PERSON}
        said = catalogue.said.select(["partition", "row", *SAID])
        super().__init__(root, {**edition, "left_out": left_out}, [], said)
        self._catalogue = catalogue
        self._out: set[str] = set()
        self._known: dict[int, tuple[NDArray[np.int64], Cluster]] = {}

    def replay(self, events: Sequence[Event]) -> None:
        """Say what stands after `events`; the catalogue has replayed them."""
        self.events = events
        self.rescued = overlay.rescued(events)
        out = set(overlay.left_out(events))
        if out != self._out:
            self._mark(out - self._out, "reason IS NULL", _PERSON)
            self._mark(self._out - out, f"reason = '{_PERSON}'", None)
            self._out = out
            for name in ("kept", "kept_total"):
                self.__dict__.pop(name, None)
        for name in ("clusters", "different"):
            self.__dict__.pop(name, None)

    def _mark(self, pictures: set[str], now: str, reason: str | None) -> None:
        if pictures:
            self._db.register("marked", pa.table({"id": pa.array(sorted(pictures), pa.string())}))
            self._db.execute(f"UPDATE rows SET reason = ? WHERE {now} AND id IN (SELECT id FROM marked)", [reason])

    @cached_property
    def clusters(self) -> list[Cluster]:
        """The themes as they stand, by number; hidden ones are left out."""
        return [self._theme(found["id"], found["name"]) for found in self._catalogue.summary()]

    def _theme(self, number: int, name: str) -> Cluster:
        rows = self._catalogue.members(number)
        before = self._known.get(number)
        if before is None or not np.array_equal(before[0], rows):
            made = self._made(number, name, rows)
        else:
            made = before[1] if before[1].name == name else replace(before[1], name=name)
        self._known[number] = rows, made
        return made

    def _made(self, number: int, name: str, rows: NDArray[np.int64]) -> Cluster:
        known = self._catalogue
        rows = rows[np.argsort(known.distances[rows], kind="stable")]
        members = list(zip([known.ids[row] for row in rows], known.distances[rows].tolist(), strict=True))
        return self._cluster(number, name, members, self._folders.get(number))

    @cached_property
    def _folders(self) -> dict[int, dict[str, Any]]:
        """What the folder of each of the edition's themes says."""
        return {int(facts["id"]): self._folder(facts) for facts in self.edition.get("clusters") or []}

    @property
    def plane(self) -> tuple[pa.Array, NDArray[np.float32]] | None:
        """Ids and two principal components of all that is in a theme, out of the cache for splitting."""
        known = self._catalogue
        return (pa.array(known.ids), vectors.reduced(known)[:, :2]) if known.ids else None
