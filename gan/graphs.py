"""Generators as ONNX files, written node by node: the same bytes every time, and no exporter needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from gan.latent import of_samples
from gan.nets import CHANNELS, LATENT_DIM, SEED_SIDE, Generator
from gan.residual import Up
from pipeline.errors import Fatal

BOUND = 1e-3  # of [−1, 1]: an eighth of a level of 0…255
_OPSET, _IR_VERSION = 17, 8
_CHECKED = 16


def to_onnx(generator: Generator, about: dict[str, str]) -> bytes:
    """`latents` (n, 100) float32 to `pictures` (n, 3, size, size) in [−1, 1], as the generator draws when it samples.

    `about` goes into the file's metadata. Raises TypeError for a layer that this does not know.
    """
    graph = _Graph()
    weight = graph.constant("project.weight", generator.project.weight.t())
    x = graph.add("MatMul", ["latents", weight])
    seed = graph.constant("seed", torch.tensor([0, SEED_SIDE, SEED_SIDE, -1]))
    x = graph.add("Transpose", [graph.add("Reshape", [x, seed])], perm=[0, 3, 1, 2])
    x = graph.layers(x, generator.blocks, "blocks")
    graph.add("Tanh", [x], "pictures")
    return graph.encoded(about)


class _Graph:
    """An ONNX graph in the making."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """One node; returns the name of its output."""
        output = output or f"x{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, values: Tensor) -> str:
        """A constant of the graph; returns its name."""
        array = np.ascontiguousarray(values.detach().cpu().numpy())
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def layers(self, x: str, layers: nn.Module, name: str) -> str:
        """Layers one after the other."""
        for index, layer in layers.named_children():
            x = self.layer(x, layer, f"{name}.{index}")
        return x

    def layer(self, x: str, layer: nn.Module, name: str) -> str:
        """One layer of those that generators are made of."""
        if isinstance(layer, nn.ReLU):
            return self.add("Relu", [x])
        if isinstance(layer, nn.BatchNorm2d):
            parts = {key: value for key, value in layer.state_dict().items() if value.ndim}
            order = ("weight", "bias", "running_mean", "running_var")
            inputs = [self.constant(f"{name}.{key}", parts[key]) for key in order]
            return self.add("BatchNormalization", [x, *inputs], epsilon=layer.eps)
        if isinstance(layer, nn.ConvTranspose2d | nn.Conv2d):
            return self._convolve(x, layer, name)
        if isinstance(layer, Up):
            return self._up(x, layer, name)
        raise TypeError(f"no ONNX is known for {type(layer).__name__}")

    def _convolve(self, x: str, layer: nn.ConvTranspose2d | nn.Conv2d, name: str) -> str:
        weight = self.constant(f"{name}.weight", layer.weight)
        assert isinstance(layer.padding, tuple)
        shape: dict[str, Any] = {"kernel_shape": [*layer.kernel_size], "strides": [*layer.stride]}
        shape["pads"] = [*layer.padding] * 2
        if isinstance(layer, nn.ConvTranspose2d):
            return self.add("ConvTranspose", [x, weight], output_padding=[*layer.output_padding], **shape)
        return self.add("Conv", [x, weight], **shape)

    def _up(self, x: str, layer: Up, name: str) -> str:
        long = self.layers(x, layer.long, f"{name}.long")
        short = self._convolve(x, layer.short, f"{name}.short")
        factors = self.constant(f"{name}.factors", torch.tensor([1.0, 1.0, 2.0, 2.0]))
        nearest = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return self.add("Add", [long, self.add("Resize", [short, "", factors], **nearest)])

    def encoded(self, about: dict[str, str]) -> bytes:
        """The finished file, checked."""
        shape = helper.make_tensor_value_info
        latents = shape("latents", onnx.TensorProto.FLOAT, ["n", LATENT_DIM])
        pictures = shape("pictures", onnx.TensorProto.FLOAT, ["n", CHANNELS, None, None])
        graph = helper.make_graph(self._nodes, "generator", [latents], [pictures], self._constants)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="wunderkammer")
        helper.set_model_props(model, about)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def difference(generator: Generator, model: bytes) -> float:
    """The largest difference of a number in what the ONNX file and the generator draw of the same 16 latents.

    Raises Fatal when it is above 1/1000 (of [−1, 1]) or not a number: such a file must not be given away.
    """
    latents = of_samples([*range(_CHECKED)], 0)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (drawn,) = session.run(["pictures"], {"latents": latents.numpy()})
    with torch.no_grad():
        wanted = generator.eval()(latents).numpy()
    found = float(np.abs(drawn - wanted).max())
    if not found <= BOUND:
        raise Fatal(f"The ONNX file draws other pictures than the run (by {found:.3g}): nothing was written.")
    return found
