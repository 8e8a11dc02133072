"""Prepare: convert, align and encode each kept picture in one decode and one encode."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from pipeline.errors import Reason, Rejected
from pipeline.manifest import Align, Convert, Shard
from pipeline.schema import PREPARED
from pipeline.stage import Options, Stage, map_rows
from pipeline.stages.judge import choose_face
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.faces import align
from pipeline.vision.resize import fit_square


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `prepared`, with the encoded pictures in `data`, for rows of `selected`.

    Options: `convert`, `align` (null for none) and `shard` of the manifest.
    """
    convert = Convert.model_validate(options["convert"])
    shard = Shard.model_validate(options["shard"])
    eyes = Align.model_validate(options["align"]) if options["align"] else None

    def one(row: dict[str, Any]) -> dict[str, Any]:
        picture, colour = to_srgb(open_upright(row["data"]), background=convert.rgb)
        if eyes:
            square, landed = _aligned(picture, row["faces.faces"], eyes, shard.size)
        else:
            square, landed = fit_square(picture, shard.size, convert.fit, convert.rgb), None
        data = encode(square, shard.format)
        return {
            "key": row["id"], "width": square.width, "height": square.height, "eyes": landed, "colour": colour,
            "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "data": data,
        }

    return map_rows(batch, PREPARED, one)


def _aligned(
    picture: Image.Image, faces: list[dict[str, Any]] | None, options: Align, size: int
) -> tuple[Image.Image, list[float]]:
    face = choose_face(faces or [], options)
    square, eyes, outside = align(picture, face["eyes"], size, options.eyes)
    if outside > options.max_outside:
        raise Rejected(Reason.FACE_CUT, outside)
    return square, [float(value) for value in np.asarray(eyes).ravel()]


def encode(picture: Image.Image, format: str) -> bytes:
    """An 8-bit RGB picture as PNG, or as JPEG of quality 95 without chroma subsampling."""
    sink = io.BytesIO()
    if format == "png":
        picture.save(sink, "PNG", compress_level=6)
    else:
        picture.save(sink, "JPEG", quality=95, subsampling=0)
    return sink.getvalue()


PREPARE = Stage(
    "prepared", {"selected": [], "crawled": ["format"], "faces": ["faces"]}, PREPARED, transform,
    bytes_from="original", makes_shards=True, optional=("faces",),
)
