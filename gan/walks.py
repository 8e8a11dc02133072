"""Walks through the space of latents: films, and strips that do not move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan import film, latent, sheets
from gan.latent import Way
from gan.looking import Found, Opened
from gan.sample import Pictures, grid, png
from gan.sheets import Row, enlarged
from gan.sums import slug
from pipeline.errors import UsageError

STRIP = 9  # pictures of a strip, as in the paper
MOST_FRAMES = 2000
_FRAME_MS = 60


@dataclass(frozen=True)
class Walk:
    """How to walk: `steps` pictures from point to point; `temperature` below 1 stays near the middle."""

    way: Way = "spherical"
    steps: int = 24
    loop: bool = False
    temperature: float = 1.0


def through(run: Opened, stops: Sequence[str], how: Walk) -> Found:
    """A walk through samples, by number or name, as GIF, MP4 and strip (PNG): a row for each leg.

    Raises UsageError when a stop is unknown, or for fewer than two.
    """
    points = torch.stack([run.names.point(stop) for stop in stops]) if stops else torch.empty(0)
    latents = _walked(points, how)
    ends = list(zip(stops, [*stops[1:], stops[0]] if how.loop else stops[1:], strict=False))
    rows = []
    for number, (start, end) in enumerate(ends):
        pair = points[[number, (number + 1) % len(points)]] * how.temperature
        leg = latent.between(pair[0], pair[1], torch.linspace(0, 1, STRIP), how.way)
        rows.append(Row(run.tiles(leg), f"{start}\nto {end}"))
    frames = list(run.pictures(latents))
    name = slug("_".join(stops)) + _suffix(how)
    return _found(run, name, frames, sheets.sheet(rows), how, f"A walk through {', '.join(stops)}")


def many(run: Opened, rows: int, columns: int, first: int, how: Walk) -> Found:
    """A grid of walks at once, each through four samples of its own, from the sample `first` on."""
    count = rows * columns
    stops = latent.of_samples([*range(first, first + 4 * count)], run.options.seed).view(count, 4, -1)
    if count * how.steps * 4 > MOST_FRAMES * STRIP:
        raise UsageError(f"{count} walks are too many at {how.steps} steps: ask for fewer of either.")
    walks = torch.stack([_walked(points, how) for points in stops], 1)
    frames = [grid(run.pictures(latents), columns) for latents in walks]
    strip = np.linspace(0, len(walks) - 1, STRIP).round().astype(int)
    shown = [Row(run.tiles(walks[strip, number])) for number in range(min(count, STRIP))]
    caption = f"{count} walks at once, each through four samples"
    return _found(run, f"grid-{rows}x{columns}-{first:05d}{_suffix(how)}", frames, sheets.sheet(shown), how, caption)


def plane(run: Opened, corners: Sequence[str], side: int, how: Walk) -> Found:
    """A square of pictures between four samples, which stand in its corners."""
    if len(corners) != 4:
        raise UsageError(f"A plane has four corners, not {len(corners)}: name four samples.")
    points = torch.stack([run.names.point(corner) for corner in corners]) * how.temperature
    made = run.pictures(latent.plane(points, side, side, how.way))
    sheet = grid(np.stack([enlarged(picture, 64) for picture in made]), side)
    about = _about(run, how, f"Between four samples: {', '.join(corners)} in the corners")
    return Found("walks", f"plane-{slug('_'.join(corners))}{_suffix(how)}", {"png": png(sheet)}, about)


def _walked(points: Tensor, how: Walk) -> Tensor:
    if how.steps * len(points) > MOST_FRAMES:
        raise UsageError(f"{how.steps * len(points):,} pictures are too many for a film: {MOST_FRAMES:,} at most.")
    return latent.walk(points * how.temperature, how.steps, how.way, how.loop)


def _found(run: Opened, name: str, frames: list[Pictures], strip: Pictures, how: Walk, caption: str) -> Found:
    last = _FRAME_MS if how.loop else film.LAST_MS // 3
    shown = [enlarged(frame, 128) for frame in frames]
    files = {
        "mp4": film.mp4(shown, _FRAME_MS, last),
        "gif": film.gif(shown, _FRAME_MS, last),
        "png": png(strip),
    }
    return Found("walks", name, files, _about(run, how, caption) | {"pictures": len(frames)})


def _about(run: Opened, how: Walk, caption: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"caption": caption, "way": how.way, "temperature": how.temperature}
    return facts | {"loop": "yes" if how.loop else "no", "kimg": run.kimg}


def _suffix(how: Walk) -> str:
    """What tells one walk through the same points from another."""
    parts: list[str] = [how.way] if how.way != Walk.way else []
    parts += ["loop"] if how.loop else []
    parts += [f"t{how.temperature:g}"] if how.temperature != 1 else []
    return "".join(f"-{part}" for part in parts)
