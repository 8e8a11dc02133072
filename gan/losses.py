"""The two losses of a GAN, from logits."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−log D(x) − log(1 − D(G(z))), each averaged over its batch, in nats: Goodfellow et al. 2014, equation 1.

    `real` and `fake` are logits (n,). From logits it stays exact where the sigmoid of the paper would saturate.
    """
    return softplus(-real).mean() + softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """−log D(G(z)), averaged, in nats: the form that does not saturate (Goodfellow et al. 2014, section 3)."""
    return softplus(-fake).mean()
