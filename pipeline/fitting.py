"""The fit of the themes: a sample of the corpus parted once; numbers that go on after a refit; themes people added."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import overlay, tables
from pipeline.corpus import Corpus, edition
from pipeline.corrections import corrected
from pipeline.errors import UsageError
from pipeline.stages.assign import parts_of
from pipeline.vision.likeness import PARTS, SAMPLE
from pipeline.vision.renumber import Renumbered, renumber
from pipeline.vision.standing import Asked, Themes, decoded, encoded, fit, give, joined, renumbered

_MOST = {"graph": SAMPLE, "kmeans": 50_000, "hdbscan": SAMPLE}
"""How many pictures the fit looks at, for memory's sake."""


def fit_themes(corpus: Corpus) -> str:
    """Find the themes once, or take those that stand; returns the path of the .npz file that assigns pictures.

    Later partitions are given to the same themes, and to those that people added since (`theme` and `split` of the
    journal). Raises UsageError when fewer pictures than k were kept, or their vectors do not do.
    """
    path = f"{corpus.folders['clusters']}/themes.npz"
    if not corpus.root.exists(path):
        _fit(corpus, path)
    return _with_added(corpus, path)


def ask_refit(corpus: Corpus) -> None:
    """Note that the themes are to be found anew: their numbers go on from those of the newest edition.

    Raises UsageError when there are none yet.
    """
    standing = edition(corpus.root, corpus.name)
    if standing is None or not standing["clusters"]:
        raise UsageError(f"Corpus {corpus.name} has no themes to refit yet: `pipeline cluster` makes them.")
    said = {"clustered": standing["folders"]["clustered"], "clusters": standing["folders"]["clusters"],
            "partitions": standing["partitions"], "edition": standing["edition"]}
    number = len(corpus.refits) + 1
    corpus.root.claim(f"corpora/{corpus.name}/refits/{number:05d}.json", json.dumps(said).encode())


def refitted_from(corpus: Corpus) -> dict[str, Any] | None:
    """What the last refit goes on from: the folders `clustered` and `clusters`, the partitions and the edition."""
    if not corpus.refits:
        return None
    loaded: dict[str, Any] = json.loads(corpus.root.read(corpus.refits[-1]))
    return loaded


def _fit(corpus: Corpus, path: str) -> None:
    folder, cluster = corpus.folders["clusters"], corpus.manifest.cluster
    partitions = _claimed_for_fit(corpus, folder)
    ids, parts = _sample(corpus, partitions)
    try:
        themes, curve = fit(parts, Asked(cluster.k, cluster.by, cluster.method, cluster.min_size, cluster.seed))
    except ValueError as error:
        corpus.root.delete(f"{folder}/fit.json")
        raise UsageError(f"{_wish(cluster.k)} cannot be made ({error}).") from None
    found = _numbered(corpus, themes, ids, parts)
    if found is not None:
        themes = renumbered(themes, found.new)
    facts = {
        "method": cluster.method, "by": cluster.by, "k": len(themes.numbers), "auto": cluster.k == "auto",
        "seed": cluster.seed, "pictures": len(ids), "limit": themes.limit, "parts": list(themes.space.names),
        "curve": asdict(curve) if curve else None, "refit": found.plain() if found else None,
    }
    corpus.root.commit(f"{folder}/fitted.json", json.dumps(facts, indent=1).encode())
    corpus.root.commit(path, encoded(themes))


def _wish(k: int | str) -> str:
    return "Themes" if k == "auto" else f"{k} clusters"


def _claimed_for_fit(corpus: Corpus, folder: str) -> list[str]:
    """The partitions to fit on, claimed so that a killed fit is repeated on the same ones."""
    claim = f"{folder}/fit.json"
    if not corpus.root.exists(claim):
        partitions = sorted(corpus.partitions(), key=tables.by_time)
        reasons = tables.read_all(corpus.root, corpus.folders["embedded"], partitions, ["reason"])["reason"]
        kept, k = reasons.null_count, corpus.manifest.cluster.k
        if not kept:
            raise UsageError(
                "No picture is left to cluster: see `pipeline rejects` for the reasons, and loosen the manifest."
            )
        if k != "auto" and kept < k:
            raise UsageError(
                f"{k} clusters were asked of {kept} kept pictures: ask for --k {kept} or fewer, "
                "or gather more pictures."
            )
        corpus.root.claim(claim, json.dumps(partitions).encode())
    loaded: list[str] = json.loads(corpus.root.read(claim))
    return loaded


