"""How long themes take at scale: 200,000 × 1,280 in 20 themes beside faiss, and how much memory a million takes.

    python benchmarks/themes_scale.py [COUNT] [FAISS_PYTHON]

Planted vectors, 40 groups of uneven size; FAISS_PYTHON is an interpreter that has faiss, run on the same file.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import normalized_mutual_info_score

from pipeline.vision.standing import Asked, fit, give

GROUPS, K, WIDTH = 40, 20, 1280
FAISS = """
import sys, time, numpy as np, faiss
faiss.omp_set_num_threads(2)
vectors = np.load(sys.argv[1]).astype(np.float32)
start, cpu = time.perf_counter(), time.process_time()
faiss.normalize_L2(vectors)
means = faiss.Kmeans(vectors.shape[1], 20, niter=25, nredo=1, seed=0, spherical=True, max_points_per_centroid=10**9)
means.train(vectors)
labels = means.index.search(vectors, 1)[1][:, 0]
print(time.perf_counter() - start, time.process_time() - cpu)
np.save(sys.argv[2], labels)
"""


def main(count: int, python: str | None) -> None:
    """Print the table."""
    truth = planted_truth(count)
    vectors = planted(truth)
    print("| method | wall s | CPU s | NMI with the planted groups | peak memory GiB |")
    print("|---|---|---|---|---|")
    if python:
        print(f"| faiss, spherical, 25 rounds | {faiss(vectors, truth, python)} | |", flush=True)
    for method in ("graph", "kmeans"):
        start, cpu = time.perf_counter(), time.process_time()
        themes, _ = fit({"vector": vectors}, Asked(K, method=method))  # type: ignore[arg-type]
        found = give(themes, {"vector": vectors}).themes
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        nmi = normalized_mutual_info_score(truth, found)
        print(f"| ours, {method} | {wall:.1f} | {cpu:.1f} | {nmi:.3f} | {peak:.1f} |", flush=True)


def planted_truth(count: int) -> np.ndarray:
    """The group of each vector; the largest is some ten times the smallest."""
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.1, 1, GROUPS)
    return rng.choice(GROUPS, count, p=shares / shares.sum())


def planted(truth: np.ndarray) -> np.ndarray:
    """Vectors (n, 1280) float16, non-negative as a network's are, made a block at a time."""
    rng = np.random.default_rng(1)
    centres = np.abs(rng.normal(size=(GROUPS, WIDTH))).astype(np.float32)
    made = np.empty((len(truth), WIDTH), np.float16)
    for start in range(0, len(truth), 8192):
        here = truth[start : start + 8192]
        made[start : start + 8192] = np.abs(centres[here] + rng.standard_normal((len(here), WIDTH), np.float32))
    return made


def faiss(vectors: np.ndarray, truth: np.ndarray, python: str) -> str:
    """Cells of faiss on the same vectors, in a process of its own: wall, CPU, NMI."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "vectors.npy", Path(folder) / "labels.npy"
        np.save(given, vectors)
        run = subprocess.run([python, "-c", FAISS, str(given), str(found)], capture_output=True, text=True, check=True)
        wall, cpu = map(float, run.stdout.split())
        return f"{wall:.1f} | {cpu:.1f} | {normalized_mutual_info_score(truth, np.load(found)):.3f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, sys.argv[2] if len(sys.argv) > 2 else None)
