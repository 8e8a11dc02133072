"""Features of pictures by a pretrained network: what it shows, in which style, in which colours.

EfficientNet-Lite (`vision.network`) run by onnxruntime, or a network of the user's (`vision.foreign`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

DIMENSIONS = 1280
SIDE = 224
SIDES = (224, 320)
"""The sides at which a picture is looked at: at one it was trained on things, at a larger one it sees their surface."""
TOP = 5
COLOURS = 512

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Description:
    """What is known of one picture, all float32 but `classes`.

    `vector` (d,) is the penultimate layer, the sum of unit vectors where there are several sides; `style` (s,) means
    and deviations of middle channels at the largest side, empty for a network of the user's; `colour` (512,) the
    roots of the shares of 8×8×8 cells of CIE L*a*b*; `classes` int16 (5,) the likeliest of ImageNet, first the best.
    """

    vector: Floats
    style: Floats
    colour: Floats
    classes: NDArray[np.int16]


class Embedder:
    """Pictures in, vectors out. One thread and no memory arena unless asked: workers are many."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def embed(self, batch: Pixels) -> Floats:
        """Features (n, 1280) of sRGB pictures (n, h, w, 3), 0 to 255; not normalised to length 1.

        Pictures of another size are resized to 224×224 (Lanczos). They are run one at a time: a picture has
        the same vector, to the bit, in whatever batch it comes, and on one thread batches gain nothing.
        """
        vectors = np.empty((len(batch), DIMENSIONS), np.float32)
        for row, pixels in enumerate(batch):
            vectors[row] = self._run(["features"], resized(pixels, SIDE))[0]
        return vectors

    def describe(self, pixels: Pixels, sides: Sequence[int] = SIDES) -> Description:
        """All that is known of one sRGB picture (h, w, 3), 0 to 255, looked at as squares of each of `sides`."""
        total = np.zeros(DIMENSIONS, np.float32)
        scores: Floats | None = None
        style = np.empty(0, np.float32)
        for side in sorted(sides):
            feature, style, found = self._run(["features", "style", "classes"], resized(pixels, side))
            total += feature / max(float(np.linalg.norm(feature)), 1e-12)
            scores = found if scores is None else scores
        assert scores is not None
        best = np.argsort(-scores, kind="stable")[:TOP].astype(np.int16)
        return Description(total, style, colours(pixels), best)

    def _run(self, outputs: list[str], pixels: Pixels) -> list[Floats]:
        return [found[0] for found in self._session.run(outputs, {"pixels": _prepared(pixels)})]


def _prepared(pixels: Pixels) -> Floats:
    """What the network was trained on: (1, 3, h, w), (x - 127) / 128."""
    planes = pixels.transpose(2, 0, 1)[None].astype(np.float32)
    return (planes - np.float32(127)) / np.float32(128)


def resized(pixels: Pixels, side: int) -> Pixels:
    """The picture (h, w, 3) as a square of `side`, by Lanczos."""
    if pixels.shape[:2] == (side, side):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS))


def colours(pixels: Pixels) -> Floats:
    """The square roots of the shares of an sRGB picture (h, w, 3) in 8×8×8 cells of CIE L*a*b*: (512,), of length 1.

    The cosine of two such is Bhattacharyya's coefficient.
    """
    lab = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB).reshape(-1, 3) >> 5
    cells = (lab[:, 0].astype(np.int64) * 8 + lab[:, 1]) * 8 + lab[:, 2]
    return np.sqrt(np.bincount(cells, minlength=COLOURS) / len(cells)).astype(np.float32)
