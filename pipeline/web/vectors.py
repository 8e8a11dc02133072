"""The features of an edition's members in few dimensions: kept in the cache, for splitting and ordering at once."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline import tables
from pipeline.errors import UsageError
from pipeline.stage import digest
from pipeline.stages.assign import vectors_of
from pipeline.vision.clustering import assign, spherical_kmeans
from pipeline.web.catalogue import Catalogue

Floats = NDArray[np.float32]
DIMENSIONS = 64
_SAMPLE = 10_000
_SAMPLED = 40
_FITTED = 1_000
_POWERS = 4
SEED = 0


def reduced(catalogue: Catalogue) -> Floats:
    """The features of all members along their first principal components, unit rows, float32 (m, ≤ 64)."""
    folder = catalogue.edition["folders"]["embedded"]
    read = {"folder": folder, "partitions": sorted(set(catalogue.partitions)), "members": len(catalogue.ids)}
    key = digest("reduced", 2, read)
    path = f"cache/review/{catalogue.edition['corpus']}-{key}.npy"
    if catalogue.root.exists(path):
        found: Floats = np.load(io.BytesIO(catalogue.root.read(path)), allow_pickle=False).astype(np.float32)
        return found
    made = _reduced(catalogue, folder)
    sink = io.BytesIO()
    np.save(sink, made.astype(np.float16), allow_pickle=False)
    catalogue.root.commit(path, sink.getvalue())
    return made.astype(np.float16).astype(np.float32)


def _reduced(catalogue: Catalogue, folder: str) -> Floats:
    mean, axes = _axes(catalogue, folder)
    made = np.zeros((len(catalogue.ids), axes.shape[1]), np.float32)
    for rows, vectors in _parts(catalogue, folder):
        made[rows] = _unit(np.asarray((_unit(vectors) - mean) @ axes, np.float32))
    return made


def _axes(catalogue: Catalogue, folder: str) -> tuple[Floats, Floats]:
    """Mean and first principal components, float32 (d,) and (d, ≤ 64), of some 10,000 members at most, out of some
    40 partitions evenly over all.

    By a randomised range finder with power iterations (Halko, Martinsson and Tropp, 2011).
    """
    every = max(1, len(set(catalogue.partitions)) // _SAMPLED)
    step = max(1, len(catalogue.ids) // every // _SAMPLE)
    some = np.concatenate([_unit(vectors[::step]) for _, vectors in _parts(catalogue, folder, every)])
    mean = some.mean(axis=0)
    some = some - mean
    wide = min(DIMENSIONS, *some.shape)
    found = np.random.default_rng(SEED).standard_normal((some.shape[1], wide), np.float32)
    for _ in range(_POWERS):
        found, _ = np.linalg.qr(some.T @ (some @ found))
    _, _, turned = np.linalg.svd(some @ found, full_matrices=False)
    return mean, np.ascontiguousarray(found @ turned.T, np.float32)


def _parts(catalogue: Catalogue, folder: str, every: int = 1) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """The members of each partition, or of every `every`-th, and their features, float32 (n, d)."""
    names, of = np.unique(np.array(catalogue.partitions), return_inverse=True)
    order = np.argsort(of, kind="stable")
    ends = np.searchsorted(of[order], np.arange(len(names) + 1))
    for at in range(0, len(names), every):
        rows = order[ends[at] : ends[at + 1]]
        found = tables.read(catalogue.root, folder, str(names[at]), ["vector"])["vector"]
        yield rows, vectors_of(found.take(catalogue.places[rows]))


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Floats = (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return made


def from_the_middle(vectors: Floats) -> Floats:
    """1 − cosine of unit rows float32 (n, d) to their mean direction, float32 (n,)."""
    made: Floats = 1 - vectors @ _unit(vectors.mean(axis=0, keepdims=True))[0]
    return made


def parted(vectors: Floats, k: int) -> list[NDArray[np.int64]]:
    """Unit rows parted into k groups by direction: the rows of each, nearest to its middle first; largest group first.

    Raises UsageError when they cannot be parted so.
    """
    step = max(1, len(vectors) // _FITTED)
    try:
        centres, _, _ = spherical_kmeans(vectors[::step], k, SEED)
    except ValueError:
        raise UsageError(f"These {len(vectors)} pictures cannot be split into {k}: ask for fewer parts.") from None
    labels, far = assign(vectors, centres)
    made = [np.flatnonzero(labels == part) for part in range(k)]
    made = [rows[np.argsort(far[rows], kind="stable")] for rows in made if len(rows)]
    if len(made) < 2:
        raise UsageError(f"These {len(vectors)} pictures cannot be split into {k}: they are too much alike.")
    return sorted(made, key=lambda rows: -len(rows))
