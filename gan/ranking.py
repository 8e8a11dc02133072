"""Real pictures by how real their own discriminator takes them to be: both ends are worth a look, for cleaning."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from gan import sheets
from gan.looking import Found, Opened, Reals, reals_of
from gan.nets import Discriminator
from gan.sample import Pictures, png, to_unit
from gan.sheets import Row, enlarged

LEAST = 2
_BATCH = 64
_ACROSS = 8
_SHORT = 12  # characters of an id below a picture


@torch.no_grad()
def scores(network: Discriminator, images: Pictures) -> NDArray[np.float32]:
    """The logit of each of `images`, uint8 (n, size, size, 3): high where it looks real to `network`."""
    network.eval()
    parts = [
        network(to_unit(torch.from_numpy(images[start : start + _BATCH]))).float()
        for start in range(0, len(images), _BATCH)
    ]
    return torch.cat(parts).numpy()


def rank(run: Opened, given: Reals, tail: int = 48) -> list[Found]:
    """All pictures by their score as CSV, lowest first, and the `tail` lowest and highest as sheets with their ids.

    Raises UsageError for fewer than two pictures.
    """
    images, ids = reals_of(given, run.options.size, LEAST)
    found = scores(run.discriminator, images)
    order = np.argsort(found, kind="stable")
    tails = {"lowest": order[:tail], "highest": order[::-1][:tail]}
    made = [_sheet(run, name, images, ids, found, at) for name, at in tails.items()]
    about = {
        "caption": "The discriminator's score of each picture",
        "ids": [ids[at] for at in order],
        "scores": [round(float(found[at]), 5) for at in order],
        "kimg": run.kimg,
    }
    return [*made, Found("rank", "scores", {"csv": _csv([(ids[at], float(found[at])) for at in order])}, about)]


def _sheet(
    run: Opened, name: str, images: Pictures, ids: Sequence[str], found: NDArray[np.float32], at: NDArray[np.int64]
) -> Found:
    rows = []
    for start in range(0, len(at), _ACROSS):
        some = at[start : start + _ACROSS]
        captions = [f"{ids[one].rpartition('/')[2][:_SHORT]}" for one in some]
        rows.append(Row([enlarged(images[one]) for one in some], captions=captions))
    low, high = sorted((float(found[at[0]]), float(found[at[-1]])))
    about = {
        "caption": f"The {len(at)} of {len(images):,} real pictures that its discriminator takes for the "
        f"{'least' if name == 'lowest' else 'most'} real",
        "scores": f"{low:.2f} to {high:.2f}",
        "kimg": run.kimg,
        "ids": [ids[one] for one in at],
    }
    return Found("rank", name, {"png": png(sheets.sheet(rows))}, about)


def _csv(rows: Sequence[tuple[str, float]]) -> bytes:
    """A line for each picture: id and score."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["id", "score"])
    writer.writerows((f"'{one}" if one[:1] in "=+-@" else one, f"{score:.5f}") for one, score in rows)
    return stream.getvalue().encode()
