"""The two networks of Radford, Metz and Chintala 2015 (DCGAN), at 32, 64 and 128 pixels.

The paper's rules, all kept here: no pooling and no hidden dense layer, only strided and fractionally-strided
convolutions; batch normalisation everywhere but at the generator's output and the discriminator's input;
ReLU in the generator with tanh at its output; LeakyReLU 0.2 in the discriminator; weights from N(0, 0.02).
One convolution more per doubling of the picture's side, with the channels halved each time, so that `width`
channels remain before the picture: 8w, 4w, 2w, w at 64 pixels.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from gan.convs import InnermostConv2d, InnermostConvTranspose2d

LATENT_DIM = 100
INIT_STD = 0.02
LEAK = 0.2
CHANNELS = 3
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
            blocks.append(_double(wide, narrow, kernel, innermost=wide == plan[0]))
            blocks += [nn.BatchNorm2d(narrow), nn.ReLU(inplace=True)]
        self.blocks = nn.Sequential(*blocks, _double(plan[-1], CHANNELS, kernel))
        self.apply(initialise)

    def forward(self, latents: Tensor) -> Tensor:
        """Pictures of `latents`; in training mode batch normalisation sees this batch alone."""
        # Read as (rows, columns, channels) the projection is channels-last already: no copy.
        seed = self.project(latents).view(len(latents), SEED_SIDE, SEED_SIDE, -1).permute(0, 3, 1, 2)
        pictures: Tensor = self.blocks(seed)
        return pictures.tanh()


class Discriminator(nn.Module):
    """Pictures (n, 3, size, size) in [−1, 1] to logits (n,): above 0 where a picture looks real."""

    def __init__(self, size: int, width: int, kernel: int) -> None:
        super().__init__()
        plan = channel_plan(size, width)[::-1]
        blocks: list[nn.Module] = [_halve(CHANNELS, plan[0], kernel), nn.LeakyReLU(LEAK, inplace=True)]
        for narrow, wide in pairwise(plan):
            blocks.append(_halve(narrow, wide, kernel, innermost=wide == plan[-1]))
            blocks += [nn.BatchNorm2d(wide), nn.LeakyReLU(LEAK, inplace=True)]
        self.blocks = nn.Sequential(*blocks)
        self.judge = nn.Linear(SEED_SIDE * SEED_SIDE * plan[-1], 1, bias=False)
        self.apply(initialise)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of `pictures`; the sigmoid of the paper is part of the loss."""
        features: Tensor = self.blocks(pictures)
        logits: Tensor = self.judge(features.permute(0, 2, 3, 1).flatten(1))
        return logits.flatten().float()


def _double(wide: int, narrow: int, kernel: int, innermost: bool = False) -> nn.ConvTranspose2d:
    """A fractionally-strided convolution that doubles the side."""
    kind = InnermostConvTranspose2d if innermost else nn.ConvTranspose2d
    return kind(wide, narrow, kernel, 2, (kernel - 1) // 2, output_padding=kernel % 2, bias=False)


def _halve(narrow: int, wide: int, kernel: int, innermost: bool = False) -> nn.Conv2d:
    """A strided convolution that halves the side."""
    kind = InnermostConv2d if innermost else nn.Conv2d
    return kind(narrow, wide, kernel, 2, (kernel - 1) // 2, bias=False)


def initialise(module: nn.Module) -> None:
    """Published initial values: weights N(0, 0.02); gains of batch normalisation N(1, 0.02) as the authors' code."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, INIT_STD)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, INIT_STD)
        nn.init.zeros_(module.bias)


def count_parameters(module: nn.Module) -> int:
    """Learned numbers in `module`."""
    return sum(parameter.numel() for parameter in module.parameters())
