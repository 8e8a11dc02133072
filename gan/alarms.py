"""What goes wrong in a training, told from numbers, each with one sentence of advice: pure and cheap functions.

Each `…_alarm` takes a figure that a function beside it makes, and gives an `Alarm` or None. The thresholds are
those that the docstrings name; where they come from stands there too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.metrics import nearest, nearest_other
from gan.sample import Pictures

Indices = NDArray[np.int64]

HELD_OUT_SHARE = 0.05
HELD_OUT_FROM = 100  # of fewer pictures a twentieth says nothing, and each is needed

LEARNED_FROM = 0.5
WON_FROM = 0.995
WON_TICKS = 10
COLLAPSED_BELOW = 0.5
TWINS_FROM = 0.5
ONE_PICTURE = 0.12  # spread from the second look on: at most 0.09 of collapsed trainings, 0.17 and more of healthy ones
COPIED_FROM = 0.4
QUANTILE = 0.05
THUMB = 16
_FLAT = 0.5  # length of the contrast of a thumbnail, 768 numbers in 0…1, below which it counts as flat


@dataclass(frozen=True)
class Alarm:
    """Something is wrong: what, by which number past which threshold, and what to do."""

    name: str
    value: float
    threshold: float
    advice: str

    def __str__(self) -> str:
        return f"{self.name} ({self.value:.2f}, threshold {self.threshold:.2f}): {self.advice}"


# pictures that are not trained on


def hold_out(images: Pictures, seed: int, share: float = HELD_OUT_SHARE) -> tuple[Indices, Indices]:
    """Numbers of the pictures to train on and of those to hold out, about `share` of uint8 (n, h, w, 3).

    Which, is decided by a hash of each picture's pixels and `seed`: so copies stay together, and a picture keeps
    its side when others come or go. Under 100 pictures none is held out.
    """
    if len(images) < HELD_OUT_FROM:
        return np.arange(len(images)), np.empty(0, np.int64)
    held = np.array([_lot(picture, seed) < share for picture in images])
    return np.flatnonzero(~held), np.flatnonzero(held)


def _lot(picture: Pictures, seed: int) -> float:
    """A number in [0, 1) that depends on the pixels and the seed alone."""
    digest = hashlib.blake2b(picture.tobytes(), digest_size=8, salt=(seed % 2**64).to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little") / 2**64


# a discriminator that knows its pictures by heart


def learned_by_heart(trained: NDArray[Any], held_out: NDArray[Any], fakes: NDArray[Any]) -> float:
    """r_v of Karras et al. 2020 ("Training GANs with Limited Data", equation 1), from logits (n,) of each.

    Where the held-out pictures stand on the way from the trained ones (0) to the fakes (1): 0 when they look as real
    as the trained ones, 1 when they look as false as fakes. It needs no zero in the middle, so it holds for
    every loss. 0 where trained pictures and fakes are judged alike, as before the first steps. All three must be
    judged in the same mode of the network, and not be those of the step just made.
    """
    lead = float(np.mean(trained) - np.mean(fakes))
    noise = float(np.std(trained) + np.std(fakes)) / np.sqrt(min(len(trained), len(fakes)))
    return 0.0 if lead <= noise else float(np.mean(trained) - np.mean(held_out)) / lead


def by_heart_alarm(values: Sequence[float]) -> Alarm | None:
    """From the newest `learned_by_heart` values: their mean over the last five at 0.5 or more.

    On 500 pictures a plain DCGAN passed 0.5 at 128 kimg; its distance then fell slowly and stopped falling at 0.9.
    With augmentation it stayed under 0.25 for as long and ended a quarter better. Karras et al. steer to a mean
    that amounts to less.
    """
    if len(values) < WON_TICKS // 2:
        return None
    recent = float(np.mean(values[-(WON_TICKS // 2) :]))
    return _raised(
        "learned by heart",
        recent,
        LEARNED_FROM,
        "the discriminator knows its pictures from others of the same kind: train with augmentation (--recipe small),"
        " add pictures, or stop here.",
    )


# a discriminator that has won


def ranking(reals: NDArray[Any], fakes: NDArray[Any]) -> float:
    """How often a real's logit is above a fake's, over all pairs: 0.5 when it cannot tell, 1 when never wrong.

    The area under the ROC curve, from ranks. It needs no threshold, so it holds for every loss.
    """
    ordered = np.sort(np.asarray(fakes, np.float64))
    below = np.searchsorted(ordered, reals, "left") + np.searchsorted(ordered, reals, "right")
    return float(below.mean() / (2 * len(ordered)))


def won_alarm(values: Sequence[float]) -> Alarm | None:
    """From the newest `ranking` values: every one of the last ten at 0.995 or more.

    Beyond that the logistic generator loss gets its gradients from a handful of pairs. Healthy trainings stay up there
    for long as well, with small batches above all: to be asked only when the distance no longer falls.
    """
    if len(values) < WON_TICKS:
        return None
    return _raised(
        "discriminator has won",
        float(min(values[-WON_TICKS:])),
        WON_FROM,
        "it is never wrong any more, so the generator learns nothing: lower its step size, train with --recipe small,"
        " or begin again with another seed.",
    )


# mode collapse


@dataclass(frozen=True)
class Diversity:
    """How different fakes are from each other, next to as many reals."""

    spread: float
    """Mean distance of two fakes, in units of that of two reals: near 0 when all are one picture."""
    twins: float
    """Share of fakes with another fake nearer than 95 % of reals have a real; 0.05 when all is well."""


def diversity(reals: NDArray[Any], fakes: NDArray[Any]) -> Diversity:
    """From features (n, d) of both, of `gan.spaces` or of `thumbs`; the larger side is cut to the smaller's number."""
    count = min(len(reals), len(fakes))
    reals, fakes = reals[:count], fakes[:count]
    near = np.quantile(nearest_other(reals), QUANTILE)
    return Diversity(
        spread=float(np.sqrt(_variance(fakes) / max(_variance(reals), 1e-12))),
        twins=float(np.mean(nearest_other(fakes) < near)),
    )


