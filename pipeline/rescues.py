"""Pictures that people want kept though a rule rejected them: prepared by themselves and laid among the others.

What the rules made stays as it is. For each set of rescued pictures the tables of the corpus stand a second time, in
folders of their own: most partitions are the same files under a second name; those with a rescued row are written anew
with that row replaced. To take a rescue back is to look at other folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import overlay, shards, tables
from pipeline.corpus import Corpus
from pipeline.errors import Reason
from pipeline.manifest import Align
from pipeline.rescuing import refusal
from pipeline.schema import CRAWLED, FACES, ID_DIGITS, PREPARED, SCHEMAS, SELECTED
from pipeline.stage import digest
from pipeline.stages.expand import expand

RULE = "rescued"
"""What `selected` gives as the rule by which a rescued picture is kept."""
_VERSION = 1
_NO_LIMITS: Mapping[str, Any] = {
    "max_faces": 1000, "min_eye_distance": 0.0, "min_confidence": 0.0, "max_yaw": 180.0, "max_pitch": 180.0,
    "max_up": None, "max_roll": 180.0, "min_face_sharpness": 0.0, "max_cut": 1.0, "max_outside": 1.0,
    "max_upscale": 1000.0, "sunglasses": "accept",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A rescued picture and where it stands in `selected`."""

    id: str
    partition: str
    row: int


@dataclass(frozen=True)
class Rescue:
    """The rescued `rows` of a corpus: `delta` is a corpus of these alone, `shown` the whole corpus with them."""

    base: Corpus
    rows: Sequence[Row]
    delta: Corpus
    shown: Corpus

    @property
    def name(self) -> str:
        """The partition of `delta`."""
        return self.delta.partitions()[0]

    def begin(self) -> None:
        """Write what the stages after selection read of the rescued rows."""
        root, folders = self.base.root, self.delta.folders
        if not root.exists(f"{folders['selected']}/{self.name}.parquet"):
            tables.write(root, folders["crawled"], self.name, self._taken("crawled"), CRAWLED)
            if self.base.manifest.align is not None:
                tables.write(root, folders["faces"], self.name, self._taken("faces"), FACES)
            tables.write(root, folders["selected"], self.name, kept(self._taken("selected")), SELECTED)
        if "expanded" in self.base.chain:
            tables.write(root, folders["expanded"], self.name, self._expanded(), SCHEMAS["expanded"])
        self.lay("selected")

    def _taken(self, table: str) -> pa.Table:
        """The rescued rows of a table that is as long as `selected`."""
        parts = []
        for one in self.rows:
            part = tables.read(self.base.root, self.base.folders[table], one.partition)
            parts.append(part.select(SCHEMAS[table].names).slice(one.row, 1))
        return pa.concat_tables(parts)

    def _expanded(self) -> pa.Table:
        align = self.base.manifest.align
        assert align is not None
        selected = kept(self._taken("selected")).select(["id", "reason", "reason_value", "detail"])
        formats, faces = self._taken("crawled")["format"].to_pylist(), self._taken("faces")["faces"].to_pylist()
        return expand(selected, formats, faces, unlimited(align), None)

    def lay(self, table: str) -> None:
        """Bring a table of `shown` up to date: `delta` has its part of it by now."""
        root, folder = self.base.root, self.shown.folders[table]
        done = set(tables.names(root, folder))
        there = set(tables.names(root, self.base.folders[table]))
        fresh = tables.read(root, self.delta.folders[table], self.name)
        for name in self.base.partitions():
            mine = [one for one in self.rows if one.partition == name]
            if name in done or name not in there:
                continue
            if mine:
                self._write(table, name, mine, fresh)
            else:
                self._share(table, name)

    def _share(self, table: str, name: str) -> None:
        """A partition without rescued rows is the same file in both folders, and so is its shard."""
        root, old, new = self.base.root, self.base.folders[table], self.shown.folders[table]
        if table == "prepared":
            for shard in pc.drop_null(tables.read(root, old, name, ["shard"])["shard"].unique()).to_pylist():
                root.copy(f"{old}/shards/{shard}", f"{new}/shards/{shard}")
        root.copy(f"{old}/{name}.parquet", f"{new}/{name}.parquet")

    def _write(self, table: str, name: str, mine: Sequence[Row], fresh: pa.Table) -> None:
        root, schema = self.base.root, SCHEMAS[table]
        old = tables.read(root, self.base.folders[table], name).select(schema.names)
        whose = pc.utf8_slice_codeunits(fresh["id"], 0, ID_DIGITS)
        parts, at = [], 0
        for place, one in sorted((self._place(table, one), one.id) for one in mine):
            new = fresh.filter(pc.equal(whose, one)).select(schema.names)
            if table == "expanded":
                origin = pa.array([self._origin(mine, one)] * new.num_rows, pa.int32())
                new = new.set_column(new.schema.get_field_index("origin"), "origin", origin)
            parts += [old.slice(at, place - at), new]
            at = place + 1
        made = pa.concat_tables([*parts, old.slice(at)])
        if table == "prepared":
            made = self._packed(name, made, fresh)
        tables.write(root, self.shown.folders[table], name, made, schema)

    @staticmethod
    def _origin(mine: Sequence[Row], picture: str) -> int:
        return next(one.row for one in mine if one.id == picture)

    def _place(self, table: str, one: Row) -> int:
        """The row of a table where a picture stood that was rejected: the same as in `selected`, or behind faces."""
        if table == "selected" or "expanded" not in self.base.chain:
            return one.row
        found = tables.read(self.base.root, self.base.folders["expanded"], one.partition, ["origin"])["origin"]
        return int(np.flatnonzero(found.to_numpy() == one.row)[0])

    def _packed(self, name: str, rows: pa.Table, fresh: pa.Table) -> pa.Table:
        """`rows` of `prepared` with their places in a new shard that holds the pictures of all of them."""
        live = np.flatnonzero(np.asarray(rows["shard"].is_valid()))
        places = rows.select(["key", "shard", "offset", "size"]).take(pa.array(live)).to_pylist()
        own = set(pc.drop_null(fresh["shard"]).to_pylist())
        whole: dict[str, bytes] = {}
        blobs = []
        for place in places:
            shard = place["shard"]
            if shard not in whole:
                folder = (self.delta if shard in own else self.base).folders["prepared"]
                whole[shard] = self.base.root.read(f"{folder}/shards/{shard}")
            blobs.append(whole[shard][place["offset"] : place["offset"] + place["size"]])
        ending = "png" if self.base.manifest.shard.format == "png" else "jpg"
        data, offsets = shards.pack([f"{place['key']}.{ending}" for place in places], blobs)
        self.base.root.commit(f"{self.shown.folders['prepared']}/shards/{name}.tar", data)
        where = np.zeros(rows.num_rows, np.int64)
        where[live] = offsets
        out = np.asarray(rows["shard"].is_null())
        made = {"shard": pa.array(np.full(rows.num_rows, f"{name}.tar"), pa.string()), "offset": pa.array(where)}
        for column, values in made.items():
            values = pc.if_else(pa.array(out), pa.scalar(None, values.type), values)
            rows = rows.set_column(rows.schema.get_field_index(column), column, values)
        return rows.cast(PREPARED)


