"""Sketch: what finds and proves copies of every original, once, so that a selection never decodes anything."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from pipeline.schema import SKETCHED
from pipeline.stage import Options, Stage, map_rows
from pipeline.vision.colour import visible
from pipeline.vision.decode import open_scaled
from pipeline.vision.sketch import VERSION, Sketch, codes, poses, sketch

_SIDE = 256


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `sketched` for rows of `measured`."""
    return map_rows(batch, SKETCHED, lambda row: packed(sketched(row["data"])))


def sketched(data: bytes) -> Sketch:
    """The sketch of a file's upright picture. Raises Rejected as `decode.open_upright` does."""
    _, image = open_scaled(data, _SIDE, "YCbCr")
    if image.mode != "YCbCr":
        image = visible(image).convert("RGB").convert("YCbCr")
    planes = np.asarray(image)
    _, cb, cr, _ = cv2.mean(planes)
    return sketch(np.ascontiguousarray(planes[..., 0]), (round(cb), round(cr)))


def packed(made: Sketch) -> dict[str, Any]:
    """The columns of `sketched` for a sketch."""
    return {
        "hash": VERSION,
        "turns": made.turns,
        "codes": codes(made),
        "mirrored": codes(made, mirrored=True),
        "poses": poses(made),
        "size": list(made.size),
        "box": list(made.box),
        "tint": list(made.tint),
        "points": made.points.astype("<f2").tobytes(),
        "descriptors": made.descriptors.tobytes(),
        "thumb_width": made.thumb.shape[1],
        "thumb": made.thumb.tobytes(),
    }


def unpacked(row: dict[str, Any]) -> Sketch:
    """The sketch of a row of `sketched`."""
    width, height = row["size"]
    x0, y0, x1, y1 = row["box"]
    return Sketch(
        (width, height),
        np.frombuffer(row["points"], "<f2").astype(np.float32).reshape(-1, 4),
        np.frombuffer(row["descriptors"], np.uint8).reshape(-1, 128),
        np.frombuffer(row["thumb"], np.uint8).reshape(-1, row["thumb_width"]),
        (row["tint"][0], row["tint"][1]),
        np.array(row["turns"], np.uint64),
        (x0, y0, x1, y1),
    )


SKETCH = Stage("sketched", {"measured": [], "crawled": ["format"]}, SKETCHED, transform, bytes_from="original")
