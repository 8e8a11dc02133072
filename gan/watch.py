"""Looking at a training from outside, now and then: how far its pictures are from real ones, and what goes wrong.

A look changes nothing in the training: it draws with latents of its own, and asks the discriminator in evaluation
mode. Distances are in the packaged network's features; a `projected` training, which learns from these, is judged by
random convolutions instead, and so is everything where the packaged network was not fetched.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gan import alarms, metrics, sample, spaces
from gan.nets import Discriminator
from gan.options import TrainOptions
from gan.sample import Pictures
from gan.state import State
from pipeline import models

LOOKED_AT = 500  # pictures of each kind: enough for the kernel distance, and a second or two
LOOK_KIMG = 10  # thousands of pictures between two looks, so that they cost a few hundredths of the time
LEAST = 40  # of fewer pictures no distance is measured
BETTER = 0.98  # a distance counts as fallen when it is this share of the best so far
_WATCH_STREAM = 0x10  # keeps the latents of looks apart from those of grids

log = logging.getLogger(__name__)


class Watch:
    """Looks at one training; `images` are those trained on, `held_out` those that are not, uint8 (n, size, size, 3)."""

    def __init__(self, images: Pictures, held_out: Pictures, options: TrainOptions) -> None:
        chosen = np.random.default_rng(options.seed).permutation(len(images))[:LOOKED_AT]
        # In no order: pictures often come kind by kind, and the floor compares the first half with the second.
        self._reals = images[chosen]
        self._held_out = held_out[np.random.default_rng(options.seed).permutation(len(held_out))[:LOOKED_AT]]
        self._latents = sample.fixed_latents(len(self._reals), options.seed ^ _WATCH_STREAM)
        fetched = models.find(str(spaces.DEFAULT)) is not None
        self._network = spaces.DEFAULT if fetched and options.recipe != "projected" else spaces.RANDOM
        self.space = spaces.name(options.size, self._network)
        self._features = np.empty((0, 0), np.float32)
        self._floor = 0.0
        if len(self._reals) < LEAST:
            log.info("distances are not measured: they need %d pictures", LEAST)

    def look(self, state: State) -> dict[str, Any]:
        """What a look finds, for a line of stats.jsonl.

        `distance` (KID) and `floor` (of one half of the reals against the other) in `space`, `spread`, `twins` and
        `copied` as in `gan.alarms`, `by_heart` with held-out pictures.
        """
        fakes = sample.generate(state.averaged, self._latents)
        found: dict[str, float] = {}
        if len(self._reals) >= LEAST:
            found |= self._compared(fakes)
        if len(self._held_out):
            judged = [judge(state.discriminator, pictures) for pictures in (self._reals, self._held_out, fakes)]
            found["by_heart"] = alarms.learned_by_heart(*judged)
        rounded = {name: round(value, 5) for name, value in found.items()}
        return rounded | ({"space": self.space} if "distance" in found else {})

    def _compared(self, fakes: Pictures) -> dict[str, float]:
        shapes, turned = alarms.shapes(self._reals), alarms.shapes(alarms.mirror(self._reals))
        copied = alarms.copied(alarms.nearest_real(alarms.shapes(fakes), shapes, turned), shapes, turned)
        self._know_reals()
        seen = spaces.features(fakes, self._network)
        variety = alarms.diversity(self._features, seen)
        return {
            "distance": metrics.kid(self._features, seen).mean,
            "floor": self._floor,
            "spread": variety.spread,
            "twins": variety.twins,
            "copied": copied,
        }

    def _know_reals(self) -> None:
        """Features of the real pictures, once."""
        if len(self._features):
            return
        self._features = spaces.features(self._reals, self._network)
        half = len(self._features) // 2
        self._floor = metrics.kid(self._features[:half], self._features[half:]).mean


@torch.no_grad()
def judge(discriminator: Discriminator, pictures: Pictures) -> NDArray[np.float32]:
    """Logits (n,) of uint8 pictures (n, size, size, 3), in evaluation mode."""
    device = next(discriminator.parameters()).device
    was_training = discriminator.training
    discriminator.eval()
    parts = [discriminator(sample.to_unit(part.to(device))) for part in torch.split(torch.from_numpy(pictures), 64)]
    discriminator.train(was_training)
    logits: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return logits


def raised(lines: Sequence[dict[str, Any]]) -> list[alarms.Alarm]:
    """What the newest of the lines of stats.jsonl warns of, with those before it."""
    newest = lines[-1]
    found = (
        []
        if _falls(lines)
        else [alarms.won_alarm([line["ranking"] for line in lines[-alarms.WON_TICKS :] if "ranking" in line])]
    )
    if "by_heart" in newest:
        found.append(alarms.by_heart_alarm([line["by_heart"] for line in lines if "by_heart" in line]))
    if "spread" in newest:
        *before, distance = [line["distance"] for line in lines if "distance" in line]
        # While it falls the training still learns: the first pictures of all are blots. One picture is no blot.
        if before and (distance >= min(before) or newest["spread"] < alarms.ONE_PICTURE):
            found.append(alarms.collapse_alarm(alarms.Diversity(newest["spread"], newest["twins"])))
        found.append(alarms.copied_alarm(newest["copied"]))
    return [alarm for alarm in found if alarm is not None]


def _falls(lines: Sequence[dict[str, Any]]) -> bool:
    """Whether a distance is measured, and fell in one of the newest three looks: then the generator learns.

    With batch normalisation, which sees reals and fakes apart, a discriminator can be never wrong for 90 kimg on end
    while the distance halves.
    """
    looks = [line["pictures"] for line in lines if "distance" in line]
    return bool(looks) and not stalled(lines, 3, looks[-1])


def stalled(lines: Sequence[dict[str, Any]], patience: int, pictures: int) -> bool:
    """Whether the distance fell by a fiftieth in none of the newest `patience` looks, of a corpus of `pictures`.

    With a `patience` of 0 never. Looks at a corpus of another number of pictures do not count: when a theme grew,
    training goes on. Nor do looks in another space than the newest.
    """
    looks = [line for line in lines if "distance" in line and line.get("pictures") == pictures]
    seen = [line["distance"] for line in looks if line.get("space") == looks[-1].get("space")]
    if patience == 0 or len(seen) <= patience:
        return False
    best = max(0.0, min(seen[:-patience]))
    return bool(min(seen[-patience:]) > BETTER * best)
