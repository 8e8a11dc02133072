"""Tiny runs for the tests that look inside them: a state file as training writes it, never trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gan import state
from gan.options import TrainOptions
from gan.sample import draw_latents
from pipeline.storage import Root

SIZE = 32


def options(**chosen: Any) -> TrainOptions:
    small = {"size": SIZE, "width": 4, "kernel": 4, "batch": 4, "kimg": 1, "precision": "fp32"}
    return TrainOptions(**(small | chosen))


def make_run(out: Path | Root, **chosen: Any) -> state.State:
    """A run whose networks have seen noise, so that batch normalisation is worth something."""
    made = state.fresh(options(**chosen), torch.device("cpu"))
    made.progress.images = 2000
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for network in (made.averaged, made.generator):
            for name, weight in network.named_parameters():
                if name == "project.weight" or weight.ndim == 4:
                    weight.mul_(5)  # or all samples would be grey
            network.train()
            for _ in range(40):
                pictures = network(draw_latents(32, rng))
            network.eval()
        made.discriminator.train()
        for _ in range(5):
            made.discriminator(pictures)
        made.discriminator.eval()
    state.save(out if isinstance(out, Root) else Root(out), made, options(**chosen))
    return made


def pictures(count: int, size: int = SIZE, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth pictures by chance, uint8 (count, size, size, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), np.uint8)
    scaled = [Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC) for one in coarse]
    return np.stack([np.asarray(one) for one in scaled])


def folder_of(images: NDArray[np.uint8], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(images):
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    return folder
