"""Themes as people corrected them: the overlay of decisions on what the vectors said."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import overlay, tables
from pipeline.corpus import Corpus
from pipeline.stages.assign import vectors_of


def corrected(corpus: Corpus, clustered: pa.Table) -> pa.Table:
    """`clustered` (columns partition, row, id, cluster, distance, …) with the themes that people gave.

    In every theme that gained or lost a picture so, distances are to the mean direction of those in it now. What is in
    no theme has no such direction: it keeps its distance to the nearest.
    """
    given = pc.fill_null(clustered["cluster"], overlay.NONE).to_numpy().astype(np.int32)
    themes, moved = overlay.themes_of(clustered["id"].to_pylist(), given, corpus.events)
    if not moved.any():
        return clustered
    distance = pc.fill_null(clustered["distance"], 0).to_numpy().astype(np.float32).copy()
    touched = np.union1d(given[moved], themes[moved])
    touched = touched[touched >= 0]
    out = tables.are_among(clustered["id"], corpus.left_out)
    rows = np.flatnonzero(np.isin(themes, touched) & ~out)
    vectors = _vectors(corpus, clustered, rows)
    for theme in touched:
        here = themes[rows] == theme
        distance[rows[here]] = from_the_mean(vectors[here])
    none = themes == overlay.NONE
    columns = {"cluster": pa.array(themes, mask=none), "distance": pa.array(distance, pa.float32(), mask=none)}
    for name, column in columns.items():
        clustered = clustered.set_column(clustered.schema.get_field_index(name), name, column)
    return clustered


def from_the_mean(vectors: np.ndarray) -> np.ndarray:
    """1 − cosine of each of the vectors, float32 (n, d), to their mean direction: float32 (n,), 0 to 2."""
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    centre = units.sum(axis=0)
    cosines = units @ (centre / max(float(np.linalg.norm(centre)), float(np.finfo(np.float32).tiny)))
    distances: np.ndarray = np.clip(1 - cosines, 0, 2).astype(np.float32)
    return distances


def _vectors(corpus: Corpus, clustered: pa.Table, rows: np.ndarray) -> np.ndarray:
    """The vectors of some rows, float32 (n, d), partition by partition."""
    partitions, places = clustered["partition"].to_numpy()[rows], clustered["row"].to_numpy()[rows]
    made: np.ndarray | None = None
    for name in np.unique(partitions):
        here = np.flatnonzero(partitions == name)
        found = tables.read(corpus.root, corpus.folders["embedded"], str(name), ["vector"])["vector"]
        some = vectors_of(found.take(pa.array(places[here])))
        made = np.empty((len(rows), some.shape[1]), np.float32) if made is None else made
        made[here] = some
    return np.empty((0, 1), np.float32) if made is None else made
