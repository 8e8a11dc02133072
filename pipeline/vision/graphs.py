"""Parts of the graph of nearest neighbours: which pictures hang together, whatever the shape of their group.

Spectral clustering on the fuzzy graph of UMAP (McInnes et al., 2018), several ways to cut it, the best by
modularity (Newman and Girvan, 2004). Everything runs on one thread, so that the same input and seed give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.vision.clustering import Floats, Labels, on_one_thread, parted, unit

NEIGHBOURS = (10, 15, 20)
_EXTRA, _SEEDS = 4, 2
_BESIDE = 5
_BLOCK = 2048
_LOT = 32
_AUTO_MOST = 40
_TIE = 0.995

Indices = NDArray[np.int64]
Graph = Any
"""A symmetric scipy.sparse.csr_matrix (n, n) of weights 0 to 1."""


@dataclass(frozen=True)
class Curve:
    """Modularity of the best parting at each number of themes tried."""

    ks: list[int]
    modularity: list[float]


def nearest(units: Floats, others: Floats, count: int) -> tuple[Indices, Floats]:
    """The `count` rows of `others` nearest by cosine to each row of `units`, nearest first, and the cosines."""
    count = min(count, len(others))
    rows, cosines = np.empty((len(units), count), np.int64), np.empty((len(units), count), np.float32)
    for start in range(0, len(units), _BLOCK):
        here = units[start : start + _BLOCK] @ others.T
        found = _largest(here, count)
        some = np.take_along_axis(here, found, axis=1)
        order = np.lexsort((found, -some), axis=1)
        rows[start : start + _BLOCK] = np.take_along_axis(found, order, axis=1)
        cosines[start : start + _BLOCK] = np.take_along_axis(some, order, axis=1)
    return rows, cosines


def _largest(values: Floats, count: int) -> Indices:
    """The columns (n, count) of the `count` largest of each row, in no order.

    Of many columns only those are compared of the `count` lots with the largest maxima: no other lot has any.
    """
    width = values.shape[1]
    lots = width // _LOT
    if count >= width:
        return np.broadcast_to(np.arange(width), values.shape)
    if lots <= 2 * count:
        return np.argpartition(values, width - count, axis=1)[:, width - count :]
    highest = values[:, : lots * _LOT].reshape(len(values), _LOT, lots).max(axis=1)
    best = _largest(highest, count)
    columns = (best[:, None, :] + lots * np.arange(_LOT)[:, None]).reshape(len(values), -1)
    rest = np.broadcast_to(np.arange(lots * _LOT, width), (len(values), width - lots * _LOT))
    columns = np.concatenate([columns, rest], axis=1)
    among = _largest(np.take_along_axis(values, columns, axis=1), count)
    return np.take_along_axis(columns, among, axis=1)


def neighbours(units: Floats, count: int) -> tuple[Indices, Floats]:
    """As `nearest` among the rows themselves, without each row itself."""
    rows, cosines = nearest(units, units, count + 1)
    keep = rows != np.arange(len(units))[:, None]
    keep[keep.all(axis=1), -1] = False  # a row whose equals crowd it out of its own list
    shape = (len(units), rows.shape[1] - 1)
    return rows[keep].reshape(shape), cosines[keep].reshape(shape)


@on_one_thread
def evened(units: Floats) -> Floats:
    """Unit vectors (n, p) with the directions shortened in which they differ from their nearest, which say little
    about what belongs together.

    Relevant component analysis (Bar-Hillel et al., 2003) with each vector and its five nearest as what belongs
    together: times (S/s + 1)^-1/2, S the mean outer product of their differences and s its mean eigenvalue.
    """
    if len(units) < 2:
        return units
    rows, _ = neighbours(units, min(_BESIDE, len(units) - 1))
    scatter = sum(apart.T @ apart for apart in (units - units[row] for row in rows.T))
    values, vectors = np.linalg.eigh(np.asarray(scatter, np.float64))
    lengths = (np.maximum(values, 0) / max(float(values.mean()), 1e-12) + 1) ** -0.5
    return unit(units @ (vectors * lengths @ vectors.T).astype(np.float32))


def fuzzy_graph(rows: Indices, cosines: Floats) -> Graph:
    """UMAP's graph of the neighbours of n vectors: the nearest has weight 1, the weights of each add up to log2 k."""
    from scipy.sparse import csr_matrix

    distance = np.maximum(1 - cosines.astype(np.float64), 0)
    beyond = distance - distance[:, :1]
    low, high = np.full((len(rows), 1), 1e-6), np.full((len(rows), 1), 10.0)
    for _ in range(40):
        middle = (low + high) / 2
        much = np.exp(-beyond / middle).sum(axis=1, keepdims=True) > np.log2(rows.shape[1])
        low, high = np.where(much, low, middle), np.where(much, middle, high)
    weights = np.exp(-beyond / high).ravel()
    sources = np.repeat(np.arange(len(rows)), rows.shape[1])
    graph = csr_matrix((weights, (sources, rows.ravel())), shape=(len(rows), len(rows)))
    return (graph + graph.T - graph.multiply(graph.T)).tocsr()


