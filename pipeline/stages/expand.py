"""Expand: from pictures to their faces, each a row of its own from here on. Needs no pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.errors import Reason, Rejected
from pipeline.manifest import Align
from pipeline.schema import EXPANDED
from pipeline.stages.judge import refuse


def expand(
    selected: pa.Table, formats: Sequence[str | None], faces: Sequence[Sequence[Mapping[str, Any]] | None],
    options: Align, meant: Sequence[Sequence[int]] | None,
) -> pa.Table:  # fmt: skip
    """Rows of `expanded` for rows of `selected` (id, reason, reason_value, detail), with what else is known of each.

    A picture that is rejected stays one row. Of one that is kept each face becomes a row, with a reason when it is
    beyond a limit of `options`, or not among those `meant` (places in the picture's list; None for all).
    """
    made: list[dict[str, Any]] = []
    for row, picture in enumerate(selected.to_pylist()):
        facts = {"origin": row, "format": formats[row]}
        if picture["reason"] is not None:
            made.append({**picture, **facts, "faces": None})
            continue
        for place, face in enumerate(faces[row] or []):
            verdict = _verdict(face, options, meant is None or place in meant[row])
            made.append({"id": f"{picture['id']}-{place + 1}", **facts, "faces": [face], **verdict})
    return pa.Table.from_pylist(made, EXPANDED)


def _verdict(face: Mapping[str, Any], options: Align, is_meant: bool) -> dict[str, Any]:
    try:
        if not is_meant:
            raise Rejected(Reason.OTHER_PERSON)
        refuse(face, options)
    except Rejected as rejected:
        return {"reason": str(rejected.reason), "reason_value": rejected.value, "detail": rejected.detail or None}
    return {"reason": None, "reason_value": None, "detail": None}
