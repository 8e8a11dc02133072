"""From options to networks: which classes a recipe's switches call for."""

from __future__ import annotations

from gan.nets import Discriminator, Generator
from gan.options import TrainOptions
from gan.residual import ResidualDiscriminator, ResidualGenerator


def build_generator(options: TrainOptions) -> Generator:
    """The generator of a training, with fresh weights from torch's random numbers."""
    kind = ResidualGenerator if options.blocks == "residual" else Generator
    return kind(options.size, options.width, options.kernel)


def build_discriminator(options: TrainOptions) -> Discriminator:
    """The discriminator of a training. Raises UsageError when it needs a network file that is not here."""
    if options.recipe == "projected":
        from gan.projected import ProjectedDiscriminator

        return ProjectedDiscriminator(options.size, options.heads, options.zoom)
    kind = ResidualDiscriminator if options.blocks == "residual" else Discriminator
    return kind(options.size, options.width, options.kernel, options.norm)
