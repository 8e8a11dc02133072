"""The network that tells pornography sees every layout alike, and only where a manifest asks for it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image
from vision_pictures import encode, photo

from pipeline import models
from pipeline.errors import Rejected, UsageError
from pipeline.manifest import COSTLY, parse
from pipeline.stages import measure as stage
from pipeline.vision.nsfw import NsfwNet

MODEL = models.find("open_nsfw")
needs_model = pytest.mark.skipif(
    MODEL is None, reason="the model is not here: run `pipeline models fetch open_nsfw`"
)
PLAIN = "corpus: small\nsources: [{import: folder, path: .}]\n"


@pytest.fixture(scope="module")
def net() -> NsfwNet:
    assert MODEL is not None
    return NsfwNet(MODEL)


def rows(*pictures: bytes) -> pa.Table:
    nothing = pa.nulls(len(pictures), pa.string())
    return pa.table({
        "id": [f"{row:064x}" for row in range(len(pictures))], "reason": nothing,
        "reason_value": pa.nulls(len(pictures), pa.float64()), "detail": nothing,
        "data": pa.array(pictures, pa.binary()),
    })  # fmt: skip


def test_it_is_measured_where_a_limit_is_set_and_nowhere_else() -> None:
    plain, asked = parse(PLAIN), parse(PLAIN + "select: {max_nsfw: 0.8}\n")
    assert plain.measuring == {"hash": "fast", **dict.fromkeys(COSTLY, False)}
    assert asked.measuring == plain.measuring | {"nsfw": True}
    assert stage.MEASURE.transform(rows(encode(photo(1), "JPEG")), plain.measuring)["nsfw"].to_pylist() == [None]


def test_a_missing_model_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WUNDERKAMMER_MODELS", str(tmp_path))
    stage.nsfw_net.cache_clear()
    options = parse(PLAIN + "select: {max_nsfw: 0.8}\n").measuring
    with pytest.raises(UsageError, match="run `pipeline models fetch open_nsfw`"):
        stage.MEASURE.transform(rows(encode(photo(1), "JPEG")), options)


@needs_model
def test_layouts_sizes_and_formats_hardly_matter(net: NsfwNet, shared: Path) -> None:
    """Of a real photograph; what is broken is rejected as ever."""
    path = sorted((shared / "data" / "wikiart_styles_pd").rglob("*nude-study*.jpg"))[0]
    data = path.read_bytes()
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    whole = net.score(picture)
    assert whole > 0.5, "a nude study counts, painted or not"
    assert net.judge(data) == pytest.approx(whole, abs=0.03)
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[274] = 6
    assert net.judge(encode(turned, "JPEG", quality=95, exif=exif)) == pytest.approx(whole, abs=0.08)
    for mode in ("RGBA", "CMYK"):
        saved = encode(picture.convert(mode), "TIFF")
        assert net.judge(saved) == pytest.approx(whole, abs=0.25), mode
    with pytest.raises(Rejected):
        net.judge(data[: len(data) // 2])


@needs_model
def test_flowers_are_harmless_and_the_column_has_the_number(net: NsfwNet, shared: Path) -> None:
    found = sorted((shared / "data" / "flowers5").rglob("*.jpg"))[::200]
    options = parse(PLAIN + "select: {max_nsfw: 0.8}\n").measuring
    stage.nsfw_net.cache_clear()
    column = stage.MEASURE.transform(rows(*(path.read_bytes() for path in found)), options)["nsfw"].to_pylist()
    assert column == pytest.approx([net.judge(path.read_bytes()) for path in found], abs=1e-6)
    assert all(0 <= value < 0.2 for value in column)
