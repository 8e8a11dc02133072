"""Exact neighbour search among 64-bit hashes: time, memory, nightly increments, shares over Dask, beside faiss.

    python benchmarks/neighbours.py                 # 1 M hashes, radius 4 to 14, and 10,000 new ones beside 10 M
    python benchmarks/neighbours.py --large         # 10 M hashes at radius 6 as well: over a minute
    python benchmarks/neighbours.py --peer PYTHON   # an interpreter that has faiss-cpu: its flat index, 2,000 queries

Times are CPU seconds of one thread (process_time); memory is the process's peak above what it held before.
Every twentieth hash is a copy of another with four bits changed, so that there is something to find.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from pipeline.vision.multiindex import join

CLAIMED = {(1_000_000, 6): 4.0, (1_000_000, 8): 11.0, (1_000_000, 10): 25.0, (10_000_000, 6): 79.0}
"""CPU seconds of the prototype that the issue asks to reach, measured on another machine of two cores."""
PEER = """
import faiss, json, numpy as np, sys, time
faiss.omp_set_num_threads(1)
hashes = np.fromfile(sys.argv[1], np.uint8).reshape(-1, 8)
index = faiss.IndexBinaryFlat(64)
index.add(hashes)
began = time.process_time()
index.range_search(hashes[:2000], int(sys.argv[2]) + 1)
print(json.dumps((time.process_time() - began) * len(hashes) / 2000 / 2))
"""


def planted(count: int) -> np.ndarray:
    """Distinct hashes (uint64), one in twenty a near copy."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    copies = hashes[rng.integers(0, count - count // 20, count // 20)]
    for _ in range(4):
        copies = copies ^ (np.uint64(1) << rng.integers(0, 64, len(copies), dtype=np.uint64))
    hashes[count - len(copies) :] = copies
    return np.unique(hashes)


def self_join(count: int, radius: int) -> dict[str, float]:
    """Seconds, pairs and bytes a hash of a whole self-join."""
    hashes = planted(count)
    before = _peak()
    began = time.process_time()
    found = sum(len(i) for i, _, _ in join(hashes, hashes, radius))
    return {"seconds": time.process_time() - began, "pairs": found, "bytes": (_peak() - before) / count}


def increment(new: int, standing: int, radius: int) -> dict[str, float]:
    """Seconds for tonight's hashes beside a standing corpus, its tables built afresh."""
    hashes = planted(standing)
    rng = np.random.default_rng(1)
    tonight = hashes[rng.integers(0, len(hashes), new)] ^ (np.uint64(1) << rng.integers(0, 64, new, dtype=np.uint64))
    before = _peak()
    began = time.process_time()
    found = sum(len(i) for i, _, _ in join(tonight, hashes, radius))
    return {"seconds": time.process_time() - began, "pairs": found, "bytes": (_peak() - before) / standing}


def share(count: int, radius: int, which: int, shares: int) -> np.ndarray:
    """The pairs (n, 3) of one share: what a worker does."""
    hashes = planted(count)
    return np.concatenate(
        [np.stack(block, axis=1).astype(np.int64) for block in join(hashes, hashes, radius, (which, shares))]
    )


def over_dask(count: int, radius: int, workers: int = 2, shares: int = 8) -> bool:
    """Whether shares computed by a Dask cluster of processes give the pairs of one process, bit for bit."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        parts = client.gather([client.submit(share, count, radius, which, shares) for which in range(shares)])
    together, alone = np.concatenate(parts), share(count, radius, 0, 1)
    return all(np.array_equal(a, b) for a, b in zip(_canonical(together), _canonical(alone), strict=True))


def faiss_flat(python: str, count: int, radius: int) -> float:
    """CPU seconds of faiss's exact flat index for the half of all comparisons that a self-join needs."""
    planted(count).tofile("/tmp/hashes.bin")
    done = subprocess.run(
        [python, "-c", PEER, "/tmp/hashes.bin", str(radius)], capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout))


def _canonical(pairs: np.ndarray) -> tuple[np.ndarray, ...]:
    i, j = pairs[:, :2].min(axis=1), pairs[:, :2].max(axis=1)
    order = np.lexsort((j, i))
    return i[order], j[order], pairs[order, 2]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _apart(call: object, *arguments: int) -> dict[str, float]:
    """In a process of its own, so that the peak is this call's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()  # type: ignore[arg-type]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--peer", metavar="PYTHON")
    asked = parser.parse_args()
    cases = [(1_000_000, radius) for radius in (4, 6, 8, 10, 12, 14)] + ([(10_000_000, 6)] if asked.large else [])
    for count, radius in cases:
        told = _apart(self_join, count, radius)
        claimed = f" (prototype {CLAIMED[count, radius]:.0f} s)" if (count, radius) in CLAIMED else ""
        print(f"{count:>10,} radius {radius:>2}: {told['seconds']:6.1f} s{claimed}, {told['pairs']:,.0f} pairs, "
              f"{told['bytes']:.0f} bytes a hash", flush=True)  # fmt: skip
    for radius in (6, 10, 14):
        told = _apart(increment, 10_000, 10_000_000, radius)
        print(f"10,000 beside 10,000,000, radius {radius}: {told['seconds']:.1f} s", flush=True)
    print("over Dask equal to the bit:", over_dask(300_000, 8), flush=True)
    if asked.peer:
        for radius in (6, 10):
            print(
                f"faiss flat, 1,000,000, radius {radius}: {faiss_flat(asked.peer, 1_000_000, radius):.0f} s", flush=True
            )


if __name__ == "__main__":
    main()
