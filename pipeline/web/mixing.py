"""Latent arithmetic for the pages: samples of a run added and subtracted give a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.storage import Root

if TYPE_CHECKING:
    from gan.looking import Opened

MOST = 64


@dataclass(frozen=True)
class Sum:
    """What is to be mixed: the folder of a run, and the numbers of its samples to add and to subtract."""

    run: str
    plus: list[int]
    minus: list[int]


def asked(edition: Mapping[str, Any], said: Mapping[str, Any]) -> Sum:
    """The sum that `{run: theme, plus: [number…], minus: [number…]}` asks for; samples are numbered as in the grids.

    Raises UsageError when the theme has no GAN or the samples are not numbers.
    """
    run = said.get("run")
    path = next((r["path"] for r in edition.get("runs") or [] if r["cluster"] == run and r.get("path")), None)
    if path is None:
        raise UsageError("That theme has no GAN yet: train it first.")
    made = Sum(str(path), *(_samples(said.get(name, []), name) for name in ("plus", "minus")))
    if not made.plus:
        raise UsageError("Choose at least one sample to add.")
    return made


def mixed(root: Root, wanted: Sum) -> bytes:
    """The picture of a sum as PNG. Loads torch when it is first asked for.

    Raises UsageError when the run has no state yet, IntegrityFailed when that is damaged.
    """
    from gan import mixes
    from gan.state import saved

    folder = root.sub(wanted.run)
    return mixes.picture(_opened(folder.url, tuple(saved(folder))), wanted.plus, wanted.minus)


@lru_cache(maxsize=2)
def _opened(folder: str, _states: tuple[str, ...]) -> Opened:
    """A run at its newest state, kept for the next sum."""
    from gan.looking import open_run

    return open_run(folder).lightened()


def _samples(value: Any, name: str) -> list[int]:
    good = isinstance(value, list) and all(type(one) is int and 0 <= one < 1 << 31 for one in value)
    if not good or len(value) > MOST:
        raise UsageError(f"`{name}` must be a list of at most {MOST} numbers of samples.")
    return list(value)
