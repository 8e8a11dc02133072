"""Which pairs of pictures are worth proving: those that share local codes, or whose whole hash is near in some turn.

Two copies share a dozen 64-bit codes of `sketch.codes`, two other pictures seldom two. So candidates are few (one pair
in sixty of real photographs and paintings within 6 bits), whatever was cropped, turned or covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.vision.fingerprint import TURNS
from pipeline.vision.matching import neighbours_between
from pipeline.vision.multiindex import Hashes, Indices

_BLOCK = 4096  # pictures looked up at a time
_CROWD = 64  # of the pictures that share a code or a hash, so many of the best placed are paired with the others


class Candidates(NamedTuple):
    """Pairs of indices `i` > `j`, and how they may agree.

    `plain` and `mirrored` say which codes they share; `turn` is that of i's content in which its hash is nearest
    to j's, -1 where none is near; `distance` in bits is between the hashes of their nearest turns, 255 where
    `turn` is -1. Sorted by i, then j.
    """

    i: Indices
    j: Indices
    plain: NDArray[np.bool_]
    mirrored: NDArray[np.bool_]
    turn: NDArray[np.int8]
    distance: NDArray[np.uint8]


@dataclass(frozen=True)
class Keys:
    """What pictures are looked up by, for `n` pictures one after the other.

    `codes` are all their codes, `owners` whose each is (rising); `mirrored` and `mirrored_owners` those of the
    mirrored pictures, `turns` (n, 8) their hashes.
    """

    codes: Hashes
    owners: Indices
    mirrored: Hashes
    mirrored_owners: Indices
    turns: Hashes

    @staticmethod
    def of(codes: Sequence[Hashes], mirrored: Sequence[Hashes], turns: Hashes) -> Keys:
        """From the codes of each picture, plain and mirrored, and all turns (n, 8)."""
        return Keys(*_flat(codes), *_flat(mirrored), turns.reshape(-1, TURNS))


def candidates(keys: Keys, first: int, places: Indices, radius: int, votes: int, hash_radius: int) -> Candidates:
    """All candidate pairs with `i` at `first` or after: the pictures before stand and are not paired among themselves.

    A pair shares codes when `votes` codes of each lie within `radius` bits of one of the other. `places` are the
    order of preference: where a crowd shares one code or hash, pairs with its best placed are made only.
    """
    plain = _voted(keys, keys.codes, keys.owners, first, places, radius, votes)
    mirrored = _voted(keys, keys.mirrored, keys.mirrored_owners, first, places, radius, votes)
    turned, turns, distances = _turned(keys.turns, first, places, hash_radius)
    pairs = np.unique(np.concatenate([plain, mirrored, turned]))
    turn, distance = np.full(len(pairs), -1, np.int8), np.full(len(pairs), 255, np.uint8)
    at = np.searchsorted(pairs, turned)
    turn[at], distance[at] = turns, distances
    count = max(len(places), 1)
    return Candidates(pairs // count, pairs % count, np.isin(pairs, plain), np.isin(pairs, mirrored), turn, distance)


def inverse(turn: int) -> int:
    """The turn that undoes a turn: all are their own but the two quarter turns."""
    return int(_INVERSE[turn])


def _flat(parts: Sequence[Hashes]) -> tuple[Hashes, Indices]:
    sizes = np.array([len(part) for part in parts], np.int64)
    joined = np.concatenate([np.empty(0, np.uint64), *parts])
    return joined, np.repeat(np.arange(len(parts)), sizes)


def _voted(
    keys: Keys, asked: Hashes, askers: Indices, first: int, places: Indices, radius: int, votes: int
) -> Indices:
    """Pairs as i·n + j that share enough codes."""
    known = _uncrowded(keys.codes, places[keys.owners])
    found = [np.empty(0, np.int64)]
    for start in range(first, len(places), _BLOCK):
        mine = slice(*np.searchsorted(askers, (start, start + _BLOCK)))
        near = neighbours_between(asked[mine], keys.codes[known], radius)
        a, b = near.i + mine.start, known[near.j]
        found.append(_counted(askers[a], keys.owners[b], a, b, len(places), votes))
    return np.unique(np.concatenate(found))


def _counted(i: Indices, j: Indices, a: Indices, b: Indices, count: int, votes: int) -> Indices:
    """Pairs of the pictures i and j of which enough codes a, and enough codes b, are among the matches."""
    other = i != j
    pair, a, b = np.maximum(i, j)[other] * count + np.minimum(i, j)[other], a[other], b[other]
    swapped = (i < j)[other]
    enough: list[Indices] = []
    for side in (a, b):
        order = np.lexsort((side, swapped, pair))
        what = np.stack([pair[order], swapped[order], side[order]])
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(what) != 0).any(0)
        codes = what[0, new] * 2 + what[1, new]
        distinct, times = np.unique(codes, return_counts=True)
        enough.append(distinct[times >= votes])
    return np.unique(np.intersect1d(enough[0], enough[1]) // 2)


def _turned(turns: Hashes, first: int, places: Indices, radius: int) -> tuple[Indices, NDArray[np.int8], Indices]:
    """Pairs as i·n + j (each once, rising), the turn of i nearest to j, and how near it is."""
    known = _uncrowded(turns[:, 0], places)
    near = neighbours_between(turns[first:].reshape(-1), turns[known, 0], radius)
    i, turn, j = near.i // TURNS + first, (near.i % TURNS).astype(np.int8), known[near.j]
    swap = i < j  # the transposed turns are each other's inverse, the others their own
    turn = np.where(swap, _INVERSE[turn], turn)
    pair = np.maximum(i, j) * len(places) + np.minimum(i, j)
    order = np.lexsort((turn, near.distance, pair))
    order = order[(i != j)[order]]
    pairs, at = np.unique(pair[order], return_index=True)
    return pairs, turn[order][at], near.distance[order][at].astype(np.int64)


_INVERSE = np.array([0, 1, 2, 3, 4, 6, 5, 7], np.int8)


def _uncrowded(hashes: Hashes, places: Indices) -> Indices:
    """Indices of the hashes, rising, without those of equal ones that `_CROWD` better placed have."""
    order = np.lexsort((places, hashes))
    new = np.ones(len(order), bool)
    new[1:] = hashes[order][1:] != hashes[order][:-1]
    starts = np.flatnonzero(new)
    nth = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return np.sort(order[nth < _CROWD])
