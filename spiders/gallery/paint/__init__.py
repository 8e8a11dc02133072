"""Paints pictures that look like art: the same bytes for the same family and seed.

A picture is composed small (`land`, `sea`, `town`, `still`, `flowers`, `portrait`, `abstract`, `ink`, `ukiyo`,
`park`), then painted over at its own size in the strokes of a style (`finish`, `strokes`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from spiders.gallery.paint.abstract import colour_field, geometry
from spiders.gallery.paint.canvas import Array, Rng, choice
from spiders.gallery.paint.finish import aged, painted
from spiders.gallery.paint.flowers import flowers
from spiders.gallery.paint.ink import ink_wash
from spiders.gallery.paint.land import landscape
from spiders.gallery.paint.park import park
from spiders.gallery.paint.portrait import portrait
from spiders.gallery.paint.sea import seascape
from spiders.gallery.paint.still import still_life, vanitas
from spiders.gallery.paint.town import cityscape
from spiders.gallery.paint.ukiyo import ukiyo_e
from spiders.gallery.works import digest

VERSION = 3
"""Changes whenever the same seed gives another picture."""
COMPOSED = 360
"""Longest side in pixels at which scenes are composed; families with fine lines take `FINE` times as much."""
FINE = 1.6


@dataclass(frozen=True)
class Family:
    """One family of pictures: how it is composed, in which styles, how wide for its height."""

    compose: Callable[..., Array]
    styles: tuple[str, ...]
    aspects: tuple[float, float]
    genre: str
    detail: float = 1


_SCENERY = ("Impressionism", "Romanticism", "Realism", "Post-Impressionism", "Expressionism")
FAMILIES = {
    "landscape": Family(landscape, _SCENERY, (0.75, 1.9), "landscape"),
    "seascape": Family(seascape, _SCENERY, (0.75, 1.9), "marina"),
    "cityscape": Family(
        cityscape, ("Impressionism", "Realism", "Post-Impressionism", "Expressionism"), (0.65, 1.5), "cityscape"
    ),
    "portrait": Family(
        portrait, ("Realism", "Baroque", "Romanticism", "Impressionism", "Rococo"), (0.62, 1.05), "portrait", FINE
    ),
    "still life": Family(
        still_life, ("Realism", "Baroque", "Post-Impressionism", "Impressionism", "Fauvism"), (0.7, 1.6), "still life"
    ),
    "vanitas": Family(vanitas, ("Baroque", "Realism", "Expressionism", "Symbolism"), (0.65, 1.6), "vanitas"),
    "flowers": Family(
        flowers, ("Impressionism", "Realism", "Post-Impressionism", "Baroque", "Fauvism"), (0.6, 1.3), "flower painting"
    ),
    "pointillism": Family(park, ("Pointillism",), (0.7, 1.7), "landscape"),
    "colour field": Family(colour_field, ("Color Field Painting", "Abstract Expressionism"), (0.6, 1.5), "abstract"),
    "geometry": Family(geometry, ("Suprematism", "Concretism"), (0.6, 1.5), "abstract", FINE),
    "ink wash": Family(ink_wash, ("Ink and wash painting",), (0.45, 1.8), "shan shui", FINE),
    "woodcut": Family(ukiyo_e, ("Ukiyo-e",), (0.66, 1.55), "landscape", FINE),
}


def paint(family: str, seed: int, faces: str | Path | None = None) -> Image.Image:
    """One picture, RGB, 400 to 960 pixels long; `faces` is a folder with photographs of faces for portraits."""
    kind = FAMILIES[family]
    rng, style, width, height = _plan(family, seed)
    scale = kind.detail * COMPOSED / max(width, height)
    extra = (str(faces),) if faces and kind.compose is portrait else ()
    composition = kind.compose(rng, round(height * scale), round(width * scale), *extra)
    pixels = painted(rng, composition, height, width, style)
    return Image.fromarray(aged(rng, pixels, rng.uniform(0, 0.6), rng.uniform(0, 0.05)))


def style_of(family: str, seed: int) -> str:
    """The style in which that picture is painted."""
    return _plan(family, seed)[1]


def size_of(family: str, seed: int) -> tuple[int, int]:
    """Width and height of that picture in pixels."""
    return _plan(family, seed)[2:]


def _plan(family: str, seed: int) -> tuple[Rng, str, int, int]:
    rng = np.random.default_rng([digest("family", family) % 2**32, seed])
    style = choice(rng, FAMILIES[family].styles)
    longest = int(rng.triangular(400, 560, 960))
    aspect = float(np.exp(rng.uniform(*np.log(FAMILIES[family].aspects))))
    width, height = (longest, int(longest / aspect)) if aspect > 1 else (int(longest * aspect), longest)
    return rng, style, width, height
