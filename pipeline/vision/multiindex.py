"""Exact search for 64-bit hashes within a radius: multi-index hashing in numpy, memory bounded by blocks.

Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing", 2014: hashes are
cut into chunks, chunk c with a radius t_c of its own such that the sum of t_c + 1 is radius + 1. Two hashes
within the radius then agree in at least one chunk to within its t_c, so that only those need comparing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]
Block = tuple[Indices, Indices, NDArray[np.uint8]]

_BLOCK = 1 << 15  # hashes looked up at a time: what is worked on stays in the processor's cache
_FEWEST_CHUNKS, _MOST_CHUNKS = 3, 8
_CROWDED = 0.8  # share of ranges that must still go on, for those at their end to be carried along
_LOOK_UP, _COMPARE = 14.0, 5.0  # nanoseconds; only the choice of chunks depends on them


@dataclass(frozen=True)
class Chunk:
    """Bits `shift` to `shift + width` of a hash, and how many of them may differ."""

    shift: int
    width: int
    radius: int

    def keys(self, hashes: Hashes) -> NDArray[np.int32]:
        """The chunk of each hash, as an index."""
        shifted = hashes >> np.uint64(self.shift)
        return (shifted & np.uint64((1 << self.width) - 1)).astype(np.int32)

    def flips(self) -> Iterator[int]:
        """Every change of at most `radius` bits, no change first."""
        for count in range(self.radius + 1):
            for bits in itertools.combinations(range(self.width), count):
                yield sum(1 << bit for bit in bits)

    def finds(self, difference: Hashes) -> NDArray[np.bool_]:
        """Whether pairs whose hashes differ in these bits agree in this chunk."""
        return np.bitwise_count(self.keys(difference)) <= self.radius


@dataclass(frozen=True)
class Table:
    """Hashes sorted by one chunk."""

    order: Indices
    hashes: Hashes
    keys: NDArray[np.int32]
    width: int

    @cached_property
    def starts(self) -> Indices:
        """Where each key begins, one more entry than there are keys."""
        counts = np.bincount(self.keys, minlength=1 << self.width)
        return np.concatenate(([0], counts.cumsum())).astype(np.int64)


class Ranges(NamedTuple):
    """For each position `who` of one table the positions `first` to `last` of the other to compare it with."""

    who: Indices
    first: Indices
    last: Indices

    def of(self, chosen: Indices) -> Ranges:
        """Some of them."""
        return Ranges(self.who[chosen], self.first[chosen], self.last[chosen])

    def next(self) -> Ranges:
        """Without the first of each."""
        return Ranges(self.who, self.first + 1, self.last)


WHOLE = (0, 1)
"""The one share of a join that is not shared out."""


def join(left: Hashes, right: Hashes, radius: int, share: tuple[int, int] = WHOLE) -> Iterator[Block]:
    """All pairs (i of `left`, j of `right`, distance) within `radius`, each once, in blocks.

    When `right` is `left` itself, each unordered pair comes once and no element is paired with itself.
    Both hold distinct hashes at best: equal ones make a pair for each combination. With `share` (k, n) only
    the k-th of n shares of the work is done, k from 0: the shares' pairs together are all pairs, each once, so
    that n workers may find them side by side.
    """
    if not len(left) or not len(right):
        return
    before: list[Chunk] = []
    turns = itertools.count()
    for chunk in plan(len(left), len(right), radius):
        flips = [flip for flip, turn in zip(chunk.flips(), turns, strict=False) if turn % share[1] == share[0]]
        mine = _sorted_by(left, chunk)
        theirs = mine if right is left else _sorted_by(right, chunk)
        for a, b in _pairs(mine, theirs, flips, radius):
            yield from _unseen(mine, theirs, a, b, before)
        before.append(chunk)


def plan(left: int, right: int, radius: int) -> list[Chunk]:
    """The cheapest way to cut 64 bits for a join of so many hashes."""
    plans = [_cut(count, radius) for count in range(_FEWEST_CHUNKS, _MOST_CHUNKS + 1)]
    return min(plans, key=lambda chunks: sum(_cost(chunk, left, right) for chunk in chunks))


def _cut(count: int, radius: int) -> list[Chunk]:
    """64 bits in `count` chunks; those that may differ by more bits are the narrower ones.

    With more chunks than radius + 1 some need not be looked at.
    """
    allowed = [(radius + 1 + i) // count - 1 for i in range(count)]
    widths = [(64 + i) // count for i in range(count)][::-1]
    shifts = itertools.accumulate(widths, initial=0)
    parts = zip(shifts, widths, allowed, strict=False)
    return [Chunk(shift, width, t) for shift, width, t in parts if t >= 0]


def _cost(chunk: Chunk, left: int, right: int) -> float:
    flips = sum(comb(chunk.width, t) for t in range(chunk.radius + 1))
    compared = left * right / 2**chunk.width
    return float(flips * (left * _LOOK_UP + compared * _COMPARE) + 2**chunk.width)


def _sorted_by(hashes: Hashes, chunk: Chunk) -> Table:
    keys = chunk.keys(hashes)
    order = np.argsort(keys, kind="stable")
    return Table(order, hashes[order], keys[order], chunk.width)


def _pairs(mine: Table, theirs: Table, flips: list[int], radius: int) -> Iterator[tuple[Indices, Indices]]:
    """Positions in both tables of the pairs within the radius whose keys differ by one of `flips`."""
    itself = mine is theirs
    who = np.arange(len(mine.keys))
    for highest, alike in itertools.groupby(sorted(flips), int.bit_length):
        # in a self-join a key and its flipped partner meet once: from the one whose highest flipped bit is not set
        half = np.flatnonzero(mine.keys & (1 << (highest - 1)) == 0) if itself and highest else who
        for flip in alike:
            for start in range(0, len(half), _BLOCK):
                some = half[start : start + _BLOCK]
                keys = mine.keys[some] ^ flip
                first = some + 1 if itself and not flip else theirs.starts[keys]
                yield from _near(mine, theirs, Ranges(some, first, theirs.starts[keys + 1]), radius)


def _near(mine: Table, theirs: Table, ranges: Ranges, radius: int) -> Iterator[tuple[Indices, Indices]]:
    """Of ranges, the pairs within the radius: the first of every range at once, then the second, and so on."""
    ranges = ranges.of(np.flatnonzero(ranges.first < ranges.last))
    hashes = mine.hashes[ranges.who]
    going = len(hashes)
    while going:
        if going < _CROWDED * len(hashes):
            left = np.flatnonzero(ranges.first < ranges.last)
            ranges, hashes = ranges.of(left), hashes[left]
        difference = hashes ^ theirs.hashes.take(ranges.first, mode="clip")
        near = (np.bitwise_count(difference) <= radius) & (ranges.first < ranges.last)
        if near.any():
            found = np.flatnonzero(near)
            yield ranges.who[found], ranges.first[found]
        ranges = ranges.next()
        going = int(np.count_nonzero(ranges.first < ranges.last))


def _unseen(mine: Table, theirs: Table, a: Indices, b: Indices, before: list[Chunk]) -> Iterator[Block]:
    """Those pairs that no chunk `before` has found, by index of the joined arrays."""
    difference = mine.hashes[a] ^ theirs.hashes[b]
    new = np.ones(len(a), bool)
    for chunk in before:
        new &= ~chunk.finds(difference)
    if new.any():
        yield mine.order[a[new]], theirs.order[b[new]], np.bitwise_count(difference[new])
