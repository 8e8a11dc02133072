"""Stars of proved pairs: who is kept when a pair counts only after a costly look, and looks are taken when needed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.vision.multiindex import Indices

Prove = Callable[[Indices], NDArray[np.bool_]]
_OPEN, _KEPT, _LOST = 0, 1, 2
_UNKNOWN, _YES, _NO = 0, 1, 2


def proved_stars(places: Indices, i: Indices, j: Indices, kept: NDArray[np.bool_], prove: Prove) -> Indices:
    """For each picture the index of the pair that makes it a duplicate, -1 for those that are kept.

    Best placed first, whoever is not yet a duplicate is kept, and makes duplicates of all it is proved equal to:
    each member of a star is proved against the kept picture itself. Pictures `kept` before stand whatever their
    place. `prove` says of an array of pair numbers which are true; it is asked in rounds, for pairs of a kept
    picture and an undecided one only, each pair at most once, so the answers do not depend on the rounds.
    """
    order = np.lexsort((places, ~kept))
    rank = np.empty(len(places), np.int64)
    rank[order] = np.arange(len(places))
    better = np.where(rank[i] < rank[j], i, j)
    worse = np.where(rank[i] < rank[j], j, i)
    by = np.lexsort((rank[better], worse))
    better, worse = better[by], worse[by]
    state = np.where(kept, _KEPT, _OPEN)
    known = np.full(len(by), _UNKNOWN)
    decided = np.full(len(places), -1, np.int64)
    while (state == _OPEN).any():
        asked = np.flatnonzero((known == _UNKNOWN) & (state[better] == _KEPT) & (state[worse] == _OPEN))
        if len(asked):
            known[asked] = np.where(prove(by[asked]), _YES, _NO)
        _decide(state, decided, known, better, worse, by)
    return decided


def _decide(
    state: NDArray[np.int64], decided: Indices, known: NDArray[np.int64], better: Indices, worse: Indices, by: Indices
) -> None:
    """Settle every open picture whose best hope is settled: kept without one, lost to a proved kept one."""
    hope = ((state[better] == _OPEN) | ((state[better] == _KEPT) & (known == _YES))) & (state[worse] == _OPEN)
    pairs = np.flatnonzero(hope)
    pictures, first = np.unique(worse[pairs], return_index=True)
    best = pairs[first]
    lost = state[better[best]] == _KEPT
    free = state == _OPEN
    free[pictures] = False
    decided[pictures[lost]] = by[best[lost]]
    state[pictures[lost]] = _LOST
    state[free] = _KEPT
