"""The folds over a whole corpus, batch by batch: selection, and the fit of the themes.

A batch is a list of partitions claimed before it is worked on, so a killed fold is done again on the very
same partitions and gives the very same rows. What an earlier batch decided stays decided.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables
from pipeline.corpus import Corpus
from pipeline.people import Chosen
from pipeline.runner import Runner, Summary
from pipeline.schema import EXPANDED, SELECTED
from pipeline.sketches import Sketches
from pipeline.stages.dedupe import Standing, dedupe
from pipeline.stages.expand import expand as faces_as_rows
from pipeline.stages.judge import judge, judge_faces, judge_persons
from pipeline.stages.proofs import Evidence
from pipeline.stages.shares import shared

_MEASURES = (
    "id", "width", "height", "phash", "brightness", "contrast", "sharpness",
    "coloured", "entropy", "border", "blockiness", "jpeg_quality", "nsfw", "fineness", "frames", "format",
    "reason", "reason_value", "detail", "bytes",
)


def select(corpus: Corpus, runner: Runner) -> list[Summary]:
    """Judge and dedupe the partitions that were not selected yet; one summary a partition.

    Where there is much to compare the runner's workers do it; what comes out is the same with any number of them.
    """
    summaries: list[Summary] = []
    earlier: list[str] = []
    for batch in corpus.batches("selected"):
        missing = set(batch) - set(tables.names(corpus.root, corpus.folders["selected"]))
        if missing:
            summaries += _select_batch(corpus, runner, batch, earlier, missing)
        earlier += batch
    return summaries


def _select_batch(
    corpus: Corpus, runner: Runner, batch: Sequence[str], earlier: Sequence[str], missing: set[str]
) -> list[Summary]:
    started = time.monotonic()
    said = tables.read_latest(corpus.root, batch, ["licence", "source"])
    meant = _meant(corpus)
    verdicts_ = [_judged(corpus, name, said.filter(pc.equal(said["partition"], name)), meant) for name in batch]
    judged, faces = [rows for rows, _ in verdicts_], [face for _, of in verdicts_ for face in of]
    standing, where = _standing(corpus, earlier)
    rows = [(name, row) for name, part in zip(batch, judged, strict=True) for row in range(part.num_rows)]

    def evidence(live: np.ndarray) -> Evidence:
        compared = [*where, *(rows[row] for row in live)]
        return Sketches(corpus.root, corpus.folders["sketched"], compared).evidence(runner.spread)

    near = shared(runner.spread, runner.workers)
    selected = dedupe(pa.concat_tables(judged), standing, corpus.manifest.dedupe, evidence, near)
    place = SELECTED.names.index("face")
    selected = selected.set_column(place, "face", pa.array(faces, pa.int32()))
    summaries, offset = [], 0
    for name, part in zip(batch, judged, strict=True):
        verdicts = selected.slice(offset, part.num_rows)
        offset += part.num_rows
        if name in missing:
            tables.write(corpus.root, corpus.folders["selected"], name, verdicts, SELECTED)
            counts = _new_reasons(corpus, name, verdicts)
            summaries.append(Summary("selected", name, part.num_rows, counts, time.monotonic() - started))
            started = time.monotonic()
    return summaries


def _new_reasons(corpus: Corpus, name: str, rows: pa.Table) -> dict[str, int]:
    before = tables.read(corpus.root, corpus.folders["measured"], name, ["reason"])["reason"].to_pylist()
    counts: dict[str, int] = {}
    for old, new in zip(before, rows["reason"].to_pylist(), strict=True):
        if old is None and new is not None:
            counts[new] = counts.get(new, 0) + 1
    return counts


def _meant(corpus: Corpus) -> Chosen | None:
    """Whose pictures are kept; None when everybody's."""
    people = corpus.manifest.people
    return Chosen(corpus, people) if people and people.chooses else None


