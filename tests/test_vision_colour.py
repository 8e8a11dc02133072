"""Colours come out as sRGB to within 3 of 255, whatever the file holds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms
from vision_pictures import (
    ADOBE_GAMMA,
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    encode,
    grey_profile,
    photo,
    rgb_profile,
    to_srgb_by_formula,
)

from pipeline.vision.cmyk import NAME, default_profile
from pipeline.vision.colour import eight_bits, to_srgb, visible
from pipeline.vision.decode import open_upright
from pipeline.vision.resize import fit_square, preshrunk

PATCHES = [(30, 180, 90), (200, 60, 30), (128, 128, 128), (0, 0, 0), (255, 255, 255), (90, 90, 200), (250, 230, 10)]
SPACES = {"Adobe RGB": (ADOBE_RGB, ADOBE_GAMMA), "Display P3": (DISPLAY_P3, None)}


def patches(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(np.array([PATCHES] * 2, np.uint8)).convert(mode)


def srgb_of(data: bytes, background: tuple[int, int, int] = (255, 255, 255)) -> tuple[NDArray[np.int64], str]:
    image, how = to_srgb(open_upright(data), background)
    assert image.mode == "RGB"
    assert not image.info, "the result still carries what belongs to the source"
    return np.asarray(image).astype(int), how


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(
    ("written", "options"),
    [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 100, "subsampling": 0})],
)
def test_tagged_pictures_match_the_definition_of_their_space(
    name: str, written: str, options: dict[str, object]
) -> None:
    primaries, gamma = SPACES[name]
    stored = photo(8, 64, 48) if written == "JPEG" else patches()
    data = encode(stored, written, icc_profile=rgb_profile(name, primaries, gamma), **options)
    expected = to_srgb_by_formula(np.asarray(open_upright(data)), primaries, gamma)
    found, how = srgb_of(data)
    assert how == f"icc:{name}"
    assert np.abs(found - expected).max() <= 3
    assert np.abs(np.asarray(open_upright(data), int) - expected).max() > 20, "the profile made no difference"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=30), st.sampled_from(sorted(SPACES)))
def test_any_colour_matches_the_definition_of_its_space(colours: list[tuple[int, int, int]], name: str) -> None:
    primaries, gamma = SPACES[name]
    pixels = np.array([colours], np.uint8)
    image = Image.fromarray(pixels)
    image.info["icc_profile"] = rgb_profile(name, primaries, gamma)
    difference = np.asarray(to_srgb(image)[0], int) - to_srgb_by_formula(pixels, primaries, gamma)
    assert np.abs(difference).max() <= 1.5


def test_a_picture_that_is_srgb_is_left_alone() -> None:
    stored = np.asarray(photo(2, 64, 48))
    for profile in (
        rgb_profile("anything", SRGB, None),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ):
        found, how = srgb_of(encode(photo(2, 64, 48), icc_profile=profile))
        assert how == "srgb"
        assert (found == stored).all()
    assert srgb_of(encode(photo(2, 64, 48)))[1] == "assumed_srgb"


def test_grey_profiles_fit_grey_pictures() -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    found, how = srgb_of(encode(ramp, icc_profile=grey_profile("Linear Grey", 1.0)))
    assert how == "icc:Linear Grey"
    linear = np.arange(256) / 255
    expected = 255 * np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(found[0, :, 0] - expected).max() <= 3


@pytest.mark.parametrize(
    ("image", "profile", "why"),
    [
        (patches(), grey_profile("Grey", 2.2), "GRAY profile on RGB picture"),
        (patches("L"), rgb_profile("Colours", ADOBE_RGB, 2.2), "RGB profile on L picture"),
        (patches(), b"this is no profile", "unusable profile"),
    ],
)
def test_profiles_that_do_not_fit_are_ignored_and_it_is_said(image: Image.Image, profile: bytes, why: str) -> None:
    found, how = srgb_of(encode(image, icc_profile=profile))
    assert how.startswith("icc_ignored:")
    assert why in how
    assert (found == np.asarray(image.convert("RGB"))).all()


def test_cmyk_jpegs_are_not_inverted() -> None:
    inks = Image.fromarray(
        np.array([[(0, 0, 0, 0), (255, 0, 0, 0), (0, 0, 0, 255), (40, 80, 120, 10)]] * 8, np.uint8), "CMYK"
    ).resize((32, 8), 0)
    for written, options in (("JPEG", {"quality": 100, "subsampling": 0}), ("TIFF", {})):
        found, how = srgb_of(encode(inks, written, **options))
        assert how == "cmyk_default"
        expected = [(255, 255, 255), (0, 176, 241), (30, 29, 32), (208, 170, 136)]
        assert np.abs(found[4, [4, 12, 20, 28]] - expected).max() <= 3


def test_cmyk_without_a_profile_looks_as_ink_on_coated_paper(shared: Path) -> None:
    """As the published characterisation of CGATS TR 001 has it, in a profile of others."""
    profile = (shared / "data/formats/icc_profiles/CGATS001Compat-v2-micro.icc").read_bytes()
    inks = photo(5, 80, 60).convert("CMYK")
    by_model, how = to_srgb(inks)
    assert how == "cmyk_default"
    inks.info["icc_profile"] = profile
    difference = np.abs(np.asarray(by_model, int) - np.asarray(to_srgb(inks)[0], int))
    assert difference.mean() < 2.5 and np.percentile(difference, 99) <= 12
    read = ImageCms.ImageCmsProfile(io.BytesIO(default_profile()))
    assert (read.profile.profile_description, read.profile.xcolor_space) == (NAME, "CMYK")


def test_shrinking_before_the_conversion_changes_little() -> None:
    inks = photo(6, 1600, 1300).convert("CMYK")
    whole, first = (fit_square(to_srgb(image)[0], 64) for image in (inks, preshrunk(inks, 64)))
    assert preshrunk(inks, 64).size == (534, 434)
    assert np.abs(np.asarray(whole, int) - np.asarray(first, int)).mean() < 1
    assert preshrunk(photo(6), 8).size == photo(6).size


def test_cmyk_goes_through_its_own_profile(shared: Path) -> None:
    profile = (shared / "data/formats/icc_profiles/CGATS001Compat-v2-micro.icc").read_bytes()
    inks = Image.fromarray(
        np.array([[(0, 0, 0, 0), (200, 30, 10, 0), (0, 0, 0, 255), (40, 80, 120, 10)]] * 4, np.uint8), "CMYK"
    )
    found, how = srgb_of(encode(inks, "TIFF", icc_profile=profile))
    assert how.startswith("icc:")
    source = ImageCms.ImageCmsProfile(str(shared / "data/formats/icc_profiles/CGATS001Compat-v2-micro.icc"))
    expected = ImageCms.profileToProfile(
        inks, source, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE,
    )  # fmt: skip
    assert np.abs(found - np.asarray(expected, int)).max() <= 1
    assert np.abs(found - np.asarray(inks.convert("RGB"), int)).max() > 30
    assert found[0, 0].min() >= 252


def test_published_profiles_match_the_definitions(shared: Path) -> None:
    for file, primaries, gamma in (
        ("AdobeCompat-v4.icc", ADOBE_RGB, ADOBE_GAMMA),
        ("DisplayP3-v4.icc", DISPLAY_P3, None),
    ):
        profile = (shared / "data/formats/icc_profiles" / file).read_bytes()
        found, how = srgb_of(encode(patches(), icc_profile=profile))
        assert how.startswith("icc:")
        assert np.abs(found - to_srgb_by_formula(np.asarray(patches()), primaries, gamma)).max() <= 3


def test_deep_greys_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64).round().astype(np.uint16)[None]
    expected = (ramp[0] / 257).round()
    for written in ("PNG", "TIFF", "PPM"):
        found, _ = srgb_of(encode(Image.fromarray(ramp), written))
        assert np.abs(found[0, :, 0] - expected).max() <= 1
    floats = Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32)[None])
    assert np.abs(srgb_of(encode(floats, "TIFF"))[0][0, :, 0] - expected).max() <= 1
    wide = Image.fromarray(np.linspace(-5, 2000, 64, dtype=np.float32)[None])
    assert np.abs(srgb_of(encode(wide, "TIFF"))[0][0, :, 0] - expected).max() <= 1


def test_the_depth_that_counts_is_the_declared_one(shared: Path) -> None:
    twelve = open_upright((shared / "data/formats/pillow/12bit.cropped.tif").read_bytes())
    assert (twelve.mode, twelve.info["bits"]) == ("I;16", 12)
    assert np.abs(np.asarray(eight_bits(twelve), int) - np.asarray(twelve, float) / 4095 * 255).max() <= 0.51
    negative = Image.fromarray(np.array([[0, 65535]], np.uint16))
    negative.info["white_is_zero"] = True
    assert np.asarray(eight_bits(negative)).tolist() == [[255, 0]]


def test_what_hides_under_transparency_is_not_seen() -> None:
    hidden = Image.new("RGBA", (4, 4), (255, 0, 255, 0))
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    for background in ((255, 255, 255), (10, 200, 30)):
        assert (srgb_of(encode(hidden), background)[0] == background).all()
        mixed = np.rint(np.array(background) * 127 / 255)
        assert np.abs(srgb_of(encode(half), background)[0] - mixed).max() <= 1
        assert (np.asarray(visible(hidden, background).convert("RGB")) == background).all()


@pytest.mark.parametrize("mode", ["LA", "PA", "RGBa", "RGBA"])
def test_every_layout_with_alpha_is_composited(mode: str) -> None:
    source = Image.new("RGBA", (6, 6), (60, 60, 60, 255))
    source.paste((60, 60, 60, 0), (0, 0, 3, 6))
    path = {"LA": ["LA"], "PA": ["PA"], "RGBa": ["RGBa"], "RGBA": []}[mode]
    for step in path:
        source = source.convert(step)
    assert source.mode == mode
    found = np.asarray(to_srgb(source, (0, 0, 255))[0], int)
    assert (found[:, :3] == (0, 0, 255)).all()
    assert np.abs(found[:, 3:] - 60).max() <= 1


def test_palettes_keys_and_bits() -> None:
    palette = photo(3, 40, 30).quantize(16)
    assert (srgb_of(encode(palette))[0] == np.asarray(palette.convert("RGB"))).all()
    keyed = Image.new("P", (4, 2), 0)
    keyed.putpalette([200, 10, 10, 0, 0, 250])
    keyed.paste(1, (2, 0, 4, 2))
    for data in (encode(keyed, "PNG", transparency=0), encode(keyed, "GIF", transparency=0)):
        found, _ = srgb_of(data)
        assert found[0].tolist() == [[255] * 3, [255] * 3, [0, 0, 250], [0, 0, 250]]
    colour_key = encode(Image.new("RGB", (2, 2), (1, 2, 3)), "PNG", transparency=(1, 2, 3))
    assert (srgb_of(colour_key)[0] == 255).all()
    bits = Image.new("1", (4, 4), 1)
    assert (srgb_of(encode(bits))[0] == 255).all()


def test_profiles_are_applied_before_transparency_is_resolved() -> None:
    primaries, gamma = SPACES["Adobe RGB"]
    see_through = patches("RGBA")
    see_through.putalpha(128)
    found, how = srgb_of(encode(see_through, icc_profile=rgb_profile("Adobe RGB", primaries, gamma)), (0, 0, 0))
    expected = to_srgb_by_formula(np.asarray(patches()), primaries, gamma) * 128 / 255
    assert how == "icc:Adobe RGB"
    assert np.abs(found - expected).max() <= 3


def test_lab_is_converted() -> None:
    lab = ImageCms.profileToProfile(
        patches(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    del lab.info["icc_profile"]
    found, how = srgb_of(encode(lab, "TIFF"))
    assert how == "lab_default"
    assert np.abs(found - np.asarray(patches(), int)).max() <= 8, "8 bits of L*a*b* are coarse"
