"""Both eyes land where they should to under half a pixel, by one interpolation that does not alias."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from vision_pictures import photo

from pipeline.vision.alignment import EYES, by_box, by_eyes, by_ffhq, draw, landed, scale_of, share_outside


def dots(width: int, height: int, centres: list[tuple[float, float]], radius: float) -> Image.Image:
    """Bright discs on grey, with edges smoothed over a pixel; centres may lie between pixels."""
    y, x = np.mgrid[:height, :width] + 0.5
    level = np.full((height, width), 100.0)
    for cx, cy in centres:
        level += 155 * np.clip(radius + 0.5 - np.hypot(x - cx, y - cy), 0, 1)
    return Image.fromarray(np.repeat(level.clip(0, 255).astype(np.uint8)[..., None], 3, 2))


def centre_near(image: Image.Image, where: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """The middle of what is bright around a point."""
    level = np.asarray(image.convert("L"), float) - 100
    y, x = np.mgrid[: image.height, : image.width] + 0.5
    weight = np.where(np.hypot(x - where[0], y - where[1]) < reach, level.clip(0), 0)
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@settings(deadline=None, max_examples=60)
@given(
    st.floats(150, 350),
    st.floats(150, 350),
    st.floats(-180, 180),
    st.floats(60, 200),
    st.sampled_from([64, 128, 256]),
)
def test_both_eyes_land_on_their_targets(x: float, y: float, turn: float, distance: float, size: int) -> None:
    half = distance / 2 * np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
    eyes = [(x - half[0], y - half[1]), (x + half[0], y + half[1])]
    image = dots(500, 500, eyes, distance / 8)
    matrix = by_eyes([*eyes[0], *eyes[1]], size)
    square, outside = draw(image, matrix, size), share_outside(matrix, size, image.size)
    there = np.array(landed(matrix, [*eyes[0], *eyes[1]])).reshape(2, 2)
    assert (square.size, square.mode) == ((size, size), "RGB")
    assert there == pytest.approx(np.array(EYES) * size)
    for eye in there:
        assert np.abs(centre_near(square, eye, 0.12 * size) - eye).max() < 0.5
    assert 0 <= outside <= 1


def test_targets_are_the_callers() -> None:
    image = dots(400, 300, [(150.25, 120.5), (230.75, 140.0)], 9)
    matrix = by_eyes([150.25, 120.5, 230.75, 140.0], 200, ((0.3, 0.6), (0.7, 0.6)))
    square = draw(image, matrix, 200)
    assert landed(matrix, [150.25, 120.5, 230.75, 140.0]) == pytest.approx([60, 120, 140, 120])
    for eye in np.array([[60.0, 120.0], [140.0, 120.0]]):
        assert np.abs(centre_near(square, eye, 24) - eye).max() < 0.5


@pytest.mark.parametrize("shrink", [1.5, 3.3, 7.7, 20])
def test_shrinking_does_not_alias(shrink: float) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (900, 900, 3), dtype=np.uint8))
    distance = 0.3 * 32 * shrink
    matrix = by_eyes([450 - distance / 2, 400, 450 + distance / 2, 400], 32)
    inside = np.asarray(draw(noise, matrix, 32), float)[10:16, 10:22]
    assert inside.std() < 1.6 * 74 / shrink, "white noise must average out with the area it is averaged over"
    assert share_outside(matrix, 32, noise.size) == pytest.approx(0, abs=0.2)


def test_no_shrinking_keeps_the_pixels() -> None:
    picture = photo(3, 200, 200)
    matrix = by_eyes([70, 80, 130, 80], 200)
    assert (np.asarray(draw(picture, matrix, 200)) == np.asarray(picture)).all()
    assert share_outside(matrix, 200, picture.size) == 0


def test_what_lies_outside_is_reflected_blurred_and_counted() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    matrix = by_eyes([-15, 40, 15, 40], 100)
    assert share_outside(matrix, 100, picture.size) == pytest.approx(0.5, abs=0.01)
    found, kept = np.asarray(draw(picture, matrix, 100), float), np.asarray(picture, float)
    assert (found[:, 50:] == kept[:, :50]).all(), "what is there is left as it is"
    reflected = found[:, 99:49:-1]
    assert np.abs(found[:, 49] - reflected[:, 49]).mean() < 10, "just beyond the edge it is the reflection"
    rough = [np.abs(np.diff(part[:, :40], axis=0)).mean() for part in (found, reflected)]
    assert rough[0] < 0.6 * rough[1], "farther out it is soft"
    with pytest.raises(ValueError, match="same place"):
        by_eyes([5, 5, 5, 5], 64)



def test_the_crop_of_ffhq_is_the_published_one() -> None:
    """Eyes level and 100 apart, mouth 120 below: a square of 4 times max(2 × 100, 1.8 × 120) / 2, a tenth down."""
    matrix = by_ffhq([150, 200, 250, 200], [170, 320, 230, 320], 512)
    side = 2 * max(200, 1.8 * 120)
    assert scale_of(matrix) == pytest.approx(512 / side)
    assert landed(matrix, [200, 212]) == pytest.approx([256, 256])
    assert landed(by_box([100, 50, 200, 150], 64), [150, 100]) == pytest.approx([32, 32])
    assert scale_of(by_box([100, 50, 200, 150], 70)) == pytest.approx(0.5)


def test_a_box_stands_upright_in_the_middle_with_a_fifth_of_room() -> None:
    matrix = by_box((10, 20, 110, 70), 70)
    assert landed(matrix, (10, 45, 110, 45)) == pytest.approx([10, 35, 60, 35])
    assert matrix[0, 1] == matrix[1, 0] == 0
