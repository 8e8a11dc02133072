"""A real picture, found again in the space of latents: what the generator knows of it.

The search starts at the best of a thousand samples and goes on by Adam on the latent itself, staying in the cube that
latents are drawn from. Near is what is near in pixels and in the features of EfficientNet-Lite0 at four scales, each
feature vector at unit length (as Zhang et al. 2018, without learned weights).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from gan import sheets
from gan.backbone import Backbone
from gan.looking import Found, Opened, rms
from gan.nets import Generator
from gan.sample import Pictures, draw_latents, png, to_unit
from gan.sheets import Row, enlarged
from gan.sums import Named, slug
from pipeline import models

CANDIDATES = 1000
STEPS = 300
_STARTS = 4  # of the best candidates, because one may lead to a hollow
_LR = 0.05
_BATCH = 64

Features = Callable[[Tensor], list[Tensor]]
"""Pictures (n, 3, s, s) in [−1, 1] to feature maps (n, c, h, w)."""


@dataclass(frozen=True)
class Projection:
    """The latent that comes nearest (100,), the sample that the search began with, and how far both are."""

    latent: Tensor
    start: Tensor
    before: float
    after: float
    """The distance that was searched by: pixels and features together."""


def project(
    generator: Generator, picture: Pictures, features: Features, candidates: int = CANDIDATES, steps: int = STEPS,
    seed: int = 0,
) -> Projection:  # fmt: skip
    """Find `picture`, uint8 (size, size, 3), among what `generator` can draw."""
    target = to_unit(torch.from_numpy(picture[None].copy()))
    wanted = [normalize(one, dim=1) for one in features(target)]

    def distance(latents: Tensor) -> Tensor:
        made = generator(latents)
        pixels: Tensor = (made - target).square().flatten(1).mean(1)
        return pixels + _unlike(features(made), wanted)

    drawn = draw_latents(candidates, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        far = torch.cat([distance(chunk) for chunk in torch.split(drawn, _BATCH)])
    nearest = far.argsort()[:_STARTS]
    latents = _descend(drawn[nearest], distance, steps)
    with torch.no_grad():
        reached = distance(latents)
    best = int(reached.argmin())
    return Projection(latents[best], drawn[nearest[0]], float(far[nearest[0]]), float(reached[best]))


def _unlike(found: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Mean over scales of the squared difference of feature vectors at unit length, (n,)."""
    scales = [(normalize(a, dim=1) - b).square().sum(1).flatten(1).mean(1) for a, b in zip(found, wanted, strict=True)]
    return torch.stack(scales).mean(0)


def _descend(latents: Tensor, distance: Callable[[Tensor], Tensor], steps: int) -> Tensor:
    """The best that each of `latents` (n, 100) came by on its way."""
    latents = latents.clone().requires_grad_()
    best, least = latents.detach().clone(), torch.full((len(latents),), torch.inf)
    adam = torch.optim.Adam([latents], lr=_LR)
    pace = torch.optim.lr_scheduler.CosineAnnealingLR(adam, max(1, steps))
    for _ in range(steps):
        far = distance(latents)
        better = far.detach() < least
        best[better], least[better] = latents.detach()[better], far.detach()[better]
        adam.zero_grad()
        far.sum().backward()  # type: ignore[no-untyped-call]
        adam.step()
        pace.step()
        with torch.no_grad():
            latents.clamp_(-1, 1)
    with torch.no_grad():
        last = distance(latents)
    best[last < least] = latents.detach()[last < least]
    return best


def packaged() -> Features:
    """The features of EfficientNet-Lite0. Raises UsageError when it was not fetched."""
    return Backbone(models.path("efficientnet-lite0"))


def found_again(run: Opened, picture: Pictures, called: str, name: str | None = None, steps: int = STEPS) -> Found:
    """A picture, the nearest sample, what was found, and what is missing in it, side by side.

    With `name`, the latent is kept among the names of the run, for walks and sums.
    """
    result = project(run.generator, picture, packaged(), steps=steps)
    start, made = run.pictures(torch.stack([result.start, result.latent]))
    missing = sheets.signed(picture.astype(np.float32) - made)
    row = Row(
        [enlarged(one, 192) for one in (picture, start, made, missing)],
        captions=["real", f"best of {CANDIDATES:,} samples", "found", "what is missing"],
    )
    if name:
        run.names.give(name, Named(latent=tuple(round(value, 6) for value in result.latent.tolist())))
    about = {
        "caption": f"{called}, found again in the space of latents",
        "distance_before": round(result.before, 4),
        "distance_after": round(result.after, 4),
        "levels_before": round(rms(picture, start), 2),
        "levels_after": round(rms(picture, made), 2),
        "kimg": run.kimg,
        "latent": [round(value, 6) for value in result.latent.tolist()],
    }
    return Found("project", slug(called), {"png": png(sheets.sheet([row]))}, about)