def _judged(
    corpus: Corpus, name: str, crawled: pa.Table, meant: Chosen | None
) -> tuple[pa.Table, list[int | None]]:
    """The measures of one partition with the verdict of the manifest's thresholds in `reason`, and for each row the
    place of the face to align on, if it was chosen here."""
    measured = tables.read(corpus.root, corpus.folders["measured"], name, _MEASURES)
    reasons, values = judge(crawled, measured, corpus.manifest.select)
    align = corpus.manifest.align
    chosen: list[int | None] = [None] * len(reasons)
    if align is not None or meant is not None:
        whose = meant.faces(name) if meant else []
        faces = tables.read(corpus.root, corpus.folders["faces"], name, ["faces", "reason", "reason_value"])
        for row, found in enumerate(faces.to_pylist()):
            if reasons[row] is None and found["reason"] is not None:
                reasons[row], values[row] = found["reason"], found["reason_value"]
            elif reasons[row] is None and meant is not None:
                reasons[row], values[row], chosen[row] = judge_persons(*whose[row], found["faces"], align)
            elif reasons[row] is None and align is not None:
                size = measured["width"][row].as_py(), measured["height"][row].as_py()
                reasons[row], values[row] = judge_faces(found["faces"], align, size)
    for row, picture in enumerate(measured["id"].to_pylist() if corpus.withdrawn else ()):
        if reasons[row] is None and picture in corpus.withdrawn:
            reasons[row] = corpus.withdrawn[picture]
    verdicts = {"reason": pa.array(reasons, pa.string()), "reason_value": pa.array(values, pa.float64())}
    kept = {column: measured[column] for column in _MEASURES if column not in verdicts}
    return pa.table(kept | verdicts | {column: crawled[column] for column in ("licence", "source")}), chosen


def expand(corpus: Corpus) -> list[Summary]:
    """Make a row of each face of the pictures that were selected; one summary a partition."""
    align, meant, summaries = corpus.manifest.align, _meant(corpus), []
    assert align is not None
    for name in corpus.todo("expanded"):
        started = time.monotonic()
        verdict = ["id", "reason", "reason_value", "detail"]
        selected = tables.read(corpus.root, corpus.folders["selected"], name, verdict).select(verdict)
        faces = tables.read(corpus.root, corpus.folders["faces"], name, ["faces"])["faces"].to_pylist()
        formats = tables.read(corpus.root, corpus.folders["crawled"], name, ["format"])["format"].to_pylist()
        whose = [places for places, _ in meant.faces(name)] if meant else None
        rows = faces_as_rows(selected, formats, faces, align, whose)
        tables.write(corpus.root, corpus.folders["expanded"], name, rows, EXPANDED)
        was = selected["reason"].take(rows["origin"])
        new = rows.filter(pc.and_(pc.is_null(was), pc.is_valid(rows["reason"])))
        counts = {item["values"]: item["counts"] for item in new["reason"].value_counts().to_pylist()}
        summaries.append(Summary("expanded", name, rows.num_rows, counts, time.monotonic() - started))
    return summaries


def _standing(corpus: Corpus, earlier: Sequence[str]) -> tuple[Standing, list[tuple[str, int]]]:
    """The pictures that earlier batches kept and that are not left out, and the partition and row of each."""
    ids: list[str] = []
    where: list[tuple[str, int]] = []
    hashes, sizes = [np.empty(0, np.uint64)], [np.empty((0, 2), np.int64)]
    for name in earlier:
        selected = tables.read(corpus.root, corpus.folders["selected"], name, ["id", "reason"])
        measured = tables.read(corpus.root, corpus.folders["measured"], name, ["phash", "width", "height"])
        out = pc.is_in(selected["id"], value_set=pa.array(sorted(corpus.withdrawn), pa.string()))
        kept = np.flatnonzero(np.asarray(selected["reason"].is_null()) & ~np.asarray(out))
        ids += selected["id"].take(pa.array(kept)).to_pylist()
        found = measured.take(pa.array(kept))
        hashes.append(found["phash"].to_numpy().astype(np.uint64))
        sizes.append(np.column_stack([found["width"].to_numpy(), found["height"].to_numpy()]).astype(np.int64))
        where += [(name, int(row)) for row in kept]
    return Standing(ids, np.concatenate(hashes), np.concatenate(sizes)), where
