"""Sketches of a corpus: the keys of all its pictures in memory, the sketches read when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables
from pipeline.schema import SKETCHED
from pipeline.stages.proofs import Asked, Evidence, Search, found, looked
from pipeline.stages.shares import Spread
from pipeline.stages.sketch import unpacked
from pipeline.storage import Root
from pipeline.vision.agreement import Agreement, Limits
from pipeline.vision.candidates import Candidates, Keys, merged
from pipeline.vision.fingerprint import TURNS
from pipeline.vision.sketch import Sketch

_KEYS = ["codes", "mirrored", "poses", "turns"]
_BODIES = ["size", "box", "tint", "turns", "points", "descriptors", "thumb_width", "thumb"]
_CACHED = 16  # partitions of sketches held in memory, some 20 MiB each
_SHARE, _MOST_SHARES = 8192, 64  # new pictures a worker looks up at a time, and the most pieces that is cut into
_BATCH = 2048  # pairs a worker proves at a time
_NO_HASH = np.uint64(2**64 - 1)  # no picture has it: a median never sets more than half of the bits


@dataclass
class Sketches:
    """Sketches of pictures given by `where`, (partition, row) for each, read from the table in `folder`."""

    root: Root
    folder: str
    where: list[tuple[str, int]]
    _bodies: OrderedDict[str, pa.Table] = field(default_factory=OrderedDict)

    def evidence(self, spread: Spread) -> Evidence:
        """What is compared, in the order of `where`; `spread` does large pieces of the work side by side."""

        def find(search: Search) -> Candidates:
            shares = min(_MOST_SHARES, -(-(len(self.where) - search.first) // _SHARE))
            if shares <= 1:
                return found(self.keys(), search)
            return merged(list(spread(find_share, [Share(self, search, (k, shares)) for k in range(shares)])))

        def look(asked: Sequence[Asked], limits: Limits) -> list[Agreement | None]:
            if len(asked) < 2 * _BATCH:
                return looked(self.sketch, asked, limits)
            parts = [asked[start : start + _BATCH] for start in range(0, len(asked), _BATCH)]
            answers = spread(look_at, [self._batch(part, limits) for part in parts])
            return [answer for part in answers for answer in part]

        return Evidence(find, self.sketch, look)

    def _batch(self, asked: Sequence[Asked], limits: Limits) -> Batch:
        """The questions with the places of their sketches only."""
        numbers = sorted({number for one in asked for number in (one.keeper, one.lost)})
        local = {number: n for n, number in enumerate(numbers)}
        renamed = [replace(one, keeper=local[one.keeper], lost=local[one.lost]) for one in asked]
        return Batch(Sketches(self.root, self.folder, [self.where[number] for number in numbers]), renamed, limits)

    def sketch(self, number: int) -> Sketch | None:
        """The sketch of the picture with this number in `where`; None when it could not be sketched."""
        name, row = self.where[number]
        if name not in self._bodies:
            self._bodies[name] = tables.read(self.root, self.folder, name, _BODIES)
            if len(self._bodies) > _CACHED:
                self._bodies.popitem(last=False)
        self._bodies.move_to_end(name)
        found: dict[str, Any] = self._bodies[name].slice(row, 1).to_pylist()[0]
        return None if found["thumb"] is None else unpacked(found)

    def keys(self) -> Keys:
        """The keys of all, in the order of `where`."""
        parts = [tables.rows({"id": []}, SKETCHED).select(_KEYS)]
        at = 0
        while at < len(self.where):
            name = self.where[at][0]
            end = next((n for n in range(at, len(self.where)) if self.where[n][0] != name), len(self.where))
            rows = pa.array([row for _, row in self.where[at:end]], pa.int64())
            parts.append(tables.read(self.root, self.folder, name, _KEYS).select(_KEYS).take(rows))
            at = end
        found = pa.concat_tables(parts).combine_chunks()
        turns = np.full((found.num_rows, TURNS), _NO_HASH)
        live = np.asarray(found["turns"].is_valid())
        turns[live] = pc.list_flatten(found["turns"]).to_numpy().reshape(-1, TURNS)
        codes, mirrored, poses = (pc.list_flatten(found[name]).to_numpy() for name in _KEYS[:3])
        sizes = np.asarray(pc.fill_null(pc.list_value_length(found["codes"]), 0))
        return Keys(codes, np.repeat(np.arange(len(sizes)), sizes), mirrored, poses, turns)


@dataclass(frozen=True)
class Share:
    """A share of the search for candidates, for a worker."""

    sketches: Sketches
    search: Search
    share: tuple[int, int]


@dataclass(frozen=True)
class Batch:
    """Questions about pairs of some sketches, for a worker."""

    sketches: Sketches
    asked: list[Asked]
    limits: Limits


def find_share(share: Share) -> Candidates:
    """What a worker does with a share of the search."""
    return found(share.sketches.keys(), share.search, share.share)


def look_at(batch: Batch) -> list[Agreement | None]:
    """What a worker does with a batch of questions."""
    return looked(batch.sketches.sketch, batch.asked, batch.limits)
