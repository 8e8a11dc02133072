"""Which pairs of pictures are worth proving: those whose shared local codes lie alike, or whose whole hash is near.

Copies share a dozen 64-bit codes of `sketch.codes`, and these lie in one picture as they do in the other: the same
turn, growth and shift takes all of them across (`poses`). Among real photographs and paintings one pair in some
thousands does that, whatever was cropped, turned or covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.vision.fingerprint import TURNS
from pipeline.vision.matching import neighbours_between
from pipeline.vision.multiindex import WHOLE, Hashes, Indices, join
from pipeline.vision.poses import Poses, consistent
from pipeline.vision.poses import mirrored as mirrored_poses

_BLOCK = 4096  # pictures looked up at a time
_COMMON = 32  # of the matches of one code, so many of the nearest and of the best placed are counted
_SAMPLE, _ALIKE = 4096, 128  # codes that tell how common each is, and better placed ones expected near one looked up
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

    `codes` are all their codes, `owners` whose each is (rising), `mirrored` and `poses` those of the mirrored picture
    and where each lies, feature by feature; `turns` (n, 8) are their hashes.
    """

    codes: Hashes
    owners: Indices
    mirrored: Hashes
    poses: Poses
    turns: Hashes

    @staticmethod
    def of(codes: Sequence[Hashes], mirrored: Sequence[Hashes], poses: Sequence[Poses], turns: Hashes) -> Keys:
        """From the codes of each picture, plain and mirrored, their poses, and all turns (n, 8)."""
        owners = np.repeat(np.arange(len(codes)), [len(part) for part in codes])
        flat = [np.concatenate([np.empty(0, np.uint64), *parts]) for parts in (codes, mirrored)]
        placed = np.concatenate([np.empty(0, np.uint32), *poses])
        return Keys(flat[0], owners.astype(np.int64), flat[1], placed, turns.reshape(-1, TURNS))

    def ranked(self, places: Indices) -> Keys:
        """The same in the order of `places`."""
        by = np.argsort(places[self.owners], kind="stable")
        order = np.argsort(places)
        return Keys(
            self.codes[by], places[self.owners][by], self.mirrored[by], self.poses[by], self.turns[order]
        )


def candidates(
    keys: Keys,
    first: int,
    places: Indices,
    radius: int,
    votes: int,
    hash_radius: int,
    share: tuple[int, int] = WHOLE,
) -> Candidates:
    """All candidate pairs but those among the pictures at `places` before `first`, which stand.

    A pair shares codes when `votes` of them, within `radius` bits of each other, lie in both pictures alike.
    `places` are the order of preference, from 0: each picture is looked up among the better placed, and where a
    crowd shares one code or hash, among its best placed only. Of `share` (k, n) only the k-th of n parts of the
    work is done, k from 0: the parts' pairs together are all pairs, each once.
    """
    ranked = keys.ranked(places)
    known = _uncommon(ranked.codes, radius)
    blocks = range(first + _BLOCK * share[0], len(places), _BLOCK * share[1])
    parts = [_block(ranked, known, start, radius, votes, hash_radius) for start in blocks]
    return merged([_by_index(part, np.argsort(places)) for part in parts])


def merged(parts: Sequence[Candidates]) -> Candidates:
    """The candidates of several shares together."""
    i, j, plain, mirrored, turn, distance = (np.concatenate(column) for column in zip(_NONE, *parts, strict=True))
    by = np.lexsort((j, i))
    return Candidates(i[by], j[by], plain[by], mirrored[by], turn[by], distance[by])


def _by_index(ranks: Candidates, order: Indices) -> Candidates:
    """From pairs of places, the worse first, to pairs of indices, the greater first."""
    i, j = order[ranks.i], order[ranks.j]
    turn = np.where((i < j) & (ranks.turn >= 0), _INVERSE[ranks.turn], ranks.turn)
    return Candidates(np.maximum(i, j), np.minimum(i, j), ranks.plain, ranks.mirrored, turn, ranks.distance)


