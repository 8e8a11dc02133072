"""How a composition becomes a painting: brush work by manner, colour grading, canvas, varnish, age."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from spiders.gallery.paint.canvas import Array, Rng, choice, noise
from spiders.gallery.paint.strokes import paint_over

Pixels = np.ndarray
"""uint8 (height, width, 3), RGB."""


@dataclass(frozen=True)
class Manner:
    """How a style handles paint: its brushes, their scale, and how much tone and relief strokes have.

    `detail` is the share of the picture that is worked over with a finer brush, where most happens.
    """

    brushes: tuple[str, ...]
    scale: tuple[float, float]
    tone: float
    relief: float
    detail: float
    saturation: float = 1.0


MANNERS = {
    "Realism": Manner(("fine", "level"), (0.45, 0.65), 0.03, 0.035, 0.6, 0.9),
    "Romanticism": Manner(("fine", "dabs"), (0.45, 0.65), 0.04, 0.045, 0.5),
    "Baroque": Manner(("fine", "slanted"), (0.4, 0.6), 0.03, 0.04, 0.5, 0.95),
    "Rococo": Manner(("fine",), (0.45, 0.65), 0.04, 0.035, 0.4, 0.9),
    "Impressionism": Manner(("dabs", "level", "slanted"), (0.6, 1.0), 0.11, 0.1, 0.3, 1.1),
    "Post-Impressionism": Manner(("swirl", "slanted", "upright"), (0.8, 1.2), 0.14, 0.16, 0.3, 1.2),
    "Expressionism": Manner(("broad", "knife", "swirl"), (0.7, 1.1), 0.15, 0.15, 0.35, 1.35),
    "Fauvism": Manner(("knife", "broad"), (0.5, 0.8), 0.1, 0.12, 0.35, 1.7),
    "Symbolism": Manner(("fine", "upright"), (0.5, 0.8), 0.05, 0.06, 0.4, 0.8),
    "Pointillism": Manner(("dots",), (0.8, 1.5), 0.2, 0.15, 0.0, 1.25),
    "Cubism": Manner(("slanted", "upright"), (0.5, 0.8), 0.07, 0.08, 0.6, 0.8),
    "Color Field Painting": Manner(("fine", "broad"), (0.5, 0.8), 0.03, 0.03, 0.3),
    "Abstract Expressionism": Manner(("broad", "knife", "swirl"), (0.8, 1.2), 0.1, 0.1, 0.2, 1.1),
    "Suprematism": Manner((), (1, 1), 0, 0, 0, 1.05),
    "Concretism": Manner((), (1, 1), 0, 0, 0, 1.15),
    "Ink and wash painting": Manner((), (1, 1), 0, 0, 0, 0.8),
    "Ukiyo-e": Manner((), (1, 1), 0, 0, 0, 1.0),
}


def painted(rng: Rng, composition: Array, height: int, width: int, style: str) -> Pixels:
    """A composition (float32, any size) as a painting in the manner of a style, height × width."""
    manner = MANNERS[style]
    if style == "Pointillism":
        composition = composition + rng.normal(0, 0.1, composition.shape).astype(np.float32)
    small = to_pixels(graded(rng, composition, manner.saturation))
    if not manner.brushes:
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))
    scale = rng.uniform(*manner.scale) * max(height, width) / 700
    brush = choice(rng, manner.brushes)
    laid = paint_over(rng, small, height, width, brush, scale, manner.tone, manner.relief)
    if manner.detail > 0:
        fine = paint_over(rng, small, height, width, "fine", scale * 0.55, manner.tone * 0.6, manner.relief * 0.7)
        busy = cv2.resize(_busy(small, manner.detail), (width, height), interpolation=cv2.INTER_LINEAR)
        laid = np.where(busy[..., None] > 96, fine, laid)
    return laid


def _busy(small: Pixels, share: float) -> Pixels:
    """255 where most happens, for that share of the picture."""
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    energy = cv2.GaussianBlur(cv2.absdiff(grey, cv2.GaussianBlur(grey, (0, 0), 3)), (0, 0), 3)
    return np.asarray((energy > np.quantile(energy[::4, ::4], 1 - share)) * 255, np.uint8)


def graded(rng: Rng, picture: Array, saturation: float) -> Array:
    """Contrast, brightness, warmth and saturation moved as one picture differs from the next."""
    colourful = saturation * rng.uniform(0.8, 1.15)
    contrast, warmth = rng.uniform(0.88, 1.15), rng.normal(0, 0.03)
    matrix = contrast * (colourful * np.eye(3) + (1 - colourful) / 3)
    offset = 0.5 * (1 - contrast) + rng.normal(0, 0.03) + warmth * np.array([1, 0.15, -1])
    return np.asarray(cv2.transform(picture, np.column_stack([matrix, offset]).astype(np.float32)))


def aged(rng: Rng, picture: Pixels, varnish: float, weave: float) -> Pixels:
    """Canvas weave, darkened corners and, by the amount of `varnish`, a yellowed coat."""
    height, width = picture.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    corner = 128 * (1 - rng.uniform(0, 0.25) * np.abs(np.float32(y)) * np.abs(np.float32(x)))
    period = rng.uniform(2.6, 4)
    rows = 128 * weave * np.sin(np.arange(height, dtype=np.float32) * 2 * np.pi / period)[:, None]
    columns = np.sin(np.arange(width, dtype=np.float32) * 2 * np.pi / period)[None, :]
    top, left = rng.integers(0, 256, 2)
    gain = corner + rows * columns + _grain()[top : top + height, left : left + width]
    coat = (1, 1 - 0.06 * varnish, 1 - 0.22 * varnish)
    gains = cv2.merge([cv2.convertScaleAbs(gain, alpha=share) for share in coat])
    return np.asarray(cv2.multiply(picture, gains, scale=1 / 128))


@lru_cache(maxsize=1)
def _grain() -> Array:
    return np.random.default_rng(0).normal(0, 2.5, (1280, 1280)).astype(np.float32)


def paper(rng: Rng, height: int, width: int, tint: Array, depth: float = 0.06) -> Array:
    """A sheet of paper or silk: a tint with fibres and stains."""
    stains = noise(rng, height, width, 3, 4)
    fibres = noise(rng, height, width, 60, 2, 3)
    return np.clip(tint * (1 + depth * (stains + 0.6 * fibres - 0.8))[..., None], 0, 1).astype(np.float32)


def to_pixels(picture: Array) -> Pixels:
    """0 to 1 as 0 to 255."""
    return np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0), alpha=255))
