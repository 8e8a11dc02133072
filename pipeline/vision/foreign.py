"""A network of the user's that describes pictures: an ONNX or a TorchScript file.

TorchScript is read by torch's own interpreter, which runs no Python; files of `torch.save` and `torch.export`
hold pickles, which may run anything, and are refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as broken

from pipeline.errors import UsageError
from pipeline.vision.features import Description, Floats, Pixels, colours, resized

Scale = Literal["imagenet", "lite", "unit", "bytes"]
SCALES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "lite": ((127.0,) * 3, (128.0,) * 3),
    "unit": ((0.0,) * 3, (255.0,) * 3),
    "bytes": ((0.0,) * 3, (1.0,) * 3),
}
"""What is subtracted from a channel's values, 0 to 255, and what they are divided by."""


class Foreign:
    """The network in `model`; it gets float32 (1, 3, side, side), scaled as `scale` says, and gives (1, d), or maps
    (1, d, h, w), whose mean is taken. Raises UsageError when the file holds no network that can be run so."""

    def __init__(self, model: Path, scale: Scale = "imagenet") -> None:
        self._name = model.name
        self._run = _onnx(model) if model.suffix == ".onnx" else _torchscript(model)
        self._shift, self._by = (np.array(part, np.float32)[:, None, None] for part in SCALES[scale])

    def describe(self, pixels: Pixels, sides: Sequence[int]) -> Description:
        """All that is known of one sRGB picture (h, w, 3), 0 to 255, looked at as squares of each of `sides`."""
        vectors = [self._vector(resized(pixels, side)) for side in sides]
        if len(vectors) > 1:
            vectors = [vector / max(float(np.linalg.norm(vector)), 1e-12) for vector in vectors]
        total: Floats = np.sum(vectors, axis=0, dtype=np.float32)
        return Description(total, np.empty(0, np.float32), colours(pixels), np.empty(0, np.int16))

    def _vector(self, pixels: Pixels) -> Floats:
        planes = (pixels.transpose(2, 0, 1).astype(np.float32) - self._shift) / self._by
        found = self._run(np.ascontiguousarray(planes[None]))
        vector: NDArray[Any] = found[0].mean(axis=(1, 2)) if found.ndim == 4 else found.reshape(-1)
        if not np.isfinite(vector).all():
            raise UsageError(f"{self._name} gives numbers that are not finite: choose another embed.scale.")
        return vector.astype(np.float32)


def _onnx(model: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    bad = (broken.Fail, broken.InvalidProtobuf, broken.InvalidGraph, broken.InvalidArgument, broken.NotImplemented)
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except (*bad, broken.NoSuchFile) as error:
        raise UsageError(f"{model.name} is no ONNX network that runs here ({_first(error)}).") from None
    name = session.get_inputs()[0].name

    def run(planes: Floats) -> Any:
        try:
            return session.run(None, {name: planes})[0]
        except (*bad, broken.RuntimeException) as error:
            side = planes.shape[-1]
            raise UsageError(f"{model.name} does not take pictures of {side} pixels ({_first(error)}):"
                             " set embed.sides to what it was trained on.") from None

    return run


def _torchscript(model: Path) -> Any:
    import torch

    torch.set_num_threads(1)
    try:
        load: Any = torch.jit.load
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its successor reads pickles
            network = load(str(model), map_location="cpu").eval()
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"{model.name} is no TorchScript file ({_first(error)}): save it with torch.jit.trace(…).save(…), or export"
            " it to ONNX; files of torch.save and torch.export hold pickles and are not read."
        ) from None

    def run(planes: Floats) -> Any:
        try:
            with torch.inference_mode():
                return network(torch.from_numpy(planes)).numpy()
        except (RuntimeError, AttributeError) as error:
            side = planes.shape[-1]
            raise UsageError(f"{model.name} does not take pictures of {side} pixels ({_first(error)}):"
                             " set embed.sides to what it was trained on.") from None

    return run


def _first(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:160] if lines else type(error).__name__
