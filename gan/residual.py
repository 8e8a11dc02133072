"""Residual networks of DCGAN's family: the same channels at the same sides, each doubling or halving with a shortcut.

A block goes two ways and adds: the long way is the strided convolution of the DCGAN with a 3×3 convolution at the
finer side, the short one a 1×1 convolution and a nearest-neighbour enlargement, or an average of four pixels
(He et al. 2016; Gulrajani et al. 2017 for GANs). About twice the arithmetic of the plain networks.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gan.nets import (
    CHANNELS,
    LATENT_DIM,
    LEAK,
    SEED_SIDE,
    Discriminator,
    Generator,
    Norm,
    channel_plan,
    double,
    halve,
    initialise,
    initialise_without_norm,
    normalise_spectra,
)


class ResidualGenerator(Generator):
    """As `Generator`, with a shortcut around every doubling but the last."""

    def __init__(self, size: int, width: int, kernel: int) -> None:
        nn.Module.__init__(self)
        plan = channel_plan(size, width)
        self.project = nn.Linear(LATENT_DIM, SEED_SIDE * SEED_SIDE * plan[0], bias=False)
        blocks: list[nn.Module] = [
            Up(wide, narrow, kernel, innermost=wide == plan[0]) for wide, narrow in pairwise(plan)
        ]
        end = [nn.BatchNorm2d(plan[-1]), nn.ReLU(inplace=True), double(plan[-1], CHANNELS, kernel)]
        self.blocks = nn.Sequential(*blocks, *end)
        self.apply(initialise)


class ResidualDiscriminator(Discriminator):
    """As `Discriminator`, with a shortcut around every halving but the first."""

    def __init__(self, size: int, width: int, kernel: int, norm: Norm = "batch") -> None:
        nn.Module.__init__(self)
        plan = channel_plan(size, width)[::-1]
        bias = norm != "batch"
        blocks: list[nn.Module] = [halve(CHANNELS, plan[0], kernel, bias=bias)]
        blocks += [Down(narrow, wide, kernel, norm, innermost=wide == plan[-1]) for narrow, wide in pairwise(plan)]
        self.blocks = nn.Sequential(*blocks, nn.LeakyReLU(LEAK))
        self.judge = nn.Linear(SEED_SIDE * SEED_SIDE * plan[-1], 1, bias=bias)
        self.apply(initialise if norm == "batch" else initialise_without_norm)
        if norm == "spectral":
            normalise_spectra(self)


class Up(nn.Module):
    """(n, wide, h, w) to (n, narrow, 2h, 2w)."""

    def __init__(self, wide: int, narrow: int, kernel: int, innermost: bool) -> None:
        super().__init__()
        self.long = nn.Sequential(
            nn.BatchNorm2d(wide), nn.ReLU(), double(wide, narrow, kernel, innermost),
            nn.BatchNorm2d(narrow), nn.ReLU(), nn.Conv2d(narrow, narrow, 3, 1, 1, bias=False),
        )  # fmt: skip
        self.short = nn.Conv2d(wide, narrow, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Both ways, added."""
        made: Tensor = self.long(x) + interpolate(self.short(x), scale_factor=2)
        return made


class Down(nn.Module):
    """(n, narrow, 2h, 2w) to (n, wide, h, w)."""

    def __init__(self, narrow: int, wide: int, kernel: int, norm: Norm, innermost: bool) -> None:
        super().__init__()
        bias = norm != "batch"
        layers: list[nn.Module] = [nn.LeakyReLU(LEAK), nn.Conv2d(narrow, narrow, 3, 1, 1, bias=bias)]
        layers += [nn.BatchNorm2d(narrow)] if norm == "batch" else []
        layers += [nn.LeakyReLU(LEAK), halve(narrow, wide, kernel, innermost, bias)]
        layers += [nn.BatchNorm2d(wide)] if norm == "batch" else []
        self.long = nn.Sequential(*layers)
        self.short = nn.Conv2d(narrow, wide, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Both ways, added."""
        made: Tensor = self.long(x) + self.short(avg_pool2d(x, 2))
        return made
