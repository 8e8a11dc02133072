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
GROUPS = ("duplicate", "fault", "format")
OTHERS = "other works left alone"


def score(truth: Truth, outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """One row {kind, planted, caught, missed} for each kind of plant among the works of `outcomes`.

    Outcomes are keyed by the work's 24-digit id. A copy is caught when it and its original are not both kept,
    and the rejected one is called a duplicate of the other or of another copy of the same work. The last row
    counts works that were not planted and were rightly called neither duplicate nor damaged.
    """
    plants = [plant for plant in truth["planted"] if plant["id"] in outcomes]
    group = {plant["id"]: plant["of"] for plant in truth["planted"] if plant["of"]}
    counts: dict[str, list[int]] = {}
    for plant in sorted(plants, key=lambda plant: (GROUPS.index(plant["kind"].split(":")[0]), plant["kind"])):
        row = counts.setdefault(plant["kind"], [0, 0])
        row[0] += 1
        row[1] += _caught(plant, outcomes, group)
    involved = {plant["id"] for plant in truth["planted"]} | set(group.values())
    others = [outcome["reason"] for key, outcome in outcomes.items() if key not in involved]
    counts[OTHERS] = [len(others), sum(reason not in BLAMED for reason in others)]
    return [
        {"kind": kind, "planted": planted, "caught": caught, "missed": planted - caught}
        for kind, (planted, caught) in counts.items()
    ]


def _caught(plant: Mapping[str, Any], outcomes: Mapping[str, Outcome], group: Mapping[str, str]) -> bool:
    outcome, original = outcomes[plant["id"]], plant["of"]
    if not original:
        expected: Sequence[str] = plant["expect"]
        return outcome["reason"] in expected if expected else outcome["reason"] is None
    rejected = [one for one in (outcome, outcomes.get(original)) if one and one["reason"] in DUPLICATE]
    return any(group.get(one["keeper"], one["keeper"]) == original for one in rejected)
