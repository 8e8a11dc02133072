"""Which hashes lie near each other, and which picture of each group is kept: stars, never chains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.vision.multiindex import WHOLE, Hashes, Indices, join


class Pairs(NamedTuple):
    """Pairs of indices `i` and `j` (int64) and the Hamming `distance` of their hashes in bits (uint8)."""

    i: Indices
    j: Indices
    distance: NDArray[np.uint8]


Join = Callable[[Hashes, Hashes, int], Pairs]
"""Gives all pairs of two arrays of distinct hashes within a radius, each once, as `joined` does."""


class Stars(NamedTuple):
    """For each picture the index of its `keeper` (int64; its own when kept) and the `distance` to it.

    Distances are in bits (uint8), 0 for kept pictures.
    """

    keeper: Indices
    distance: NDArray[np.uint8]


@dataclass(frozen=True)
class _Crowd:
    """Distinct hashes, and the indices of all that have each: `members[starts[k]:starts[k + 1]]`."""

    distinct: Hashes
    members: Indices
    starts: Indices

    @property
    def sizes(self) -> Indices:
        return np.diff(self.starts)


def neighbours_between(new: Hashes, standing: Hashes, radius: int) -> Pairs:
    """All pairs (i of `new`, j of `standing`) at most `radius` bits apart, sorted by i, then j. Exact."""
    mine, theirs = _crowd(new), _crowd(standing)
    return _sorted(_expand(joined(mine.distinct, theirs.distinct, radius), mine, theirs))


def joined(left: Hashes, right: Hashes, radius: int, share: tuple[int, int] = WHOLE) -> Pairs:
    """What `multiindex.join` finds, at once, in no certain order."""
    return together([Pairs(*block) for block in join(left, right, radius, share)])


def together(parts: Sequence[Pairs]) -> Pairs:
    """The pairs of all parts, one part after the other."""
    nothing = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))
    i, j, distance = (np.concatenate(column) for column in zip(nothing, *parts, strict=True))
    return Pairs(i, j, distance)


def group_by_hash(
    hashes: Hashes, ranks: NDArray[np.int64], radius: int, kept: NDArray[np.bool_] | None = None, near: Join = joined
) -> Stars:
    """Decide who is kept: in order of rank (least first; ties by index), whoever is not yet a duplicate.

    A kept picture makes duplicates of all that have hashes within `radius` bits of its own and are not yet decided; a
    duplicate makes none. So every duplicate is paired with its own keeper, which is of better rank. `kept` marks
    pictures that an earlier run kept: they stay, come before all others whatever their rank, and are compared with
    the others only: with n new ones beside a standing corpus, the work is that of finding the neighbours of n. A
    million equal hashes are never listed as pairs. In whatever order `near` gives the pairs, the stars are the same.
    """
    already = np.zeros(len(hashes), bool) if kept is None else kept
    place = _places(ranks, already)
    by_place = np.argsort(place)
    standing = by_place[already[by_place]]
    fresh = by_place[~already[by_place]]
    old, new = _crowd(hashes[standing]), _crowd(hashes[fresh])
    # members come in order of preference, so the first of each stands for all that share its hash
    leaders = np.concatenate([fresh[new.members[new.starts[:-1]]], standing[old.members[old.starts[:-1]]]])
    inner = near(new.distinct, new.distinct, radius)
    outer = near(new.distinct, old.distinct, radius)
    pairs = together([inner, outer._replace(j=outer.j + len(new.distinct))])
    stars = _stars(place[leaders], pairs, already[leaders])
    which = np.repeat(np.arange(len(new.distinct)), new.sizes)
    keeper, bits = np.arange(len(hashes)), np.zeros(len(hashes), np.uint8)
    keeper[fresh[new.members]] = leaders[stars.keeper[which]]
    bits[fresh[new.members]] = stars.distance[which]
    return Stars(keeper, bits)


def _stars(ranks: NDArray[np.int64], pairs: Pairs, already: NDArray[np.bool_]) -> Stars:
    """Decide who is kept by the pairs within the radius, as `group_by_hash` says."""
    place = _places(ranks, already)
    better, worse, apart = _directed(pairs, place, already)
    keeper, bits = np.arange(len(ranks)), np.zeros(len(ranks), np.uint8)
    decided = already.copy()
    _, first = np.unique(place[better], return_index=True)
    for start, end in zip(first, np.append(first[1:], len(better)), strict=False):
        picture = better[start]
        if keeper[picture] == picture:
            free = start + np.flatnonzero(~decided[worse[start:end]])
            keeper[worse[free]] = picture
            bits[worse[free]] = apart[free]
            decided[worse[free]] = True
    return Stars(keeper, bits)


def _places(ranks: NDArray[np.int64], already: NDArray[np.bool_]) -> Indices:
    """The place of each in the order of preference: kept ones, then rank, then index."""
    place = np.empty(len(ranks), np.int64)
    place[np.lexsort((np.arange(len(ranks)), ranks, ~already))] = np.arange(len(ranks))
    return place


def _directed(pairs: Pairs, place: Indices, already: NDArray[np.bool_]) -> tuple[Indices, Indices, NDArray[np.uint8]]:
    """Pairs from the better to the worse, in order of the better; none that would end a kept picture."""
    swap = place[pairs.i] > place[pairs.j]
    better, worse = np.where(swap, pairs.j, pairs.i), np.where(swap, pairs.i, pairs.j)
    order = np.lexsort((place[worse], place[better]))
    order = order[~already[worse[order]]]
    return better[order], worse[order], pairs.distance[order]


def _crowd(hashes: Hashes) -> _Crowd:
    distinct, counts = np.unique(hashes, return_counts=True)
    starts = np.concatenate(([0], counts.cumsum())).astype(np.int64)
    return _Crowd(distinct, np.argsort(hashes, kind="stable"), starts)


def _expand(pairs: Pairs, left: _Crowd, right: _Crowd) -> Pairs:
    """From pairs of distinct hashes to pairs of all that have them."""
    combinations = left.sizes[pairs.i] * right.sizes[pairs.j]
    which = np.repeat(np.arange(len(pairs.i)), combinations)
    nth = np.arange(len(which)) - np.repeat(combinations.cumsum() - combinations, combinations)
    i, j = pairs.i[which], pairs.j[which]
    a = left.members[left.starts[i] + nth // right.sizes[j]]
    b = right.members[right.starts[j] + nth % right.sizes[j]]
    return Pairs(a, b, pairs.distance[which])


def _sorted(pairs: Pairs) -> Pairs:
    order = np.lexsort((pairs.j, pairs.i))
    return Pairs(pairs.i[order], pairs.j[order], pairs.distance[order])
