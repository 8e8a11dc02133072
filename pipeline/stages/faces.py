"""Faces: where the faces of every original are, with both eyes and the turn of the head."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import models
from pipeline.schema import FACES as SCHEMA
from pipeline.stage import Options, Stage, map_rows
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.faces import FaceFinder


@lru_cache(maxsize=1)
def finder() -> FaceFinder:
    """The finder of this process."""
    return FaceFinder(models.path("face_landmarker"))


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `faces` for rows of `measured`; a picture without a face is a row with an empty list."""

    def one(row: dict[str, Any]) -> dict[str, Any]:
        picture, _ = to_srgb(open_upright(row["data"]))
        return {"faces": [asdict(face) for face in finder().find(np.asarray(picture))]}

    return map_rows(batch, SCHEMA, one)


FACES = Stage("faces", {"measured": [], "crawled": ["format"]}, SCHEMA, transform, bytes_from="original")
