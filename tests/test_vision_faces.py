"""Faces are found in real pictures, and both eyes land where they should to under half a pixel."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from vision_pictures import photo

from pipeline import models
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.faces import EYES, Face, FaceFinder, align

MODEL = models.find("face_landmarker")
needs_model = pytest.mark.skipif(MODEL is None, reason="the model is not here: run `pipeline models fetch`")


@pytest.fixture(scope="module")
def finder() -> Iterator[FaceFinder]:
    assert MODEL is not None
    with FaceFinder(MODEL) as made:
        yield made


def pixels_of(path: Path) -> NDArray[np.uint8]:
    return np.asarray(to_srgb(open_upright(path.read_bytes()))[0])


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
    square, landed, outside = align(image, [*eyes[0], *eyes[1]], size)
    assert (square.size, square.mode) == ((size, size), "RGB")
    assert landed == pytest.approx(np.array(EYES) * size)
    for eye in landed:
        assert np.abs(centre_near(square, eye, 0.12 * size) - eye).max() < 0.5
    assert 0 <= outside <= 1


def test_targets_are_the_callers() -> None:
    image = dots(400, 300, [(150.25, 120.5), (230.75, 140.0)], 9)
    square, landed, _ = align(image, [150.25, 120.5, 230.75, 140.0], 200, ((0.3, 0.6), (0.7, 0.6)))
    assert landed.tolist() == [[60, 120], [140, 120]]
    for eye in landed:
        assert np.abs(centre_near(square, eye, 24) - eye).max() < 0.5


@pytest.mark.parametrize("shrink", [1.5, 3.3, 7.7, 20])
def test_shrinking_does_not_alias(shrink: float) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (900, 900, 3), dtype=np.uint8))
    distance = 0.3 * 32 * shrink
    square, _, outside = align(noise, [450 - distance / 2, 400, 450 + distance / 2, 400], 32)
    inside = np.asarray(square, float)[10:16, 10:22]
    assert inside.std() < 1.6 * 74 / shrink, "white noise must average out with the area it is averaged over"
    assert outside == pytest.approx(0, abs=0.2)


def test_no_shrinking_keeps_the_pixels() -> None:
    picture = photo(3, 200, 200)
    square, _, outside = align(picture, [70, 80, 130, 80], 200)
    assert (np.asarray(square) == np.asarray(picture)).all()
    assert outside == 0


def test_what_lies_outside_is_reflected_and_counted() -> None:
    picture = photo(4, 100, 100)
    square, _, outside = align(picture, [-15, 40, 15, 40], 100)
    assert outside == pytest.approx(0.5, abs=0.01)
    found = np.asarray(square)
    assert (found[:, 49::-1] == found[:, 50:]).all()
    with pytest.raises(ValueError, match="same place"):
        align(picture, [5, 5, 5, 5], 64)


def eye_error(face: Face, truth: NDArray[np.float64]) -> float:
    found = np.array(face.eyes).reshape(2, 2)
    return float(np.hypot(*(found - truth).T).mean() / np.hypot(*(truth[1] - truth[0])))


@needs_model
def test_eyes_are_found_in_real_portraits(shared: Path, finder: FaceFinder) -> None:
    folder = shared / "data" / "faces_68pts"
    with open(folder / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))[::6]
    errors = []
    for row in rows:
        faces = finder.find(pixels_of(folder / row["path"]))
        truth = np.array([row[f"eye_{side}_{axis}"] for side in ("left", "right") for axis in "xy"], float).reshape(
            2, 2
        )
        assert faces, row["path"]
        assert faces[0].score >= 0.5
        x0, y0, x1, y1 = faces[0].box
        assert x0 < truth[:, 0].min() < truth[:, 0].max() < x1
        assert y0 < truth[:, 1].min() < truth[:, 1].max() < y1
        errors.append(eye_error(faces[0], truth))
    assert np.median(errors) < 0.07
    assert max(errors) < 0.2


@needs_model
def test_aligned_portraits_have_their_eyes_on_the_targets(shared: Path, finder: FaceFinder) -> None:
    """The finder itself, asked again, sees the eyes where they were put."""
    picture = Image.fromarray(pixels_of(shared / "data/faces_dlib/Tom_Cruise_avp_2014_4.jpg"))
    for turn in (0, 20, -30):
        turned = picture.rotate(turn, Image.Resampling.BICUBIC, expand=True)
        face = finder.find(np.asarray(turned))[0]
        square, landed, outside = align(turned, face.eyes, 256)
        again = finder.find(np.asarray(square))[0]
        assert eye_error(again, landed) < 0.06
        assert abs(again.roll) < 2
        assert abs(face.roll + turn - 6) < 3
        assert outside < 0.25
        assert face.mouth[1] > face.eyes[1]
        assert face.eyes[0] < face.eyes[2]


@needs_model
def test_pose_tells_left_right_up_and_straight(shared: Path, finder: FaceFinder) -> None:
    folder = shared / "data" / "faces_cmu"
    with open(folder / "index.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["eyes"] == "open"]
    for pose, axis, low, high in (
        ("left", "yaw", 15, 90),
        ("right", "yaw", -90, -15),
        ("up", "pitch", 15, 60),
        ("straight", "yaw", -12, 12),
    ):
        turns = [
            getattr(face, axis)
            for row in rows
            if row["pose"] == pose
            for face in finder.find(pixels_of(folder / row["path"]))
        ]
        assert len(turns) >= 5
        assert all(low < turn < high for turn in turns), (pose, turns)


@needs_model
def test_several_faces_and_none(shared: Path, finder: FaceFinder) -> None:
    faces = finder.find(pixels_of(shared / "data/faces_dlib/2008_002506.jpg"))
    assert len(faces) == 3
    distances = [face.eye_distance for face in faces]
    assert distances == sorted(distances, reverse=True)
    assert finder.find(np.asarray(photo(1))) == []
    for shape in ((1, 1, 3), (3, 700, 3), (64, 64, 3)):
        assert finder.find(np.full(shape, 128, np.uint8)) == []


@needs_model
def test_the_library_keeps_quiet_and_ends_in_peace() -> None:
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom pipeline.vision.faces import FaceFinder\n"
        f"with FaceFinder(Path({str(MODEL)!r})) as finder:\n"
        "    print(finder.find(np.zeros((80, 80, 3), np.uint8)))\nprint('still heard', file=sys.stderr)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("[]\n", "still heard\n")
