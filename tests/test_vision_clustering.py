"""Clusters: the same bits from the same seed, none empty, the largest first, and the groups that are there."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.vision.clustering import assign, spherical_kmeans

Floats = NDArray[np.float32]


def bundles(seed: int, sizes: list[int], dim: int = 32, spread: float = 0.15) -> tuple[Floats, NDArray[np.int64]]:
    """Vectors of any length around as many directions as there are sizes."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(dim, dim)))[0][: len(sizes)]
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = directions[labels] + rng.normal(0, spread / dim**0.5, (len(labels), dim))
    return (vectors * rng.uniform(0.1, 30, (len(labels), 1))).astype(np.float32), labels


def test_groups_are_found_whatever_the_length_of_the_vectors() -> None:
    sizes = [60, 50, 40, 30, 20, 10, 5]
    vectors, truth = bundles(1, sizes)
    centres, labels, distances = spherical_kmeans(vectors, 7, seed=0)
    assert np.bincount(labels).tolist() == sizes
    assert all(len(set(labels[truth == group].tolist())) == 1 for group in range(7))
    assert centres.dtype == distances.dtype == np.float32
    assert labels.dtype == np.int32
    assert distances.max() < 0.1


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 12), st.integers(0, 99), st.integers(0, 2**31))
def test_any_vectors_give_k_full_clusters(count: int, k: int, dim: int, shape: int, seed: int) -> None:
    rng = np.random.default_rng(shape)
    vectors = rng.integers(-2, 3, (count, dim)).astype(np.float32)
    vectors[~vectors.any(axis=1)] = 1
    directions = {tuple((v / np.linalg.norm(v)).round(4)) for v in vectors}
    if k > len(directions):
        with pytest.raises(ValueError, match="there are only"):
            spherical_kmeans(vectors, k, seed)
        return
    centres, labels, distances = spherical_kmeans(vectors, k, seed)
    sizes = np.bincount(labels, minlength=k)
    assert sizes.min() > 0
    assert (np.diff(sizes) <= 0).all(), "clusters are numbered by size"
    assert ((distances >= 0) & (distances <= 2)).all()
    again, far = assign(vectors, centres)
    assert np.array_equal(again, labels)
    assert np.array_equal(far, distances)


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads() -> None:
    code = (
        "import hashlib, numpy as np\nfrom pipeline.vision.clustering import spherical_kmeans\n"
        "v = np.random.default_rng(5).normal(size=(3000, 200)).astype(np.float32)\n"
        "print(hashlib.sha256(b''.join(part.tobytes() for part in spherical_kmeans(v, 9, 3))).hexdigest())\n"
    )
    found = set()
    for threads in ("1", "2", "4"):
        environment = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "PATH": ""}
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        found.add(run.stdout)
    assert len(found) == 1


def test_another_seed_may_differ_and_the_best_start_wins() -> None:
    vectors, _ = bundles(2, [30] * 8, spread=2.0)
    sums = {float(spherical_kmeans(vectors, 8, seed)[2].sum()) for seed in range(6)}
    assert max(sums) < 1.05 * min(sums)


def test_large_corpora_start_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.vision.clustering.SAMPLE", 200)
    vectors, _ = bundles(3, [900, 600, 400, 100])
    assert np.bincount(spherical_kmeans(vectors, 4, seed=0)[1]).tolist() == [900, 600, 400, 100]


def test_errors_say_what_is_wrong() -> None:
    vectors = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match="k is 4, but there are only 3 vectors"):
        spherical_kmeans(vectors, 4, 0)
    with pytest.raises(ValueError, match="k is 0"):
        spherical_kmeans(vectors, 0, 0)
    with pytest.raises(ValueError, match="only 1 different"):
        spherical_kmeans(np.ones((9, 4), np.float32), 2, 0)
    with pytest.raises(ValueError, match="length 0"):
        spherical_kmeans(np.eye(3, 4, k=1, dtype=np.float32)[:, :3], 2, 0)


def test_assign_takes_new_vectors_and_none() -> None:
    vectors, _ = bundles(4, [20, 10, 5])
    centres, labels, _ = spherical_kmeans(vectors, 3, 0)
    assert np.array_equal(assign(3 * vectors[:7], centres)[0], labels[:7])
    none, far = assign(vectors[:0], centres)
    assert len(none) == len(far) == 0
    assert assign(-vectors[:1], centres)[1][0] <= 2
