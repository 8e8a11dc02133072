"""A trained run, opened to look inside; and the shelves of its folder, where what was seen is put."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gan import state as states
from gan.nets import Discriminator, Generator
from gan.options import TrainOptions
from gan.sample import Pictures, generate
from gan.sheets import enlarged
from gan.sums import Names
from pipeline.errors import UsageError
from pipeline.storage import Root

Reals = Callable[[int], tuple[Pictures, list[str]]]
"""Real pictures at a size, uint8 (n, size, size, 3), and the id or file name of each."""


@dataclass
class Opened:
    """A run: its averaged generator, what it was trained with, how many thousand pictures it had been shown."""

    out: Root
    data: bytes
    options: TrainOptions
    kimg: float

    @cached_property
    def generator(self) -> Generator:
        """The averaged generator."""
        return states.generator_from(self.data)

    @cached_property
    def discriminator(self) -> Discriminator:
        """The discriminator, in evaluation mode."""
        return states.discriminator_from(self.data)

    def lightened(self) -> Opened:
        """Itself, able to draw and nothing else: the bytes of its state are let go."""
        _ = self.generator
        self.data = b""
        return self

    @property
    def names(self) -> Names:
        """The samples by number or name."""
        return Names(self.out, self.options.seed)

    def pictures(self, latents: Tensor) -> Pictures:
        """What the generator makes of latents (n, 100): uint8 (n, size, size, 3)."""
        return generate(self.generator, latents)

    def tiles(self, latents: Tensor) -> list[Pictures]:
        """The same, each enlarged for a sheet."""
        return [enlarged(picture) for picture in self.pictures(latents)]


def open_run(folder: str | Path | Root, step: int | None = None) -> Opened:
    """The run in a folder at its newest state, or at `step` thousand pictures.

    Raises UsageError when there is none, IntegrityFailed when its file is damaged, malicious or of another shape.
    """
    out = folder if isinstance(folder, Root) else Root(folder)
    data = states.read_state(out, step)
    header = states.read_header(data)
    return Opened(out, data, header.options, header.progress.kimg)


def reals_of(given: Reals, size: int, least: int) -> tuple[Pictures, list[str]]:
    """Real pictures and their names. Raises UsageError for fewer than `least`."""
    images, names = given(size)
    if len(images) < least:
        raise UsageError(f"{len(images)} pictures are too few: give at least {least} that the GAN was trained on.")
    return images, names


@dataclass(frozen=True)
class Found:
    """What a look gives: files by their ending (`png`, `gif`, `mp4`, `csv`, …), and what the page says of them."""

    shelf: str
    name: str
    files: Mapping[str, bytes]
    about: Mapping[str, Any]

    def put(self, out: Root) -> list[str]:
        """Write it into the run's folder, words first; where the files lie there."""
        return [f"{self.shelf}/{file}" for file in self.put_flat(out.sub(self.shelf))]

    def put_flat(self, out: Root) -> list[str]:
        """Write it right into a folder of its own."""
        out.commit(f"{self.name}.json", json.dumps(self.about, ensure_ascii=False, indent=1).encode())
        for ending, data in self.files.items():
            out.commit(f"{self.name}.{ending}", data)
        return [f"{self.name}.{ending}" for ending in self.files]

    def put_as(self, file: Path) -> list[str]:
        """Write the one that a file of this name is to hold. Raises UsageError when there is none of its kind."""
        ending = file.suffix.lower().lstrip(".")
        if ending not in self.files:
            kinds = " or ".join(f".{kind}" for kind in self.files)
            raise UsageError(f"{file.name}: this can be written as {kinds}, by the ending of the name.")
        where = file.expanduser().absolute()
        Root(where.parent).commit(where.name, self.files[ending])
        return [str(file)]


def rms(a: Pictures, b: Pictures) -> float:
    """Root of the mean squared difference of two pictures, in levels of 0…255."""
    return float(np.sqrt(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)))
