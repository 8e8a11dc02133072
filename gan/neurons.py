"""Sheets of units: what excites those of the discriminator, and what those of the generator draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gan import deconvnet, sheets
from gan.deconvnet import Answers, Box, Fields, Floats
from gan.looking import Found, Opened, Reals, reals_of
from gan.nets import LATENT_DIM, Generator
from gan.residual import ResidualGenerator, Up
from gan.sample import Pictures, png, to_pictures
from gan.sheets import Row, block, enlarged
from pipeline.errors import UsageError

NINE = 9  # pictures for a unit, as in the paper
LEAST = 20
_CROP = 48  # least side of a crop on a sheet
_GREY = 128
_BATCH = 64


@dataclass(frozen=True)
class Choice:
    """Which units: of one layer, counted from 1 at the picture, or of all; one unit, or the top `count`."""

    layer: int | None = None
    unit: int | None = None
    count: int = 6


# the discriminator


def of_discriminator(run: Opened, given: Reals, choice: Choice, most: int = 5000, seed: int = 0) -> list[Found]:
    """For each layer a sheet: units with the nine pictures that excite them most, what in them does, and their ideal.

    At most `most` of the pictures are looked at. Raises UsageError for a projected run, or too few pictures.
    """
    network, size = run.discriminator, run.options.size
    known = deconvnet.layers(network)
    images, _ = reals_of(given, size, LEAST)
    images = images[np.sort(np.random.default_rng(seed).permutation(len(images))[:most])]
    found = deconvnet.answers(network, images)
    fields = Fields(network, size)
    return [
        _layer_sheet(run, index, images, found[index], fields, choice) for index in _chosen(choice, len(known))
    ]


def _chosen(choice: Choice, count: int) -> list[int]:
    if choice.layer is None:
        return [*range(count)]
    if not 1 <= choice.layer <= count:
        raise UsageError(f"There is no layer {choice.layer}: this network has layers 1 to {count}.")
    return [choice.layer - 1]


def _units(choice: Choice, count: int, best: Sequence[int]) -> list[int]:
    if choice.unit is None:
        return list(best)
    if not 0 <= choice.unit < count:
        raise UsageError(f"There is no unit {choice.unit}: this layer has units 0 to {count - 1}.")
    return [choice.unit]


def _layer_sheet(
    run: Opened, index: int, images: Pictures, found: Answers, fields: Fields, choice: Choice
) -> Found:
    best = deconvnet.choosiest(found, choice.count)
    units = _units(choice, found.strengths.shape[1], best)
    ideals = deconvnet.maximise(run.discriminator, index, units, run.options.size)
    side = _field_side(fields, index, run.options.size)
    rows = [
        _unit_row(run, index, unit, images, found, fields, side, ideal)
        for unit, ideal in zip(units, ideals, strict=True)
    ]
    name = f"discriminator-{index + 1}" + (f"-unit-{choice.unit}" if choice.unit is not None else "")
    about = {
        "caption": f"Discriminator, layer {index + 1}: what excites {'a unit' if len(units) == 1 else 'some units'}"
        " most, what in it does so, what they look for, and what would excite them most of all",
        "sees": f"{side} × {side} pixels",
        "units": found.strengths.shape[1],
        "pictures": len(images),
        "kimg": run.kimg,
    }
    head = "nine pictures that excite it most | what in them does | what it looks for (deconvnet) | its ideal"
    return Found("neurons", name, {"png": png(sheets.sheet(rows, head))}, about)


def _unit_row(
    run: Opened, index: int, unit: int, images: Pictures, found: Answers, fields: Fields, side: int, ideal: Floats
) -> Row:
    strongest = np.argsort(-found.strengths[:, unit], kind="stable")[:NINE]
    at = (run.discriminator, index, unit, images, found, strongest)
    back, sought = deconvnet.reconstruct(*at, guided=True), deconvnet.reconstruct(*at)
    boxes = [fields.box(index, int(found.rows[one, unit]), int(found.columns[one, unit])) for one in strongest]
    crops = [_crop(images[one], box, side) for one, box in zip(strongest, boxes, strict=True)]
    shown = [_crop(sheets.signed(one), box, side) for one, box in zip(back, boxes, strict=True)]
    whole = max(range(len(boxes)), key=lambda one: _area(boxes[one]))  # the same for all, so one off the borders
    middle = run.options.size >> (index + 2)
    dreamt = to_pictures(torch.from_numpy(np.ascontiguousarray(ideal)).permute(2, 0, 1)[None])[0]
    dreamt = _crop(dreamt, fields.box(index, middle, middle), side)
    blocks = [block([enlarged(crop, _CROP) for crop in tiles]) for tiles in (crops, shown)]
    looked_for = _crop(sheets.signed(sought[whole]), boxes[whole], side)
    alone = [enlarged(one, blocks[0].shape[0] // 2 - side) for one in (looked_for, dreamt)]
    level = found.strengths[strongest, unit]
    label = f"unit {unit}\nanswers {level[0]:.2g} to {level[-1]:.2g}\nusually {found.strengths[:, unit].mean():.2g}"
    return Row([*blocks, *alone], label)


def _field_side(fields: Fields, index: int, size: int) -> int:
    """The side of a whole receptive field: that of the place in the middle."""
    at = size >> (index + 2)
    top, left, bottom, right = fields.box(index, at, at)
    return max(bottom - top, right - left)


def _area(box: Box) -> int:
    top, left, bottom, right = box
    return (bottom - top) * (right - left)


def _crop(picture: Pictures, box: Box, side: int) -> Pictures:
    """What a unit sees, on grey where its field hangs over the border."""
    top, left, bottom, right = box
    made = np.full((side, side, 3), _GREY, np.uint8)
    y = side - (bottom - top) if top == 0 else 0
    x = side - (right - left) if left == 0 else 0
    made[y : y + bottom - top, x : x + right - left] = picture[top:bottom, left:right]
    return made


# the generator


def of_generator(run: Opened, choice: Choice, samples: int = 8) -> list[Found]:
    """For each layer a sheet: samples as they are, with one unit switched off, and the difference; top units first.

    The top units are those whose absence changes the samples most. Layers count from 1, the coarsest.
    """
    stages = generator_layers(run.generator)
    latents = run.names.latents(",".join(str(number) for number in range(samples)))
    found = []
    for index in _chosen(choice, len(stages)):
        effects = ablated(run.generator, index, latents)
        best = effects.argsort(descending=True)[: choice.count].tolist()
        found.append(_ablation_sheet(run, index, _units(choice, len(effects), best), effects, latents, choice))
    return found


def generator_layers(generator: Generator) -> list[nn.Module]:
    """The layers whose units can be switched off, each at twice the side of the one before."""
    blocks = list(generator.blocks.children())
    kind = Up if isinstance(generator, ResidualGenerator) else nn.ReLU
    return [block for block in blocks if isinstance(block, kind)]


@torch.no_grad()
def without(generator: Generator, index: int, units: Tensor, latents: Tensor) -> Tensor:
    """Pictures (n, 3, size, size) in [−1, 1], the n-th with `units[n]` of a layer at zero; −1 leaves it as it is."""

    def switch(_module: nn.Module, _given: object, made: Tensor) -> Tensor:
        made = made.clone()
        off = (units >= 0).nonzero().flatten()
        made[off, units[off]] = 0
        return made

    handle = generator_layers(generator)[index].register_forward_hook(switch)
    try:
        made: Tensor = generator(latents)
    finally:
        handle.remove()
    return made


@torch.no_grad()
def ablated(generator: Generator, index: int, latents: Tensor) -> Tensor:
    """The effect (units,) of switching off each unit of a layer: mean change of a pixel, in levels of 0…255."""
    before = generator(latents)
    count, _ = _shape(generator, index)
    effects = []
    many = max(1, _BATCH // len(latents))
    for start in range(0, count, many):
        units = torch.arange(start, min(start + many, count))
        made = without(generator, index, units.repeat_interleave(len(latents)), latents.repeat(len(units), 1))
        change = (made.view(len(units), *before.shape) - before).abs().flatten(1).mean(1)
        effects.append(change * 127.5)
    return torch.cat(effects)


@torch.no_grad()
def _shape(generator: Generator, index: int) -> tuple[int, int]:
    """How many units a layer has, and at which side."""
    heard: list[tuple[int, int]] = []
    layer = generator_layers(generator)[index]
    handle = layer.register_forward_hook(lambda _module, _given, made: heard.append((made.shape[1], made.shape[2])))
    generator(torch.zeros(1, LATENT_DIM))
    handle.remove()
    return heard[0]


def _ablation_sheet(
    run: Opened, index: int, units: Sequence[int], effects: Tensor, latents: Tensor, choice: Choice
) -> Found:
    before = run.pictures(latents)
    rows = [Row([enlarged(picture, 64) for picture in before], "as they are")]
    for unit in units:
        made = to_pictures(without(run.generator, index, torch.full((len(latents),), unit), latents))
        change = [sheets.signed(b.astype(np.float32) - a) for a, b in zip(before, made, strict=True)]
        rows.append(Row([enlarged(one, 64) for one in made], f"without unit {unit}\nchange {effects[unit]:.2g} levels"))
        rows.append(Row([enlarged(one, 64) for one in change], "what changed"))
    name = f"generator-{index + 1}" + (f"-unit-{choice.unit}" if choice.unit is not None else "")
    _, side = _shape(run.generator, index)
    about = {
        "caption": f"Generator, layer {index + 1}: samples with one unit switched off",
        "at": f"{side} × {side} pixels",
        "units": len(effects),
        "kimg": run.kimg,
    }
    return Found("neurons", name, {"png": png(sheets.sheet(rows))}, about)
