"""EfficientNet-Lite as an ONNX file, made from its published PyTorch weights.

    python -m pipeline.vision.network WEIGHTS.pth MODEL.onnx

writes what `vision.features.Embedder` runs: the same bytes every time.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Weights = dict[str, Floats]

_STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""Of the first block of each stage; all others have 1. The same for every size."""
_STYLE_STAGES = (2, 3, 4, 5)
_NORM_EPSILON = 1e-3
_OPSET, _IR_VERSION = 17, 8


def convert(weights: Path, model: Path) -> None:
    """Write EfficientNet-Lite as ONNX from its PyTorch state (`weights`), which is read without unpickling code."""
    import torch

    state = torch.load(weights, map_location="cpu", weights_only=True)
    arrays = {name: tensor.numpy() for name, tensor in state.items() if tensor.is_floating_point()}
    model.write_bytes(lite(arrays))


def lite(weights: Weights) -> bytes:
    """The network of any size as an ONNX file, batch normalisation folded into the convolutions.

    Liu et al., "Higher accuracy on vision models with EfficientNet-Lite", 2020: EfficientNet (Tan and Le, 2019)
    without squeeze-and-excitation, with ReLU6; how deep and wide it is stands in the weights. Input `pixels`
    (n, 3, h, w). Outputs `features` (n, 1280), the penultimate layer; `style` (n, s), mean and standard deviation of
    each channel at the ends of four middle stages (Huang and Belongie, 2017: what such statistics hold is style more
    than content); `classes` (n, 1000), the classifier's scores before the softmax.
    """
    graph = _Graph(weights)
    x = graph.convolve("pixels", "_conv_stem", "_bn0", stride=2)
    channels, index, ends = len(weights["_conv_stem.weight"]), 0, list[str]()
    while f"_blocks.{index}._project_conv.weight" in weights:
        wider = len(weights[f"_blocks.{index}._project_conv.weight"])
        if wider != channels or index == 0:
            ends += [x] if index else []
            x = _block(graph, x, f"_blocks.{index}.", _STRIDES[len(ends)])
        else:
            x = graph.add("Add", [_block(graph, x, f"_blocks.{index}.", 1), x])
        channels, index = wider, index + 1
    ends.append(x)
    x = graph.convolve(x, "_conv_head", "_bn1")
    graph.add("Flatten", [graph.add("GlobalAveragePool", [x])], "features")
    graph.add("Concat", [part for stage in _STYLE_STAGES for part in graph.moments(ends[stage])], "style", axis=1)
    head = [graph.constant("_fc.weight", weights["_fc.weight"]), graph.constant("_fc.bias", weights["_fc.bias"])]
    graph.add("Gemm", ["features", *head], "classes", transB=1)
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
        self._low = self.constant("low", np.array(0, np.float32))
        self._high = self.constant("high", np.array(6, np.float32))

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """One node; returns the name of its output."""
        output = output or f"x{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolve(self, x: str, name: str, norm: str, stride: int = 1, clip: bool = True) -> str:
        """Convolution with TensorFlow's `same` padding, the normalisation `norm` folded in, then ReLU6."""
        kernel, bias = _folded(self.weights, name, norm)
        inputs = [x, self.constant(f"{name}.weight", kernel), self.constant(f"{name}.bias", bias)]
        group = len(kernel) if name.endswith("depthwise_conv") else 1
        x = self.add("Conv", inputs, auto_pad="SAME_UPPER", strides=[stride, stride], group=group)
        return self.add("Clip", [x, self._low, self._high]) if clip else x

    def moments(self, x: str) -> list[str]:
        """Mean and standard deviation of each channel over the picture, (n, channels) each."""
        mean = self.add("GlobalAveragePool", [x])
        square = self.add("GlobalAveragePool", [self.add("Mul", [x, x])])
        spread = self.add("Sub", [square, self.add("Mul", [mean, mean])])
        spread = self.add("Sqrt", [self.add("Relu", [spread])])
        return [self.add("Flatten", [mean]), self.add("Flatten", [spread])]

    def constant(self, name: str, values: Floats) -> str:
        """A constant of the graph; returns its name."""
        self._constants.append(self._arrays.from_array(np.ascontiguousarray(values), name))
        return name

    def encoded(self) -> bytes:
        """The finished file."""
        make = self._helper
        shape = make.make_tensor_value_info
        outputs = [shape(name, 1, ["n", None]) for name in ("features", "style", "classes")]
        graph = make.make_graph(
            self._nodes, "efficientnet-lite", [shape("pixels", 1, ["n", 3, "h", "w"])], outputs, self._constants
        )
        opset = [make.make_opsetid("", _OPSET)]
        model = make.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="wunderkammer")
        return bytes(model.SerializeToString(deterministic=True))


def _folded(weights: Weights, name: str, norm: str) -> tuple[Floats, Floats]:
    """Kernel and bias that do what a convolution and the batch normalisation after it do; summed in float64."""
    variance = weights[f"{norm}.running_var"].astype(np.float64)
    scale = weights[f"{norm}.weight"] / np.sqrt(variance + _NORM_EPSILON)
    kernel = weights[f"{name}.weight"] * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return kernel.astype(np.float32), bias.astype(np.float32)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
