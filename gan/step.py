"""One update of both networks, with every stabiliser that the options ask for."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from gan import sample
from gan.augment import augment, share_at
from gan.losses import discriminator_loss, generator_loss, r1_penalty
from gan.nets import Generator
from gan.options import TrainOptions
from gan.state import State

EMA_RAMP = 0.05  # the average looks back over at most this share of what was shown: early on it must not lag


@dataclass(frozen=True)
class Outcome:
    """What an update came to, on the device."""

    sums: Tensor
    """What `TICK_SUMS` names: both losses and the mean of σ(logits) of reals and fakes."""
    real: Tensor
    """Logits (n,) of the reals, before the step."""
    fake: Tensor


def update(state: State, options: TrainOptions, real: Tensor, epochs: float = inf) -> Outcome:
    """One step of the discriminator and one of the generator on `real` (batch, 3, size, size) in [−1, 1].

    With the defaults it is the step of Radford et al. 2015; each switch of `options` adds its own and no more.
    `epochs` is how often each picture was shown before.
    """
    generator, discriminator = state.generator, state.discriminator
    device, share = real.device, share_at(epochs, options.augment_epochs)
    bf16 = options.precision == "bf16"
    latents = sample.draw_latents(len(real), state.rng).to(device)

    # Discriminator: one step on real pictures and fakes, each a batch of its own, so that batch normalisation
    # never mixes them.
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        fake = generator(latents)
        seen_real = augment(real, options.augment, state.rng, share)
        logits_real = discriminator.verdicts(seen_real)
        logits_fake = discriminator.verdicts(augment(fake.detach(), options.augment, state.rng, share))
        loss_d = discriminator_loss(logits_real, logits_fake, options.loss)
    state.adam_d.zero_grad(set_to_none=True)
    loss_d.backward()  # type: ignore[no-untyped-call]
    if options.r1 and state.progress.images // options.batch % options.r1_every == 0:
        penalty = r1_penalty(discriminator, seen_real) * (options.r1 * options.r1_every)
        penalty.backward()  # type: ignore[no-untyped-call]
    state.adam_d.step()

    # Generator: one step on the same fakes. The discriminator is frozen, which saves the gradients of its weights;
    # and autocast is entered anew, because it keeps bfloat16 copies of the old weights.
    discriminator.requires_grad_(False)
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        compared = discriminator.verdicts(seen_real) if options.loss == "relativistic" else None
        judged = discriminator.verdicts(augment(fake, options.augment, state.rng, share))
        loss_g = generator_loss(judged, options.loss, compared)
    state.adam_g.zero_grad(set_to_none=True)
    loss_g.backward()  # type: ignore[no-untyped-call]
    state.adam_g.step()
    discriminator.requires_grad_(True)

    # The averaged generator follows with a half-life counted in pictures.
    state.progress.images += len(real)
    half_life = min(options.ema_kimg * 1000, EMA_RAMP * state.progress.images)
    follow(state.averaged, generator, 1 - 0.5 ** (len(real) / half_life) if half_life else 1.0)

    shares = (logits_real.detach().sigmoid().mean(), logits_fake.detach().sigmoid().mean())
    sums = torch.stack([loss_d.detach(), loss_g.detach(), *shares])
    return Outcome(sums, logits_real.detach().mean(1), logits_fake.detach().mean(1))


@torch.no_grad()
def follow(averaged: Generator, generator: Generator, weight: float) -> None:
    """Move the average towards `generator` by `weight`; running statistics of batch normalisation as well."""
    targets, sources = averaged.state_dict().values(), generator.state_dict().values()
    pairs = [(old, new) for old, new in zip(targets, sources, strict=True) if new.is_floating_point()]
    torch._foreach_lerp_([old for old, _ in pairs], [new for _, new in pairs], weight)
