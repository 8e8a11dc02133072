"""Faces of one person are grouped, faces of two are not, and a mirror does not make another person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import models
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.faces import FaceFinder
from pipeline.vision.identity import SAME, Identifier, group

NETWORK, FACES, PORTRAITS = (models.find(name) for name in ("face_identity", "face_landmarker", "demo_faces"))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(0, 1000))
def test_clouds_that_lie_apart_are_the_groups(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    persons = np.repeat(np.arange(len(sizes)), sizes)
    rng.shuffle(persons)
    vectors = np.eye(128)[persons] + rng.normal(0, 0.005, (len(persons), 128))
    numbers = group(vectors)
    pairs = {(int(person), number) for person, number in zip(persons, numbers, strict=True)}
    assert len(pairs) == len(sizes) == len(set(numbers)), "one number a person"
    counts = np.bincount(numbers)
    assert sorted(counts, reverse=True) == counts.tolist(), "the first has the most faces"


def test_none_and_one() -> None:
    assert group(np.empty((0, 128))) == []
    assert group(np.ones((1, 128))) == [0]
    assert group(np.ones((3, 128))) == [0, 0, 0]


@pytest.mark.skipif(
    None in (NETWORK, FACES, PORTRAITS), reason="the models are not here: run `pipeline models fetch face_identity`"
)
def test_two_presidents_are_two_persons() -> None:
    assert NETWORK and FACES and PORTRAITS
    names = ("biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg")
    identifier, vectors = Identifier(NETWORK), []
    with FaceFinder(FACES) as finder:
        for name in names:
            picture = np.asarray(to_srgb(open_upright((Path(PORTRAITS) / name).read_bytes()))[0])
            vectors.append(identifier.vector(picture, finder.find(picture)[0].points))
        mirrored = np.ascontiguousarray(picture[:, ::-1])
        again = identifier.vector(mirrored, finder.find(mirrored)[0].points)
    assert group(np.array(vectors)) == [1, 0, 0, 0]
    assert np.linalg.norm(again - vectors[-1]) < SAME / 3
