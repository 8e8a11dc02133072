"""Squares: what is kept, where it lies, and that shrinking does not alias."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from vision_pictures import photo

from pipeline.vision.resize import fit_square

HOW = ("crop", "pad", "fit")


def framed(width: int, height: int) -> Image.Image:
    """Red to the left, blue to the right (or above and below), grey in the middle square."""
    image = Image.new("RGB", (width, height), (128, 128, 128))
    extra = abs(width - height) // 2
    first, last = ((0, 0, extra, height), (width - extra, 0, width, height))
    if height > width:
        first, last = ((0, 0, width, extra), (0, height - extra, width, height))
    image.paste((255, 0, 0), first)
    image.paste((0, 0, 255), last)
    return image


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([1, 16, 64, 200]), st.sampled_from(HOW))
def test_the_result_is_a_square_of_the_size(width: int, height: int, size: int, how: str) -> None:
    square = fit_square(photo(1, width, height), size, how)
    assert (square.size, square.mode) == ((size, size), "RGB")


@pytest.mark.parametrize(("width", "height"), [(300, 200), (200, 300)])
def test_crop_keeps_the_middle(width: int, height: int) -> None:
    inner = np.asarray(fit_square(framed(width, height), 64, "crop"), int)[4:-4, 4:-4]
    assert np.abs(inner - 128).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(300, 200), (200, 300)])
def test_pad_keeps_all_and_centres_it(width: int, height: int) -> None:
    square = np.asarray(fit_square(Image.new("RGB", (width, height), (9, 9, 9)), 60, "pad", (200, 100, 50)))
    inside = (square == 9).all(axis=-1)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    spans = sorted([(rows[0], rows[-1]), (columns[0], columns[-1])])
    assert spans == [(0, 59), (10, 49)]
    assert (square[~inside] == (200, 100, 50)).all()


def test_fit_stretches_all() -> None:
    square = np.asarray(fit_square(framed(300, 100), 60, "fit"))
    assert (square[30, 2] == (255, 0, 0)).all()
    assert (square[30, 57] == (0, 0, 255)).all()
    assert (square[30, 30] == 128).all()


def test_shrinking_averages_what_is_too_fine_to_show() -> None:
    checks = np.indices((640, 640)).sum(axis=0) % 2 * 255
    fine = Image.fromarray(checks.astype(np.uint8)).convert("RGB")
    for how in HOW:
        assert np.abs(np.asarray(fit_square(fine, 61, how), int) - 127.5).max() <= 3


def test_a_square_of_the_right_size_is_left_alone() -> None:
    picture = photo(2, 64, 64)
    for how in HOW:
        assert (np.asarray(fit_square(picture, 64, how)) == np.asarray(picture)).all()
