"""The convolution between 8 and 4 pixels by matrix products, where these are faster on a CPU.

oneDNN's kernels are built for large pictures: at 4×4 pixels those for bfloat16 reach a tenth to a third of what a
plain matrix product does on the same core, and that layer holds three quarters of the weights. Copying the k×k
windows out first (they are small there) and multiplying once is two to three times as fast, forwards and backwards.
In float32 only the gradient of the weights is slow there (24 GFLOP/s of 80, and 61 to 72 as a product).

A strided convolution, its transpose, and the gradients of both need three products only. All take pictures as
(n, rows, columns, channels), contiguous, and weights as (wide, k, k, narrow), which is how channels-last
`Conv2d` and `ConvTranspose2d` weights lie in memory already; k is 4 or 5.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


def halve(pictures: Tensor, weight: Tensor) -> Tensor:
    """Strided convolution: (n, 2h, 2w, narrow) to (n, h, w, wide)."""
    n, rows, columns, _ = pictures.shape
    windows = _large_windows(pictures, weight.shape[1])
    return (windows @ weight.flatten(1).t()).view(n, rows // 2, columns // 2, -1)


def double(pictures: Tensor, weight: Tensor) -> Tensor:
    """Fractionally-strided convolution: (n, h, w, wide) to (n, 2h, 2w, narrow)."""
    n, rows, columns, _ = pictures.shape
    padded = pad(pictures, (0, 0, 1, 1, 1, 1))
    made = pictures.new_empty(n, rows, 2, columns, 2, weight.shape[-1])
    # Output pixels of one parity meet the same taps of the kernel: four ordinary convolutions, interleaved.
    for down in (0, 1):
        row_taps, top = _taps(down, weight.shape[1])
        for right in (0, 1):
            column_taps, left = _taps(right, weight.shape[1])
            kernel = weight[:, row_taps][:, :, column_taps].permute(1, 2, 0, 3).flatten(0, 2)
            corner = padded[:, top:, left:]
            windows = _windows(corner, (rows, columns), 1, (len(row_taps), len(column_taps)))
            made[:, :, down, :, right] = (windows @ kernel).view(n, rows, columns, -1)
    return made.view(n, 2 * rows, 2 * columns, -1)


def weight_gradient(large: Tensor, small: Tensor, kernel: int) -> Tensor:
    """Gradient (wide, k, k, narrow) from the narrow large pictures and the wide small ones."""
    product = small.flatten(0, 2).t() @ _large_windows(large, kernel)
    return product.view(small.shape[-1], kernel, kernel, large.shape[-1])


def _large_windows(pictures: Tensor, kernel: int) -> Tensor:
    """All k×k windows two pixels apart, one a row."""
    _, rows, columns, _ = pictures.shape
    before = (kernel - 1) // 2
    after = kernel - 2 - before
    padded = pad(pictures, (0, 0, before, after, before, after))
    return _windows(padded, (rows // 2, columns // 2), 2, (kernel, kernel))


def _windows(padded: Tensor, count: tuple[int, int], stride: int, side: tuple[int, int]) -> Tensor:
    """`count` windows of `side` pixels from the top left corner on, `stride` apart, as a matrix."""
    n, channels = padded.shape[0], padded.shape[-1]
    image, row, pixel, _ = padded.stride()
    # A window's row is contiguous in memory (pixels by channels), so this copies long runs.
    shape = (n, *count, side[0], side[1] * channels)
    view = padded.as_strided(shape, (image, stride * row, stride * pixel, row, 1), padded.storage_offset())
    return view.reshape(n * count[0] * count[1], -1)


def _taps(parity: int, kernel: int) -> tuple[list[int], int]:
    """Taps that reach output pixels of this parity, in order of their input pixel, and the first such pixel.

    Tap t of input pixel i lands on output pixel 2i + t − before; input pixels count from the padding.
    """
    before = (kernel - 1) // 2
    taps = list(range((parity + before) % 2, kernel, 2))[::-1]
    return taps, (parity + before - taps[0]) // 2 + 1


class _Halve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pictures: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(pictures, weight)
        return halve(pictures, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        pictures, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        return (
            double(gradient, weight) if ctx.needs_input_grad[0] else None,
            weight_gradient(pictures, gradient, weight.shape[1]) if ctx.needs_input_grad[1] else None,
        )


class _Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pictures: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(pictures, weight)
        return double(pictures, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        pictures, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        return (
            halve(gradient, weight) if ctx.needs_input_grad[0] else None,
            weight_gradient(gradient, pictures, weight.shape[1]) if ctx.needs_input_grad[1] else None,
        )


class _Float32(torch.autograd.Function):
    """The library's convolution, but for the gradient of its weights; can be differentiated twice (for R1)."""

    @staticmethod
    def forward(ctx: Any, pictures: Tensor, weight: Tensor, bias: Tensor | None, up: bool) -> Tensor:
        ctx.save_for_backward(pictures, weight)
        kernel = weight.shape[-1]
        # Stride, padding, dilation, whether transposed, output padding, groups.
        ctx.form = [2, 2], [(kernel - 1) // 2] * 2, [1, 1], up, [kernel % 2 if up else 0] * 2, 1
        return torch.ops.aten.convolution(pictures, weight, bias, *ctx.form)  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        pictures, weight = ctx.saved_tensors
        (gradient,) = gradients
        wanted = [ctx.needs_input_grad[0], False, False]
        below = torch.ops.aten.convolution_backward(gradient, pictures, weight, None, *ctx.form, wanted)[0]
        of_weight = None
        if ctx.needs_input_grad[1]:
            large, small = (gradient, pictures) if ctx.form[3] else (pictures, gradient)
            product = weight_gradient(_nhwc(large), _nhwc(small), weight.shape[-1])
            of_weight = product.permute(0, 3, 1, 2)
        of_bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return below, of_weight, of_bias, None


def _nhwc(tensor: Tensor) -> Tensor:
    """Channels last as a shape: no copy when it lies so in memory."""
    return tensor.permute(0, 2, 3, 1).contiguous()


class InnermostConv2d(nn.Conv2d):
    """`Conv2d` with stride 2 from 8 to 4 pixels, by matrix products on the CPU."""

    def forward(self, pictures: Tensor) -> Tensor:
        if pictures.is_cuda:
            return super().forward(pictures)
        if not torch.is_autocast_enabled("cpu"):
            return _Float32.apply(pictures, self.weight, self.bias, False)  # type: ignore[no-untyped-call,no-any-return]
        made: Tensor = _Halve.apply(  # type: ignore[no-untyped-call]
            _nhwc(pictures.bfloat16()), _nhwc(self.weight.bfloat16())
        )
        made = made if self.bias is None else made + self.bias.to(made.dtype)
        return made.permute(0, 3, 1, 2)


class InnermostConvTranspose2d(nn.ConvTranspose2d):
    """`ConvTranspose2d` with stride 2 from 4 to 8 pixels, by matrix products on the CPU."""

    def forward(self, pictures: Tensor, output_size: list[int] | None = None) -> Tensor:
        if pictures.is_cuda:
            return super().forward(pictures, output_size)
        if not torch.is_autocast_enabled("cpu"):
            return _Float32.apply(pictures, self.weight, self.bias, True)  # type: ignore[no-untyped-call,no-any-return]
        made: Tensor = _Double.apply(  # type: ignore[no-untyped-call]
            _nhwc(pictures.bfloat16()), _nhwc(self.weight.bfloat16())
        )
        return made.permute(0, 3, 1, 2)
