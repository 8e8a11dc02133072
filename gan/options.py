"""What can be chosen for a training, and how the rest follows from it and from the number of pictures."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gan.augment import KINDS
from gan.losses import Loss
from gan.nets import Norm
from pipeline.errors import UsageError

# What decides the course of a training; all other options may differ when a run is continued.
FIXED = (
    "recipe", "size", "width", "kernel", "batch", "seed", "lr", "lr_d", "beta1", "blocks", "norm", "loss", "augment",
    "augment_epochs", "r1", "r1_every", "heads", "zoom", "ema_kimg", "held_out", "precision", "grid",
)  # fmt: skip

Recipe = Literal["radford", "small", "projected"]
Augmentation = Literal["mirror", "colour", "translation", "cutout"]

_FEW_PICTURES: dict[str, Any] = {
    "width": 64,
    "kernel": 4,
    "batch": 32,
    "augment": ("colour", "translation", "cutout"),
    "held_out": 0.05,
    "patience": 10,
}

# What each recipe changes of the defaults below, after the papers of its parts; docs/gan.md says what was measured.
RECIPES: dict[str, dict[str, Any]] = {
    "radford": {},
    "small": {**_FEW_PICTURES, "lr": 4e-4, "augment_epochs": 400},
    "projected": {**_FEW_PICTURES, "norm": "spectral", "loss": "hinge"},
}

_EPOCHS = 25  # the paper's training on faces
_UPDATES = 3000  # on small sets epochs are few updates: 10,000 pictures for 100 epochs were noise still


class TrainOptions(BaseModel):
    """All choices of one training. The defaults are those of Radford et al. 2015; a recipe brings others.

    Two things are added that do not touch the course of the training: samples come from a running average of the
    generator, and products are in bfloat16 where the machine has it. On a CPU `width` 64 and `kernel` 4 are what
    most people train since: five times as fast, and hard to tell apart on small corpora.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe = "radford"
    """Decides every choice below that is not made: `RECIPES`."""
    size: Literal[32, 64, 128] = 64
    """Side of the pictures in pixels."""
    width: int = Field(128, ge=1, le=512)
    """Channels of the last layer before the picture: 128 as published; 64 needs a quarter of the arithmetic."""
    kernel: Literal[4, 5] = 5
    """Side of the filters: 5 as published; 4 needs two thirds of the arithmetic."""
    batch: int = Field(128, ge=2)
    """Pictures in each update; batch normalisation needs at least two."""
    kimg: float | None = Field(None, gt=0)
    """Thousands of real pictures to show in all, over all calls on the same run."""
    minutes: float | None = Field(None, gt=0)
    """Minutes of training in all, over all calls on the same run."""
    seed: int = Field(0, ge=0, lt=2**63)
    lr: float = Field(2e-4, gt=0)
    """Step size of Adam."""
    lr_d: float = Field(2e-4, gt=0)
    """Step size of the discriminator's Adam, as `lr` unless it is given (two time scales: Heusel et al. 2017)."""
    beta1: float = Field(0.5, ge=0, lt=1)
    """Momentum of Adam."""
    blocks: Literal["plain", "residual"] = "plain"
    """Whether doublings and halvings have a shortcut."""
    norm: Norm = "batch"
    """What keeps the discriminator's signals in bounds; `projected` has spectral norms in its heads, always."""
    loss: Loss = "original"
    augment: tuple[Augmentation, ...] = ()
    """How the pictures are changed that the discriminator sees, in the order of `gan.augment.KINDS`."""
    augment_epochs: float = Field(0.0, ge=0)
    """After how many epochs every picture is changed; before, evenly fewer. With 0 all are from the start."""
    r1: float = Field(0.0, ge=0)
    """γ of the penalty on the discriminator's gradient at real pictures; 0 is none."""
    r1_every: int = Field(16, ge=1)
    """The penalty is taken at every so many updates, and so many times as heavily."""
    heads: int = Field(64, ge=1, le=512)
    """Channels of the finest head of the `projected` discriminator."""
    zoom: Literal[1, 2, 4] = 1
    """How often the `projected` discriminator enlarges pictures before it looks."""
    ema_kimg: float = Field(10.0, ge=0)
    """Half-life of the averaged generator, in thousands of pictures; with 0 samples come from the generator itself."""
    held_out: float = Field(0.0, ge=0, le=0.5)
    """Share of the pictures that is never trained on, to tell when the others are known by heart."""
    patience: int = Field(0, ge=0)
    """Training ends when the distance did not fall in so many looks in a row; with 0 only by its budget."""
    snapshot_kimg: int | None = Field(None, ge=1)
    """Thousands of pictures between sample grids; by default 25 grids over the budget."""
    grid: int = Field(8, ge=1, le=32)
    """Sample grids have this many rows and columns."""
    min_pictures: int = Field(300, ge=1)
    """Fewer different pictures than this are refused."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    save_seconds: float = Field(180.0, ge=0)
    """Seconds between states, and so the training that a kill can cost; stopping by a signal costs none."""

    @model_validator(mode="before")
    @classmethod
    def _as_the_recipe_has_it(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        recipe = data.get("recipe", "radford")
        filled = {**RECIPES.get(recipe if isinstance(recipe, str) else "", {}), **data}
        if "lr" in filled:
            filled.setdefault("lr_d", filled["lr"])
        return filled

    @field_validator("augment", mode="before")
    @classmethod
    def _from_words(cls, value: Any) -> Any:
        """`colour,translation` or `none` as well; in one order, without doubles."""
        words = value.replace(" ", "").split(",") if isinstance(value, str) else value
        if isinstance(words, list | tuple) and set(words) <= KINDS.keys() | {"none"}:
            return tuple(kind for kind in KINDS if kind in words)
        return words

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.r1 and self.recipe == "projected":
            raise ValueError("the penalty r1 is for the discriminators of radford and small, not for projected")
        return self


def supports_bf16(device: torch.device) -> bool:
    """Whether bfloat16 products are done in hardware; elsewhere they are slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def resolve(options: TrainOptions, pictures: int, device: torch.device) -> TrainOptions:
    """`options` with nothing left open: a budget, and the precision of this machine."""
    found: dict[str, object] = {}
    if options.kimg is None and options.minutes is None:
        found["kimg"] = max(_EPOCHS * pictures, _UPDATES * options.batch) / 1000
    if options.precision == "auto":
        found["precision"] = "bf16" if supports_bf16(device) else "fp32"
    return options.model_copy(update=found)


def refuse_other_course(now: TrainOptions, before: TrainOptions, where: str) -> None:
    """Raises UsageError when a run begun with `before` cannot be continued with `now`."""
    differ = [name for name in FIXED if getattr(now, name) != getattr(before, name)]
    if differ:
        changes = ", ".join(f"{name} {getattr(before, name)} → {getattr(now, name)}" for name in differ)
        raise UsageError(
            f"The run in {where} was begun with other options ({changes}): "
            "give the same ones to continue it, or name another folder for a new run."
        )


def budget_spent(options: TrainOptions, images: int, seconds: float) -> float:
    """Share of the budget that is used up, 1 or more when it is reached."""
    shares = [0.0]
    if options.kimg is not None:
        shares.append(images / (options.kimg * 1000))
    if options.minutes is not None:
        shares.append(seconds / (options.minutes * 60))
    return max(shares)
