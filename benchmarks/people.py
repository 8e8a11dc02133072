"""Persons told apart by default settings: pairwise F1 at once and in nights, and what it costs.

    python benchmarks/people.py ../shared/data

As the stage does it: faces seen well enough (`seen_well`) have numbers, `join` gives them to persons. The limit was set
on faces_68pts; faces_orl and faces_cmu are reported (faces_cmu: 128 × 120 pixels, most faces too small to be told).
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import models
from pipeline.stages.identify import identifier, seen_well
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.faces import FaceFinder
from pipeline.vision.identity import join

SETS = ("faces_68pts", "faces_orl", "faces_cmu")
NIGHTS = 5


def described(folder: Path) -> tuple[NDArray[np.float64], list[str], int, float]:
    """The vectors of the faces seen well, who they are, how many were found at all, milliseconds of CPU a vector."""
    vectors, persons, found, spent = [], [], 0, 0.0
    with (folder / "index.csv").open(newline="") as file, FaceFinder(models.path("face_landmarker")) as finder:
        for row in csv.DictReader(file):
            picture = np.asarray(to_srgb(open_upright((folder / row["path"]).read_bytes()))[0])
            for face in finder.find(picture)[:1]:
                found += 1
                if seen_well(asdict(face)):
                    began = time.process_time()
                    vectors.append(identifier().vector(picture, face.points))
                    spent += time.process_time() - began
                    persons.append(row["person"])
    return np.array(vectors).reshape(-1, 128), persons, found, 1000 * spent / max(len(persons), 1)


def score(numbers: Sequence[int], persons: Sequence[str]) -> float:
    """Pairwise F1: of all pairs of faces, those together that should be."""
    groups, real = np.array(numbers), np.array(persons)
    one, other = np.triu_indices(len(real), 1)
    together, same = groups[one] == groups[other], real[one] == real[other]
    return float(2 * (together & same).sum() / max(together.sum() + same.sum(), 1))


def by_night(vectors: NDArray[np.float64], seed: int) -> list[int]:
    """The persons when the faces come in five nights, in any order: each night's join who stands."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    numbers = np.zeros(len(vectors), np.int64)
    before: NDArray[np.int64] = order[:0]
    for night in np.array_split(order, NIGHTS):
        numbers[night] = join(vectors[night], vectors[before], numbers[before].tolist(), first=1)
        before = np.concatenate([before, night])
    return numbers.tolist()


def main() -> None:
    """Print a line for each set, then what grouping many faces costs."""
    data = Path(sys.argv[1])
    for name in SETS:
        vectors, persons, found, each = described(data / name)
        at_once = join(vectors, vectors[:0], [], first=1)
        nights = [score(by_night(vectors, seed), persons) for seed in range(10)]
        print(f"{name:12} {len(persons)} of {found} faces seen well, {len(set(persons))} persons: {len(set(at_once))} "
              f"groups, F1 {score(at_once, persons):.3f}; in {NIGHTS} nights, ten orders: mean {np.mean(nights):.3f}, "
              f"least {min(nights):.3f}; {each:.0f} ms of CPU a face")  # fmt: skip
    rng = np.random.default_rng(0)
    for count in (1_000, 4_000):
        centres = rng.normal(0, 0.09, (count // 10, 128))
        faces = centres[rng.integers(0, len(centres), count)] + rng.normal(0, 0.025, (count, 128))
        began = time.process_time()
        groups = len(set(join(faces, faces[:0], [])))
        print(f"{count:,} faces made up of {len(centres)} persons: {groups} groups in "
              f"{time.process_time() - began:.1f} s of CPU")  # fmt: skip


if __name__ == "__main__":
    main()
