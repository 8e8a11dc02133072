"""The figures of a run: how far its pictures are from real ones, each beside the same figure of other real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gan import alarms, spaces
from gan.metrics import FRECHET_LEAST, Features, frechet, kid, prdc
from gan.sample import Pictures
from pipeline.errors import UsageError

LEAST = 20  # pictures on a side
SHAPES = f"shapes@{alarms.THUMB}"


@dataclass(frozen=True)
class Figure:
    """One figure of the made pictures, and its floor: what real pictures get. NaN where it cannot be had."""

    name: str
    """With the space it was measured in: `kid-efflite0@64`."""
    value: float
    sd: float
    """Standard deviation over draws of pictures, for a mean of such; else NaN."""
    floor: float
    floor_sd: float
    pictures: int
    """On each side of the comparison of the floor, and of the figure where they must be equal."""
    better: str
    """`lower`, `higher` or `floor`: which way is good, or that it should be like the floor."""
    note: str = ""


def measure(
    fakes: Pictures, reals: Pictures, held_out: Pictures, network: Path = spaces.DEFAULT, seed: int = 0
) -> list[Figure]:
    """All figures of `fakes` against `reals`, the pictures trained on, and against some that were not, `held_out`.

    All are uint8 (n, size, size, 3). The floor is one half of the reals against the other; what depends on the
    number of pictures (all but the kernel distance) is measured with as many as such a half has, on each side.
    `network` is a packaged feature network or one of the user's, see `gan.spaces`. Raises UsageError for fewer than
    20 fakes or 40 reals.
    """
    if len(fakes) < LEAST or len(reals) < 2 * LEAST:
        raise UsageError(
            f"{len(fakes)} made and {len(reals)} real pictures are too few to measure: "
            f"{LEAST} made and {2 * LEAST} real ones are needed."
        )
    space = spaces.name(reals.shape[1], network)
    order = np.random.default_rng(seed).permutation(len(reals))
    real, made = spaces.features(reals[order], network), spaces.features(fakes, network)
    held = spaces.features(held_out, network) if len(held_out) >= LEAST else real[:0]
    figures = [*_distances(made, real, held, space, seed), *_neighbourhoods(made, real, space)]
    mirrored = spaces.features(alarms.mirror(reals[order]), network)
    return [*figures, *_originality(made, real, mirrored, fakes, reals[order], space)]


def _distances(made: Features, real: Features, held: Features, space: str, seed: int) -> Iterator[Figure]:
    half = len(real) // 2

    def kernel(name: str, a: Features, b: Features, floor_a: Features, floor_b: Features) -> Figure:
        found = kid(a, b, rng=np.random.default_rng(seed))
        floor = kid(floor_a, floor_b, rng=np.random.default_rng(seed))
        return Figure(name, found.mean, found.sd, floor.mean, floor.sd, min(len(floor_a), len(floor_b)), "lower")

    yield kernel(f"kid-{space}", made, real, real[:half], real[half:])
    if len(held):
        yield kernel(f"kid-held-out-{space}", made, held, real, held)
    count = min(len(made), len(real))
    enough = count >= FRECHET_LEAST
    yield Figure(
        f"frechet-{space}",
        frechet(made[:count], real[:count]) if enough else np.nan,
        np.nan,
        frechet(real[:half], real[half:]) if half >= FRECHET_LEAST and enough else np.nan,
        np.nan,
        half if enough and half >= FRECHET_LEAST else count,
        "lower",
        "" if enough else f"needs {FRECHET_LEAST:,} pictures on each side",
    )


def _neighbourhoods(made: Features, real: Features, space: str) -> Iterator[Figure]:
    count = min(len(made), len(real) // 2)
    reference, others = real[:count], real[count : 2 * count]
    found, floor = prdc(reference, made[:count]), prdc(reference, others)
    for name, better in (("precision", "higher"), ("recall", "higher"), ("density", "higher"), ("coverage", "higher")):
        value, least = getattr(found, name), getattr(floor, name)
        yield Figure(f"{name}-{space}", value, np.nan, least, np.nan, count, better)


def _originality(
    made: Features, real: Features, mirrored: Features, fakes: Pictures, reals: Pictures, space: str
) -> Iterator[Figure]:
    """Copies and twins, in pixels and in features; their floors are what chance gives."""
    shapes = alarms.shapes(fakes), alarms.shapes(reals), alarms.shapes(alarms.mirror(reals))
    for where, (own, known, turned) in {SHAPES: shapes, space: (made, real, mirrored)}.items():
        copied = alarms.copied(alarms.nearest_real(own, known, turned), known, turned)
        yield Figure(f"copied-{where}", copied, np.nan, alarms.QUANTILE, np.nan, len(known), "floor")
    found = alarms.diversity(real, made)
    count = min(len(real), len(made))
    yield Figure(f"spread-{space}", found.spread, np.nan, 1.0, np.nan, count, "floor")
    yield Figure(f"twins-{space}", found.twins, np.nan, alarms.QUANTILE, np.nan, count, "floor")


def advice(figures: list[Figure]) -> list[alarms.Alarm]:
    """What the figures warn of."""
    values = {figure.name.split("-")[0]: figure.value for figure in figures}
    copied = next(figure.value for figure in figures if figure.name == f"copied-{SHAPES}")
    found = (
        alarms.copied_alarm(copied),
        alarms.collapse_alarm(alarms.Diversity(values["spread"], values["twins"])),
    )
    return [alarm for alarm in found if alarm is not None]
