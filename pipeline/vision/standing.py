"""Themes that stand: found once among a sample of pictures; every later picture is given to one of them, or to none."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline.vision.clustering import Floats, Labels, on_one_thread, spherical_kmeans, unit
from pipeline.vision.graphs import Curve, evened, how_many, nearest, part_graph
from pipeline.vision.likeness import SAMPLE, By, Parts, Space, fit_space, from_arrays

Method = Literal["graph", "kmeans", "hdbscan"]
UNSORTED = -2
"""The theme of a picture that is far from every theme."""
_VOTERS = 10
_SHARP = 0.02
_FAR_SHARE, _FAR_MORE = 0.99, 1.25
_LANDMARKS, _PERPLEXITY = 2_000, 30.0
_BLOCK = 4096
_SAME = 1 - 1e-5
"""Cosine of a picture and itself, kept in half the bits."""


@dataclass(frozen=True)
class Themes:
    """Pictures of the fit (`references` float32 (m, p), unit length) with their themes (`labels` int32 (m,)).

    A picture belongs to the theme of most of its `voters` nearest references; where these are further than `limit`
    (1 − cosine, mean) it is unsorted. `centres` (k, p) are the mean directions of the themes `numbers` (k,), rising;
    `spots` (m, 2) is where the references lie on the map, NaN where they are no landmarks.
    """

    space: Space
    references: Floats
    labels: Labels
    voters: int
    limit: float
    numbers: Labels
    centres: Floats
    spots: Floats


@dataclass(frozen=True)
class Given:
    """For each picture its theme (int32, `UNSORTED` for none), 1 − cosine to that theme's centre (the nearest one's
    where unsorted), mean 1 − cosine to its nearest references of the theme, and x, y on the map."""

    themes: Labels
    distance: Floats
    strangeness: Floats
    spots: Floats


@dataclass(frozen=True)
class Asked:
    """How themes are to be found; the manifest's `cluster`."""

    k: int | Literal["auto"] = 20
    by: By = "subject"
    method: Method = "graph"
    min_size: int = 15
    seed: int = 0


@on_one_thread
def fit(parts: Parts, asked: Asked) -> tuple[Themes, Curve | None]:
    """Find themes among pictures; the curve of `k: auto`, if that was asked.

    More than 10,000 pictures are represented by so many, drawn by the seed; only `kmeans` looks at all.
    By subject the graph is that of the `evened` vectors; what stands is measured in the vectors as they are.
    Raises ValueError when there are fewer different pictures than themes, or what is asked cannot be told.
    """
    count = len(parts["vector"])
    _check(parts)
    rows = np.arange(count)
    if count > SAMPLE:
        rows = np.sort(np.random.default_rng(asked.seed).choice(count, SAMPLE, replace=False))
    some = {name: values[rows] for name, values in parts.items()}
    space = fit_space(some, asked.by)
    units = space.project(some)
    different = len(np.unique(units[: 4 * SAMPLE].round(4), axis=0))
    if asked.k != "auto" and different < asked.k:
        raise ValueError(f"there are only {different} different pictures")
    alike = evened(units) if asked.by == "subject" else units
    k, curve = (asked.k, None) if asked.k != "auto" else _chosen(alike, different, asked)
    if asked.method == "kmeans":
        units = space.project(parts) if count > SAMPLE else units
        centres, labels, _ = spherical_kmeans(units, k, asked.seed)
        return _standing(space, centres, np.arange(k, dtype=np.int32), 1, _usual(units, centres, labels)), curve
    labels = _dense(units, asked.min_size) if asked.method == "hdbscan" else part_graph(alike, k, asked.seed)[0]
    labels = _by_size(labels)
    return _standing(space, units, labels, _VOTERS, _usual_among(units)), curve


def _check(parts: Parts) -> None:
    for name, values in parts.items():
        for start in range(0, len(values), _BLOCK):
            wrong = ~np.isfinite(values[start : start + _BLOCK]).all(axis=1)
            if wrong.any():
                row = start + int(wrong.argmax())
                raise ValueError(f"the {name} of picture {row + 1} holds numbers that are not finite")


