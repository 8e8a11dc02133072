"""What is measured of a picture means what it says, at any size."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from vision_pictures import encode, photo

from pipeline.vision.fineness import fineness
from pipeline.vision.jpeg import quality as jpeg_quality
from pipeline.vision.measure import measure
from pipeline.vision.quality import Quality, assess, blockiness, colourfulness, entropy, views


def quality_of(image: Image.Image) -> Quality:
    return assess(views(image, image.convert("L")))


def test_known_pictures_have_known_numbers() -> None:
    grey = quality_of(Image.new("RGB", (300, 200), (120, 120, 120)))
    assert asdict(grey) == {
        "brightness": 120, "contrast": 0, "entropy": 0, "sharpness": 0, "colourfulness": 0, "coloured": 0,
        "border": 0, "letterbox": 0,
    }  # fmt: skip
    halves = Image.fromarray(np.repeat(np.array([0, 255], np.uint8), 100)[None].repeat(50, 0))
    found = quality_of(halves)
    assert found.brightness == pytest.approx(127.5)
    assert found.contrast == pytest.approx(127.5)
    assert found.colourfulness == found.coloured == 0
    assert found.entropy == 1
    # one column of +255 and one of -255 among 200
    assert found.sharpness == pytest.approx(255**2 / 100)


def test_colourfulness_is_the_published_formula() -> None:
    rgb = np.asarray(photo(4, 60, 50))
    red, green, blue = (rgb[..., channel].astype(float) for channel in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    assert colourfulness(rgb) == pytest.approx(expected, rel=1e-4)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 999),
    st.integers(1, 700),
    st.integers(1, 700),
    st.sampled_from(["L", "RGB", "RGBA", "P", "CMYK", "1"]),
)
def test_numbers_stay_in_their_ranges(seed: int, width: int, height: int, mode: str) -> None:
    found = quality_of(photo(seed, width, height).convert(mode))
    assert 0 <= found.brightness <= 255
    assert 0 <= found.contrast <= 127.6
    assert 0 <= found.sharpness <= (4 * 255) ** 2
    assert 0 <= found.colourfulness < 260
    assert 0 <= found.entropy <= 8
    assert 0 <= found.coloured <= 1
    assert 0 <= found.letterbox <= found.border < 1
    blocks = blockiness(np.asarray(photo(seed, width, height).convert("L")))
    assert (blocks is None) == (min(width, height) < 32)
    assert blocks is None or blocks >= 1


def test_blur_lowers_sharpness_and_nothing_else_much() -> None:
    sharp = quality_of(photo(5))
    blurred = quality_of(photo(5).filter(ImageFilter.GaussianBlur(3)))
    assert blurred.sharpness < 0.2 * sharp.sharpness
    assert blurred.brightness == pytest.approx(sharp.brightness, abs=1)
    assert blurred.colourfulness == pytest.approx(sharp.colourfulness, rel=0.1)


def test_sizes_compare(shared: Path) -> None:
    """The same real photograph at 3 sizes and in 2 formats: within 40 %."""
    path = shared / "data/formats/exif_orientation/Landscape_1.jpg"
    with Image.open(path) as opened:
        original = opened.convert("RGB")
    found = [measure(path.read_bytes())]
    for width in (1800, 1200, 900):
        small = original.resize((width, width * 2 // 3), Image.Resampling.LANCZOS)
        found += [measure(encode(small, "PNG")), measure(encode(small, "JPEG", quality=95))]
    sharpness = [one.sharpness for one in found]
    assert max(sharpness) < 1.4 * min(sharpness)
    for name in ("brightness", "contrast", "colourfulness"):
        values = [getattr(one, name) for one in found]
        assert max(values) < 1.03 * min(values)


def test_measurements_are_flat_and_the_hash_does_not_change_the_rest() -> None:
    data = encode(photo(6, 1400, 1000), "JPEG")
    fast, exact = asdict(measure(data)), asdict(measure(data, exact_hash=True))
    assert set(fast) == {
        "format", "width", "height", "mode", "frames", "orientation", "icc",
        "jpeg_quality", "brightness", "contrast", "entropy", "sharpness", "colourfulness", "coloured", "border",
        "letterbox", "blockiness", "fineness", "phash",
    }  # fmt: skip
    assert (fast.pop("phash") ^ exact.pop("phash")).bit_count() <= 4
    assert fast == exact


def test_colour_is_seen_through_every_layout() -> None:
    vivid = photo(7, 400, 300)
    expected = quality_of(vivid).colourfulness
    assert expected > 20
    for image in (vivid.convert("RGBA"), vivid.convert("P"), vivid.convert("CMYK"), vivid.convert("YCbCr")):
        assert quality_of(image).colourfulness == pytest.approx(expected, rel=0.1)
    assert quality_of(vivid.convert("LA")).colourfulness == 0


def test_entropy_is_shannons() -> None:
    grey = np.asarray(photo(3).convert("L"))
    shares = np.bincount(grey.ravel(), minlength=256) / grey.size
    assert entropy(grey) == pytest.approx(-sum(p * np.log2(p) for p in shares if p), abs=1e-6)
    assert entropy(np.arange(256, dtype=np.uint8)[None]) == 8


@pytest.mark.parametrize("quality", [5, 10, 30, 50, 75, 90, 95, 100])
def test_the_quality_of_a_jpeg_is_the_one_it_was_written_with(quality: int) -> None:
    assert measure(encode(photo(2), "JPEG", quality=quality)).jpeg_quality == quality
    assert measure(encode(photo(2).convert("L"), "JPEG", quality=quality)).jpeg_quality == quality
    assert measure(encode(photo(2), "PNG")).jpeg_quality is None


def test_tables_of_other_encoders_have_a_quality_too() -> None:
    flat = {0: [6] * 64}
    assert 85 < (jpeg_quality(flat) or 0) < 97
    assert jpeg_quality({}) is None
    assert jpeg_quality({0: [255] * 64}) == pytest.approx(1, abs=1)


def test_blocks_are_seen_also_after_cropping_and_saving_anew(shared: Path) -> None:
    path = next(iter(sorted((shared / "data" / "wikiart_styles_pd").rglob("*.jpg"))))
    with Image.open(path) as opened:
        picture = opened.convert("RGB").resize((900, 700))
    found = []
    for quality in (95, 30, 10):
        data = encode(picture, "JPEG", quality=quality)
        with Image.open(io.BytesIO(data)) as saved:
            anew = encode(saved.convert("RGB").crop((3, 5, 800, 600)), "PNG")
        found.append(tuple(measure(one, blocks=True).blockiness or 0 for one in (data, anew)))
    best, poor, worst = found
    assert max(best) < 1.45 and min(poor) > 1.25 and min(worst) > 1.7
    assert all(worst[at] > poor[at] > best[at] for at in (0, 1))
    margin = Image.new("RGB", (960, 760), "white")
    margin.paste(picture, (24, 24))
    assert (measure(encode(margin), blocks=True).blockiness or 9) < 1.5, "an edge is no grid"
    large = encode(picture.resize((2700, 2100)), "JPEG", quality=10)
    assert (measure(large, blocks=True).blockiness or 0) > 1.7
    assert measure(large).blockiness is None, "unless it is asked for"


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.integers(1, 700), st.integers(1, 700))
def test_fineness_is_a_share_of_what_the_pixels_can_hold(seed: int, width: int, height: int) -> None:
    found = fineness(np.asarray(photo(seed, width, height).convert("L")))
    assert (found is None) == (min(width, height) < 32)
    assert found is None or 0 < found <= 1
    assert fineness(np.full((64, 64), seed, np.uint8)) == 0


def test_a_wave_is_as_fine_as_it_is() -> None:
    for share in (0.2, 0.5, 0.8):
        wave = 128 + 100 * np.sin(np.pi * share * np.arange(512))
        assert fineness(np.repeat(wave[None], 512, 0).astype(np.uint8)) == pytest.approx(share, abs=0.03)


def test_enlarging_leaves_no_fine_detail(shared: Path) -> None:
    """Below 1,024 pixels and above, as JPEG or not, alone or along with blockiness."""
    for path in sorted((shared / "data" / "wikiart_styles_pd").rglob("*.jpg"))[3:60:19]:
        with Image.open(path) as opened:
            small = opened.convert("RGB").resize((600, 450), Image.Resampling.LANCZOS)
        large = small.resize((1200, 900), Image.Resampling.BICUBIC)
        found = [
            measure(encode(picture, kind), fine=True).fineness or 0
            for picture, kind in ((small, "JPEG"), (small, "PNG"), (large, "JPEG"), (large, "PNG"))
        ]
        assert min(found[:2]) > 1.4 * max(found[2:])
        both = measure(encode(large, "JPEG"), fine=True, blocks=True)
        assert both.fineness == found[2]
        assert both.blockiness == measure(encode(large, "JPEG"), blocks=True).blockiness
        assert measure(encode(large, "JPEG")).fineness is None, "unless it is asked for"


def test_grey_pictures_are_told_from_coloured_ones_through_jpeg() -> None:
    grey = photo(2).convert("L").convert("RGB")
    assert measure(encode(grey, "JPEG", quality=60)).coloured < 0.01
    assert measure(encode(photo(2), "JPEG", quality=60)).coloured > 0.5
    toned = Image.merge("RGB", [photo(2).convert("L").point(lambda v, f=f: int(v * f)) for f in (1, 0.85, 0.6)])
    assert measure(encode(toned, "JPEG")).coloured > 0.5


def test_numbers_of_known_pictures_do_not_move() -> None:
    """Golden values: a change of these is a change of what manifests mean, and needs another version of the table."""
    found = asdict(measure(encode(photo(11, 640, 480), "PNG")))
    wanted = {
        "brightness": 130.623, "contrast": 41.552, "entropy": 7.389, "sharpness": 32.543, "colourfulness": 116.823,
        "coloured": 0.99, "border": 0.0, "letterbox": 0.0, "phash": 13486476736440587505,
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=0.002)
