"""How many of a gallery's plants a run caught: a pure function of the truth and of what became of each work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import Reason

Truth = dict[str, Any]
"""`planted`: a list of {id, content_id, kind, expect, of}. `expect` are the right reasons, none for a picture to
be kept; `of` is the id of the work that a copy was made from, else null."""
Outcome = Mapping[str, Any]
"""`reason` (null: kept) and `keeper`, the id of the work in whose favour a copy was rejected."""

DUPLICATE = {Reason.EXACT_DUPLICATE.value, Reason.NEAR_DUPLICATE.value}
BLAMED = DUPLICATE | {Reason.TRUNCATED.value, Reason.UNDECODABLE.value, Reason.NOT_A_PICTURE.value}
OTHERS = "other works left alone"


def score(truth: Truth, outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """One row {kind, planted, caught, missed} for each kind of plant among the works of `outcomes`.

    Outcomes are keyed by the work's 24-digit id or its decimal content id. A copy is caught when it and its
    original are not both kept, and the rejected one is called a duplicate of the other or of a copy of the same
    work. The last row counts works that were not planted and were rightly called neither duplicate nor damaged.
    """
    plants = truth["planted"]
    names = {str(plant["content_id"]): plant["id"] for plant in plants}
    known = {names.get(key, key): outcome for key, outcome in outcomes.items()}
    alias = {**names, **{plant["id"]: plant["id"] for plant in plants}}
    group = {plant["id"]: plant["of"] for plant in plants if plant["of"]}
    counts: dict[str, list[int]] = {}
    for plant in plants:
        if plant["id"] in known:
            row = counts.setdefault(plant["kind"], [0, 0])
            row[0] += 1
            row[1] += _caught(plant, known, group, alias)
    others = [
        outcome for key, outcome in known.items() if key not in {plant["id"] for plant in plants} | set(group.values())
    ]
    counts[OTHERS] = [len(others), sum(outcome["reason"] not in BLAMED for outcome in others)]
    return [
        {"kind": kind, "planted": planted, "caught": caught, "missed": planted - caught}
        for kind, (planted, caught) in counts.items()
    ]


def _caught(
    plant: Mapping[str, Any], known: Mapping[str, Outcome], group: Mapping[str, str], alias: Mapping[str, str]
) -> bool:
    outcome = known[plant["id"]]
    if not plant["of"]:
        expected: Sequence[str] = plant["expect"]
        return outcome["reason"] in expected if expected else outcome["reason"] is None

    def family(work: str | None) -> str | None:
        named = alias.get(work or "", work)
        return group.get(named or "", named)

    original = known.get(plant["of"])
    return any(
        one is not None and one["reason"] in DUPLICATE and family(one["keeper"]) == plant["of"]
        for one in (outcome, original)
    )
