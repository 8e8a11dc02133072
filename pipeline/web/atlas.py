"""The map: where each picture lies in two dimensions, packed for the page's script."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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
    """Pictures on the map: ids, places float32 (n, 2) within 0 to 1, theme numbers, and what else can colour them."""

    ids: Sequence[str]
    places: Floats
    themes: Sequence[int]
    sources: Sequence[str]
    licences: Sequence[str]
    days: Sequence[int]
    method: str


def atlas(facts: Facts) -> Atlas | None:
    """The map of the pictures that are in a theme; None when nothing was embedded."""
    theme = dict.fromkeys(_unsorted(facts), UNSORTED)
    theme |= {picture: cluster.id for cluster in facts.clusters for picture, _ in cluster.members}
    ids, places, method = _placed(facts, theme)
    if not ids:
        return None
    rows = facts.ask(
        "SELECT id, coalesce(source, 'unknown') AS source, coalesce(licence, 'NOASSERTION') AS licence, "
        "coalesce(epoch(fetched_at)::BIGINT // 86400, 0) AS day FROM rows WHERE reason IS NULL"
    )
    about = {row["id"]: row for row in rows}
    return Atlas(
        ids, within(places), [theme[one] for one in ids], [about[one]["source"] for one in ids],
        [about[one]["licence"] for one in ids], [about[one]["day"] for one in ids], method,
    )


def _placed(facts: Facts, theme: Mapping[str, int]) -> tuple[list[str], Floats, str]:
    """The ids that have a place, and the places: those that were given with the themes, else principal components."""
    rows = facts.ask(
        "SELECT id, any_value(x) AS x, any_value(y) AS y FROM clustered WHERE x IS NOT NULL AND y IS NOT NULL "
        "AND partition IN (SELECT unnest(?)) GROUP BY id", [list(facts.edition["partitions"])],
    )
    if rows := [row for row in rows if row["id"] in theme]:
        places = np.array([[row["x"], row["y"]] for row in rows], np.float32)
        return [row["id"] for row in rows], places, "who is like whom: neighbours stay neighbours"
    ids, vectors = _vectors(facts, theme)
    if len(ids) < 2:
        return ids, np.zeros((len(ids), 2), np.float32), "one picture"
    return ids, components(vectors), "the two principal components of the features"


def _unsorted(facts: Facts) -> list[str]:
    """The pictures that are far from every theme."""
    rows = facts.ask(
        f"SELECT DISTINCT id FROM clustered WHERE cluster = {UNSORTED} AND partition IN (SELECT unnest(?))",
        [list(facts.edition["partitions"])],
    )
    return [row["id"] for row in rows if row["id"] in facts.kept]


def _vectors(facts: Facts, theme: Mapping[str, int]) -> tuple[list[str], Floats]:
    """Ids in a theme and their features, partition by partition."""
    ids: list[str] = []
    parts: list[Floats] = []
    folder, seen = facts.edition["folders"]["embedded"], set[str]()
    there = set(tables.names(facts.root, folder))
    for name in facts.edition["partitions"]:
        if name not in there:
            continue
        found = tables.read(facts.root, folder, name, ["id", "vector"])
        found = found.filter(found["vector"].is_valid())
        names = found["id"].to_pylist()
        rows = [row for row, one in enumerate(names) if one in theme and one not in seen]
        seen.update(names[row] for row in rows)
        ids += [names[row] for row in rows]
        if rows:
            parts.append(vectors_of(found["vector"])[rows])
    return ids, np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)


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
    numbers = sorted(set(found.themes))
    sources, source_codes = _coded(found.sources)
    licences, licence_codes = _coded(found.licences)
    first = min(found.days, default=0)
    where = np.round(found.places * _SCALE).astype("<u2")
    said: dict[str, Any] = {
        "n": len(found.ids), "method": found.method, "first": first,
        "x": _base64(where[:, 0]), "y": _base64(where[:, 1]),
        "theme": _base64(np.searchsorted(numbers, found.themes).astype("<u2")),
        "source": _base64(source_codes), "licence": _base64(licence_codes),
        "day": _base64(np.clip(np.array(found.days, np.int64) - first, 0, _SCALE).astype("<u2")),
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


def _coded(words: Sequence[str]) -> tuple[list[str], NDArray[np.uint8]]:
    """The words, most frequent first, and for each item which one it is; the last stands for all others."""
    named, inverse, counts = np.unique(np.array(words, object), return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    listed = [str(named[at]) for at in order[:_CODES]]
    if len(order) > _CODES:
        listed[-1] = "other"
    return listed, np.minimum(rank[inverse], _CODES - 1).astype(np.uint8)


def _base64(numbers: NDArray[Any]) -> str:
    return base64.b64encode(numbers.tobytes()).decode()
