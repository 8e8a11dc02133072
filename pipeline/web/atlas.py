"""The map: where each picture lies in two dimensions, packed for the page's script."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import tables
from pipeline.stages.assign import vectors_of
from pipeline.vision.standing import UNSORTED
from pipeline.web.facts import Facts

Floats = NDArray[np.float32]
_SAMPLE = 4000
_SCALE = 65535
_SPARE, _ROUNDS = 6, 12  # directions that are followed, of which two are used; steps of the iteration
_CODES = 255  # sources and licences beyond so many are one: other


@dataclass(frozen=True)
class Atlas:
    """Pictures on the map: ids, places float32 (n, 2) within 0 to 1, theme numbers int (n,), days since 1970 int (n,).

    Sources and licences are string arrays (n,).
    """

    ids: Sequence[str]
    places: Floats
    themes: NDArray[Any]
    sources: pa.Array
    licences: pa.Array
    days: NDArray[Any]
    method: str


@dataclass(frozen=True)
class Places:
    """Where the pictures of an edition lie whatever people decide: a table of id, x, y; and how that was found."""

    table: pa.Table
    method: str


def places(facts: Facts) -> Places:
    """The places that were given with the themes, else the two principal components of the features."""
    found = facts.columns(
        "SELECT id, any_value(x) AS x, any_value(y) AS y FROM clustered WHERE x IS NOT NULL AND y IS NOT NULL "
        "AND partition IN (SELECT unnest(?)) GROUP BY id", [list(facts.edition["partitions"])],
    )
    if found.num_rows:
        return Places(found, "who is like whom: neighbours stay neighbours")
    ids, where = facts.plane or _components(facts)
    table = pa.table({"id": ids, "x": np.ascontiguousarray(where[:, 0]), "y": np.ascontiguousarray(where[:, 1])})
    return Places(table, "the two principal components of the features" if len(ids) > 1 else "one picture")


def atlas(facts: Facts, known: Places) -> Atlas | None:
    """The map of the pictures that are in a theme, or far from all; None when nothing was embedded."""
    facts.register("places", known.table)
    facts.register("in_theme", _themes(facts))
    found = facts.columns(_DRAWN, [list(facts.edition["partitions"])])
    if not found.num_rows:
        return None
    where = np.stack([found["x"].to_numpy(), found["y"].to_numpy()], axis=1).astype(np.float32)
    return Atlas(
        found["id"].to_pylist(), within(where), found["theme"].to_numpy(), found["source"].combine_chunks(),
        found["licence"].combine_chunks(), found["day"].to_numpy(), known.method,
    )


_DRAWN = f"""
WITH lone AS (SELECT DISTINCT id FROM clustered WHERE cluster = {UNSORTED} AND partition IN (SELECT unnest(?)))
SELECT r.id, any_value(p.x) AS x, any_value(p.y) AS y, coalesce(any_value(t.theme), {UNSORTED}) AS theme,
       coalesce(any_value(r.source), 'unknown') AS source, coalesce(any_value(r.licence), 'NOASSERTION') AS licence,
       coalesce(epoch(any_value(r.fetched_at))::BIGINT // 86400, 0) AS day
FROM rows r JOIN places p USING (id) LEFT JOIN in_theme t USING (id)
WHERE r.reason IS NULL AND (t.theme IS NOT NULL OR r.id IN (SELECT id FROM lone))
GROUP BY r.id ORDER BY r.id
"""


def _themes(facts: Facts) -> pa.Table:
    """Id and theme of the pictures in themes that are shown."""
    ids = [picture for cluster in facts.clusters for picture, _ in cluster.members]
    numbers = np.array([cluster.id for cluster in facts.clusters], np.int32)
    themes = np.repeat(numbers, [len(cluster.members) for cluster in facts.clusters])
    return pa.table({"id": pa.array(ids, pa.string()), "theme": themes})


def _components(facts: Facts) -> tuple[pa.Array, Floats]:
    """Ids and two principal components (n, 2) of all that has features, partition by partition."""
    ids: list[str] = []
    parts: list[Floats] = []
    folder = facts.edition["folders"]["embedded"]
    there = set(tables.names(facts.root, folder))
    for name in facts.edition["partitions"]:
        if name in there:
            found = tables.read(facts.root, folder, name, ["id", "vector"])
            found = found.filter(found["vector"].is_valid())
            ids += found["id"].to_pylist()
            parts += [vectors_of(found["vector"])] if found.num_rows else []
    if len(ids) < 2:
        return pa.array(ids, pa.string()), np.zeros((len(ids), 2), np.float32)
    return pa.array(ids, pa.string()), components(np.concatenate(parts))


def components(vectors: Floats) -> Floats:
    """Two principal components float32 (n, 2) of unit vectors (n, d), fitted on a sample of about 4,000.

    By subspace iteration: two directions of a sample need no full decomposition.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    sample = unit[:: max(1, len(unit) // _SAMPLE)]
    mean = sample.mean(0)
    centred = sample - mean
    axes = np.random.default_rng(0).standard_normal((unit.shape[1], _SPARE)).astype(np.float32)
    for _ in range(_ROUNDS):
        axes, _upper = np.linalg.qr(centred.T @ (centred @ axes))
    _, _, turn = np.linalg.svd(centred @ axes, full_matrices=False)
    return np.asarray((unit - mean) @ (axes @ turn.T[:, :2]), np.float32)


def within(places: Floats) -> Floats:
    """Places scaled to 0 to 1 in both directions by one factor; the few farthest ones stay at the edge."""
    if not len(places):
        return places
    low, high = np.quantile(places, 0.002, axis=0), np.quantile(places, 0.998, axis=0)
    span = max(float((high - low).max()), 1e-9)
    return np.asarray(np.clip((places - (low + high) / 2) / span * 0.94 + 0.5, 0, 1), np.float32)


def script(found: Atlas, names: Mapping[int, str]) -> bytes:
    """The map as a script: little-endian numbers in base64, and what they stand for."""
    numbers = np.unique(found.themes).tolist()
    sources, source_codes = _coded(found.sources)
    licences, licence_codes = _coded(found.licences)
    days = np.asarray(found.days, np.int64)
    first = int(days.min()) if len(days) else 0
    where = np.round(found.places * _SCALE).astype("<u2")
    said: dict[str, Any] = {
        "n": len(found.ids), "method": found.method, "first": first,
        "x": _base64(where[:, 0]), "y": _base64(where[:, 1]),
        "theme": _base64(np.searchsorted(numbers, found.themes).astype("<u2")),
        "source": _base64(source_codes), "licence": _base64(licence_codes),
        "day": _base64(np.clip(days - first, 0, _SCALE).astype("<u2")),
        "themes": [{"id": number, "name": _name(number, names)} for number in numbers],
        "sources": sources, "licences": licences,
    }
    return f"globalThis.wkMap={json.dumps(said)};\n".encode()


def _name(number: int, names: Mapping[int, str]) -> str:
    return "in no theme" if number == UNSORTED else names.get(number, f"theme {number:02d}")


def ids_script(found: Atlas) -> bytes:
    """The ids of the pictures on the map in its order, 34 bytes each: the digits, and the number of a face or 0."""
    parts = (one.partition("-") for one in found.ids)
    packed = b"".join(bytes.fromhex(digits) + int(face or 0).to_bytes(2, "big") for digits, _, face in parts)
    return f'globalThis.wkIds="{base64.b64encode(packed).decode()}";\n'.encode()


def _coded(words: pa.Array) -> tuple[list[str], NDArray[np.uint8]]:
    """The words, most frequent first, and for each item which one it is; the last stands for all others."""
    coded = words.dictionary_encode()
    inverse, named = coded.indices.to_numpy(), coded.dictionary.to_pylist()
    counts = np.bincount(inverse, minlength=len(named))
    order = sorted(range(len(named)), key=lambda at: (-counts[at], named[at]))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    listed = [named[at] for at in order[:_CODES]]
    if len(order) > _CODES:
        listed[-1] = "other"
    return listed, np.minimum(rank[inverse], _CODES - 1).astype(np.uint8)


def _base64(numbers: NDArray[Any]) -> str:
    return base64.b64encode(numbers.tobytes()).decode()