def find(corpus: Corpus) -> Rescue | None:
    """What people rescued of a corpus whose partitions were selected; None when there is nothing to rescue.

    Rescued is a picture that people want kept, and one that lost to a picture they declared to be no duplicate of it.
    What is kept anyhow, may not be used or cannot be read is passed over.
    """
    rows = _rows(corpus)
    if not rows:
        return None
    said = {"rows": [[one.id, one.partition, one.row] for one in rows]}
    key = digest("rescue", _VERSION, said, [corpus.digests["clustered"]])
    folder, name = f"cache/rescued/{corpus.name}/{key}", f"rescued-{key}-00001"
    apart = {table: f"{folder}/{table}" for table in ("crawled", "faces", *corpus.chain)}
    beside = {
        table: f"corpora/{corpus.name}/{table}/{digest('rescue', _VERSION, said, [corpus.digests[table]])}"
        for table in corpus.chain
    }
    delta = _like(corpus, _partitions=[name], folders={**corpus.folders, **apart})
    return Rescue(corpus, rows, delta, _like(corpus, folders={**corpus.folders, **beside}))


def _like(corpus: Corpus, **known: Any) -> Corpus:
    """The same corpus, at the same look at the root, with other partitions or folders."""
    made = replace(corpus)
    vars(made).update({**vars(corpus), **known})
    return made


def _rows(corpus: Corpus) -> list[Row]:
    wanted = overlay.rescued(corpus.events) - corpus.withdrawn.keys()
    if not wanted and not corpus.never:
        return []
    partitions = sorted(set(corpus.partitions()) - set(corpus.todo("selected")), key=tables.by_time)
    columns = ["id", "reason", "keeper"]
    found = tables.read_all(corpus.root, corpus.folders["selected"], partitions, columns)
    asked = pc.is_in(found["id"], value_set=pa.array(sorted({*wanted, *(i for pair in corpus.never for i in pair)})))
    best: dict[str, tuple[bool, Row]] = {}
    standing: set[str] = set()
    for row in found.filter(asked).to_pylist():
        picture, reason = row["id"], row["reason"]
        if reason is None:
            standing.add(picture)
        freed = frozenset((picture, row["keeper"])) in corpus.never and reason == Reason.NEAR_DUPLICATE
        if refusal(reason) is None and (freed or picture in wanted):
            copy = reason == Reason.EXACT_DUPLICATE
            candidate = copy, Row(picture, row["partition"], int(row["row"]))
            if picture not in best or best[picture][0] > copy:
                best[picture] = candidate
    free = (one for picture, (_, one) in best.items() if picture not in standing | corpus.withdrawn.keys())
    return sorted(free, key=lambda one: one.id)


def kept(selected: pa.Table) -> pa.Table:
    """Rows of `selected` as those of kept pictures."""
    columns = {
        field.name: selected[field.name] if field.name in ("id", "face") else pa.nulls(selected.num_rows, field.type)
        for field in SELECTED
    }
    columns["rule"] = pa.array([RULE] * selected.num_rows, pa.string())
    return pa.table(columns, schema=SELECTED)


def unlimited(align: Align) -> Align:
    """The same crop, of any face: who rescues a picture wants it whatever the face is like."""
    faces = "largest" if align.faces == "single" else align.faces
    return align.model_copy(update={**_NO_LIMITS, "faces": faces})
