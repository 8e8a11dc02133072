"""A generator to give away: as ONNX, as safetensors, with a card that says what it is and whose pictures it saw."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml
from safetensors import torch as tensorfiles

from gan import graphs
from gan.looking import Opened
from gan.mixes import numbered
from gan.options import TrainOptions

_UNKNOWN = (
    "This run was trained on a folder by itself: whose pictures these were, and under which licences, was not kept. "
    "**Say it here before you publish.**"
)


@dataclass(frozen=True)
class Licence:
    """One licence among the pictures: in words, its address, how many are under it."""

    name: str
    address: str
    pictures: int


@dataclass(frozen=True)
class Origin:
    """What the pictures were that a run was trained on."""

    corpus: str
    edition: int
    theme: str
    pictures: int
    changes: str
    licences: tuple[Licence, ...] = ()
    credits: Mapping[str, bytes] = field(default_factory=dict)
    """Files that credit the pictures, by name."""


@dataclass(frozen=True)
class Exported:
    """The files of an export by name, and how far ONNX is from torch."""

    files: Mapping[str, bytes]
    difference: float


def export(run: Opened, origin: Origin | None = None) -> Exported:
    """The averaged generator as `generator.onnx` and `generator.safetensors`, with card, samples and credits.

    Raises Fatal when ONNX does not draw the same pictures.
    """
    facts = {"kimg": f"{run.kimg:g}", "recipe": run.options.recipe, "size": str(run.options.size)}
    if origin:
        facts |= {"corpus": origin.corpus, "edition": str(origin.edition), "theme": origin.theme}
    model = graphs.to_onnx(run.generator, facts)
    found = graphs.difference(run.generator, model)
    shape = {name: getattr(run.options, name) for name in ("size", "width", "kernel", "blocks")}
    tensors = {name: tensor.contiguous() for name, tensor in run.generator.state_dict().items()}
    files: dict[str, bytes] = {
        "README.md": card(run.options, run.kimg, origin).encode(),
        "generator.onnx": model,
        "generator.safetensors": tensorfiles.save(tensors, {**facts, "shape": json.dumps(shape)}),
        "samples.png": numbered(run).files["png"],
        **(origin.credits if origin else {}),
    }
    return Exported(files, found)


def card(options: TrainOptions, kimg: float, origin: Origin | None) -> str:
    """The README of a model: the header that model hubs read, then words."""
    theme = f"{origin.theme} of {origin.corpus}" if origin else "pictures of its own"
    head = {
        "library_name": "wunderkammer",
        "pipeline_tag": "unconditional-image-generation",
        "license": "other",
        "license_name": "licences-of-the-pictures",
        "license_link": "README.md",
        "tags": ["gan", "dcgan", "onnx", f"recipe-{options.recipe}"],
    }
    parts = [
        f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---",
        f"# A GAN of {plain(theme)}",
        "![Samples with their numbers](samples.png)",
        f"A DCGAN generator (Radford et al. 2015), recipe `{options.recipe}`: 100 numbers in, {options.size} × "
        f"{options.size} pixels out. It was shown {kimg:,.1f} thousand pictures; these are the averaged weights.",
        _pictures(origin),
        _use(options),
        _TERMS,
    ]
    return "\n\n".join(parts) + "\n"


def _pictures(origin: Origin | None) -> str:
    if origin is None:
        return f"## The pictures\n\n{_UNKNOWN}"
    lines = [
        "## The pictures",
        f"{origin.pictures:,} pictures of the theme {plain(origin.theme)} in the corpus `{origin.corpus}`, edition "
        f"{origin.edition}. {origin.changes}",
    ]
    if origin.licences:
        rows = [
            f"| {f'[{plain(one.name)}]({one.address})' if one.address else plain(one.name)} | {one.pictures:,} |"
            for one in origin.licences
        ]
        lines.append("\n".join(["| licence | pictures |", "|---|---|", *rows]))
    listed = " and ".join(f"[{name}]({name})" for name in origin.credits)
    if listed:
        lines.append(f"Each is credited in {listed}, with its maker, its page and its licence.")
    return "\n\n".join(lines)


def _use(options: TrainOptions) -> str:
    return f"""## How to use it

```python
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("generator.onnx")
latents = np.random.default_rng().uniform(-1, 1, (8, 100)).astype(np.float32)
(pictures,) = session.run(["pictures"], {{"latents": latents}})  # (8, 3, {options.size}, {options.size}) in [-1, 1]
```

`generator.safetensors` holds the same weights under the names of `gan.nets` in Wunderkammer; its header says
their shape."""


_TERMS = """## What to mind

It draws what it saw, with its gaps and its faults; small sets of pictures are learned by heart in part, so look for
near copies (`python -m gan measure`) before you publish what it makes. Whether its weights and pictures are bound by
the licences above depends on where you are; keep the credits with it."""


def plain(text: str) -> str:
    """Words of others within Markdown, on one line."""
    return re.sub(r"([\\`*_\[\]<>#|!&~])", r"\\\1", " ".join(text.split()))
