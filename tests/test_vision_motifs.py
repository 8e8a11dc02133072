"""Suggestions of the same motif: nearest first, within a theme, each picture with its nearest."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.vision.motifs import same_motif


@given(st.integers(0, 40), st.integers(1, 3), st.integers(0, 2**32 - 1), st.floats(-1, 1))
def test_suggestions_are_those_of_brute_force(count: int, themes: int, seed: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 5)).astype(np.float32)
    labels = rng.integers(0, themes, count)
    found = same_motif(vectors, labels, least, 1000)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = set()
    for n in range(count):
        others = [m for m in range(count) if m != n and labels[m] == labels[n]]
        if others:
            nearest = max(others, key=lambda m: units[n] @ units[m])
            if units[n] @ units[nearest] >= least + 1e-5:
                pairs.add((min(n, nearest), max(n, nearest)))
    got = set(zip(found.i.tolist(), found.j.tolist(), strict=True))
    assert pairs <= got
    assert (found.similarity >= np.float32(least)).all()
    assert (np.diff(found.similarity) <= 0).all()
    assert (labels[found.i] == labels[found.j]).all()


def test_no_more_than_asked_for_and_the_most_alike() -> None:
    angles = np.array([0.0, 0.01, 1.0, 1.2, 2.0, 2.05])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    found = same_motif(vectors, np.zeros(6, np.int64), 0.9, 2)
    assert list(zip(found.i.tolist(), found.j.tolist(), strict=True)) == [(0, 1), (4, 5)]
