"""Prepare: convert, align and encode each kept picture in one decode and one encode."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipeline.errors import Reason, Rejected
from pipeline.manifest import Align, Convert, Shard
from pipeline.schema import ID_DIGITS, PREPARED
from pipeline.stage import Options, Stage, map_rows
from pipeline.stages.judge import choose_face
from pipeline.vision import alignment
from pipeline.vision.borders import trim_box
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.icc import srgb_profile
from pipeline.vision.resize import fit_square, preshrunk


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `prepared`, with the encoded pictures in `data`, for rows of `selected`.

    Options: `convert`, `align` (null for none) and `shard` of the manifest; `left_out`, the reasons of pictures by
    id that stand and must not come into new shards.
    """
    convert = Convert.model_validate(options["convert"])
    shard = Shard.model_validate(options["shard"])
    eyes = Align.model_validate(options["align"]) if options["align"] else None
    left_out = options.get("left_out", {})

    def one(row: dict[str, Any]) -> dict[str, Any]:
        if reason := left_out.get(row["id"][:ID_DIGITS]):
            raise Rejected(Reason(reason))
        opened = open_upright(row["data"])
        crop = landed = None
        if eyes:
            picture, colour = to_srgb(opened, background=convert.rgb)
            square, landed = _aligned(picture, _faces(row), eyes, shard.size)
        else:
            square, colour, crop = _fitted(opened, convert, shard.size)
        data = encode(square, shard.format)
        return {
            "key": row["id"], "width": square.width, "height": square.height, "eyes": landed, "colour": colour,
            "crop": crop, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "data": data,
        }

    return map_rows(batch, PREPARED, one)


def _faces(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The faces to choose from: the one of this row, the one that was selected, or all."""
    if "expanded.faces" in row:
        return row["expanded.faces"] or []
    faces: list[dict[str, Any]] = row["faces.faces"] or []
    chosen = row["selected.face"]
    return faces if chosen is None else [faces[chosen]]


def _fitted(opened: Image.Image, convert: Convert, size: int) -> tuple[Image.Image, str, list[int]]:
    """The square, how it came to sRGB, and the box of the original that it shows before it is fitted."""
    small = preshrunk(opened, size)
    picture, colour = to_srgb(small, background=convert.rgb)
    box = trim_box(picture, convert.trim)
    if box != (0, 0, *picture.size):
        picture = picture.crop(box)
    factor = -(-opened.width // small.width)
    limits = opened.width, opened.height, opened.width, opened.height
    crop = [min(edge * factor, limit) for edge, limit in zip(box, limits, strict=True)]
    return fit_square(picture, size, convert.fit, convert.rgb), colour, crop


def _aligned(
    picture: Image.Image, faces: list[dict[str, Any]], options: Align, size: int
) -> tuple[Image.Image, list[float]]:
    face = choose_face(faces, options, picture.size)
    matrix = _landing(face, options, size)
    larger = alignment.scale_of(matrix)
    if larger > options.max_upscale:
        raise Rejected(Reason.FACE_TOO_SMALL, face["eye_distance"], f"would be enlarged {larger:.1f} times")
    outside = alignment.share_outside(matrix, size, picture.size)
    if outside > options.max_outside:
        raise Rejected(Reason.FACE_CUT, outside, "outside the original")
    return alignment.draw(picture, matrix, size), alignment.landed(matrix, face["eyes"])


def _landing(face: Mapping[str, Any], options: Align, size: int) -> alignment.Floats:
    """The similarity that takes the picture to the square."""
    if options.crop == "ffhq":
        return alignment.by_ffhq(face["eyes"], face["mouth"], size)
    if options.crop == "box":
        return alignment.by_box(face["box"], size)
    return alignment.by_eyes(face["eyes"], size, options.eyes)


def encode(picture: Image.Image, format: str) -> bytes:
    """An 8-bit sRGB picture as PNG, or as JPEG of quality 95 without chroma subsampling.

    It says that it is sRGB (PNG by its chunk, perceptual intent; JPEG by a profile) and carries nothing else.
    """
    sink = io.BytesIO()
    if format == "png":
        tag = PngInfo()
        tag.add(b"sRGB", b"\0")
        picture.save(sink, "PNG", compress_level=6, pnginfo=tag)
    else:
        picture.save(sink, "JPEG", quality=95, subsampling=0, icc_profile=srgb_profile())
    return sink.getvalue()


PREPARE = Stage(
    "prepared",
    {"expanded": ["format", "faces"], "selected": ["face"], "crawled": ["format"], "faces": ["faces"]},
    PREPARED, transform, bytes_from="original", makes_shards=True,
    optional=("expanded", "selected", "crawled", "faces"),
)
