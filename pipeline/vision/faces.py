"""Faces: where they are, where their eyes are, how the head is turned, and the picture turned to match."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
Point = tuple[float, float]

EYES: tuple[Point, Point] = ((0.35, 0.4), (0.65, 0.4))
"""Where the eyes of an aligned picture are, as shares of its side."""

_DETECTOR = "face_detector.tflite"  # inside the .task file, which is a zip
_MIN_SCORE = 0.5
# The 16 points of the lids of each eye in MediaPipe's face mesh; the sitter's right eye comes first.
_LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
)
_MOUTH = (61, 291)


@dataclass(frozen=True)
class Face:
    """One face; points are in pixels of the picture, from its upper left corner.

    box           x0, y0, x1, y1 of all landmarks
    score         the detector's, 0.5 to 1
    eyes          x, y of both eye centres (mean of the lids); the eye that is on the left when the face is
                  upright, the sitter's right, comes first
    mouth         x, y of both corners, in the same order
    yaw           degrees; positive: turned to the right of an upright picture
    pitch         degrees; positive: looking up
    roll          degrees; positive: head turned clockwise in the picture
    eye_distance  pixels between the eye centres
    """

    box: tuple[float, float, float, float]
    score: float
    eyes: tuple[float, float, float, float]
    mouth: tuple[float, float, float, float]
    yaw: float
    pitch: float
    roll: float
    eye_distance: float


class FaceFinder:
    """MediaPipe's face detector and 478-point landmarker. Use with `with`, or call `close`.

    Makes and holds native resources: one per process. While it is made the process's standard error is
    silent, for the library cannot be told to be.
    """

    def __init__(self, model: Path, max_faces: int = 8) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        detector = zipfile.ZipFile(model).read(_DETECTOR)
        with _silent():
            self._detector = vision.FaceDetector.create_from_options(
                vision.FaceDetectorOptions(
                    BaseOptions(model_asset_buffer=detector), min_detection_confidence=_MIN_SCORE
                )
            )
            self._landmarker = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    BaseOptions(model_asset_path=str(model)),
                    num_faces=max_faces,
                    min_face_detection_confidence=_MIN_SCORE,
                    output_facial_transformation_matrixes=True,
                )
            )
            self._landmarker.detect(_wrapped(np.zeros((64, 64, 3), np.uint8)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the native resources; the finder is of no use afterwards."""
        self._detector.close()
        self._landmarker.close()

    def find(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """The faces of an upright sRGB picture (h, w, 3), the widest apart eyes first."""
        picture = _wrapped(np.ascontiguousarray(rgb))
        detections = self._detector.detect(picture).detections
        if not detections:
            return []
        result = self._landmarker.detect(picture)
        size = np.array([rgb.shape[1], rgb.shape[0]], np.float64)
        faces = [
            _face(np.array([(p.x, p.y) for p in points]) * size, matrix, detections)
            for points, matrix in zip(result.face_landmarks, result.facial_transformation_matrixes, strict=True)
        ]
        return sorted(faces, key=lambda face: -face.eye_distance)


def align(
    image: Image.Image,
    eyes: Sequence[float],
    size: int,
    targets: tuple[Point, Point] = EYES,
) -> tuple[Image.Image, Floats, float]:
    """Turn, scale and move an RGB picture so that its eyes land on two points of a square.

    `eyes` are x, y of both eye centres in pixels, as `Face.eyes`; `targets` where they shall be, as shares
    of the square's side. Returns the RGB picture of `size` × `size`, where its eyes are (float64 (2, 2), in
    pixels: exactly on the targets), and the share (0 to 1) of its pixels that lie outside the original:
    those are filled by reflection.

    A similarity transform by one cubic interpolation. When it shrinks, the original is first smoothed by as
    much as the shrinking asks (and by more than four times halved, each by exact averages), so that nothing
    aliases.
    """
    source = np.array(eyes, np.float64).reshape(2, 2)
    landed = np.array(targets, np.float64) * size
    pixels, matrix = np.asarray(image), _similarity(source, landed)
    outside = _share_outside(matrix, size, image.size)
    reduced = int(1 / (2 * _scale(matrix)))
    if reduced > 1:
        pixels = np.asarray(image.reduce(reduced))
        matrix = _similarity(source / reduced, landed)
    return Image.fromarray(_warped(pixels, matrix, size)), landed, outside


def _warped(pixels: NDArray[np.uint8], matrix: Floats, size: int) -> NDArray[np.uint8]:
    """`matrix` maps points of `pixels` to the square; both count from the corner of the first pixel."""
    shrink = 1 / _scale(matrix)
    if shrink > 1:
        # the blur a pixel of the output makes, less the one a pixel of the original has
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.5 * np.sqrt(shrink**2 - 1), borderType=cv2.BORDER_REFLECT)
    centred = matrix.copy()
    centred[:, 2] += 0.5 * matrix[:, :2].sum(axis=1) - 0.5  # OpenCV counts from the centre of the first pixel
    square: NDArray[np.uint8] = cv2.warpAffine(
        pixels, centred, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return square


def _similarity(source: Floats, target: Floats) -> Floats:
    """The turn, scale and shift (2, 3) that take two points (2, 2) to two others."""
    a, b = (complex(*(points[1] - points[0])) for points in (source, target))
    if a == 0:
        raise ValueError("both eyes are at the same place")
    turn = b / a
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.hstack([linear, (target[0] - linear @ source[0])[:, None]])


def _scale(matrix: Floats) -> float:
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def _share_outside(matrix: Floats, size: int, original: tuple[int, int]) -> float:
    """How many of the square's pixel centres come from beyond the original."""
    steps = np.arange(size) + 0.5
    grid = np.stack(np.meshgrid(steps, steps), axis=-1) - matrix[:, 2]
    points = grid @ np.linalg.inv(matrix[:, :2]).T
    inside = (points >= 0) & (points <= np.array(original))
    return 1.0 - float(inside.all(axis=-1).mean())


def _face(points: Floats, matrix: Any, detections: list[Any]) -> Face:
    """From landmarks (478, 2) in pixels, the pose (4, 4) and what the detector found."""
    eyes = np.array([points[list(lids)].mean(axis=0) for lids in _LIDS])
    yaw, pitch = _turn(np.asarray(matrix)[:3, :3])
    across = eyes[1] - eyes[0]
    return Face(
        box=(*_floats(points.min(axis=0)), *_floats(points.max(axis=0))),
        score=_score(eyes.mean(axis=0), detections),
        eyes=(*_floats(eyes[0]), *_floats(eyes[1])),
        mouth=(*_floats(points[_MOUTH[0]]), *_floats(points[_MOUTH[1]])),
        yaw=yaw,
        pitch=pitch,
        roll=float(np.degrees(np.arctan2(across[1], across[0]))),
        eye_distance=float(np.hypot(*across)),
    )


def _turn(rotation: Floats) -> Point:
    """Yaw and pitch in degrees of a rotation (3, 3) whose axes are right, up and towards the viewer."""
    scaled = rotation / np.linalg.norm(rotation[:, 0])
    yaw = -np.arcsin(np.clip(scaled[2, 0], -1, 1))
    pitch = -np.arctan2(scaled[2, 1], scaled[2, 2])
    return float(np.degrees(yaw)), float(np.degrees(pitch))


def _score(middle: Floats, detections: list[Any]) -> float:
    """The score of the detection whose box has its middle nearest to the eyes, the upper half of a face."""

    def distance(detection: Any) -> float:
        box = detection.bounding_box
        centre = (box.origin_x + box.width / 2, box.origin_y + box.height / 2)
        return float(np.hypot(*(middle - centre)))

    return float(min(detections, key=distance).categories[0].score)


def _floats(point: Floats) -> Point:
    return float(point[0]), float(point[1])


def _wrapped(rgb: NDArray[np.uint8]) -> Any:
    import mediapipe

    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)


@contextmanager
def _silent() -> Iterator[None]:
    """Standard error of the process, native code included, goes nowhere."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
