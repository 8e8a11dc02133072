"""Assign: the nearest theme for every embedded picture."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.schema import CLUSTERED
from pipeline.stage import Options, Stage
from pipeline.vision.clustering import assign


def vectors_of(column: pa.ChunkedArray) -> np.ndarray:
    """The non-null vectors of a column as float32 (n, d)."""
    dim = column.type.list_size
    flat = column.combine_chunks().drop_null().flatten() if column.null_count else column.combine_chunks().flatten()
    return np.asarray(flat, dtype=np.float32).reshape(-1, dim)


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `clustered` for rows of `embedded`. Option: `centres`, a float32 array (k, d) of unit rows."""
    kept = np.flatnonzero(~np.asarray(batch["embedded.vector"].is_null()))
    cluster: list[int | None] = [None] * batch.num_rows
    distance: list[float | None] = [None] * batch.num_rows
    if len(kept):
        labels, distances = assign(vectors_of(batch["embedded.vector"]), np.asarray(options["centres"], np.float32))
        for row, label, far in zip(kept, labels, distances, strict=True):
            cluster[row], distance[row] = int(label), float(far)
    keep = {name: batch[name] for name in ("id", "reason", "reason_value", "detail")}
    made = {"cluster": pa.array(cluster, pa.int32()), "distance": pa.array(distance, pa.float32())}
    return pa.table(keep | made).select(CLUSTERED.names)


ASSIGN = Stage("clustered", {"embedded": ["vector"]}, CLUSTERED, transform, batch_rows=1 << 20)