def _chosen(units: Floats, different: int, asked: Asked) -> tuple[int, Curve | None]:
    if different < 4:
        return 1, None
    return how_many(units, asked.min_size, asked.seed)


def _dense(units: Floats, least: int) -> Labels:
    """HDBSCAN (Campello et al., 2013) on the 16 largest directions; `UNSORTED` is what lies in no dense group."""
    from sklearn.cluster import HDBSCAN

    found = HDBSCAN(min_cluster_size=least, min_samples=min(5, least), n_jobs=1, copy=True).fit_predict(
        unit(units[:, :16]).astype(np.float64)
    )
    if found.max() < 0:
        raise ValueError(f"no group of {least} pictures is denser than the rest: use method graph, or a lower min_size")
    return np.where(found < 0, UNSORTED, found).astype(np.int32)


def _by_size(labels: Labels) -> Labels:
    """The largest theme gets number 0; `UNSORTED` stays."""
    kept = labels[labels >= 0]
    order = np.argsort(-np.bincount(kept), kind="stable")
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order))
    return np.where(labels >= 0, number[labels], UNSORTED).astype(np.int32)


def _usual(units: Floats, centres: Floats, labels: Labels) -> float:
    """How far a picture may be from its centre."""
    distance = 1 - np.einsum("nd,nd->n", units, centres[labels])
    return float(np.quantile(distance, _FAR_SHARE) * _FAR_MORE)


def _usual_among(units: Floats) -> float:
    """How far a picture may be from its nearest: 1.25 times what 99 in 100 of the fit keep, each without itself."""
    _, cosines = nearest(units, units, _VOTERS + 1)
    return float(np.quantile(1 - cosines[:, 1:].mean(axis=1), _FAR_SHARE) * _FAR_MORE)


def _standing(space: Space, references: Floats, labels: Labels, voters: int, limit: float) -> Themes:
    numbers, centres = _centres(references, labels)
    # two pictures of one look may lie as near as rounding lets them
    return Themes(space, references, labels, voters, max(limit, 1e-3), numbers, centres, _map(references))


def _centres(references: Floats, labels: Labels) -> tuple[Labels, Floats]:
    numbers = np.unique(labels[labels >= 0]).astype(np.int32)
    return numbers, unit(np.stack([references[labels == number].sum(axis=0) for number in numbers]))


def _map(references: Floats) -> Floats:
    """Where up to 2,000 of the references lie on a map: t-SNE (van der Maaten, 2014) from their two largest directions,
    scaled to −1 … 1."""
    spots = np.full((len(references), 2), np.nan, np.float32)
    count = min(len(references), _LANDMARKS)
    chosen = np.sort(np.random.default_rng(0).choice(len(references), count, replace=False))
    if count < 8:
        angle = 2 * np.pi * np.arange(count) / max(count, 1)
        spots[chosen] = np.column_stack([np.cos(angle), np.sin(angle)])
        return spots
    from sklearn.manifold import TSNE

    start = references[chosen] - references[chosen].mean(axis=0)
    _, vectors = np.linalg.eigh(start.T @ start)
    begun = start @ vectors[:, :-3:-1]
    begun = begun / max(float(begun.std()), 1e-12) * 1e-4
    with threadpool_limits(1):
        layout = TSNE(
            perplexity=min(_PERPLEXITY, (count - 1) / 3), metric="euclidean", init=begun.astype(np.float32), n_jobs=1,
            random_state=0, max_iter=500,
        ).fit_transform(references[chosen])
    spots[chosen] = layout / max(float(np.abs(layout).max()), 1e-12)
    return spots


