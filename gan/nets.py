"""The two networks of Radford, Metz and Chintala 2015 (DCGAN), at 32, 64 and 128 pixels.

The paper's rules, all kept here: no pooling and no hidden dense layer, only strided and fractionally-strided
convolutions; batch normalisation everywhere but at the generator's output and the discriminator's input;
ReLU in the generator with tanh at its output; LeakyReLU 0.2 in the discriminator; weights from N(0, 0.02).
One convolution more per doubling of the picture's side, with the channels halved each time, so that `width`
channels remain before the picture: 8w, 4w, 2w, w at 64 pixels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from gan.convs import InnermostConv2d, InnermostConvTranspose2d

LATENT_DIM = 100
INIT_STD = 0.02
LEAK = 0.2
CHANNELS = 3
Norm = Literal["batch", "spectral", "none"]

SEED_SIDE = 4  # the generator starts from, and the discriminator ends with, 4×4 pixels


def doublings(size: int) -> int:
    """How often 4 pixels are doubled to make `size`. Raises ValueError unless `size` is 8, 16, 32, …"""
    steps = (size // SEED_SIDE).bit_length() - 1
    if steps < 1 or SEED_SIDE << steps != size:
        raise ValueError(f"size {size} is not 4 times a power of two above 1")
    return steps


def channel_plan(size: int, width: int) -> list[int]:
    """Channels at 4, 8, … size/2 pixels; [1024, 512, 256, 128] for 64 pixels and the paper's width of 128."""
    return [width << power for power in reversed(range(doublings(size)))]


class Generator(nn.Module):
    """Latents (n, 100) float32 in [−1, 1] to pictures (n, 3, size, size) in [−1, 1], channels-last.

    `kernel` is the side of the filters: 5 in the paper, 4 in most later code. Both double the side exactly.
    """

    def __init__(self, size: int, width: int, kernel: int) -> None:
        super().__init__()
        plan = channel_plan(size, width)
        self.project = nn.Linear(LATENT_DIM, SEED_SIDE * SEED_SIDE * plan[0], bias=False)
        blocks: list[nn.Module] = [nn.BatchNorm2d(plan[0]), nn.ReLU(inplace=True)]
        for wide, narrow in pairwise(plan):
            blocks.append(double(wide, narrow, kernel, innermost=wide == plan[0]))
            blocks += [nn.BatchNorm2d(narrow), nn.ReLU(inplace=True)]
        self.blocks = nn.Sequential(*blocks, double(plan[-1], CHANNELS, kernel))
        self.apply(initialise)

    def forward(self, latents: Tensor) -> Tensor:
        """Pictures of `latents`; in training mode batch normalisation sees this batch alone."""
        # Read as (rows, columns, channels) the projection is channels-last already: no copy.
        seed = self.project(latents).view(len(latents), SEED_SIDE, SEED_SIDE, -1).permute(0, 3, 1, 2)
        pictures: Tensor = self.blocks(seed)
        return pictures.tanh()


class Discriminator(nn.Module):
    """Pictures (n, 3, size, size) in [−1, 1] to logits (n,): above 0 where a picture looks real.

    `norm` is `batch` in the paper; `spectral` divides every weight by its largest singular value instead (Miyato et
    al. 2018), and `none` leaves both out, for gradient penalties. Without batch normalisation, which brings its own,
    layers have biases: else twice the contrast would be twice as real, and grey neither real nor false.
    """

    def __init__(self, size: int, width: int, kernel: int, norm: Norm = "batch") -> None:
        super().__init__()
        plan = channel_plan(size, width)[::-1]
        bias = norm != "batch"
        blocks: list[nn.Module] = [halve(CHANNELS, plan[0], kernel, bias=bias), nn.LeakyReLU(LEAK, inplace=True)]
        for narrow, wide in pairwise(plan):
            blocks.append(halve(narrow, wide, kernel, innermost=wide == plan[-1], bias=bias))
            blocks += [nn.BatchNorm2d(wide)] if norm == "batch" else []
            blocks.append(nn.LeakyReLU(LEAK, inplace=norm == "batch"))
        self.blocks = nn.Sequential(*blocks)
        self.judge = nn.Linear(SEED_SIDE * SEED_SIDE * plan[-1], 1, bias=bias)
        self.apply(initialise if norm == "batch" else initialise_without_norm)
        if norm == "spectral":
            normalise_spectra(self)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of `pictures`; the sigmoid of the paper is part of the loss."""
        return self.verdicts(pictures).mean(1)

    def verdicts(self, pictures: Tensor) -> Tensor:
        """Logits (n, 1): losses are taken of these, and a discriminator of several opinions has several columns."""
        features: Tensor = self.blocks(pictures)
        logits: Tensor = self.judge(features.permute(0, 2, 3, 1).flatten(1))
        return logits.float()


def double(wide: int, narrow: int, kernel: int, innermost: bool = False) -> nn.ConvTranspose2d:
    """A fractionally-strided convolution that doubles the side."""
    kind = InnermostConvTranspose2d if innermost else nn.ConvTranspose2d
    return kind(wide, narrow, kernel, 2, (kernel - 1) // 2, output_padding=kernel % 2, bias=False)


def halve(narrow: int, wide: int, kernel: int, innermost: bool = False, bias: bool = False) -> nn.Conv2d:
    """A strided convolution that halves the side."""
    kind = InnermostConv2d if innermost else nn.Conv2d
    return kind(narrow, wide, kernel, 2, (kernel - 1) // 2, bias=bias)


def initialise(module: nn.Module) -> None:
    """Published initial values: weights N(0, 0.02); gains of batch normalisation N(1, 0.02) as the authors' code."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, INIT_STD)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, INIT_STD)
        nn.init.zeros_(module.bias)


def initialise_without_norm(module: nn.Module) -> None:
    """He et al. 2015: signals keep their size through layers that nothing normalises."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, LEAK)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Spectral(nn.Module):
    """Divides a weight by its largest singular value, which one power iteration a step follows (Miyato et al. 2018)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        flat = _as_matrix(weight)
        self.register_buffer("left", normalize(torch.randn(flat.shape[0]), dim=0))
        self.register_buffer("right", normalize(torch.randn(flat.shape[1]), dim=0))
        self.left: Tensor
        self.right: Tensor

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with a largest singular value of about 1."""
        device = "cpu" if weight.is_meta else weight.device.type
        with torch.autocast(device, enabled=False):
            flat = _as_matrix(weight)
            left, right = self.left, self.right
            if self.training:
                with torch.no_grad():
                    right = normalize(flat.t() @ left, dim=0)
                    left = normalize(flat @ right, dim=0)
                    self.left, self.right = left, right
            return weight / (left @ (flat @ right))


def _as_matrix(weight: Tensor) -> Tensor:
    """A row for each output; of a channels-last weight without a copy."""
    return weight.permute(0, 2, 3, 1).flatten(1) if weight.ndim == 4 else weight


def normalise_spectra(network: nn.Module) -> None:
    """Put `Spectral` on every convolution and matrix of `network`."""
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            parametrize.register_parametrization(module, "weight", Spectral(module.weight))


def count_parameters(module: nn.Module) -> int:
    """Learned numbers in `module`."""
    return sum(parameter.numel() for parameter in module.parameters())
