"""Embed: the penultimate layer of a pretrained network for every prepared picture."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import pyarrow as pa
from PIL import Image

from pipeline import models
from pipeline.schema import EMBEDDED, VECTOR_DIM
from pipeline.stage import Options, Stage
from pipeline.vision.features import Embedder


@lru_cache(maxsize=1)
def _embedder(model: str) -> Embedder:
    return Embedder(models.path(model))


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `embedded` for rows of `prepared`. Option: `model`."""
    blobs = batch["data"].to_pylist()
    kept = [row for row, blob in enumerate(blobs) if blob is not None]
    vectors: list[np.ndarray | None] = [None] * batch.num_rows
    if kept:
        pictures = [np.asarray(Image.open(io.BytesIO(blobs[row])).convert("RGB")) for row in kept]
        for row, vector in zip(kept, _embedder(options["model"]).embed(np.stack(pictures)), strict=True):
            vectors[row] = vector
    column = pa.array(vectors, pa.list_(pa.float32(), VECTOR_DIM))
    keep = {name: batch[name] for name in ("id", "reason", "reason_value", "detail")}
    return pa.table(keep | {"vector": column}).select(EMBEDDED.names)


EMBED = Stage(
    "embedded", {"prepared": ["shard", "offset", "size"]}, EMBEDDED, transform, bytes_from="prepared", batch_rows=32
)
