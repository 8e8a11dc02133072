"""The losses of a GAN, from logits: the original one, hinge, and relativistic pairs; and the penalty R1."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

Loss = Literal["original", "hinge", "relativistic"]


def discriminator_loss(real: Tensor, fake: Tensor, kind: Loss = "original") -> Tensor:
    """What the discriminator brings down, from logits (n, …) of as many reals and fakes.

    `original`: −log D(x) − log(1 − D(G(z))), each averaged over its batch, in nats (Goodfellow et al. 2014, equation
    1); from logits it stays exact where the sigmoid of the paper would saturate.
    `hinge`: max(0, 1 − real) + max(0, 1 + fake) (Lim and Ye 2017).
    `relativistic`: each real against a fake of its own, −log σ(real − fake) (Jolicoeur-Martineau 2018).
    """
    if kind == "hinge":
        return relu(1 - real).mean() + relu(1 + fake).mean()
    if kind == "relativistic":
        return softplus(fake - real).mean()
    return softplus(-real).mean() + softplus(fake).mean()


def generator_loss(fake: Tensor, kind: Loss = "original", real: Tensor | None = None) -> Tensor:
    """What the generator brings down, from logits (n, …) of its fakes.

    `original`: −log D(G(z)): the form that does not saturate (Goodfellow et al. 2014, section 3). `hinge`: −fake.
    `relativistic`: −log σ(fake − real), which needs the logits of as many `real` pictures, and ValueError without.
    """
    if kind == "hinge":
        return -fake.mean()
    if kind == "relativistic":
        if real is None:
            raise ValueError("the relativistic loss compares with reals")
        return softplus(real - fake).mean()
    return softplus(-fake).mean()


def r1_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """Half the mean squared gradient of the logits at real pictures (n, 3, size, size): R1 of Mescheder et al. 2018.

    In float32, with a graph, so that its gradient can be taken; to be scaled by γ.
    """
    seen = real.detach().float().requires_grad_(True)
    with torch.autocast(seen.device.type, enabled=False):
        logits = discriminator(seen)
        (gradient,) = torch.autograd.grad(logits.sum(), seen, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean() / 2
