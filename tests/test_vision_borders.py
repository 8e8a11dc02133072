"""Margins, bars and frames are found, and nothing that is part of the picture is taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from vision_pictures import photo

from pipeline.vision.borders import Box, margins, plain_box, trim_box


def surrounded(picture: Image.Image, sides: tuple[int, int, int, int], colour: tuple[int, int, int]) -> Image.Image:
    left, top, right, bottom = sides
    made = Image.new("RGB", (picture.width + left + right, picture.height + top + bottom), colour)
    made.paste(picture, (left, top))
    return made


def framed(picture: Image.Image, width: int, seed: int = 0) -> Image.Image:
    """A gilded frame: texture along it, and a lip of shadow inside."""
    rng = np.random.default_rng(seed)
    outer = Image.new("RGB", (picture.width + 2 * width, picture.height + 2 * width))
    gold = rng.normal((190, 150, 70), 25, (outer.height // 4 + 1, outer.width // 4 + 1, 3)).clip(0, 255)
    outer.paste(Image.fromarray(gold.astype(np.uint8)).resize(outer.size))
    outer.paste((30, 20, 10), (width - 3, width - 3, outer.width - width + 3, outer.height - width + 3))
    outer.paste(picture, (width, width))
    return outer


def misfit(found: Box, wanted: tuple[int, int, int, int]) -> int:
    return int(np.abs(np.array(found) - wanted).max())


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(*[st.integers(6, 60)] * 4),
    st.sampled_from([(255, 255, 255), (0, 0, 0), (128, 120, 90), (20, 60, 20)]),
    st.integers(0, 99),
)
def test_a_border_of_any_colour_and_width_is_found(
    sides: tuple[int, int, int, int], colour: tuple[int, int, int], seed: int
) -> None:
    made = surrounded(photo(seed, 240, 180), sides, colour)
    left, top = sides[:2]
    inner = (left, top, left + 240, top + 180)
    found = trim_box(made, "border")
    assert misfit(found, inner) <= 12
    share, bars = margins(np.asarray(made))
    assert share == pytest.approx(1 - 240 * 180 / (made.width * made.height), abs=0.06)
    assert bars == 0


@pytest.mark.parametrize("sides", [(0, 30, 0, 30), (40, 0, 40, 0)])
def test_bars_of_a_letterbox_are_told_from_borders(sides: tuple[int, int, int, int]) -> None:
    made = np.asarray(surrounded(photo(3, 240, 180), sides, (0, 0, 0)))
    share, bars = margins(made)
    assert bars == share == pytest.approx(0.25, abs=0.01)


def test_bars_within_a_border_are_both_taken() -> None:
    inner = surrounded(photo(4, 240, 180), (0, 20, 0, 20), (0, 0, 0))
    assert plain_box(np.asarray(surrounded(inner, (15, 15, 15, 15), (255, 255, 255)))) == (15, 35, 255, 215)


@pytest.mark.parametrize("how", ["border", "frame"])
def test_colour_fields_grounds_and_skies_stay_whole(how: str) -> None:
    field = Image.new("RGB", (300, 200), (180, 30, 40))
    two = surrounded(Image.new("RGB", (300, 100), (40, 30, 90)), (0, 100, 0, 0), (180, 30, 40))
    bust = Image.new("RGB", (200, 300), (12, 10, 8))
    bust.paste(photo(2, 60, 200), (70, 100))
    sky = photo(5, 300, 200)
    sky.paste((150, 180, 230), (0, 0, 300, 60))
    small = surrounded(photo(1, 40, 40), (130, 130, 130, 130), (255, 255, 255))
    for picture in (field, two, bust, sky, small, photo(6), Image.new("L", (3, 3)).convert("RGB")):
        assert trim_box(picture, how) == (0, 0, *picture.size)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [12, 30, 60])
@pytest.mark.parametrize("wall", [0, 25])
def test_a_frame_is_found_and_only_when_asked_for(width: int, wall: int) -> None:
    made = surrounded(framed(photo(7, 400, 300), width), (wall,) * 4, (225, 222, 215))
    at = wall + width
    found = trim_box(made, "frame")
    assert misfit(found, (at, at, at + 400, at + 300)) <= 14
    assert found.left >= at and found.top >= at, "a line of the frame was left"
    assert misfit(trim_box(made, "border"), (wall, wall, made.width - wall, made.height - wall)) <= 8
    assert trim_box(made, "none") == (0, 0, *made.size)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 9), st.sampled_from(["border", "frame"]))
def test_a_box_lies_in_its_picture(width: int, height: int, seed: int, how: str) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8) // 64 * 64
    box = trim_box(Image.fromarray(pixels), how)  # type: ignore[arg-type]
    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height
    share, bars = margins(pixels)
    assert 0 <= bars <= share < 1


FRAMED = ("cl010054760", "cl010055472", "cl010056659", "cl010052648", "cl010056295", "cl010054463", "cl010055202")


def test_real_paintings(shared: Path) -> None:
    """Looked at one by one: of these sets nearly all of the Louvre have white margins, few flowers."""
    folder = shared / "data" / "louvre_genres"
    paths = sorted(folder.rglob("*.jpg"))
    trimmed = 0
    for path in paths[::8]:
        with Image.open(path) as image:
            trimmed += trim_box(image.convert("RGB"), "border") != (0, 0, *image.size)
    assert trimmed >= len(paths[::8]) - 2
    deep = 0
    for path in (path for path in paths if path.stem in FRAMED):
        with Image.open(path) as image:
            deep += trim_box(image.convert("RGB"), "frame").area < 0.75 * image.width * image.height
    assert deep == len([path for path in paths if path.stem in FRAMED])
    cut = 0
    for path in sorted((shared / "data" / "flowers5" / "daisy").glob("*.jpg"))[:60]:
        with Image.open(path) as image:
            cut += trim_box(image.convert("RGB"), "frame") != (0, 0, *image.size)
    assert cut <= 6
