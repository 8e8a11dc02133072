"""Prepared pictures are trimmed as the manifest says, tagged sRGB, and carry nothing of their originals."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageCms
from vision_pictures import ADOBE_GAMMA, ADOBE_RGB, encode, exif, photo, rgb_profile

from pipeline.manifest import Convert, Shard
from pipeline.stages.prepare import encode as encode_prepared
from pipeline.stages.prepare import transform


def prepared(data: bytes, format: str = "png", size: int = 64, **convert: Any) -> dict[str, Any]:
    batch = pa.table({
        "id": ["a"], "reason": pa.nulls(1, pa.string()), "reason_value": pa.nulls(1, pa.float64()),
        "detail": pa.nulls(1, pa.string()), "data": [data],
    })  # fmt: skip
    shard = Shard(size=size, format=format).model_dump()  # type: ignore[arg-type]
    (row,) = transform(batch, {"convert": Convert(**convert).model_dump(), "shard": shard, "align": None}).to_pylist()
    return dict(row)


def bordered() -> Image.Image:
    made = Image.new("RGB", (300, 260), "white")
    made.paste(photo(3, 240, 180), (30, 40))
    return made


def test_the_box_that_was_kept_is_recorded() -> None:
    data = encode(bordered(), "PNG")
    whole, trimmed = prepared(data), prepared(data, trim="border")
    assert whole["crop"] == [0, 0, 300, 260]
    assert np.abs(np.array(trimmed["crop"]) - (30, 40, 270, 220)).max() <= 2
    picture = np.asarray(Image.open(io.BytesIO(trimmed["data"])))
    wanted = np.asarray(Image.open(io.BytesIO(prepared(encode(photo(3, 240, 180)))["data"])))
    assert np.abs(picture.astype(int) - wanted).mean() < 4
    assert prepared(data, trim="frame")["crop"] == trimmed["crop"]


def test_boxes_of_large_inks_are_those_of_the_original() -> None:
    large = bordered().resize((3000, 2600)).convert("CMYK")
    row = prepared(encode(large, "TIFF"), trim="border", size=32)
    assert row["colour"] == "cmyk_default"
    assert np.abs(np.array(row["crop"]) - (300, 400, 2700, 2200)).max() <= 60


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_what_comes_out_says_that_it_is_srgb_and_nothing_else(format: str) -> None:
    profile = rgb_profile("Adobe RGB", ADOBE_RGB, ADOBE_GAMMA)
    data = encode(photo(3, 90, 70), "JPEG", icc_profile=profile, exif=exif(6), comment="by me")
    row = prepared(data, format)
    with Image.open(io.BytesIO(row["data"])) as picture:
        if format == "png":
            assert picture.info == {"srgb": 0}
        else:
            assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "icc_profile"}
            read = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
            assert "sRGB" in read.profile.profile_description
        assert not picture.getexif()
    assert row["crop"] == [0, 0, 70, 90]
    assert encode_prepared(photo(1, 64, 64), format) == encode_prepared(photo(1, 64, 64), format)


def test_real_frames_are_cut(shared: Path) -> None:
    (path,) = (shared / "data" / "louvre_genres").rglob("cl010054760.jpg")
    row = prepared(path.read_bytes(), trim="frame")
    left, top, right, bottom = row["crop"]
    with Image.open(path) as image:
        assert (right - left) * (bottom - top) < 0.5 * image.width * image.height
