"""What is measured of a picture means what it says, at any size."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from vision_pictures import encode, photo

from pipeline.vision.measure import measure
from pipeline.vision.quality import Quality, assess, colourfulness


def quality_of(image: Image.Image) -> Quality:
    return assess(image, image.convert("L"))


def test_known_pictures_have_known_numbers() -> None:
    grey = quality_of(Image.new("RGB", (300, 200), (120, 120, 120)))
    assert asdict(grey) == {"brightness": 120, "contrast": 0, "sharpness": 0, "colourfulness": 0}
    halves = Image.fromarray(np.repeat(np.array([0, 255], np.uint8), 100)[None].repeat(50, 0))
    found = quality_of(halves)
    assert found.brightness == pytest.approx(127.5)
    assert found.contrast == pytest.approx(127.5)
    assert found.colourfulness == 0
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
    assert 0 <= found.sharpness < 10**6
    assert 0 <= found.colourfulness < 260


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
        "brightness", "contrast", "sharpness", "colourfulness", "phash",
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
