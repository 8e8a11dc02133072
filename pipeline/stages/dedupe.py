"""Dedupe: of every group of pictures that are the same, the one to keep. A fold over hashes, no pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import Reason
from pipeline.schema import SELECTED
from pipeline.vision.matching import group_by_hash


@dataclass(frozen=True)
class Standing:
    """Pictures an earlier fold kept: ids, and their hashes as uint64 (n,)."""

    ids: list[str]
    hashes: np.ndarray


class _Verdicts:
    """The columns of `selected` in the making, one entry per row."""

    def __init__(self, candidates: pa.Table) -> None:
        count = candidates.num_rows
        self.ids: list[str] = candidates["id"].to_pylist()
        self.reasons: list[str | None] = candidates["reason"].to_pylist()
        self.values: list[float | None] = candidates["reason_value"].to_pylist()
        self.keepers: list[str | None] = [None] * count
        self.distances: list[int | None] = [None] * count
        self.rules: list[str | None] = [None] * count

    def mark(self, row: int, reason: Reason, keeper: str, bits: int, rule: str) -> None:
        """Row is a duplicate of `keeper`."""
        self.reasons[row], self.keepers[row], self.rules[row] = str(reason), keeper, rule
        self.distances[row], self.values[row] = bits, float(bits)

    def table(self, detail: pa.ChunkedArray) -> pa.Table:
        """The finished rows."""
        return pa.table({
            "id": pa.array(self.ids, pa.string()),
            "keeper": pa.array(self.keepers, pa.string()),
            "distance": pa.array(self.distances, pa.int32()),
            "rule": pa.array(self.rules, pa.string()),
            "reason": pa.array(self.reasons, pa.string()),
            "reason_value": pa.array(self.values, pa.float64()),
            "detail": detail,
        }).select(SELECTED.names)


def dedupe(candidates: pa.Table, standing: Standing, distance: int) -> pa.Table:
    """Rows of `selected` for rows that were judged, in the same order.

    `candidates` has id, width, height, sharpness, phash, reason, reason_value, detail, in the order first seen.
    Rows with a reason keep it. Of the others, the same id again is an exact duplicate of its first row; a
    picture within `distance` bits of a kept one is a near-duplicate of it. Kept first: the pictures in
    `standing`, then the largest, then the sharpest, then the first seen. Every member of a group lies within
    the distance of the kept picture, so groups never chain.
    """
    verdicts = _Verdicts(candidates)
    live = _mark_same_bytes(verdicts, set(standing.ids))
    _mark_near(verdicts, candidates, live, standing, distance)
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


def _mark_near(
    verdicts: _Verdicts, candidates: pa.Table, live: np.ndarray, standing: Standing, distance: int
) -> None:
    """Mark the near-duplicates among the rows `live`, the standing pictures standing first in line."""
    area = pc.multiply(pc.cast(candidates["width"], pa.int64()), pc.cast(candidates["height"], pa.int64()))
    hashes, size, sharp = (
        column.take(pa.array(live)).to_numpy() for column in (candidates["phash"], area, candidates["sharpness"])
    )
    count = len(standing.ids)
    ranks = np.arange(count + len(live))
    ranks[count + np.lexsort((live, -sharp, -size))] = np.arange(count, len(ranks))
    everyone = np.concatenate([standing.hashes, hashes.astype(np.uint64)])
    stars = group_by_hash(everyone, ranks, distance, ranks < count)
    for index in range(count, len(ranks)):
        keeper, mine = int(stars.keeper[index]), index - count
        if keeper == index:
            continue
        if keeper < count:
            name, rule = standing.ids[keeper], "kept before"
        else:
            name, rule = verdicts.ids[live[keeper - count]], _rule(size, sharp, keeper - count, mine)
        verdicts.mark(int(live[mine]), Reason.NEAR_DUPLICATE, name, int(stars.distance[index]), rule)


def _follow_twins(verdicts: _Verdicts) -> None:
    """A row whose same bytes lost to another picture has lost to that one too: a keeper is always kept."""
    lost = {
        verdicts.ids[row]: row for row, reason in enumerate(verdicts.reasons) if reason == str(Reason.NEAR_DUPLICATE)
    }
    for row, reason in enumerate(verdicts.reasons):
        twin = lost.get(verdicts.ids[row])
        if reason == str(Reason.EXACT_DUPLICATE) and twin is not None:
            keeper, bits, rule = verdicts.keepers[twin], verdicts.distances[twin], verdicts.rules[twin]
            assert keeper is not None
            assert bits is not None
            assert rule is not None
            verdicts.mark(row, Reason.NEAR_DUPLICATE, keeper, bits, rule)


def _rule(size: np.ndarray, sharp: np.ndarray, kept: int, lost: int) -> str:
    """Which of the keeper's merits decided."""
    if size[kept] > size[lost]:
        return "largest"
    return "sharpest" if sharp[kept] > sharp[lost] else "first seen"
