"""The facts of an edition: what came in, what was kept, what was rejected and why, made by which versions."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import tables
from pipeline.corpus import Corpus
from pipeline.schema import ID_DIGITS

STEP_OF = {
    "crawled": "crawl", "measured": "measure", "faces": "faces", "identified": "identify", "sketched": "sketch",
    "selected": "dedupe", "expanded": "expand", "prepared": "shard", "embedded": "embed", "clustered": "cluster",
}
_PACKAGES = (
    "wunderkammer", "scrapy", "pillow", "opencv-python-headless", "imagehash", "ai-edge-litert", "onnxruntime",
    "numpy", "scikit-learn", "dask", "torch", "pyarrow",
)


def funnel(corpus: Corpus, seconds: Mapping[str, float]) -> list[dict[str, Any]]:
    """For each table that stands: rows in, rows kept, rows rejected there by reason, seconds it took."""
    steps = []
    partitions = corpus.partitions()
    before: dict[str, int] = {}
    rows_in = 0
    for table in ("crawled", "measured", *corpus.chain):
        names = set(tables.names(corpus.root, corpus.folders[table]))
        if not partitions or not names.issuperset(partitions):
            break
        reasons = _reasons(corpus, table, partitions)
        counts = Counter(reason for reason in reasons if reason is not None)
        kept = len(reasons) - counts.total()
        new = {reason: n - before.get(reason, 0) for reason, n in sorted(counts.items()) if n > before.get(reason, 0)}
        step = STEP_OF[table]
        steps.append({
            "stage": step, "rows_in": rows_in or len(reasons), "kept": kept, "rejected": new,
            "seconds": round(seconds.get(step, 0.0), 2),
        })
        rows_in, before = kept, counts
    return steps


def _reasons(corpus: Corpus, table: str, partitions: Sequence[str]) -> list[str | None]:
    """The reason of each row, None for those kept; what is left out since has one from `selected` on."""
    found = tables.read_all(corpus.root, corpus.folders[table], partitions, ["id", "reason"])
    out = corpus.left_out if table in corpus.chain else {}
    rows = zip(found["id"].to_pylist(), found["reason"].to_pylist(), strict=True)
    return [reason or out.get(picture) or out.get(picture[:ID_DIGITS]) for picture, reason in rows]


def totals(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Crawled, kept and rejected by reason, over the whole funnel."""
    rejected: dict[str, int] = {}
    for step in steps:
        for reason, count in step["rejected"].items():
            rejected[reason] = rejected.get(reason, 0) + count
    return {"crawled": steps[0]["rows_in"], "kept": steps[-1]["kept"], "rejected": rejected} if steps else {}


def score_plants(corpus: Corpus, truth: dict[str, Any] | None) -> Any:
    """How many of a practice gallery's planted duplicates and faults were caught."""
    partitions = corpus.partitions()
    if truth is None or not set(partitions) <= set(tables.names(corpus.root, corpus.folders["selected"])):
        return None
    from spiders.gallery import score

    works = tables.read_all(corpus.root, corpus.folders["crawled"], partitions, ["source_id", "id"])
    verdicts = tables.read_all(corpus.root, corpus.folders["selected"], partitions, ["reason", "keeper"])
    work, picture = works["source_id"].to_pylist(), works["id"].to_pylist()
    reason, keeper = verdicts["reason"].to_pylist(), verdicts["keeper"].to_pylist()
    kept = {p: w for w, p, r in zip(work, picture, reason, strict=True) if r is None}
    outcomes = {
        w: {"reason": r, "keeper": kept.get(k) if k else None} for w, r, k in zip(work, reason, keeper, strict=True)
    }
    return score(truth, outcomes)


def versions() -> dict[str, str]:
    """The versions of the packages that decide what comes out."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
