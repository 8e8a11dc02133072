"""Sketches of a corpus: the keys of all its pictures in memory, the sketches read when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables
from pipeline.schema import SKETCHED
from pipeline.stages.proofs import Sketched
from pipeline.stages.sketch import unpacked
from pipeline.storage import Root
from pipeline.vision.candidates import Keys
from pipeline.vision.fingerprint import TURNS
from pipeline.vision.sketch import Sketch

_KEYS = ["codes", "mirrored", "poses", "turns"]
_BODIES = ["size", "box", "tint", "turns", "points", "descriptors", "thumb_width", "thumb"]
_CACHED = 16  # partitions of sketches held in memory, some 20 MiB each
_NO_HASH = np.uint64(2**64 - 1)  # no picture has it: a median never sets more than half of the bits


@dataclass
class Sketches:
    """Sketches of pictures given by `where`, (partition, row) for each, read from the table in `folder`."""

    root: Root
    folder: str
    where: list[tuple[str, int]]
    _bodies: OrderedDict[str, pa.Table] = field(default_factory=OrderedDict)

    def sketched(self) -> Sketched:
        """Keys and sketches in the order of `where`."""
        return Sketched(self._keys(), self.sketch)

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

    def _keys(self) -> Keys:
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

