"""Assign: the theme of every embedded picture, or none where it is far from all, and its place on the map."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipeline.schema import CLUSTERED
from pipeline.stage import Options, Stage
from pipeline.vision.likeness import PARTS
from pipeline.vision.standing import decoded, give


def vectors_of(column: pa.ChunkedArray) -> np.ndarray:
    """The non-null vectors of a column, all of one length, as float32 (n, d). Raises ValueError when they are not."""
    kept = column.drop_null().combine_chunks()
    flat = np.asarray(kept.flatten(), dtype=np.float32)
    if len(kept) and (flat.size % len(kept) or np.ptp(np.asarray(kept.value_lengths())) > 0):
        raise ValueError("the vectors are of several lengths")
    return flat.reshape(len(kept), flat.size // max(len(kept), 1))


def parts_of(columns: Mapping[str, pa.ChunkedArray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """`vector`, `style` and `colour` of some rows, float32 (n, d) each; what not every one of them has is left out."""
    found = {name: columns[name].take(pa.array(rows)) for name in PARTS if name in columns}
    return {name: vectors_of(column) for name, column in found.items() if not column.null_count}


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `clustered` for rows of `embedded`. Option: `themes`, the arrays of `vision.standing.encoded`."""
    kept = np.flatnonzero(~np.asarray(batch["embedded.vector"].is_null()))
    keep = {name: batch[name] for name in ("id", "reason", "reason_value", "detail")}
    columns = {name: [None] * batch.num_rows for name in ("cluster", "distance", "strangeness", "x", "y")}
    if len(kept):
        parts = parts_of({name: batch[f"embedded.{name}"] for name in PARTS}, kept)
        given = give(decoded(options["themes"]), parts)
        made = (given.themes, given.distance, given.strangeness, given.spots[:, 0], given.spots[:, 1])
        for column, values in zip(columns.values(), made, strict=True):
            for row, value in zip(kept, values.tolist(), strict=True):
                column[row] = value
    arrays = {name: pa.array(column, CLUSTERED.field(name).type) for name, column in columns.items()}
    return pa.table(keep | arrays).select(CLUSTERED.names)


ASSIGN = Stage("clustered", {"embedded": list(PARTS)}, CLUSTERED, transform, batch_rows=1 << 20)
