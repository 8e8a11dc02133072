"""EfficientNet-Lite0 in torch, with fixed weights and gradients through it: what a projected discriminator sees with.

The weights are those of the packaged ONNX file, batch normalisation folded in (`pipeline.vision.features`). They are
no part of a training's state: the file is checked against its SHA-256 wherever it is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.functional import conv2d, hardtanh, pad

_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
_TAPS = {2: 24, 4: 40, 10: 112, 15: 320}  # blocks whose outputs are handed out, and how many channels they have

CHANNELS = tuple(_TAPS.values())
REDUCTIONS = (4, 8, 16, 32)


class Backbone(nn.Module):
    """Pictures (n, 3, s, s) in [−1, 1] to features at a quarter, eighth, sixteenth and thirty-second of the side.

    With 24, 40, 112 and 320 channels, in bfloat16 under autocast. `s` is a multiple of 32.
    """

    def __init__(self, model: Path) -> None:
        super().__init__()
        for name, values in _weights(model).items():
            self.register_buffer(_key(name), values, persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """The four feature maps, finest first."""
        x = (pictures * 127.5 + 0.5) / 128  # 0…255 less 127, by 128, as it was trained
        x = self._convolve(x, "_conv_stem", stride=2)
        found = []
        for index, stride in enumerate(_STRIDES):
            y = self._block(x, f"_blocks.{index}.", stride)
            x = x + y if x.shape == y.shape else y
            if index in _TAPS:
                found.append(x)
        return found

    def _block(self, x: Tensor, name: str, stride: int) -> Tensor:
        if hasattr(self, _key(f"{name}_expand_conv.weight")):
            x = self._convolve(x, f"{name}_expand_conv")
        x = self._convolve(x, f"{name}_depthwise_conv", stride)
        return self._convolve(x, f"{name}_project_conv", clip=False)

    def _convolve(self, x: Tensor, name: str, stride: int = 1, clip: bool = True) -> Tensor:
        """Convolution with TensorFlow's `same` padding, then ReLU6."""
        weight: Tensor = getattr(self, _key(f"{name}.weight"))
        bias: Tensor = getattr(self, _key(f"{name}.bias"))
        side = weight.shape[-1]
        before, after = (side - stride) // 2, (side - stride + 1) // 2
        if before != after:
            x = pad(x, (before, after, before, after))
            before = 0
        groups = len(weight) if weight.shape[1] == 1 else 1
        # The gradient of a strided depthwise convolution is twenty times as slow in bfloat16 as in float32 on a CPU.
        exact = groups > 1 and stride > 1 and not x.is_cuda
        with torch.autocast(x.device.type, enabled=torch.is_autocast_enabled(x.device.type) and not exact):
            x = conv2d(x.float() if exact else x, weight, bias, stride, before, groups=groups)
        return hardtanh(x, 0.0, 6.0) if clip else x


def _key(name: str) -> str:
    return name.replace(".", "-")


def _weights(model: Path) -> dict[str, Tensor]:
    found = {}
    for constant in onnx.load(str(model)).graph.initializer:
        if constant.name.endswith((".weight", ".bias")):
            values = torch.from_numpy(np.array(numpy_helper.to_array(constant)))
            found[constant.name] = values
    return found
