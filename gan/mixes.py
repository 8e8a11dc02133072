"""Arithmetic on latents (Radford et al. 2015, figure 7): means of groups of samples, added and subtracted."""

from __future__ import annotations

import numpy as np

from gan import latent, sheets, sums
from gan.looking import Found, Opened
from gan.sample import Pictures, png
from gan.sheets import Row, block, enlarged
from gan.sums import Term
from pipeline.errors import UsageError

_SHOWN = 9  # members of a group on the sheet
_PAGE = 100  # samples on a sheet to choose from
_PICTURE = 128  # least side of a single picture


def mix(run: Opened, text: str, temperature: float = 1.0, seed: int = 0) -> Found:
    """A sum of groups of samples as a sheet: each group with its mean, and the result amid eight neighbours.

    Raises UsageError for a sum that is none, and for unknown names.
    """
    terms = run.names.terms(text)
    total = latent.mixed([(term.sign, term.latents) for term in terms]) * temperature
    near = [enlarged(picture, 64) for picture in run.pictures(latent.neighbours(total, seed))]
    groups = [Row(_group(run, term), f"{'+' if term.sign > 0 else '−'} {term.words}") for term in terms]
    written = sums.said([(term.sign, term.words) for term in terms])
    alone = enlarged(run.pictures(total[None])[0], 3 * near[0].shape[0])
    result = Row([alone, block(near)], "the sum, and amid its neighbours")
    about = {
        "caption": written,
        "length": round(float(total.norm()), 2),
        "length_of_a_sample": round((len(total) / 3) ** 0.5, 2),
        "temperature": temperature,
        "kimg": run.kimg,
        "latent": [round(value, 6) for value in total.tolist()],
    }
    return Found("mix", sums.slug(written), {"png": png(sheets.sheet([*groups, result], written))}, about)


def _group(run: Opened, term: Term) -> list[Pictures]:
    """The members of a group, and their mean at the end where there are several."""
    members = run.tiles(term.latents[:_SHOWN])
    return members if len(term.latents) == 1 else [*members, run.tiles(term.latents.mean(0)[None])[0]]


def picture(run: Opened, plus: list[int], minus: list[int]) -> bytes:
    """A PNG of the mean of some samples less the mean of others, for a page where they are clicked."""
    if not plus:
        raise UsageError("Choose at least one sample to add.")
    groups = [(sign, latent.of_samples(numbers, run.options.seed)) for sign, numbers in ((1, plus), (-1, minus))]
    total = latent.mixed([(sign, latents) for sign, latents in groups if len(latents)])
    return png(enlarged(run.pictures(total[None])[0], _PICTURE))


def numbered(run: Opened, first: int = 0, count: int = _PAGE) -> Found:
    """A sheet of samples with their numbers, to choose from."""
    chosen = [*range(first, first + count)]
    tiles = run.tiles(latent.of_samples(chosen, run.options.seed))
    columns = int(np.ceil(len(tiles) ** 0.5))
    rows = [
        Row(tiles[start : start + columns], captions=[str(one) for one in chosen[start : start + columns]])
        for start in range(0, len(tiles), columns)
    ]
    about = {"caption": f"Samples {first} to {first + count - 1}, to choose from", "kimg": run.kimg}
    return Found("mix", f"samples-{first:05d}", {"png": png(sheets.sheet(rows))}, about)
