"""Pictures out of a generator: grids as PNG, and the training as a small GIF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan.nets import LATENT_DIM, Generator

Pictures = NDArray[np.uint8]

_SAMPLE_STREAM = 0x5A3B1E  # keeps the latents of samples apart from those of training with the same seed
_CHUNK = 64
_FRAMES = 40
_TILES = 4  # rows and columns of the grid that the timeline shows


def to_unit(pictures: Tensor) -> Tensor:
    """uint8 (n, size, size, 3) to float32 (n, 3, size, size) in [−1, 1], channels-last without a copy."""
    return pictures.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def to_pictures(unit: Tensor) -> Pictures:
    """[−1, 1] (n, 3, size, size) to uint8 (n, size, size, 3), rounded: undoes `to_unit`."""
    levels = unit.float().add(1.0).mul(127.5).round_().clamp_(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def draw_latents(count: int, rng: torch.Generator) -> Tensor:
    """(count, 100) float32, uniform in [−1, 1) as in the paper."""
    return torch.rand(count, LATENT_DIM, generator=rng).mul_(2).sub_(1)


def fixed_latents(count: int, seed: int) -> Tensor:
    """The same latents at every moment of a run, and in every run with this seed."""
    return draw_latents(count, torch.Generator().manual_seed(seed ^ _SAMPLE_STREAM))


@torch.no_grad()
def generate(generator: Generator, latents: Tensor) -> Pictures:
    """uint8 pictures (n, size, size, 3); each depends on its own latent alone."""
    device = generator.project.weight.device
    was_training = generator.training
    generator.eval()
    made = [to_pictures(generator(chunk.to(device))) for chunk in torch.split(latents, _CHUNK)]
    generator.train(was_training)
    return np.concatenate(made)


def grid(pictures: Pictures, columns: int) -> Pictures:
    """(n, h, w, 3) laid out in rows of `columns`, as one (rows·h, columns·w, 3); missing ones are black."""
    count, height, width, channels = pictures.shape
    rows = -(-count // columns)
    full = np.zeros((rows * columns, height, width, channels), np.uint8)
    full[:count] = pictures
    tiled = full.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return tiled.reshape(rows * height, columns * width, channels)


def png(picture: Pictures) -> bytes:
    """(h, w, 3) uint8 as a PNG file."""
    return _encoded(Image.fromarray(picture), "PNG")


def timeline(grids: Sequence[bytes], rows: int) -> list[Pictures]:
    """Frames of a film out of sample grids (PNG files, oldest first) with `rows` rows: 4×4 pictures, at most 40."""
    chosen = np.unique(np.linspace(0, len(grids) - 1, _FRAMES).round().astype(int))
    return [_corner(grids[index], rows) for index in chosen]


def _corner(data: bytes, rows: int) -> Pictures:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    side = picture.height // rows * min(rows, _TILES)
    return np.asarray(picture.crop((0, 0, side, side)))


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
