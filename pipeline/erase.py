"""Erase pictures from every file under a root that is made of them. Each step may be done again after a kill."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from pipeline import membership, shards, tables
from pipeline.errors import Reason
from pipeline.schema import ID_DIGITS, SCHEMAS
from pipeline.stages.assign import parts_of
from pipeline.storage import Root
from pipeline.vision.standing import decoded, encoded

_KEPT = frozenset(("id", "source", "source_id", "url", "bytes", "last_modified", "licence", "fetched_at", "origin"))
"""What a row of a forgotten picture still says: enough that no crawl and no import takes it in again."""
_UNTOUCHED = ("checked",)
_REALS = ("reals", "nearest", "neighbours")
"""Beginnings of the names of files of a run that show pictures it was trained on."""
_SHELVES = ("nearest", "neurons", "project", "rank")
"""Folders of a run, and parts of the names of their files in a report, that show such pictures or parts of them."""
_NAMES = "names.json"
"""Of a run: what people call its samples, and the latents (`latent`) that were found for real pictures."""
_SAME = 0.999  # cosine of a vector and the same one kept in half the bits
_SHEET_COLUMNS, _SHEET_MOST, _TILE = 12, 120, 96


def partitions_with(root: Root, pictures: frozenset[str]) -> list[str]:
    """The partitions of `crawled` that have a row of one of the pictures."""
    wanted = pa.array(sorted(pictures), pa.string())
    return [
        name for name in tables.names(root, tables.CRAWLED)
        if pc.any(pc.is_in(tables.read(root, tables.CRAWLED, name, ["id"])["id"], value_set=wanted)).as_py()
    ]  # fmt: skip


def erase(root: Root, pictures: frozenset[str], runs: Sequence[str]) -> None:
    """Remove the pictures from originals, tables, shards, thematic folders, sheets, reports and caches, and what shows
    them from `runs`. The rows stay, with the reason `forgotten` and without what they said."""
    partitions = partitions_with(root, pictures)
    for corpus in root.folders("corpora"):
        _fits(root, f"corpora/{corpus}", partitions, pictures)
        for table in root.folders(f"corpora/{corpus}"):
            for digest in root.folders(f"corpora/{corpus}/{table}"):
                _corpus_folder(root, f"corpora/{corpus}/{table}/{digest}", table, partitions, pictures)
        _report(root, f"reports/{corpus}", pictures)
    for run in runs:
        _run(root, run, pictures)
    root.wipe("cache")
    for picture in pictures:
        folder = f"originals/{picture[:2]}"
        for name in root.names(folder):
            if name.startswith(picture):
                root.delete(f"{folder}/{name}")
    for table in root.folders("tables"):
        for version in root.folders(f"tables/{table}"):
            _rows(root, f"tables/{table}/{version}", table, partitions, pictures)


def _run(root: Root, run: str, pictures: frozenset[str]) -> None:
    """Remove what shows real pictures from a run, the latents that were found for some, and its credits; of one that
    was not trained on these pictures itself only what may have been made of them later."""
    for shelf in _SHELVES:
        root.wipe(f"{run}/{shelf}")
    if root.exists(f"{run}/{_NAMES}"):
        said = json.loads(root.read(f"{run}/{_NAMES}"))
        said["names"] = {name: meant for name, meant in said["names"].items() if "latent" not in meant}
        root.commit(f"{run}/{_NAMES}", json.dumps(said, indent=1).encode())
    trained_on = {one[:ID_DIGITS] for one in membership.trained_on(root, run)}
    if trained_on and trained_on.isdisjoint(pictures):
        return
    for name in root.names(run):
        if name.startswith(_REALS):
            root.delete(f"{run}/{name}")
    for name in root.names(f"{run}/export"):
        if name.startswith("credits."):
            root.delete(f"{run}/export/{name}")


def _corpus_folder(root: Root, folder: str, table: str, partitions: Sequence[str], pictures: frozenset[str]) -> None:
    if table == "clusters":
        _themes(root, folder, pictures)
    elif table == "prepared":
        for name in partitions:
            _shard(root, folder, name, pictures)
    else:
        _rows(root, folder, table, partitions, pictures)
        root.wipe(f"{folder}/sheets")


# tables


def _rows(root: Root, folder: str, table: str, partitions: Sequence[str], pictures: frozenset[str]) -> None:
    """Blank the rows of the pictures in the partitions that this folder has."""
    if table not in SCHEMAS or table in _UNTOUCHED:
        return
    there = set(tables.names(root, folder))
    for name in partitions:
        if name in there:
            found = tables.read(root, folder, name)
            blank = blanked(found, SCHEMAS[table], pictures)
            if not blank.equals(found):
                tables.write(root, folder, name, blank, SCHEMAS[table])


def blanked(rows: pa.Table, schema: pa.Schema, pictures: frozenset[str]) -> pa.Table:
    """The rows with those of the pictures, and of faces in them, emptied; in `schema`."""
    whose = pc.utf8_slice_codeunits(rows["id"], 0, ID_DIGITS)
    mine = pc.is_in(whose, value_set=pa.array(sorted(pictures), pa.string()))
    hit = np.asarray(mine)
    made = {}
    for field in schema:
        column = rows[field.name]
        if field.name == "reason":
            column = pc.if_else(mine, str(Reason.FORGOTTEN), column)
        elif field.name not in _KEPT:
            # `if_else` cannot make nulls of nested types
            column = column.take(pa.array(np.arange(len(hit)), mask=hit))
        made[field.name] = column
    return pa.table(made).cast(schema)


def _shard(root: Root, folder: str, name: str, pictures: frozenset[str]) -> None:
    """Write the shard of a partition anew under another name, then its rows, then remove the shard they named."""
    if not root.exists(f"{folder}/{name}.parquet"):
        return
    rows = tables.read(root, folder, name)
    blank = blanked(rows, SCHEMAS["prepared"], pictures)
    if not blank.equals(rows):
        live = np.flatnonzero(np.asarray(blank["shard"].is_valid()))
        if len(live):
            blank = _repacked(root, folder, name, blank, live)
        tables.write(root, folder, name, blank, SCHEMAS["prepared"])
    named = set(blank["shard"].to_pylist())
    for file in root.names(f"{folder}/shards"):
        if file not in named and (file == f"{name}.tar" or file.startswith(f"{name}-")):
            root.delete(f"{folder}/shards/{file}")


def _repacked(root: Root, folder: str, name: str, rows: pa.Table, live: np.ndarray) -> pa.Table:
    """`rows` with the places of those `live` in a new shard, which is written."""
    places = rows.select(["shard", "key", "offset", "size"]).take(pa.array(live)).to_pylist()
    old = root.read(f"{folder}/shards/{places[0]['shard']}")
    blobs = [old[place["offset"] : place["offset"] + place["size"]] for place in places]
    endings = ["png" if blob.startswith(b"\x89PNG") else "jpg" for blob in blobs]
    keys = [f"{place['key']}.{ending}" for place, ending in zip(places, endings, strict=True)]
    data, offsets = shards.pack(keys, blobs)
    shard = f"{name}-{hashlib.sha256(data).hexdigest()[:8]}.tar"
    root.commit(f"{folder}/shards/{shard}", data)
    columns: dict[str, list[object]] = {"shard": [None] * rows.num_rows, "offset": [None] * rows.num_rows}
    for row, offset in zip(live, offsets, strict=True):
        columns["shard"][row], columns["offset"][row] = shard, offset
    for column, values in columns.items():
        place = rows.schema.get_field_index(column)
        rows = rows.set_column(place, column, pa.array(values, rows.schema.field(place).type))
    return rows


# thematic folders and reports


def members(root: Root, path: str) -> set[str]:
    """The pictures of a `cluster.json`; of a face the picture it is in."""
    return {member["id"][:ID_DIGITS] for member in json.loads(root.read(path))["members"]}


def _themes(root: Root, folder: str, pictures: frozenset[str]) -> None:
    for theme in root.folders(folder):
        for part in root.folders(f"{folder}/{theme}/parts"):
            _theme(root, f"{folder}/{theme}/parts/{part}", pictures)
        _theme(root, f"{folder}/{theme}", pictures)
    for name in root.names(folder):
        if name == "motifs.json":
            said = json.loads(root.read(f"{folder}/{name}"))
            said["suggestions"] = [one for one in said["suggestions"] if not _about(one["pair"], pictures)]
            root.commit(f"{folder}/{name}", json.dumps(said, indent=1).encode())
        if name == "themes.json":
            said = _unlisted(json.loads(root.read(f"{folder}/{name}")), pictures)
            root.commit(f"{folder}/{name}", json.dumps(said, indent=1).encode())


def _unlisted(said: Any, pictures: frozenset[str]) -> Any:
    """What JSON says, without the pictures in any of its lists."""
    if isinstance(said, dict):
        return {key: _unlisted(value, pictures) for key, value in said.items()}
    if isinstance(said, list):
        return [_unlisted(one, pictures) for one in said if not (isinstance(one, str) and _about([one], pictures))]
    return said


def _fits(root: Root, corpus: str, partitions: Sequence[str], pictures: frozenset[str]) -> None:
    """Take the pictures out of those that themes are told by, while there are vectors to know them by."""
    parts = [part for digest in root.folders(f"{corpus}/embedded")
             for part in _embedded(root, f"{corpus}/embedded/{digest}", partitions, pictures)]  # fmt: skip
    for digest in root.folders(f"{corpus}/clusters"):
        for name in root.names(f"{corpus}/clusters/{digest}", ".npz"):
            path = f"{corpus}/clusters/{digest}/{name}"
            with np.load(io.BytesIO(root.read(path)), allow_pickle=False) as arrays:
                themes = decoded(arrays)
            mine = np.zeros(len(themes.labels), bool)
            for part in parts:
                with suppress(ValueError):  # other parts than this fit's, or of other lengths
                    mine |= (themes.references @ themes.space.project(part).T > _SAME).any(axis=1)
            if mine.any() and not mine.all():
                left = {key: getattr(themes, key)[~mine] for key in ("references", "labels", "spots")}
                root.commit(path, encoded(replace(themes, **left)))


def _embedded(
    root: Root, folder: str, partitions: Sequence[str], pictures: frozenset[str]
) -> Iterator[dict[str, np.ndarray]]:
    for name in sorted(set(partitions) & set(tables.names(root, folder))):
        rows = tables.read(root, folder, name)
        live = tables.are_among(rows["id"], pictures) & np.asarray(rows["vector"].is_valid())
        if live.any():
            yield parts_of({column: rows[column] for column in rows.column_names}, np.flatnonzero(live))


def _about(ids: Sequence[str], pictures: frozenset[str]) -> bool:
    return any(one[:ID_DIGITS] in pictures for one in ids)


def _theme(root: Root, folder: str, pictures: frozenset[str]) -> None:
    """Remove the pictures from a thematic folder: files, contact sheet and, last, the list that says who was in."""
    said = json.loads(root.read(f"{folder}/cluster.json")) if root.exists(f"{folder}/cluster.json") else None
    gone = [name for name in root.names(f"{folder}/images") if name[:ID_DIGITS] in pictures]
    if not gone and (said is None or not members(root, f"{folder}/cluster.json") & pictures):
        return
    for name in gone:
        root.delete(f"{folder}/images/{name}")
    if said is None:
        return
    for key in ("medoids", "outliers"):
        said[key] = [one for one in said.get(key, ()) if one[:ID_DIGITS] not in pictures]
    said["members"] = [member for member in said["members"] if member["id"][:ID_DIGITS] not in pictures]
    said["size"] = len(said["members"])
    root.commit(f"{folder}/sheet.jpg", _sheet(root, [f"{folder}/{member['file']}" for member in said["members"]]))
    root.commit(f"{folder}/cluster.json", json.dumps(said, indent=1).encode())


def _sheet(root: Root, files: Sequence[str]) -> bytes:
    """A contact sheet of the first 120 files that are there, as JPEG."""
    shown = [file for file in files[:_SHEET_MOST] if root.exists(file)]
    lines = max(1, -(-len(shown) // _SHEET_COLUMNS))
    sheet = Image.new("RGB", (_SHEET_COLUMNS * _TILE, lines * _TILE), (32, 32, 32))
    for place, blob in enumerate(root.read_many(shown)):
        tile = Image.open(io.BytesIO(blob)).convert("RGB").resize((_TILE - 2, _TILE - 2), Image.Resampling.LANCZOS)
        sheet.paste(tile, (place % _SHEET_COLUMNS * _TILE + 1, place // _SHEET_COLUMNS * _TILE + 1))
    sink = io.BytesIO()
    sheet.save(sink, "JPEG", quality=88)
    return sink.getvalue()


def _report(root: Root, folder: str, pictures: frozenset[str]) -> None:
    """Remove all pages, which are written anew afterwards, and the pictures in them that show one of these."""
    for inner in ("", *root.folders(folder)):
        place = f"{folder}/{inner}".rstrip("/")
        for name in root.names(place):
            shows = any(word in name for word in (*pictures, *_REALS, *_SHELVES))
            shows |= inner == "faces"  # films of many pictures
            if shows or not name.endswith((".webp", ".gif")):
                root.delete(f"{place}/{name}")
