"""The two networks that see faces: where faces are (BlazeFace), and 478 points of one (the attention mesh).

Both come out of one file, MediaPipe's `face_landmarker.task`, and are run by LiteRT on one thread. This is the one
place that knows the model: its inputs, anchors and point numbers.

Bazarevsky and others, "BlazeFace" (arXiv 1907.05047); Grishchenko and others, "Attention Mesh" (arXiv 2006.10962).
"""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 128
"""Pixels of the side of what the detector looks at."""
MESH_SIDE = 256
"""Pixels of the side of what the mesh looks at."""
LIDS = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
"""The six points of the lids of each eye that a 68-point annotation has; the sitter's right eye comes first."""
MOUTH = (61, 291)
CORNERS = (33, 263)
"""The outer corners of both eyes."""
_OVERLAP = 0.3
_POINTS, _IRISES = 468, 5
_PARTS = ("face_detector.tflite", "face_landmarks_detector.tflite", "geometry_pipeline_metadata_landmarks.binarypb")


@dataclass(frozen=True)
class Found:
    """One face that the detector sees: its score (0 to 1), its square's centre and side, and its two eyes (2, 2),
    the sitter's right first; in shares of the side of what was looked at."""

    score: float
    centre: Floats
    side: float
    eyes: Floats


class FaceNets:
    """Both networks and the model of a head that belongs to them. Holds native memory: one per process."""

    def __init__(self, model: Path) -> None:
        with zipfile.ZipFile(model) as parts:
            detector, mesh, geometry = (parts.read(part) for part in _PARTS)
        with _silent():
            self._detector = _Net(detector)
            self._mesh = _Net(mesh)
        self._anchors = _anchors()
        self.head = _head(geometry)
        self._twins = _twins(self.head)

    def detect(self, patch: NDArray[np.uint8], threshold: float) -> list[Found]:
        """The faces of a patch (128, 128, 3) in sRGB, the surest first: those of a score of `threshold` or more."""
        raw, logits = self._detector(patch, 2 / 255, -1)
        sure = np.flatnonzero(logits[0, :, 0] >= np.log(threshold / (1 - threshold)))
        if not len(sure):
            return []
        scores = 1 / (1 + np.exp(-logits[0, sure, 0].astype(np.float64)))
        boxes = raw[0, sure, :8].astype(np.float64) / SIDE
        for at in (0, 4, 6):
            boxes[:, at : at + 2] += self._anchors[sure]
        return _merged(boxes, scores)

    def mesh(self, crop: NDArray[np.uint8]) -> tuple[Floats, float]:
        """478 points (478, 3) of the face that fills a crop (256, 256, 3), in its pixels, z towards the viewer
        falling, and how sure the network is that there is one, 0 to 1."""
        points, presence = self._mesh(crop, 1 / 255, 0)
        return points.reshape(-1, 3).astype(np.float64), float(1 / (1 + np.exp(-float(presence.ravel()[0]))))

    def mirrored(self, points: Floats) -> Floats:
        """The points of a crop seen in the mirror, as those of the crop itself."""
        turned = points[self._twins].copy()
        turned[:, 0] = MESH_SIDE - turned[:, 0]
        return turned


class _Net:
    """A network, and the first two of its outputs."""

    def __init__(self, model: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._run: Any = Interpreter(model_content=model, num_threads=1)
        self._run.allocate_tensors()
        self._into = self._run.get_input_details()[0]["index"]
        self._from = [detail["index"] for detail in self._run.get_output_details()[:2]]

    def __call__(self, pixels: NDArray[np.uint8], scale: float, shift: float) -> list[NDArray[np.float32]]:
        """Look at pixels (side, side, 3), their values times `scale` plus `shift`."""
        into = self._run.tensor(self._into)()[0]
        np.multiply(pixels, np.float32(scale), out=into)
        if shift:
            into += np.float32(shift)
        del into  # the interpreter does not run while somebody holds its memory
        self._run.invoke()
        return [self._run.get_tensor(index) for index in self._from]


def _anchors() -> Floats:
    """Where each of the detector's 896 outputs looks, as shares of the side."""
    made = []
    for cells, each in ((16, 2), (8, 6)):
        steps = (np.arange(cells) + 0.5) / cells
        made.append(np.repeat(np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2), each, axis=0))
    return np.concatenate(made)


def _merged(boxes: Floats, scores: Floats) -> list[Found]:
    """Overlapping boxes (n, 8: centre, size, both eyes) as one each, by the mean weighted with their scores."""
    found = []
    low, high = boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2
    left = np.argsort(-scores)
    while len(left):
        best = left[0]
        shared = (np.minimum(high[left], high[best]) - np.maximum(low[left], low[best])).clip(0).prod(axis=1)
        union = boxes[left, 2:4].prod(axis=1) + boxes[best, 2:4].prod() - shared
        same = shared > _OVERLAP * union
        same[0] = True
        weights = scores[left[same]]
        mean = weights @ boxes[left[same]] / weights.sum()
        found.append(Found(float(scores[best]), mean[:2], float(mean[2:4].max()), mean[4:].reshape(2, 2)))
        left = left[~same]
    return found


def _head(geometry: bytes) -> Floats:
    """The canonical head (468, 3): x to the right, y up, z towards the viewer; from the model's metadata.

    There it is an unpacked protobuf field of floats, each after the byte 0x1d; x, y, z and two of a texture.
    """
    count = _POINTS * 5
    start = geometry.index(b"\x1d")
    while not all(geometry[start + 5 * step] == 0x1D for step in range(count)):
        start = geometry.index(b"\x1d", start + 1)
    words = np.frombuffer(geometry[start : start + 5 * count], np.uint8).reshape(count, 5)
    return np.frombuffer(words[:, 1:].tobytes(), "<f4").reshape(_POINTS, 5)[:, :3].astype(np.float64)


def _twins(head: Floats) -> NDArray[np.int64]:
    """For each of the 478 points the one that is in its place in the mirror."""
    apart = ((head[:, None] * [-1, 1, 1] - head[None]) ** 2).sum(axis=-1)
    iris = np.arange(_IRISES) + _POINTS
    return np.concatenate([apart.argmin(axis=1), iris + _IRISES, iris])


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
