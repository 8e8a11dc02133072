"""How likely a photograph shows what one would not look at in public, by a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import MAX_PIXELS, open_scaled
from pipeline.vision.resize import preshrunk

_SIDE, _CROP = 256, 224
_MEANS = np.array([104, 117, 123], np.float32)
"""Of ImageNet's blue, green and red, as Caffe's networks take them away."""


class NsfwNet:
    """Yahoo's open_nsfw, a thin ResNet-50 (Mahadeokar and Pesavento, "Open sourcing a deep learning solution for
    detecting NSFW images", 2016), run by onnxruntime on one thread.

    It was made for pornography among photographs and knows nothing else: a painted or carved nude is told from
    a photograph by nothing, violence and drawings are not seen.
    """

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def judge(self, data: bytes, max_pixels: int = MAX_PIXELS) -> float:
        """Of a file: 0 not at all, 1 surely. Raises Rejected as `decode.open_upright` does.

        A JPEG is decoded no larger than twice the side the network looks at, which moves the number by 0.012 at most.
        """
        image = preshrunk(open_scaled(data, 2 * _SIDE, "YCbCr", max_pixels)[1], _SIDE)
        return self.score(to_srgb(image)[0])

    def score(self, picture: Image.Image) -> float:
        """Of an sRGB picture: 0 to 1."""
        found = self._session.run(None, {"input:0": _prepared(picture)[None]})[0]
        return float(found[0, 1])


def _prepared(picture: Image.Image) -> NDArray[np.float32]:
    """What the network was trained on: the middle of a square of 256, bilinear, (224, 224, 3) blue, green, red."""
    edge = (_SIDE - _CROP) // 2
    square = picture.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(square.crop((edge, edge, edge + _CROP, edge + _CROP)), np.float32)
    return np.ascontiguousarray(pixels[..., ::-1] - _MEANS)
