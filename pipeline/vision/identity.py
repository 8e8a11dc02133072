"""Who a face is: 128 numbers that are near each other for one person, and the groups that they make.

dlib's ResNet, trained on some three million faces by D. King (dlib.net, 2017); weights are in the public domain (CC0).
Nothing of it says a name, and nothing leaves the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.vision.alignment import draw

Floats = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]

SAME = 0.52
"""Mean distance between the faces of two groups under which they are one person's. It was set on video frames of 40
persons (faces_68pts): the smallest at which pairwise F1 is as high as it gets there."""
_SIDE = 150
# Corners of both eyes and the base of the nose, as points of the mesh, and where dlib's own chips have them.
_POINTS = (263, 362, 33, 133, 2)
_CHIP = np.array([
    (0.8595674595992, 0.2134981538014), (0.6460604764104, 0.2289674387677), (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242), (0.4901123135679, 0.6277975316475),
])  # fmt: skip
_PADDING = 0.25


class Identifier:
    """The network, from the file of its weights. One per process: it holds native memory."""

    def __init__(self, model: Path) -> None:
        import dlib

        self._net: Any = dlib.face_recognition_model_v1(str(model))

    def vector(self, rgb: NDArray[np.uint8], points: Floats) -> Floats:
        """128 numbers for the face with these landmarks (478, 2) in an sRGB picture (h, w, 3).

        The mean of the face's and its mirror image's, so that a mirrored picture shows the same person.
        """
        chip = np.asarray(draw(Image.fromarray(rgb), _to_chip(points[list(_POINTS)]), _SIDE))
        both = [self._net.compute_face_descriptor(np.ascontiguousarray(one)) for one in (chip, chip[:, ::-1])]
        return np.asarray(np.array(both, np.float64).mean(axis=0))


def group(vectors: Reals, limit: float = SAME) -> list[int]:
    """The number of the person of each of n vectors (n, 128): 0 for who has the most, ties by who comes first."""
    return join(vectors, np.empty((0, vectors.shape[-1])), [], limit)


def join(
    vectors: Reals, standing: Reals, owners: Sequence[int], limit: float = SAME, first: int = 0
) -> list[int]:
    """The number of the person of each of n vectors (n, 128): one of `owners`, the numbers of the standing vectors
    (m, 128), or a new one. New persons follow the standing ones, from `first` on: who has the most, ties by who
    comes first.

    Average linkage (Sokal and Michener 1958) without ever uniting two standing persons: the two nearest groups become
    one until all are `limit` apart. Needs 4 (n + persons)² bytes, and time by n²·log n at best, n³ at worst.
    """
    known, sizes = np.unique(np.asarray(owners, np.int64), return_counts=True)
    apart = _start(vectors, standing, np.asarray(owners, np.int64), known)
    owner = _linked(apart, np.concatenate([sizes, np.ones(len(vectors))]), limit)[len(known) :]
    fresh, earliest, members = np.unique(owner[owner >= len(known)], return_index=True, return_counts=True)
    numbers = dict(enumerate(int(number) for number in known))
    after = max([first, *(int(number) + 1 for number in known)])
    ordered = fresh[np.lexsort((earliest, -members))]
    numbers |= {int(group_): after + place for place, group_ in enumerate(ordered)}
    return [numbers[int(one)] for one in owner]


def parts(vectors: Reals, count: int) -> list[int]:
    """The part, 0 for the largest, of each of n ≥ `count` vectors of one person, where it comes apart most easily."""
    owner = _linked(_start(vectors, vectors[:0], np.empty(0, np.int64), np.empty(0, np.int64)),
                    np.ones(len(vectors)), np.inf, count)  # fmt: skip
    _, first, inverse, members = np.unique(owner, return_index=True, return_inverse=True, return_counts=True)
    place = np.empty(len(members), np.int64)
    place[np.lexsort((first, -members))] = np.arange(len(members))
    return [int(place[one]) for one in inverse]


def distances(one: Reals, other: Reals) -> NDArray[np.float32]:
    """How far each of n vectors is from each of m: float32 (n, m). Under `SAME` two faces may well be one person's."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2 * one @ other.T
    found: NDArray[np.float32] = np.sqrt(squares.clip(0)).astype(np.float32)
    return found


def _start(vectors: Reals, standing: Reals, owners: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.float32]:
    """How far apart the standing persons and the new vectors are, on the average of their members: float32."""
    count, persons = len(vectors), len(known)
    apart = np.full((persons + count, persons + count), np.inf, np.float32)
    apart[persons:, persons:] = distances(vectors, vectors)
    for place, person in enumerate(known):
        mean = distances(vectors, standing[owners == person]).mean(axis=1)
        apart[place, persons:], apart[persons:, place] = mean, mean
    np.fill_diagonal(apart, np.inf)
    return apart


def _linked(apart: Reals, sizes: Reals, limit: float, least_groups: int = 1) -> NDArray[np.int64]:
    """For each row the row whose group it has joined; `apart` and `sizes` are used up."""
    count = len(apart)
    owner = np.arange(count)
    nearest = apart.argmin(axis=1) if count else owner
    while count > least_groups:
        least = apart[np.arange(len(apart)), nearest]
        one = int(least.argmin())
        if not least[one] < limit:
            break
        one, other = sorted((one, int(nearest[one])))
        _unite(apart, sizes, one, other)
        owner[owner == other] = one
        for row in np.flatnonzero((nearest == one) | (nearest == other)):
            nearest[row] = apart[row].argmin()
        nearest[one] = apart[one].argmin()
        count -= 1
    return owner


def _unite(apart: Reals, sizes: Reals, one: int, other: int) -> None:
    """Make one group of two: its mean distances to all others; the other is then far from everything."""
    mean = (apart[one] * sizes[one] + apart[other] * sizes[other]) / (sizes[one] + sizes[other])
    apart[one], apart[:, one] = mean, mean
    apart[other], apart[:, other] = np.inf, np.inf
    apart[one, one] = np.inf
    sizes[one] += sizes[other]


def _to_chip(points: Floats) -> Floats:
    """The similarity (2, 3) that takes five points nearest to where dlib's chips have them, by least squares."""
    target = (_PADDING + _CHIP) / (1 + 2 * _PADDING) * _SIDE
    here, there = points - points.mean(axis=0), target - target.mean(axis=0)
    source, goal = here[:, 0] + 1j * here[:, 1], there[:, 0] + 1j * there[:, 1]
    turn = np.vdot(source, goal) / np.vdot(source, source).real
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.hstack([linear, (target.mean(axis=0) - linear @ points.mean(axis=0))[:, None]])
