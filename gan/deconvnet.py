"""What excites a unit of the discriminator: its strongest answers, and the deconvnet of Zeiler and Fergus 2014.

The deconvnet runs the network backwards from one answer of one unit: through each convolution by its transpose, and
at each nonlinearity only what is positive goes on, whatever was positive on the way forward. Batch normalisation, in
evaluation, is a factor for each channel, both ways.

In their network the switches of the pooling tie the way back to one picture. There is no pooling here, hence no
switch, and the way back is the same for every picture: it shows what the unit looks for. What in a certain picture
excites it is shown by the rule that Springenberg et al. 2015 ("Striving for Simplicity") made for such networks:
what goes on must have been positive on the way forward as well.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, leaky_relu
from torch.nn.utils import parametrize

from gan.nets import CHANNELS, LEAK, Discriminator
from gan.projected import ProjectedDiscriminator
from gan.residual import Down, ResidualDiscriminator
from gan.sample import Pictures, to_unit
from pipeline.errors import UsageError

NOT_PROJECTED = (
    "The discriminator of a projected run looks through a packaged network that learned from other pictures, "
    "so its units say nothing of these: look at the generator's with --of generator."
)
_BATCH = 64
_SMOOTH = 4.0  # weight of the roughness of a picture that is to excite a unit
Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]
"""top, left, bottom, right in pixels, the latter two behind the last one."""


class _Rule(torch.autograd.Function):
    """Leaky ReLU forwards; backwards what is positive, with `guided` only where it was positive forwards."""

    @staticmethod
    def forward(ctx: Any, signals: Tensor, guided: bool) -> Tensor:
        ctx.save_for_backward(signals > 0 if guided else None)
        return leaky_relu(signals, LEAK)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (positive,) = ctx.saved_tensors
        kept = gradients[0].clamp_min(0)
        return (kept if positive is None else kept * positive), None


class _Rectified(nn.LeakyReLU):
    """By its class still a layer as `layers` finds them."""

    def __init__(self, guided: bool) -> None:
        super().__init__(LEAK)
        self._guided = guided

    def forward(self, signals: Tensor) -> Tensor:
        made: Tensor = _Rule.apply(signals, self._guided)  # type: ignore[no-untyped-call]
        return made


@dataclass(frozen=True)
class Answers:
    """The strongest answer of every unit of a layer to every picture: strengths and places (row, column)."""

    strengths: Floats
    """(pictures, units)."""
    rows: NDArray[np.int16]
    columns: NDArray[np.int16]


def layers(network: Discriminator) -> list[nn.Module]:
    """The layers whose units can be looked at, from the picture inwards: each halves the side once more.

    Raises UsageError for a projected discriminator.
    """
    if isinstance(network, ProjectedDiscriminator):
        raise UsageError(NOT_PROJECTED)
    blocks = list(network.blocks.children())
    if isinstance(network, ResidualDiscriminator):
        return [block for block in blocks if isinstance(block, nn.Conv2d | Down)]
    return [block for block in blocks if isinstance(block, nn.LeakyReLU)]


@contextmanager
def _listening(*layers: nn.Module) -> Iterator[list[Tensor]]:
    """What the layers answer to the next pictures, in a list."""
    heard: list[Tensor] = []
    handles = [layer.register_forward_hook(lambda _module, _given, made: heard.append(made)) for layer in layers]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def answers(network: Discriminator, images: Pictures) -> list[Answers]:
    """How strongly each unit of each layer answers each of `images`, uint8 (n, size, size, 3), and where."""
    found: list[list[tuple[Tensor, Tensor, Tensor]]] = []
    chosen = layers(network)
    for start in range(0, len(images), _BATCH):
        pictures = to_unit(torch.from_numpy(images[start : start + _BATCH]))
        with _listening(*chosen) as maps:
            network.verdicts(pictures)
        found.append([_strongest(one) for one in maps])
    return [
        Answers(*(np.concatenate([part[layer][k].numpy() for part in found]) for k in range(3)))
        for layer in range(len(chosen))
    ]


def _strongest(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    strengths, places = maps.float().flatten(2).max(2)
    width = maps.shape[3]
    return strengths, (places // width).short(), (places % width).short()


def choosiest(found: Answers, count: int, among: int = 9) -> list[int]:
    """The units that tell pictures apart most: their `among` strongest answers against all, in standard deviations.

    Many units are excited by the same pictures: of those that share more than a third, one comes first.
    """
    strengths = found.strengths
    top = np.sort(strengths, 0)[-among:].mean(0)
    score = (top - strengths.mean(0)) / (strengths.std(0) + 1e-6)
    score[strengths.max(0) <= 0] = -np.inf
    order = [int(unit) for unit in np.argsort(-score, kind="stable")]
    favourites = np.argsort(-strengths, 0, kind="stable")[:among].T
    chosen: list[int] = []
    for unit in order:
        shared = [len(np.intersect1d(favourites[unit], favourites[other])) for other in chosen]
        if len(chosen) < count and max(shared, default=0) <= among / 3:
            chosen.append(unit)
    return [*chosen, *(unit for unit in order if unit not in chosen)][:count]


def reconstruct(
    network: Discriminator, layer: int, unit: int, images: Pictures, found: Answers, chosen: NDArray[np.int64],
    guided: bool = False,
) -> Floats:  # fmt: skip
    """The way back from the strongest answer of a unit to `images[chosen]`: signed float32 (n, size, size, 3).

    Zero is neutral; where the sign is positive more of that colour would excite it more. By the deconvnet's rule it is
    what the unit looks for, at the place where it found it; `guided`, what in each picture excites it.
    """
    turned = rectified(network, guided)
    pictures = to_unit(torch.from_numpy(images[chosen])).requires_grad_()
    with _listening(layers(turned)[layer]) as heard:
        turned.verdicts(pictures)
    (made,) = heard
    wanted = torch.zeros_like(made)
    at = torch.arange(len(chosen))
    rows = torch.from_numpy(found.rows[chosen, unit].astype(np.int64))
    columns = torch.from_numpy(found.columns[chosen, unit].astype(np.int64))
    strengths = made.detach()[at, unit, rows, columns]
    wanted[at, unit, rows, columns] = strengths.clamp_min(0)
    (back,) = torch.autograd.grad(made, pictures, wanted)
    return back.permute(0, 2, 3, 1).numpy()


def rectified(network: Discriminator, guided: bool = False) -> Discriminator:
    """A copy of `network` whose gradients are what a deconvnet gives, or guided backpropagation."""
    turned = copy.deepcopy(network).eval()
    for module in list(turned.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.LeakyReLU):
                setattr(module, name, _Rectified(guided))
    return turned


class Fields:
    """The receptive fields of a discriminator's units: which pixels can reach a place of a layer."""

    def __init__(self, network: Discriminator, size: int) -> None:
        self._size = size
        self._open = _all_ones(network)
        self._known: dict[tuple[int, int, int], Box] = {}

    def box(self, layer: int, row: int, column: int) -> Box:
        """The pixels that reach one place; less than the whole field at the borders of the picture."""
        key = (layer, row, column)
        if key not in self._known:
            blank = torch.ones(1, CHANNELS, self._size, self._size, requires_grad=True)
            with _listening(layers(self._open)[layer]) as heard:
                self._open.verdicts(blank)
            (reached,) = torch.autograd.grad(heard[0][0, 0, row, column], blank)
            rows, columns = (reached[0].abs().sum(0).sum(axis).nonzero().flatten() for axis in (1, 0))
            self._known[key] = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        return self._known[key]


