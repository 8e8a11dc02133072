"""Faces are found in real pictures: their eyes, their turn, and whether the eyes are covered."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from vision_pictures import photo

from pipeline import models
from pipeline.vision.alignment import by_eyes, draw, share_outside
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.faces import Face, FaceFinder

MODEL = models.find("face_landmarker")
needs_model = pytest.mark.skipif(MODEL is None, reason="the model is not here: run `pipeline models fetch`")


@pytest.fixture(scope="module")
def finder() -> Iterator[FaceFinder]:
    assert MODEL is not None
    with FaceFinder(MODEL) as made:
        yield made


def pixels_of(path: Path) -> NDArray[np.uint8]:
    return np.asarray(to_srgb(open_upright(path.read_bytes()))[0])


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
        matrix = by_eyes(face.eyes, 256)
        again = finder.find(np.asarray(draw(turned, matrix, 256)))[0]
        assert eye_error(again, np.array([[89.6, 102.4], [166.4, 102.4]])) < 0.03
        assert abs(again.roll) < 2
        assert abs(face.roll + turn - 6) < 3
        assert share_outside(matrix, 256, turned.size) < 0.25
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
        ("up", "pitch", 12, 60),
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