def _block(keys: Keys, known: Indices, start: int, radius: int, votes: int, hash_radius: int) -> Candidates:
    """Candidates of the pictures at the places from `start` on, a block of them, as pairs of places."""
    plain = _voted(keys, keys.codes, keys.poses, known, start, radius, votes)
    mirrored = _voted(keys, keys.mirrored, mirrored_poses(keys.poses), known, start, radius, votes)
    turned, turns, distances = _turned(keys.turns, start, hash_radius)
    pairs = np.unique(np.concatenate([plain, mirrored, turned]))
    turn, distance = np.full(len(pairs), -1, np.int8), np.full(len(pairs), 255, np.uint8)
    at = np.searchsorted(pairs, turned)
    turn[at], distance[at] = turns, distances
    count = len(keys.turns)
    return Candidates(pairs // count, pairs % count, np.isin(pairs, plain), np.isin(pairs, mirrored), turn, distance)


def inverse(turn: int) -> int:
    """The turn that undoes a turn: all are their own but the two quarter turns."""
    return int(_INVERSE[turn])


def _uncommon(codes: Hashes, radius: int) -> Indices:
    """Indices, rising, of the codes to which no more than `_ALIKE` of those before are expected to be near.

    How common a code is, an even sample of all says; so what nearly everything shows is found in those best placed
    only, the number of matches does not grow with the square of the codes, and of a crowd of copies the best placed
    are known.
    """
    sample = codes[np.linspace(0, len(codes) - 1, min(_SAMPLE, len(codes))).astype(np.int64)]
    near = [np.empty(0, np.int64), *(code for _, code, _ in join(sample, codes, radius))]
    times = np.bincount(np.concatenate(near), minlength=len(codes))
    expected = times * (np.arange(len(codes)) / max(len(sample), 1))
    return np.flatnonzero(expected <= _ALIKE)


def _voted(
    keys: Keys, asked: Hashes, poses: Poses, known: Indices, start: int, radius: int, votes: int
) -> Indices:
    """Pairs as i·n + j of which enough codes lie alike."""
    mine = slice(*np.searchsorted(keys.owners, (start, start + _BLOCK)))
    known = known[: np.searchsorted(known, mine.stop)]
    known = known[_uncrowded(keys.codes[known])]
    found = []
    for near_a, near_b, distance in join(asked[mine], keys.codes[known], radius):
        a, b = near_a + mine.start, known[near_b]
        behind = keys.owners[a] > keys.owners[b]
        found.append(np.stack([a[behind], b[behind], distance[behind].astype(np.int64)]))
    a, b = _rare(*np.concatenate([np.empty((3, 0), np.int64), *found], axis=1))
    pair = keys.owners[a] * len(keys.turns) + keys.owners[b]
    order = np.lexsort((b, a, pair))
    a, b, pair = a[order], b[order], pair[order]
    return consistent(pair, poses[a], keys.poses[b], votes)


def _rare(a: Indices, b: Indices, distance: Indices) -> tuple[Indices, Indices]:
    """Of the matches of each code `a` the `_COMMON` nearest and the `_COMMON` best placed.

    What looks like everything tells nothing, and what is kept of a crowd of copies is best placed: so a picture has a
    bounded number of matches, however many there are.
    """
    chosen = np.zeros(len(a), bool)
    for order in (np.lexsort((b, distance, a)), np.lexsort((b, a))):
        chosen[order[_nth(a[order]) < _COMMON]] = True
    return a[chosen], b[chosen]


def _nth(sorted_: NDArray[Any]) -> Indices:
    """The place of each among its equals in a sorted array, from 0."""
    new = np.ones(len(sorted_), bool)
    new[1:] = sorted_[1:] != sorted_[:-1]
    starts = np.flatnonzero(new)
    return np.asarray(np.arange(len(sorted_)) - np.repeat(starts, np.diff(np.append(starts, len(sorted_)))), np.int64)


def _turned(turns: Hashes, start: int, radius: int) -> tuple[Indices, NDArray[np.int8], NDArray[np.uint8]]:
    """Pairs as i·n + j (each once, rising), the turn of i nearest to j, and how near it is."""
    end = min(start + _BLOCK, len(turns))
    known = _uncrowded(turns[:end, 0])
    near = neighbours_between(turns[start:end].reshape(-1), turns[known, 0], radius)
    i, turn, j = near.i // TURNS + start, (near.i % TURNS).astype(np.int8), known[near.j]
    pair = i * len(turns) + j
    order = np.lexsort((turn, near.distance, pair))
    order = order[(i > j)[order]]
    pairs, at = np.unique(pair[order], return_index=True)
    return pairs, turn[order][at], near.distance[order][at]


def _uncrowded(hashes: Hashes) -> Indices:
    """Indices of the hashes, rising, without those of equal ones that `_CROWD` before them have."""
    order = np.argsort(hashes, kind="stable")
    return np.sort(order[_nth(hashes[order]) < _CROWD])


_INVERSE = np.array([0, 1, 2, 3, 4, 6, 5, 7], np.int8)
_NONE = Candidates(
    np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, bool), np.empty(0, bool), np.empty(0, np.int8),
    np.empty(0, np.uint8),
)  # fmt: skip