def collapse_alarm(found: Diversity) -> Alarm | None:
    """Spread under 0.5, or twins of 0.5 and more.

    Spread sees one mode, twins see a few modes that are drawn again and again. Within a training to be asked only when
    the distance did not fall: every training begins with blots that are as alike. Of 108 looks at 28 healthy trainings
    at 32 pixels 64 were past these thresholds, and none of those had a distance that did not fall; of three generators
    that drew one raster for all latents one had, and all are told by `ONE_PICTURE`.
    """
    advice = (
        "the generator draws the same pictures again and again: go back to an earlier state with a smaller --lr,"
        " or train with --recipe small."
    )
    if found.spread < COLLAPSED_BELOW:
        return Alarm("mode collapse", found.spread, COLLAPSED_BELOW, advice)
    return _raised("mode collapse", found.twins, TWINS_FROM, advice)


def thumbs(images: Pictures) -> NDArray[np.float32]:
    """Pictures uint8 (n, s, s, 3) as features (n, 768): their means over 16×16 squares, 0…1."""
    count, side = images.shape[:2]
    step = side // THUMB
    squares: NDArray[np.float32] = images.reshape(count, THUMB, step, THUMB, step, 3).mean((2, 4), np.float32)
    squares /= 255
    return squares.reshape(count, -1)


def shapes(images: Pictures) -> NDArray[np.float32]:
    """Pictures uint8 (n, s, s, 3) as features (n, 769) of length 1: `thumbs` without their colour cast and contrast.

    In these a copy is found: a blot of the mean colour, near to everything in plain thumbnails, is near to nothing but
    other blots, by what the last number adds to their length.
    """
    found = thumbs(images).reshape(len(images), THUMB * THUMB, 3)
    found -= found.mean(axis=1, keepdims=True)
    flat = found.reshape(len(images), -1)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), _FLAT)
    missing = 1 - np.minimum(np.einsum("ij,ij->i", flat, flat), 1)
    return np.concatenate([flat, np.sqrt(missing)[:, None]], axis=1)


def _variance(features: NDArray[Any]) -> float:
    """Mean squared distance from the mean: half the mean squared distance of two."""
    return float(np.var(features, axis=0, dtype=np.float64).sum())


# memorised pictures


@dataclass(frozen=True)
class Neighbours:
    """For each fake the real that is nearest to it; all arrays are (n,)."""

    distance: NDArray[np.float64]
    index: Indices
    mirrored: NDArray[np.bool_]
    """Whether it is nearer to the mirror image of that real."""


def nearest_real(fakes: NDArray[Any], reals: NDArray[Any], mirrored: NDArray[Any]) -> Neighbours:
    """From features (n, d) of fakes, of reals, and of the same reals mirrored; of `gan.spaces` or of `shapes`."""
    straight, which = nearest(fakes, reals)
    turned, which_turned = nearest(fakes, mirrored)
    flip = turned < straight
    return Neighbours(np.minimum(straight, turned), np.where(flip, which_turned, which), flip)


def mirror(images: Pictures) -> Pictures:
    """Left and right exchanged."""
    return np.ascontiguousarray(images[:, :, ::-1])


def copied(found: Neighbours, reals: NDArray[Any], mirrored: NDArray[Any]) -> float:
    """Share of fakes nearer to a real than 95 % of reals are to another: 0.05 when all is well, 1 when all are copies.

    The fakes are compared with the pictures trained on, and these with each other and their mirror images, so a
    corpus with near-duplicates, or of one kind of picture, does not raise it.
    """
    near = np.minimum(nearest_other(reals), nearest_other(reals, mirrored))
    return float(np.mean(found.distance < np.quantile(near, QUANTILE)))


def copied_alarm(share: float) -> Alarm | None:
    """Two fifths of the fakes or more are copies by the measure of `copied` in `shapes`: eight times what chance gives.

    There, noisy, smoothed and mirrored copies of 300 pictures gave 1.0 each, other real pictures 0.06, these blurred
    four times 0.13 and eight times 0.26, first blots 0. Features are no base for it: they gave 0.04 to 0.4 for the same
    copies, since noise and blur move them as far as another picture does, and 1.0 for blots.
    """
    return _raised(
        "memorised pictures",
        share,
        COPIED_FROM,
        "fakes repeat pictures of the corpus: add pictures, train with augmentation (--recipe small), or take an"
        " earlier state.",
    )


def _raised(name: str, value: float, threshold: float, advice: str) -> Alarm | None:
    return Alarm(name, float(value), float(threshold), advice) if value >= threshold else None
