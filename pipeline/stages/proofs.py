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
from pipeline.vision.multiindex import WHOLE
from pipeline.vision.sketch import Sketch
from pipeline.vision.stars import proved_stars
from pipeline.vision.transform import words

_TOGETHER = 8192  # pictures whose pairs are looked at together, so that sketches are read in long runs


@dataclass(frozen=True)
class Asked:
    """Whether picture `lost` shows what `keeper` does, and in which ways they are candidates.

    They share codes as they are (`plain`) or with one `mirrored`; `turn` is that of the keeper, -1 for none.
    """

    keeper: int
    lost: int
    plain: bool
    mirrored: bool
    turn: int


@dataclass(frozen=True)
class Search:
    """What `candidates` is to be asked besides the keys."""

    first: int
    places: NDArray[np.int64]
    radius: int
    votes: int
    hash_radius: int


SketchOf = Callable[[int], Sketch | None]


@dataclass(frozen=True)
class Evidence:
    """Pictures compared, standing ones first: `find` gives the candidates of a search, `sketch(n)` the n-th sketch.

    `look` answers many questions in their order; both may spread the work over as many workers as there are.
    """

    find: Callable[[Search], Candidates]
    sketch: SketchOf
    look: Callable[[Sequence[Asked], Limits], list[Agreement | None]]

    @staticmethod
    def here(keys: Keys, sketch: SketchOf) -> Evidence:
        """All of it in this process."""
        return Evidence(lambda search: found(keys, search), sketch, lambda asked, limits: looked(sketch, asked, limits))


def found(keys: Keys, search: Search, share: tuple[int, int] = WHOLE) -> Candidates:
    """The candidates of a search, or of a share of it."""
    s = search
    return candidates(keys, s.first, s.places, s.radius, s.votes, s.hash_radius, share)


def looked(sketch: SketchOf, asked: Sequence[Asked], limits: Limits) -> list[Agreement | None]:
    """The agreement of every pair asked, None where there is none."""
    return [_compared(sketch, one, limits) for one in asked]


@dataclass(frozen=True)
class Proof:
    """That picture `lost` shows what `keeper` does: the distance of their hashes, and columns of `selected`."""

    keeper: int
    lost: int
    distance: int | None
    facts: dict[str, Any]


def prove(
    evidence: Evidence,
    places: NDArray[np.int64],
    count: int,
    sizes: NDArray[np.int64],
    settings: Dedupe,
) -> list[Proof]:
    """The proofs of all duplicates among pictures, the first `count` of which stand.

    `places` are their order of preference, standing ones first, `sizes` (n, 2) widths and heights in pixels.
    """
    s = settings
    pairs = evidence.find(Search(count, places, s.code_distance, s.votes, s.turn_distance))
    limits = Limits(
        s.inliers, s.agreement, s.overlap, s.few_inliers, s.few_agreement, s.many_inliers, s.many_agreement,
        s.contradiction, s.covered, s.tones,
    )
    agreed: dict[int, Agreement] = {}

    def look(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        ordered = numbers[np.lexsort((pairs.j[numbers], pairs.i[numbers] // _TOGETHER))]
        answers = evidence.look([_asked(pairs, places, int(number)) for number in ordered], limits)
        agreed.update({int(n): answer for n, answer in zip(ordered, answers, strict=True) if answer is not None})
        return np.array([int(number) in agreed for number in numbers], bool)

    decided = proved_stars(places, pairs.i, pairs.j, np.arange(len(places)) < count, look)
    return [_proof(evidence, pairs, places, sizes, int(pair), agreed[int(pair)]) for pair in decided[decided >= 0]]


def _asked(pairs: Candidates, places: NDArray[np.int64], number: int) -> Asked:
    """The better placed of a pair is to be the keeper."""
    i, j, turn = int(pairs.i[number]), int(pairs.j[number]), int(pairs.turn[number])
    plain, mirrored = bool(pairs.plain[number]), bool(pairs.mirrored[number])
    if places[j] < places[i]:
        return Asked(j, i, plain, mirrored, inverse(turn) if turn >= 0 else turn)
    return Asked(i, j, plain, mirrored, turn)


def _compared(sketch: SketchOf, asked: Asked, limits: Limits) -> Agreement | None:
    """The first agreement of the ways in which the pair is a candidate: as it is, mirrored, by its turn."""
    a, b, turn = sketch(asked.keeper), sketch(asked.lost), asked.turn
    if a is None or b is None:
        return None
    for mirrored, shared in ((False, asked.plain), (True, asked.mirrored)):
        if shared or (turn >= 0 and is_mirror(turn) == mirrored):
            made = agreement(a, b, mirrored, limits)
            if made is not None:
                return made
    return agreement_of_turn(a, b, turn, limits) if turn >= 0 else None


def _proof(
    evidence: Evidence,
    pairs: Candidates,
    places: NDArray[np.int64],
    sizes: NDArray[np.int64],
    number: int,
    made: Agreement,
) -> Proof:
    asked = _asked(pairs, places, number)
    keeper, lost = asked.keeper, asked.lost
    a, b = evidence.sketch(keeper), evidence.sketch(lost)
    assert a is not None
    assert b is not None
    (aw, ah), (bw, bh) = sizes[keeper].tolist(), sizes[lost].tolist()
    facts = {
        "transform": words(made, (a, (aw, ah)), (b, (bw, bh))),
        "inliers": made.inliers,
        "agreement": made.agreed,
        "model": made.model.reshape(-1).tolist(),
    }
    return Proof(keeper, lost, int(pairs.distance[number]) if pairs.turn[number] >= 0 else None, facts)
