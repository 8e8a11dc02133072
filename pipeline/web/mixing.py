"""Latent arithmetic for the pages: samples of a run added and subtracted give a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import UsageError
from pipeline.storage import Root

MOST = 12


def mixed(_root: Root, edition: Mapping[str, Any], said: Mapping[str, Any]) -> bytes:
    """A PNG from `{run, plus: [seed…], minus: [seed…]}`: the samples of the theme's GAN by their numbers.

    Raises UsageError when the theme has no GAN or the samples are not numbers.
    """
    run = said.get("run")
    path = next((r["path"] for r in edition.get("runs") or [] if r["cluster"] == run and r.get("path")), None)
    if path is None:
        raise UsageError("That theme has no GAN yet: train it first.")
    samples = {name: _samples(said.get(name, []), name) for name in ("plus", "minus")}
    if not samples["plus"]:
        raise UsageError("Choose at least one sample to add.")
    raise UsageError("This version cannot mix samples yet: it shows walks and grids only.")


def _samples(value: Any, name: str) -> list[int]:
    good = isinstance(value, list) and all(isinstance(one, int) and 0 <= one < 1 << 31 for one in value)
    if not good or len(value) > MOST:
        raise UsageError(f"`{name}` must be a list of at most {MOST} numbers of samples.")
    return list(value)