def modularity(graph: Graph, labels: Labels) -> float:
    """The weight inside the parts less what chance would put there, as a share of all: −0.5 to 1."""
    total = float(graph.sum())
    degree = np.asarray(graph.sum(axis=1)).ravel()
    coordinates = graph.tocoo()
    inside = coordinates.data[labels[coordinates.row] == labels[coordinates.col]].sum() / total
    return float(inside - ((np.bincount(labels, weights=degree) / total) ** 2).sum())


def spectrum(graph: Graph, count: int) -> Floats:
    """The first `count` eigenvectors (n, count) of the normalised graph (Ng, Jordan and Weiss, 2001)."""
    from scipy.sparse import diags
    from scipy.sparse.linalg import eigsh

    scale = diags(1 / np.sqrt(np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-12)))
    normal = scale @ graph @ scale
    if count >= graph.shape[0] - 1:
        values, vectors = np.linalg.eigh(normal.toarray())
    else:
        values, vectors = eigsh(normal, k=count, which="LA", v0=np.ones(graph.shape[0]))
    found: Floats = vectors[:, np.argsort(-values, kind="stable")][:, :count].astype(np.float32)
    return found


@on_one_thread
def part_graph(units: Floats, k: int, seed: int) -> tuple[Labels, float]:
    """Part n unit vectors into k by the graph of their neighbours: labels (n,) int32, and their modularity.

    The graph is taken with 10, 15 and 20 neighbours and its spectrum with up to 3 dimensions more than k;
    of these twelve ways of cutting it, twice each, what has the highest modularity on the graph of 15 wins.
    """
    if k == 1:
        return np.zeros(len(units), np.int32), 0.0
    rows, cosines = neighbours(units, min(max(NEIGHBOURS), len(units) - 1))
    graphs = [fuzzy_graph(rows[:, :count], cosines[:, :count]) for count in NEIGHBOURS]
    best, highest = parted(units, k, seed), -1.0
    for graph in graphs:
        vectors = spectrum(graph, min(k + _EXTRA - 1, len(units)))
        for dimensions in range(k, min(k + _EXTRA, vectors.shape[1] + 1)):
            for start in range(_SEEDS):
                labels = parted(vectors[:, :dimensions], k, seed + start)
                value = modularity(graphs[1], labels)
                if value > highest:
                    best, highest = labels, value
    return best, highest


@on_one_thread
def how_many(units: Floats, least: int, seed: int) -> tuple[int, Curve]:
    """The number of themes with the highest modularity, or the lowest within 0.5 % of it; none of fewer than `least`
    on average, 40 at most; and the curve of them all."""
    rows, cosines = neighbours(units, min(15, len(units) - 1))
    graph = fuzzy_graph(rows, cosines)
    most = max(2, min(_AUTO_MOST, len(units) // least, len(units) - 1))
    vectors = spectrum(graph, most)
    ks = [*range(2, min(most, vectors.shape[1]) + 1)]
    values = [modularity(graph, parted(vectors[:, :k], k, seed)) for k in ks]
    enough = _TIE * max(values)
    return next(k for k, value in zip(ks, values, strict=True) if value >= enough), Curve(ks, values)


@on_one_thread
def alike(units: Floats, cosine: float, least: int) -> list[Indices]:
    """Groups of `least` or more of n unit vectors, each within `cosine` of three others of its group; largest first."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    rows, cosines = neighbours(units, min(10, len(units) - 1))
    near: NDArray[np.bool_] = cosines >= cosine
    near &= (near.sum(axis=1) >= 3)[:, None]
    near &= np.any(near, axis=1)[rows]
    sources = np.repeat(np.arange(len(units)), rows.shape[1])[near.ravel()]
    graph = csr_matrix((np.ones(len(sources)), (sources, rows.ravel()[near.ravel()])), shape=(len(units),) * 2)
    _, labels = connected_components(graph, directed=False)
    groups = [np.flatnonzero(labels == label) for label in np.flatnonzero(np.bincount(labels) >= least)]
    return sorted(groups, key=lambda group: (-len(group), int(group[0])))
