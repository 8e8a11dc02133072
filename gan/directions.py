"""Directions in the space of latents along which pictures change most, found without labels.

SeFa (Shen and Zhou 2021): the first layer is a matrix; the unit vectors that it lengthens most are the eigenvectors
of WᵀW, in closed form. GANSpace (Härkönen et al. 2020): principal components of what a layer answers to many
latents, and the latents' directions that lead there by least squares.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gan import sheets
from gan.latent import of_samples
from gan.looking import Found, Opened
from gan.nets import LATENT_DIM, Generator
from gan.sample import draw_latents, png
from gan.sheets import Row
from pipeline.errors import UsageError

Method = Literal["sefa", "pca"]
SIGMAS = (-3, -2, -1, 0, 1, 2, 3)
SPREAD = 3**-0.5  # standard deviation of a latent along any direction
_SAMPLES = 1000
_BATCH = 64


@dataclass(frozen=True)
class Directions:
    """Unit vectors (k, 100), the strongest first, and the share of all change that each accounts for."""

    vectors: Tensor
    shares: Tensor


def sefa(generator: Generator) -> Directions:
    """All 100 directions by the first layer's weights, scaled as batch normalisation scales its channels."""
    weight = generator.project.weight.detach().double()
    first = next(iter(generator.blocks.children()))
    if isinstance(first, nn.BatchNorm2d):
        assert first.running_var is not None
        factor = first.weight.detach().double() / (first.running_var.double() + first.eps).sqrt()
        weight = weight * factor.repeat(len(weight) // len(factor))[:, None]  # channels are the innermost axis
    values, vectors = torch.linalg.eigh(weight.T @ weight)
    return Directions(_turned(vectors.T.flip(0)).float(), (values.flip(0) / values.sum()).float())


@torch.no_grad()
def pca(generator: Generator, seed: int = 0, samples: int = _SAMPLES) -> Directions:
    """At most 100 directions by principal components of the answers at 8 pixels to `samples` latents."""
    latents = draw_latents(samples, torch.Generator().manual_seed(seed))
    with _listening(_second(generator)) as heard:
        for chunk in torch.split(latents, _BATCH):
            generator(chunk)
    answers = torch.cat(heard)
    answers -= answers.mean(0)
    # Fewer samples than numbers in an answer: the same components by the smaller matrix.
    values, coordinates = torch.linalg.eigh((answers @ answers.T).double())
    values, coordinates = values.flip(0)[:LATENT_DIM].clamp_min(0), coordinates.flip(1)[:, :LATENT_DIM]
    centred = (latents - latents.mean(0)).double()
    vectors = coordinates.T @ centred  # least squares: the coordinates are orthonormal
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    return Directions(_turned(vectors).float(), (values / answers.double().square().sum()).float())


def _second(generator: Generator) -> nn.Module:
    """The layer at 8 pixels: after the second ReLU, or the first residual block."""
    blocks = list(generator.blocks.children())
    rectified = [block for block in blocks if isinstance(block, nn.ReLU)]
    return rectified[1] if len(rectified) > 1 else blocks[0]


@contextmanager
def _listening(layer: nn.Module) -> Iterator[list[Tensor]]:
    heard: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _module, _given, made: heard.append(made.flatten(1).clone()))
    try:
        yield heard
    finally:
        handle.remove()


def _turned(vectors: Tensor) -> Tensor:
    """Vectors point either way: their largest number is positive, so that the same network gives the same ones."""
    largest = vectors.abs().argmax(1, keepdim=True)
    return vectors * vectors.gather(1, largest).sign()


def along(latents: Tensor, vector: Tensor) -> Tensor:
    """Latents (7·n, 100): each of `latents` (n, 100) moved from −3σ to 3σ along `vector`."""
    steps = torch.tensor(SIGMAS) * SPREAD
    return (latents[:, None] + steps[None, :, None] * vector).flatten(0, 1)


def directions(run: Opened, method: Method, count: int, samples: list[int]) -> list[Found]:
    """A sheet of the first `count` directions on one sample, and one for each on all of `samples`.

    Raises UsageError for more than 100 directions, and for unknown samples.
    """
    if not 1 <= count <= LATENT_DIM:
        raise UsageError(f"There are {LATENT_DIM} directions: ask for 1 to {LATENT_DIM}.")
    found = sefa(run.generator) if method == "sefa" else pca(run.generator)
    latents = of_samples(samples, run.options.seed)
    made = [_sheet(run, method, number, found, latents, samples) for number in range(count)]
    rows = []
    for number in range(count):
        tiles = run.tiles(along(latents[:1], found.vectors[number]))
        rows.append(Row(tiles, f"direction {number + 1}\n{found.shares[number]:.1%} of all change"))
    about = {
        "caption": f"The {count} strongest directions ({_named(method)}) at sample {samples[0]}, from −3σ to 3σ",
        "method": method,
        "kimg": run.kimg,
        "vectors": [[round(value, 6) for value in vector] for vector in found.vectors[:count].tolist()],
    }
    return [Found("directions", method, {"png": png(sheets.sheet(_headed(rows)))}, about), *made]


def _sheet(
    run: Opened, method: Method, number: int, found: Directions, latents: Tensor, samples: list[int]
) -> Found:
    pictures = run.tiles(along(latents, found.vectors[number]))
    width = len(SIGMAS)
    rows = [Row(pictures[at * width : (at + 1) * width], f"sample {one}") for at, one in enumerate(samples)]
    about = {
        "caption": f"Direction {number + 1} ({_named(method)}), from −3σ to 3σ",
        "share_of_all_change": round(float(found.shares[number]), 4),
        "kimg": run.kimg,
    }
    return Found("directions", f"{method}-{number + 1:02d}", {"png": png(sheets.sheet(_headed(rows)))}, about)


def _headed(rows: list[Row]) -> list[Row]:
    """The last row says how far each column is."""
    *others, last = rows
    return [*others, Row(last.tiles, last.label, [f"{sigma:+d} σ" if sigma else "as it is" for sigma in SIGMAS])]


def _named(method: Method) -> str:
    return "SeFa" if method == "sefa" else "principal components"