def _all_ones(network: Discriminator) -> Discriminator:
    """A copy in which everything that can pass a signal does."""
    ones = copy.deepcopy(network).eval()
    for module in list(ones.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    for module in ones.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    return ones


def maximise(
    network: Discriminator, layer: int, units: list[int], size: int, steps: int = 128, seed: int = 0
) -> Floats:
    """Pictures (n, size, size, 3) in [−1, 1] that excite the units as much as a picture can (Erhan et al. 2009).

    Gradient ascent on pixels from faint noise, for the place in the middle. The picture is moved by a pixel or two at
    each step, and gradients are smoothed, more for inner layers, or it would fill with noise that only networks see.
    """
    rng = torch.Generator().manual_seed(seed)
    pixels = torch.randn(len(units), CHANNELS, size, size, generator=rng).mul_(0.1).requires_grad_()
    adam = torch.optim.Adam([pixels], lr=0.05)
    chosen = layers(network)[layer]
    at = torch.arange(len(units))
    for _ in range(steps):
        shift = torch.randint(-2, 3, (2,), generator=rng).tolist()
        with _listening(chosen) as heard:
            network.verdicts(pixels.roll(shift, (2, 3)))
        middle = heard[0].shape[2] // 2
        excited = heard[0][at, torch.tensor(units), middle, middle]
        rough = (pixels.diff(dim=2).square().mean() + pixels.diff(dim=3).square().mean()) * len(units)
        adam.zero_grad()
        loss = _SMOOTH * rough - (excited / excited.detach().abs().clamp_min(0.1)).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        assert pixels.grad is not None
        for _ in range(layer):
            pixels.grad = avg_pool2d(pixels.grad, 3, 1, 1)
        adam.step()
        with torch.no_grad():
            pixels.clamp_(-1, 1)
    return pixels.detach().permute(0, 2, 3, 1).numpy()
