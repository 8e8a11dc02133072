"""Identify: the numbers that tell the person of every face that can be seen well enough."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import models
from pipeline.errors import UsageError
from pipeline.schema import IDENTIFIED
from pipeline.stage import Options, Stage, map_rows
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.faces import points_of
from pipeline.vision.identity import Identifier

MODEL = "face_identity"
MIN_EYES = 16.0
"""Pixels between the eyes of the smallest face that is told from others: under that all faces look alike."""
MAX_YAW = 45.0
"""Degrees that a head may be turned."""


def ready() -> None:
    """Raises UsageError when what tells persons apart is not on this machine."""
    if importlib.util.find_spec("dlib") is None:
        raise UsageError("Telling persons apart needs dlib: run `pip install 'wunderkammer[people]'`.")
    models.path(MODEL)


@lru_cache(maxsize=1)
def identifier() -> Identifier:
    """The network of this process."""
    ready()
    return Identifier(models.path(MODEL))


def seen_well(face: Mapping[str, Any]) -> bool:
    """Whether a face is large and straight enough to tell whose it is."""
    return bool(face["eye_distance"] >= MIN_EYES and abs(face["yaw"]) <= MAX_YAW)


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `identified` for rows of `faces`: as many entries as faces, null for those not seen well. No options."""

    def one(row: dict[str, Any]) -> dict[str, Any]:
        faces = row["faces.faces"] or []
        if not any(seen_well(face) for face in faces):
            return {"vectors": [None] * len(faces)}
        picture = np.asarray(to_srgb(open_upright(row["data"]))[0])
        return {"vectors": [_vector(picture, face) if seen_well(face) else None for face in faces]}

    return map_rows(batch, IDENTIFIED, one)


def _vector(picture: np.ndarray, face: Mapping[str, Any]) -> np.ndarray:
    return identifier().vector(picture, points_of(face["landmarks"], face["box"])).astype(np.float32)


IDENTIFY = Stage(
    "identified", {"faces": ["faces"], "crawled": ["format"]}, IDENTIFIED, transform, bytes_from="original"
)