def _sample(corpus: Corpus, partitions: Sequence[str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """The ids and parts of the pictures to fit on: all, or as many as fit in memory, drawn by the seed."""
    cluster = corpus.manifest.cluster
    rows = tables.read_all(corpus.root, corpus.folders["embedded"], partitions, ["id", "reason"])
    kept = np.flatnonzero(np.asarray(rows["reason"].is_null()))
    if len(kept) > (most := _MOST[cluster.method]):
        kept = np.sort(np.random.default_rng(cluster.seed).choice(kept, most, replace=False))
    ids = rows["id"].take(pa.array(kept)).to_pylist()
    return ids, read_parts(corpus, rows, kept)


def read_parts(corpus: Corpus, where: pa.Table, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The parts of some rows of `where` (columns partition and row), partition by partition, float32."""
    partitions, places = where["partition"].to_numpy()[rows], where["row"].to_numpy()[rows]
    some: list[dict[str, np.ndarray]] = []
    order: list[np.ndarray] = []
    for name in np.unique(partitions):
        here = np.flatnonzero(partitions == name)
        table = tables.read(corpus.root, corpus.folders["embedded"], str(name), PARTS)
        try:
            some.append(parts_of({part: table[part] for part in PARTS}, places[here]))
        except ValueError as error:
            raise UsageError(f"The pictures cannot be compared: {error}; embed them by one network.") from None
        order.append(here)
    back = np.argsort(np.concatenate(order), kind="stable")
    common = [part for part in PARTS if all(part in one for one in some)]
    if any(len({one[part].shape[1] for one in some}) > 1 for part in common):
        raise UsageError("The pictures cannot be compared: their vectors are of several lengths; embed by one network.")
    return {part: np.concatenate([one[part] for one in some])[back] for part in common}


# numbers that go on


def _numbered(corpus: Corpus, themes: Themes, ids: Sequence[str], parts: Mapping[str, np.ndarray]) -> Renumbered | None:
    """Which of the standing themes each new one continues, after a refit."""
    before = refitted_from(corpus)
    if before is None:
        return None
    columns = ["id", "cluster", "distance"]
    old = corrected(corpus, tables.read_all(corpus.root, before["clustered"], before["partitions"], columns))
    theme_of = dict(zip(old["id"].to_pylist(), pc.fill_null(old["cluster"], overlay.NONE).to_pylist(), strict=True))
    was = np.array([theme_of.get(picture, overlay.NONE) for picture in ids], np.int32)
    taken = {*theme_of.values(), *corpus.spoken_for}
    return renumber(was, give(themes, parts).themes, max(taken, default=-1) + 1)


def refit_in_words(corpus: Corpus) -> str:
    """What moved at the last refit, for people."""
    found = json.loads(corpus.root.read(f"{corpus.folders['clusters']}/fitted.json"))["refit"]
    share = found["moved"] / max(found["pictures"], 1)
    new, gone = (", ".join(map(str, found[key])) or "none" for key in ("begun", "ended"))
    return (
        f"refit: {len(found['continued'])} themes go on, new {new}, gone {gone};"
        f" {found['moved']:,} of {found['pictures']:,} pictures moved ({share:.1%})"
    )


# themes that people added


def _with_added(corpus: Corpus, path: str) -> str:
    """The themes with those that people made: a file of its own for every state of the journal."""
    added = [event for event in corpus.events if event.action in ("theme", "split")]
    if not added:
        return path
    state = hashlib.sha256("".join(event.id for event in added).encode()).hexdigest()[:10]
    extended = f"{corpus.folders['clusters']}/themes-{state}.npz"
    if not corpus.root.exists(extended):
        with np.load(io.BytesIO(corpus.root.read(path)), allow_pickle=False) as arrays:
            themes = decoded(arrays)
        for number, pictures in _made(added, themes.numbers.tolist()):
            themes = _with_one(corpus, themes, number, pictures)
        corpus.root.commit(extended, encoded(themes))
    return extended


def _made(events: Sequence[Any], fitted: Sequence[int]) -> list[tuple[int, list[str]]]:
    """The number and pictures of each part that people made and that did not come with the fit, as after a refit.

    Of a split the part that keeps the number is among them: else fewer of its pictures than of the others would vote.
    """
    made: list[tuple[int, list[str]]] = []
    for event in events:
        if event.action == "theme":
            made += [] if event["number"] in fitted else [(event["number"], event["pictures"])]
        elif not set(event["numbers"][1:]) <= set(fitted):
            made += list(zip(event["numbers"], event["parts"], strict=True))
    return made


def _with_one(corpus: Corpus, themes: Themes, number: int, pictures: Sequence[str]) -> Themes:
    """The themes with one of these pictures; as they are where its pictures are gone."""
    done = tables.names(corpus.root, corpus.folders["embedded"])
    names = [name for name in corpus.partitions() if name in set(done)]
    where = tables.read_all(corpus.root, corpus.folders["embedded"], names, ["id", "reason"])
    among = np.asarray(pc.is_in(where["id"], value_set=pa.array(pictures, pa.string())))
    rows = np.flatnonzero(among & np.asarray(where["reason"].is_null()))
    if not len(rows):
        return themes
    return joined(themes, themes.space.project(read_parts(corpus, where, rows)), number)
