"""Differentiable augmentation (Zhao et al. 2020): what the discriminator sees is changed, real or made, the same way.

A small corpus seen a hundred times is learned by heart; seen in other colours, moved and with holes each time, it
is not. Because fakes are changed as well, and the generator learns through the change, none of it leaks into what
the generator draws. All chances are drawn from the training's own random numbers, on the CPU, so that a run
repeats and resumes exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

SHIFT = 8  # pictures move by up to an eighth of their side
HOLE = 2  # and lose a square of half their side

_Change = Callable[[Tensor, torch.Generator], Tensor]


def augment(pictures: Tensor, kinds: Sequence[str], rng: torch.Generator, share: float = 1.0) -> Tensor:
    """Pictures (n, 3, size, size) in [−1, 1], each changed by its own chances; values may leave [−1, 1].

    `kinds` are names out of `KINDS`; each of them changes a `share` of the pictures (Karras et al. 2020). With no
    kinds, or a share of 0, the pictures themselves come back and nothing is drawn.
    """
    for kind in kinds if share > 0 else ():
        pictures = KINDS[kind](pictures, rng) if share == 1 else _some(pictures, KINDS[kind], rng, share)
    return pictures


def _some(pictures: Tensor, change: _Change, rng: torch.Generator, share: float) -> Tensor:
    """A `share` of the pictures changed; the others cost nothing."""
    chosen = (torch.rand(len(pictures), generator=rng) < share).nonzero()[:, 0].to(pictures.device)
    if len(chosen) == 0:
        return pictures
    changed = change(pictures[chosen], rng)
    return pictures.to(changed.dtype).index_copy(0, chosen, changed)


def share_at(epochs: float, full_after: float) -> float:
    """Of how many pictures each change is made after `epochs`: evenly more, all of them from `full_after` on.

    Changes slow the start, when nothing is known by heart yet, and pay once the pictures have been seen often.
    """
    return min(1.0, epochs / full_after) if full_after > 0 else 1.0


def colour(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Brightness by up to ±0.5, then saturation by a factor of 0 to 2, then contrast by one of 0.5 to 1.5."""
    light, saturation, contrast = _chances(3, pictures, rng)
    lit = pictures + (light - 0.5)
    grey = lit.mean(1, keepdim=True)
    coloured = torch.lerp(grey, lit, 2 * saturation)
    mean = coloured.mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean, coloured, contrast + 0.5)


def translation(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Moved by up to an eighth of the side each way; what comes in is 0, a middle grey."""
    most = pictures.shape[-1] // SHIFT
    by = torch.randint(-most, most + 1, (2, len(pictures)), generator=rng).to(pictures.device)
    moved: Tensor = _Move.apply(pictures, by, most)  # type: ignore[no-untyped-call]
    return moved


def cutout(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """A square of half the side, anywhere and often partly outside, set to 0."""
    size = pictures.shape[-1]
    side = size // HOLE
    start = torch.randint(0, size + 1, (2, len(pictures), 1), generator=rng).to(pictures.device) - side // 2
    line = torch.arange(size, device=pictures.device)
    rows, columns = (line >= start) & (line < start + side)
    hole = rows[:, :, None] & columns[:, None, :]
    return pictures.masked_fill(hole[:, None], 0.0)


def mirror(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Every other picture, by chance, turned left to right. This one does leak: the generator mirrors as well."""
    turned = (torch.rand(len(pictures), generator=rng) < 0.5).to(pictures.device)
    return torch.where(turned[:, None, None, None], pictures.flip(3), pictures)


KINDS: dict[str, _Change] = {
    "mirror": mirror,
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}


def _chances(count: int, pictures: Tensor, rng: torch.Generator) -> Tensor:
    """`count` tensors (n, 1, 1, 1), uniform in [0, 1)."""
    return torch.rand(count, len(pictures), 1, 1, 1, generator=rng).to(pictures.device)


class _Move(torch.autograd.Function):
    """Moves each picture by its own whole number of pixels; the gradient moves back, which is cheap, unlike scatter."""

    @staticmethod
    def forward(ctx: Any, pictures: Tensor, by: Tensor, most: int) -> Tensor:
        ctx.save_for_backward(by)
        ctx.most = most
        return _moved(pictures, by, most)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (by,) = ctx.saved_tensors
        return _moved(gradients[0], -by, ctx.most), None, None


def _moved(pictures: Tensor, by: Tensor, most: int) -> Tensor:
    """Pictures (n, c, h, w) moved down by `by[0]` and right by `by[1]` (n,), at most `most` pixels, on zeros."""
    n, _, height, width = pictures.shape
    padded = pad(pictures.permute(0, 2, 3, 1), (0, 0, most, most, most, most))
    rows = torch.arange(height, device=by.device) + most - by[0][:, None]
    columns = torch.arange(width, device=by.device) + most - by[1][:, None]
    each = torch.arange(n, device=by.device)[:, None]
    # Rows first: whole rows are long runs of memory.
    lines = padded[each, rows]
    moved = lines[each[..., None], torch.arange(height, device=by.device)[:, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)
