"""A crop shows what is where it says, however large, turned and far out it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.vision.crops import Crop, Picture


def slope(width: int, height: int) -> np.ndarray:
    """Red rises along x and green along y, both by one level each four pixels; blue is full."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x / 4, y / 4, np.full_like(x, 255)], axis=-1).round().astype(np.uint8)


CENTRES = st.tuples(st.floats(150, 650), st.floats(150, 450))


@given(CENTRES, st.floats(20, 900), st.floats(-4, 4), st.sampled_from([64, 128]))
def test_every_pixel_is_what_lies_there(centre: tuple[float, float], side: float, angle: float, size: int) -> None:
    crop = Crop(np.array(centre), side, angle)
    drawn = Picture(slope(800, 600)).draw(crop, size).astype(float)
    matrix, steps = crop.matrix(size), np.arange(size) + 0.5
    there = np.stack(np.meshgrid(steps, steps), axis=-1) @ matrix[:, :2].T + matrix[:, 2]
    room = 4 + 2 * side / size  # pixels at an edge are mixed with the black beyond it
    inside = ((there > room) & (there < (800 - room, 600 - room))).all(axis=-1)
    far = ((there < -room) | (there > (800 + room, 600 + room))).any(axis=-1)
    rounded = 1.01 + 0.5 * max(0, np.log2(side / size))  # each halving rounds halves up
    assert np.abs(drawn[inside][:, :2] - there[inside] / 4).max(initial=0) <= rounded
    assert (drawn[inside][:, 2] == 255).all() and (drawn[far] == 0).all()


def test_the_whole_of_a_picture_lies_in_the_middle() -> None:
    picture = Picture(np.full((100, 400, 3), 200, np.uint8))
    assert (picture.side, picture.size.tolist()) == (400, [400, 100])
    drawn = picture.draw(picture.whole, 128)
    assert (drawn[49:79] == 200).all() and (drawn[:47] == 0).all() and (drawn[81:] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (40_000, 2), (3, 40_000)])
def test_thin_and_long_pictures_can_be_drawn(shape: tuple[int, int]) -> None:
    picture = Picture(np.full((*shape, 3), 255, np.uint8))
    assert picture.draw(picture.whole, 128).shape == (128, 128, 3)
    assert not picture.draw(Crop(np.array([-900.0, -900.0]), 50, 0.3), 128).any()
