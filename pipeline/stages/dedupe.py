"""Dedupe: of every group of pictures that are the same, the one to keep. A fold over hashes and sketches, no pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import Reason
from pipeline.manifest import Dedupe
from pipeline.schema import SELECTED
from pipeline.stages import merits
from pipeline.stages.proofs import Evidence, prove
from pipeline.vision.matching import Join, group_by_hash, joined


@dataclass(frozen=True)
class Standing:
    """Pictures an earlier fold kept: ids, hashes as uint64 (n,), and width and height (n, 2) in pixels."""

    ids: list[str]
    hashes: np.ndarray
    sizes: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))


class _Verdicts:
    """The columns of `selected` in the making, one entry per row."""

    def __init__(self, candidates: pa.Table) -> None:
        self.ids: list[str] = candidates["id"].to_pylist()
        self.columns: dict[str, list[Any]] = {
            name: [None] * candidates.num_rows for name in SELECTED.names if name not in ("id", "detail")
        }
        self.reasons: list[str | None] = candidates["reason"].to_pylist()
        self.columns |= {"reason": self.reasons, "reason_value": candidates["reason_value"].to_pylist()}

    def mark(self, row: int, reason: Reason, keeper: str, bits: int | None, rule: str, **more: Any) -> None:
        """Row is a duplicate of `keeper`."""
        facts = {"reason": str(reason), "keeper": keeper, "rule": rule, "distance": bits}
        for name, value in ({"reason_value": None if bits is None else float(bits)} | facts | more).items():
            self.columns[name][row] = value

    def copy(self, row: int, other: int) -> None:
        """Row fares as the row `other`."""
        for values in self.columns.values():
            values[row] = values[other]

    def table(self, detail: pa.ChunkedArray) -> pa.Table:
        """The finished rows."""
        made: dict[str, Any] = {
            name: pa.array(values, SELECTED.field(name).type) for name, values in self.columns.items()
        }
        return pa.table(made | {"id": pa.array(self.ids, pa.string()), "detail": detail}).select(SELECTED.names)


@dataclass(frozen=True)
class _Field:
    """All that are compared, standing ones first and the rows `live` after them, and their places in line."""

    standing: Standing
    rows: pa.Table
    live: np.ndarray
    found: dict[str, NDArray[np.float64]]
    places: NDArray[np.int64]

    @property
    def count(self) -> int:
        return len(self.standing.ids)

    def verdict(self, keeper: int, lost: int) -> tuple[int, str, str]:
        """Row of the lost one, id of its keeper, and the merit that decided."""
        row = int(self.live[lost - self.count])
        if keeper < self.count:
            return row, self.standing.ids[keeper], "kept before"
        won, beaten = keeper - self.count, lost - self.count
        return row, self.rows["id"][won].as_py(), merits.rule(self.found, won, beaten)


def dedupe(
    candidates: pa.Table,
    standing: Standing,
    settings: Dedupe,
    evidence: Callable[[np.ndarray], Evidence] | None = None,
    near: Join = joined,
) -> pa.Table:
    """Rows of `selected` for rows that were judged, in the same order.

    `candidates` has id, phash, reason, reason_value, detail and the columns of `merits.MERITS`, in the order first
    seen. Rows with a reason keep it. Of the others, the same id again is an exact duplicate of its first row; a
    near-duplicate is one of a picture that is kept: by its hash (`strict`), for which `near` finds what lies near,
    or by what `evidence` gives for the standing pictures and the rows of an int64 array (`thorough`). Kept first: the
    pictures in `standing`, then by the merits of `settings`. Every member of a group is compared with the kept
    picture itself, so groups never chain.
    """
    verdicts = _Verdicts(candidates)
    live = _mark_same_bytes(verdicts, set(standing.ids))
    found = merits.merits(candidates.take(pa.array(live)), settings)
    places = np.concatenate([np.arange(len(standing.ids)), len(standing.ids) + merits.order(found)]).astype(np.int64)
    field_ = _Field(standing, candidates.take(pa.array(live)), live, found, places)
    if settings.preset == "thorough":
        assert evidence is not None
        _mark_proved(verdicts, field_, evidence(live), settings)
    else:
        _mark_near(verdicts, field_, settings.distance, near)
    _follow_twins(verdicts)
    return verdicts.table(candidates["detail"])


def _mark_same_bytes(verdicts: _Verdicts, seen: set[str]) -> np.ndarray:
    """Mark the rows whose bytes an earlier row or fold has; return the int64 rows still in the running."""
    live = []
    for row, (picture, reason) in enumerate(zip(verdicts.ids, verdicts.reasons, strict=True)):
        if reason is not None:
            continue
        if picture in seen:
            verdicts.mark(row, Reason.EXACT_DUPLICATE, picture, 0, "first seen")
        else:
            live.append(row)
        seen.add(picture)
    return np.array(live, dtype=np.int64)


def _mark_near(verdicts: _Verdicts, field_: _Field, distance: int, near: Join) -> None:
    """Mark the near-duplicates by their hash."""
    hashes = np.concatenate([field_.standing.hashes, field_.rows["phash"].to_numpy().astype(np.uint64)])
    already = np.arange(len(hashes)) < field_.count
    stars = group_by_hash(hashes, field_.places, distance, already, near)
    for index in range(field_.count, len(hashes)):
        if stars.keeper[index] != index:
            row, keeper, rule = field_.verdict(int(stars.keeper[index]), index)
            verdicts.mark(row, Reason.NEAR_DUPLICATE, keeper, int(stars.distance[index]), rule)


def _mark_proved(verdicts: _Verdicts, field_: _Field, evidence: Evidence, settings: Dedupe) -> None:
    """Mark the near-duplicates that were proved."""
    live = np.column_stack([field_.rows["width"].to_numpy(), field_.rows["height"].to_numpy()]).astype(np.int64)
    sizes = np.concatenate([field_.standing.sizes, live])
    for proof in prove(evidence, field_.places, field_.count, sizes, settings):
        row, keeper, rule = field_.verdict(proof.keeper, proof.lost)
        verdicts.mark(row, Reason.NEAR_DUPLICATE, keeper, proof.distance, rule, **proof.facts)


def _follow_twins(verdicts: _Verdicts) -> None:
    """A row whose same bytes lost to another picture has lost to that one too: a keeper is always kept."""
    lost = {
        verdicts.ids[row]: row for row, reason in enumerate(verdicts.reasons) if reason == str(Reason.NEAR_DUPLICATE)
    }
    for row, reason in enumerate(verdicts.reasons):
        twin = lost.get(verdicts.ids[row])
        if reason == str(Reason.EXACT_DUPLICATE) and twin is not None:
            verdicts.copy(row, twin)
