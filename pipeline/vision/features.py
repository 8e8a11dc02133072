"""Features of pictures by a pretrained network: EfficientNet-Lite0, penultimate layer, run by onnxruntime.

    python -m pipeline.vision.features WEIGHTS.pth MODEL.onnx

turns the published PyTorch weights into the ONNX file that `Embedder` runs: the same bytes every time.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

DIMENSIONS = 1280
SIDE = 224

Floats = NDArray[np.float32]
Weights = dict[str, Floats]

_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
_NORM_EPSILON = 1e-3
_OPSET, _IR_VERSION = 17, 8


class Embedder:
    """Pictures in, vectors out. One thread and no memory arena unless asked: workers are many."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def embed(self, batch: NDArray[np.uint8]) -> Floats:
        """Features (n, 1280) of sRGB pictures (n, h, w, 3), 0 to 255; not normalised to length 1.

        Pictures of another size are resized to 224×224 (Lanczos). They are run one at a time: a picture has
        the same vector, to the bit, in whatever batch it comes, and on one thread batches gain nothing.
        """
        vectors = np.empty((len(batch), DIMENSIONS), np.float32)
        for row, pixels in enumerate(batch):
            vectors[row] = self._session.run(None, {"pixels": _prepared(pixels)})[0][0]
        return vectors


def _prepared(pixels: NDArray[np.uint8]) -> Floats:
    """What the network was trained on: (1, 3, 224, 224), (x - 127) / 128."""
    if pixels.shape[:2] != (SIDE, SIDE):
        resized = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        pixels = np.asarray(resized)
    planes = pixels.transpose(2, 0, 1)[None].astype(np.float32)
    return (planes - np.float32(127)) / np.float32(128)


def convert(weights: Path, model: Path) -> None:
    """Write EfficientNet-Lite0 as ONNX from its PyTorch state (`weights`), which is read without unpickling code."""
    import torch

    state = torch.load(weights, map_location="cpu", weights_only=True)
    arrays = {name: tensor.numpy() for name, tensor in state.items() if tensor.is_floating_point()}
    model.write_bytes(lite0(arrays))


def lite0(weights: Weights) -> bytes:
    """The network up to its pooled features as an ONNX file, batch normalisation folded into the convolutions.

    Liu et al., "Higher accuracy on vision models with EfficientNet-Lite", 2020: EfficientNet-B0 (Tan and Le,
    2019) without squeeze-and-excitation, with ReLU6. Input `pixels` (n, 3, 224, 224), output (n, 1280).
    """
    graph = _Graph(weights)
    x = graph.convolve("pixels", "_conv_stem", "_bn0", stride=2)
    channels = len(weights["_conv_stem.weight"])
    for index, stride in enumerate(_STRIDES):
        wider = len(weights[f"_blocks.{index}._project_conv.weight"])
        out = _block(graph, x, f"_blocks.{index}.", stride)
        x = graph.add("Add", [out, x]) if stride == 1 and wider == channels else out
        channels = wider
    x = graph.convolve(x, "_conv_head", "_bn1")
    x = graph.add("GlobalAveragePool", [x])
    graph.add("Flatten", [x], "features")
    return graph.encoded()


def _block(graph: _Graph, x: str, name: str, stride: int) -> str:
    """An inverted residual without its shortcut: expand, convolve each channel by itself, project."""
    if f"{name}_expand_conv.weight" in graph.weights:
        x = graph.convolve(x, f"{name}_expand_conv", f"{name}_bn0")
    x = graph.convolve(x, f"{name}_depthwise_conv", f"{name}_bn1", stride)
    return graph.convolve(x, f"{name}_project_conv", f"{name}_bn2", clip=False)


class _Graph:
    """An ONNX graph in the making."""

    def __init__(self, weights: Weights) -> None:
        from onnx import helper, numpy_helper

        self.weights = weights
        self._helper, self._arrays = helper, numpy_helper
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._low = self._constant("low", np.array(0, np.float32))
        self._high = self._constant("high", np.array(6, np.float32))

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """One node; returns the name of its output."""
        output = output or f"x{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolve(self, x: str, name: str, norm: str, stride: int = 1, clip: bool = True) -> str:
        """Convolution with TensorFlow's `same` padding, the normalisation `norm` folded in, then ReLU6."""
        kernel, bias = _folded(self.weights, name, norm)
        inputs = [x, self._constant(f"{name}.weight", kernel), self._constant(f"{name}.bias", bias)]
        group = len(kernel) if name.endswith("depthwise_conv") else 1
        x = self.add("Conv", inputs, auto_pad="SAME_UPPER", strides=[stride, stride], group=group)
        return self.add("Clip", [x, self._low, self._high]) if clip else x

    def encoded(self) -> bytes:
        """The finished file."""
        make = self._helper
        shape = make.make_tensor_value_info
        graph = make.make_graph(
            self._nodes,
            "efficientnet-lite0",
            [shape("pixels", 1, ["n", 3, SIDE, SIDE])],
            [shape("features", 1, ["n", DIMENSIONS])],
            self._constants,
        )
        opset = [make.make_opsetid("", _OPSET)]
        model = make.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="wunderkammer")
        return bytes(model.SerializeToString(deterministic=True))

    def _constant(self, name: str, values: Floats) -> str:
        self._constants.append(self._arrays.from_array(np.ascontiguousarray(values), name))
        return name


def _folded(weights: Weights, name: str, norm: str) -> tuple[Floats, Floats]:
    """Kernel and bias that do what a convolution and the batch normalisation after it do; summed in float64."""
    variance = weights[f"{norm}.running_var"].astype(np.float64)
    scale = weights[f"{norm}.weight"] / np.sqrt(variance + _NORM_EPSILON)
    kernel = weights[f"{name}.weight"] * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return kernel.astype(np.float32), bias.astype(np.float32)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
