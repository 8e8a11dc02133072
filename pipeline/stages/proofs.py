"""Proofs: the pairs that are duplicates because their sketches agree, as stars around the pictures kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.manifest import Dedupe
from pipeline.vision.agreement import Agreement, Limits, agreement, agreement_of_turn
from pipeline.vision.candidates import Candidates, Keys, candidates, inverse
from pipeline.vision.fingerprint import is_mirror
from pipeline.vision.sketch import Sketch
from pipeline.vision.stars import proved_stars
from pipeline.vision.transform import words

Never = frozenset[frozenset[str]]
_TOGETHER = 8192  # pictures whose pairs are looked at together, so that sketches are read in long runs


@dataclass(frozen=True)
class Sketched:
    """The keys of all pictures compared, standing ones first; `sketch(n)` gives the n-th, None if it has none."""

    keys: Keys
    sketch: Callable[[int], Sketch | None]


@dataclass(frozen=True)
class Proof:
    """That picture `lost` shows what `keeper` does: the distance of their hashes, and columns of `selected`."""

    keeper: int
    lost: int
    distance: int | None
    facts: dict[str, Any]


def prove(
    sketched: Sketched,
    places: NDArray[np.int64],
    count: int,
    sizes: NDArray[np.int64],
    ids: Sequence[str],
    settings: Dedupe,
    never: Never,
) -> list[Proof]:
    """The proofs of all duplicates among pictures, the first `count` of which stand.

    `places` are their order of preference, standing ones first, `sizes` (n, 2) widths and heights in pixels.
    """
    s = settings
    pairs = candidates(sketched.keys, count, places, s.code_distance, s.votes, s.turn_distance)
    limits = Limits(
        s.inliers, s.agreement, s.overlap, s.few_inliers, s.few_agreement, s.many_inliers, s.many_agreement,
        s.contradiction,
    )
    agreed: dict[int, Agreement] = {}

    def look(asked: NDArray[np.int64]) -> NDArray[np.bool_]:
        for number in asked[np.lexsort((pairs.j[asked], pairs.i[asked] // _TOGETHER))]:
            keeper, lost, flipped = _roles(pairs, places, int(number))
            if frozenset((ids[keeper], ids[lost])) in never:
                continue
            found = _compared(sketched, pairs, int(number), (keeper, lost, flipped), limits)
            if found is not None:
                agreed[int(number)] = found
        return np.array([int(number) in agreed for number in asked], bool)

    decided = proved_stars(places, pairs.i, pairs.j, np.arange(len(places)) < count, look)
    return [_proof(sketched, pairs, places, sizes, int(pair), agreed[int(pair)]) for pair in decided[decided >= 0]]


def _roles(pairs: Candidates, places: NDArray[np.int64], number: int) -> tuple[int, int, bool]:
    """Keeper and lost one of a pair, and whether the keeper is its j."""
    i, j = int(pairs.i[number]), int(pairs.j[number])
    return (j, i, True) if places[j] < places[i] else (i, j, False)


def _compared(
    sketched: Sketched, pairs: Candidates, number: int, roles: tuple[int, int, bool], limits: Limits
) -> Agreement | None:
    """The first agreement of the ways in which the pair is a candidate: as it is, mirrored, by its turn."""
    keeper, lost, flipped = roles
    a, b = sketched.sketch(keeper), sketched.sketch(lost)
    if a is None or b is None:
        return None
    turn = int(pairs.turn[number])
    for mirrored, shared in ((False, pairs.plain[number]), (True, pairs.mirrored[number])):
        if shared or (turn >= 0 and is_mirror(turn) == mirrored):
            found = agreement(a, b, mirrored, limits)
            if found is not None:
                return found
    return agreement_of_turn(a, b, inverse(turn) if flipped else turn, limits) if turn >= 0 else None


def _proof(
    sketched: Sketched,
    pairs: Candidates,
    places: NDArray[np.int64],
    sizes: NDArray[np.int64],
    number: int,
    found: Agreement,
) -> Proof:
    keeper, lost, _ = _roles(pairs, places, number)
    a, b = sketched.sketch(keeper), sketched.sketch(lost)
    assert a is not None
    assert b is not None
    (aw, ah), (bw, bh) = sizes[keeper].tolist(), sizes[lost].tolist()
    facts = {
        "transform": words(found, (a, (aw, ah)), (b, (bw, bh))),
        "inliers": found.inliers,
        "agreement": found.agreed,
        "model": found.model.reshape(-1).tolist(),
    }
    return Proof(keeper, lost, int(pairs.distance[number]) if pairs.turn[number] >= 0 else None, facts)