@on_one_thread
def give(themes: Themes, parts: Parts) -> Given:
    """Each picture's theme. Raises ValueError when the parts are not those of the fit."""
    units = themes.space.project(parts)
    count = len(units)
    made = Given(
        np.empty(count, np.int32), np.empty(count, np.float32), np.empty(count, np.float32),
        np.empty((count, 2), np.float32),
    )
    marks = np.flatnonzero(~np.isnan(themes.spots[:, 0]))
    for start in range(0, count, _BLOCK):
        here = slice(start, start + _BLOCK)
        rows, cosines = nearest(units[here], themes.references, themes.voters)
        made.themes[here], made.strangeness[here] = _voted(themes, rows, cosines)
        far = np.clip(1 - units[here] @ themes.centres.T, 0, 2)
        column = np.searchsorted(themes.numbers, made.themes[here]).clip(max=len(themes.numbers) - 1)
        own = far[np.arange(len(far)), column]
        made.distance[here] = np.where(made.themes[here] == UNSORTED, far.min(axis=1), own)
        made.spots[here] = _placed(units[here], themes.references[marks], themes.spots[marks])
    return made


def _voted(themes: Themes, rows: NDArray[np.int64], cosines: Floats) -> tuple[Labels, Floats]:
    """The theme of most of the neighbours, the near ones counting more; how far those of it are: a theme that people
    made may have fewer pictures than there are voters."""
    weights = np.exp((cosines - cosines[:, :1]) / _SHARP)
    ballots = themes.labels[rows]
    numbers = np.unique(themes.labels)
    votes = np.stack([np.where(ballots == number, weights, 0).sum(axis=1) for number in numbers], axis=1)
    won = numbers[votes.argmax(axis=1)]
    own = ballots == won[:, None]
    far = np.clip((np.where(own, 1 - cosines, 0).sum(axis=1) / own.sum(axis=1)), 0, 2).astype(np.float32)
    return np.where(far > themes.limit, UNSORTED, won).astype(np.int32), far


def _placed(units: Floats, marks: Floats, spots: Floats) -> Floats:
    """Between the three nearest landmarks, by far nearest to the nearest."""
    rows, cosines = nearest(units, marks, 3)
    distance = np.maximum(1 - cosines, 0) + 1e-6
    weights = 1 / distance**2
    weights /= weights.sum(axis=1, keepdims=True)
    placed: Floats = np.einsum("nc,ncd->nd", weights, spots[rows]).astype(np.float32)
    return placed


def renumbered(themes: Themes, new: Mapping[int, int]) -> Themes:
    """The same themes under the numbers that `new` gives."""
    labels = np.array([new.get(int(label), int(label)) for label in themes.labels], np.int32)
    numbers, centres = _centres(themes.references, labels)
    return replace(themes, labels=labels, numbers=numbers, centres=centres)


@on_one_thread
def joined(themes: Themes, units: Floats, number: int) -> Themes:
    """The themes with that of `number` made of pictures (n, p) in their space: those of them that the fit looked at
    are given to it, the others added. Where themes stand by their centres it gets, or changes, its centre."""
    references, labels = themes.references.copy(), themes.labels.copy()
    if themes.voters == 1:
        units = unit(units.sum(axis=0, keepdims=True))
        references[labels == number] = units[0]
        units = units[: 0 if (labels == number).any() else 1]
    else:
        rows, cosines = nearest(units, references, 1)
        same = cosines[:, 0] > _SAME
        labels[rows[same, 0]] = number
        units = units[~same]
    references = np.concatenate([references, units])
    labels = np.concatenate([labels, np.full(len(units), number, np.int32)])
    spots = np.concatenate([themes.spots, np.full((len(units), 2), np.nan, np.float32)])
    numbers, centres = _centres(references, labels)
    return replace(themes, references=references, labels=labels, spots=spots, numbers=numbers, centres=centres)


def encoded(themes: Themes) -> bytes:
    """A .npz file of the themes."""
    sink = io.BytesIO()
    np.savez(
        sink, references=themes.references.astype(np.float16), labels=themes.labels, voters=themes.voters,
        limit=themes.limit, numbers=themes.numbers, centres=themes.centres, spots=themes.spots,
        **themes.space.arrays(),
    )
    return sink.getvalue()


def decoded(arrays: Mapping[str, Any]) -> Themes:
    """The themes of such a file, opened."""
    references = unit(arrays["references"].astype(np.float32))
    return Themes(
        from_arrays(arrays), references, arrays["labels"], int(arrays["voters"]), float(arrays["limit"]),
        arrays["numbers"], arrays["centres"], arrays["spots"],
    )
