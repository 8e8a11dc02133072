"""What is known of the themes besides their members: `themes.json`, with themes proposed among what is unsorted."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables
from pipeline.corpus import Corpus
from pipeline.fitting import fit_themes, read_parts
from pipeline.vision.clustering import unit
from pipeline.vision.graphs import alike, how_many, part_graph
from pipeline.vision.standing import UNSORTED, Themes, decoded

_MOST_PROPOSED_FROM = 5_000
_LEAST_TO_PART = 4
_SHOWN = 500

Members = Mapping[int, Mapping[str, Sequence[Any]]]


def write_facts(
    corpus: Corpus, members: Members, named: Mapping[int, tuple[str, str]], unsorted: Mapping[str, Sequence[Any]],
    parts: Mapping[int, list[list[str]]],
) -> None:
    """Write `clusters/DIGEST/themes.json`; docs/themes.md says what is in it.

    `named` gives each theme's name and where it comes from, `parts` the ids of each part of each theme.
    """
    folder = corpus.folders["clusters"]
    fitted = json.loads(corpus.root.read(f"{folder}/fitted.json"))
    themes = _themes(corpus)
    held = _cohesion(themes)
    curve = fitted.pop("curve")
    facts = {
        **fitted,
        "criterion": {"name": "modularity", **curve, "chosen": fitted["k"]} if curve else None,
        "themes": [
            {
                "id": number, "name": named[number][0], "name_from": named[number][1], "size": len(rows["id"]),
                **held.get(number, {"cohesion": None, "silhouette": None, "nearest": None}),
                "parts": [{"size": len(part), "medoids": part[:9], "members": part} for part in parts.get(number, [])],
            }
            for number, rows in sorted(members.items())
        ],
        "unsorted": {"size": len(unsorted["id"]), "pictures": list(unsorted["id"][::-1][:_SHOWN])},
        "proposals": _proposals(corpus, themes, unsorted["id"]),
    }
    corpus.root.commit(f"{folder}/themes.json", json.dumps(facts, indent=1).encode())


def _themes(corpus: Corpus) -> Themes:
    with np.load(io.BytesIO(corpus.root.read(fit_themes(corpus))), allow_pickle=False) as arrays:
        return decoded(arrays)


def _cohesion(themes: Themes) -> dict[int, dict[str, Any]]:
    """For each theme the mean cosine of its pictures of the fit to its centre, their simplified silhouette (Hruschka et
    al., 2004: by centres in place of pictures, −1 to 1), and the theme whose centre is nearest."""
    made: dict[int, dict[str, Any]] = {}
    for column, number in enumerate(themes.numbers.tolist()):
        cosines = themes.references[themes.labels == number] @ themes.centres.T
        own, others = 1 - cosines[:, column], 1 - np.delete(cosines, column, axis=1)
        silhouette, nearest = None, None
        if others.shape[1]:
            next_best = others.min(axis=1)
            silhouette = round(float(np.mean((next_best - own) / np.maximum(np.maximum(own, next_best), 1e-9))), 4)
            near = themes.centres @ themes.centres[column]
            near[column] = -2
            nearest = int(themes.numbers[near.argmax()])
        made[number] = {"cohesion": round(float(1 - own.mean()), 4), "silhouette": silhouette, "nearest": nearest}
    return made


def _rows(corpus: Corpus, ids: Sequence[str]) -> tuple[pa.Table, np.ndarray]:
    """Where the pictures' vectors stand: the table, and its rows in the order of `ids`."""
    where = tables.read_all(corpus.root, corpus.folders["embedded"], corpus.partitions(), ["id", "reason"])
    kept = where.filter(pc.is_null(where["reason"]))
    place = pc.index_in(pa.array(ids, pa.string()), value_set=kept["id"].combine_chunks())
    return kept, np.asarray(place)


def _proposals(corpus: Corpus, themes: Themes, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Groups of unsorted pictures that are as alike as those of the themes are; largest first."""
    least = corpus.manifest.cluster.propose
    ids = list(ids)[:_MOST_PROPOSED_FROM]
    if len(ids) < least:
        return []
    units = themes.space.project(read_parts(corpus, *_rows(corpus, ids)))
    free = max([*themes.numbers.tolist(), *corpus.spoken_for], default=-1) + 1
    made: list[dict[str, Any]] = []
    for group in alike(units, 1 - themes.limit, least):
        centre = unit(units[group].sum(axis=0, keepdims=True))[0]
        near = group[np.argsort(-(units[group] @ centre), kind="stable")]
        pictures = [ids[row] for row in near]
        made.append({
            "number": free + len(made), "name": f"theme {free + len(made):02d}", "size": len(pictures),
            "cohesion": round(float((units[near] @ centre).mean()), 4), "medoids": pictures[:9], "pictures": pictures,
        })
    return made


def parts_of_themes(corpus: Corpus, members: Members) -> dict[int, list[list[str]]]:
    """Themes within themes, the ids of each, nearest to its middle first; themes that are too small stay whole.

    Into how many is told by the modularity of the graph, as `k: auto` is.
    """
    if corpus.manifest.cluster.levels == 1:
        return {}
    cluster, themes = corpus.manifest.cluster, _themes(corpus)
    made: dict[int, list[list[str]]] = {}
    for number, rows in sorted(members.items()):
        ids = list(rows["id"])
        if number != UNSORTED and len(ids) >= _LEAST_TO_PART * cluster.min_size:
            units = themes.space.project(read_parts(corpus, *_rows(corpus, ids)))
            count, _ = how_many(units, cluster.min_size, cluster.seed)
            labels = part_graph(units, count, cluster.seed)[0]
            groups = [np.flatnonzero(labels == part) for part in np.unique(labels)]
            groups = [_from_the_middle(units, group) for group in groups]
            made[number] = [[ids[row] for row in group] for group in sorted(groups, key=lambda g: -len(g))]
    return made


def _from_the_middle(units: np.ndarray, group: np.ndarray) -> np.ndarray:
    centre = unit(units[group].sum(axis=0, keepdims=True))[0]
    nearest: np.ndarray = group[np.argsort(-(units[group] @ centre), kind="stable")]
    return nearest
