"""The whole state of a training: as objects, and as files that survive anything.

A state file is `state-000200.safetensors` (200 thousand pictures shown): both networks, the averaged generator,
both optimisers, the random numbers and the running sums of the current tick, with counters and options as JSON in
its header. So one atomic write is one consistent state, and reading it runs no code, unlike a pickle. Beside it
`state-000200.json` holds the counters for people and scripts, and the file's SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors import torch as tensorfiles
from torch import Tensor, nn

from gan.nets import Discriminator, Generator
from gan.options import TrainOptions
from gan.recipes import build_discriminator, build_generator
from pipeline.errors import IntegrityFailed, UsageError
from pipeline.storage import Root

TICK_SUMS = ("loss_d", "loss_g", "d_real", "d_fake")
KEPT = 2
_FORMAT = 1

log = logging.getLogger(__name__)


class Progress(BaseModel):
    """The counters of a training, over all calls on the same run."""

    model_config = ConfigDict(extra="forbid", strict=True)

    images: int = Field(0, ge=0)
    """Real pictures shown to the discriminator."""
    seconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    tick_steps: int = Field(0, ge=0)
    """Updates since the last line of `stats.jsonl`."""

    @property
    def kimg(self) -> float:
        return self.images / 1000


class Header(BaseModel):
    """What the header of a state file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(ge=_FORMAT, le=_FORMAT)
    progress: Progress
    options: TrainOptions


class Sidecar(BaseModel):
    """`state-….json`: the header, and what the state file must weigh and hash to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: Header
    bytes: int
    sha256: str


@dataclass
class State:
    """All that changes while training."""

    generator: Generator
    discriminator: Discriminator
    averaged: Generator
    adam_g: torch.optim.Adam
    adam_d: torch.optim.Adam
    rng: torch.Generator
    tick_sums: Tensor
    progress: Progress


def fresh(options: TrainOptions, device: torch.device) -> State:
    """The state before the first update; the same for the same options."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        generator, discriminator = build_generator(options), build_discriminator(options)
        averaged = build_generator(options)
    averaged.load_state_dict(generator.state_dict())
    for network in (generator, discriminator, averaged):
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return State(
        generator=generator,
        discriminator=discriminator,
        averaged=averaged.requires_grad_(False).eval(),
        adam_g=_adam(generator, options.lr, options.beta1),
        adam_d=_adam(discriminator, options.lr_d, options.beta1),
        rng=torch.Generator().manual_seed(options.seed),
        tick_sums=torch.zeros(len(TICK_SUMS), dtype=torch.float64, device=device),
        progress=Progress(),
    )


def _adam(network: nn.Module, lr: float, beta1: float) -> torch.optim.Adam:
    """Adam whose moments exist from the start, so that saving and loading need not ask whether they do."""
    adam = torch.optim.Adam(network.parameters(), lr, (beta1, 0.999), fused=True)
    for parameter in network.parameters():
        adam.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        }
    return adam


# to and from bytes


def to_bytes(state: State, options: TrainOptions) -> bytes:
    """The state file. Raises FloatingPointError when a number in it is not finite."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in _live(state)}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise FloatingPointError(name)
    tensors["rng"] = state.rng.get_state()
    header = Header(format=_FORMAT, progress=state.progress, options=options)
    data: bytes = tensorfiles.save(tensors, {"wunderkammer": header.model_dump_json()})
    return data


def read_header(data: bytes) -> Header:
    """What a state file says of itself. Raises IntegrityFailed when it is damaged or not one of ours."""
    try:
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        return Header.model_validate_json(metadata["wunderkammer"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:  # pydantic's errors are ValueErrors
        what = "its header holds unknown values" if isinstance(error, ValidationError) else "it has no such header"
        raise IntegrityFailed(f"not a state file of this program: {what}.") from None


def load_bytes(state: State, data: bytes) -> None:
    """Fill `state` from a state file. Raises IntegrityFailed, with `state` untouched, when it does not fit."""
    header = read_header(data)
    tensors = _tensors(data)
    rng = tensors.pop("rng", torch.empty(0))
    live = dict(_live(state))
    _same_shapes({name: _kind(tensor) for name, tensor in live.items()}, tensors)
    try:
        state.rng.set_state(rng)
    except (RuntimeError, TypeError):
        raise IntegrityFailed("its random numbers' state is damaged.") from None
    with torch.no_grad():
        for name, tensor in live.items():
            tensor.copy_(tensors[name])
    state.progress = header.progress.model_copy()


def begin_from(state: State, data: bytes) -> None:
    """Give a fresh `state` the three networks of another run's state file; optimisers and counters stay fresh.

    Raises IntegrityFailed, with `state` untouched, when the file is damaged or its networks have another shape.
    """
    tensors = _tensors(data)
    networks = {"generator": state.generator, "discriminator": state.discriminator, "averaged": state.averaged}
    for prefix, network in networks.items():
        wanted = {f"{prefix}.{name}": _kind(tensor) for name, tensor in network.state_dict().items()}
        _same_shapes(wanted, tensors, f"{prefix}.")
    with torch.no_grad():
        for prefix, network in networks.items():
            for name, tensor in network.state_dict().items():
                tensor.copy_(tensors[f"{prefix}.{name}"])


def generator_from(data: bytes, ema: bool = True) -> Generator:
    """The generator of a state file, ready to sample; its running average unless `ema` is off.

    Raises IntegrityFailed for a damaged file and for networks of another shape than its header promises; neither
    runs code from the file, nor takes memory for what the file does not hold.
    """
    return _network(data, build_generator, "averaged" if ema else "generator")


def discriminator_from(data: bytes) -> Discriminator:
    """The discriminator of a state file, in evaluation mode. Raises IntegrityFailed as `generator_from`."""
    return _network(data, build_discriminator, "discriminator")


_AnyNetwork = TypeVar("_AnyNetwork", Generator, Discriminator)


def _network(data: bytes, build: Callable[[TrainOptions], _AnyNetwork], prefix: str) -> _AnyNetwork:
    options = read_header(data).options
    tensors = _tensors(data)
    with torch.device("meta"):  # shapes only: a false header must not cost memory
        network = build(options)
    wanted = network.state_dict()
    _same_shapes({f"{prefix}.{name}": _kind(tensor) for name, tensor in wanted.items()}, tensors, f"{prefix}.")
    network.load_state_dict({name: tensors[f"{prefix}.{name}"] for name in wanted}, assign=True)
    return network.requires_grad_(False).eval()


def _tensors(data: bytes) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = tensorfiles.load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise IntegrityFailed(f"damaged or cut short ({error}).") from None
    return tensors


def _live(state: State) -> Iterator[tuple[str, Tensor]]:
    """All tensors of `state` but the random numbers, under their names in the file."""
    for prefix, network in (
        ("generator", state.generator),
        ("discriminator", state.discriminator),
        ("averaged", state.averaged),
    ):
        yield from ((f"{prefix}.{name}", tensor) for name, tensor in network.state_dict().items())
    for prefix, adam, owner in (
        ("adam_g", state.adam_g, state.generator),
        ("adam_d", state.adam_d, state.discriminator),
    ):
        for name, parameter in owner.named_parameters():
            yield from ((f"{prefix}.{name}.{key}", moment) for key, moment in adam.state[parameter].items())
    yield "tick_sums", state.tick_sums


Kind = tuple[torch.dtype, tuple[int, ...]]


def _kind(tensor: Tensor) -> Kind:
    return tensor.dtype, tuple(tensor.shape)


def _same_shapes(wanted: dict[str, Kind], found: dict[str, Tensor], prefix: str = "") -> None:
    names = {name for name in found if name.startswith(prefix)}
    if wrong := sorted(names ^ wanted.keys()):
        raise IntegrityFailed(f"it holds other networks: '{wrong[0]}' is missing or unknown.")
    for name, kind in wanted.items():
        if _kind(found[name]) != kind:
            raise IntegrityFailed(
                f"it holds networks of another shape: {name} is {_said(_kind(found[name]))}, not {_said(kind)}."
            )


def _said(kind: Kind) -> str:
    return f"{str(kind[0]).removeprefix('torch.')} {'×'.join(map(str, kind[1])) or 'scalar'}"


# in a run folder


def label(images: int) -> str:
    """Thousands of pictures shown, as file names have it."""
    return f"{images // 1000:06d}"


def save(out: Root, state: State, options: TrainOptions) -> None:
    """Write the state, then drop all but the last two. Raises FloatingPointError as `to_bytes`."""
    data = to_bytes(state, options)
    name = f"state-{label(state.progress.images)}"
    sidecar = Sidecar(header=read_header(data), bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    out.commit(f"{name}.safetensors", data)
    out.commit(f"{name}.json", sidecar.model_dump_json(indent=1).encode())
    for old in saved(out)[:-KEPT]:
        out.delete(f"{old}.json")
        out.delete(f"{old}.safetensors")


def saved(out: Root) -> list[str]:
    """Names of the states of a run, oldest first, without suffix."""
    names = out.names("", ".safetensors")
    return [name.removesuffix(".safetensors") for name in names if name.startswith("state-")]


def latest_header(out: Root) -> Header | None:
    """What the newest state says of itself, without reading its tensors; None when there is none to be read."""
    for name in reversed(saved(out)):
        if sidecar := _sidecar(out, name):
            return sidecar.header
    return None


def load_newest(out: Root, state: State) -> str | None:
    """Continue from the newest state that can be read; its name, or None when there is none at all.

    A damaged one is passed over with a warning. Raises IntegrityFailed when all are damaged.
    """
    names = saved(out)
    for name in reversed(names):
        try:
            load_bytes(state, read_whole(out, name))
        except IntegrityFailed as error:
            log.warning("%s.safetensors is left aside: %s", name, error)
        else:
            return name
    if names:
        raise IntegrityFailed(
            f"None of the states in {out.url} can be read ({', '.join(names)}): "
            "restore one of them, or delete them to begin again."
        )
    return None


def read_whole(out: Root, name: str) -> bytes:
    """The bytes of a state file. Raises IntegrityFailed when they are not those that were written."""
    data = out.read(f"{name}.safetensors")
    sidecar = _sidecar(out, name)
    # A kill between the two writes leaves an older sidecar, which then says nothing about this file.
    if sidecar and sidecar.header.progress == read_header(data).progress:
        if len(data) != sidecar.bytes:
            raise IntegrityFailed(f"cut short: {len(data):,} bytes of {sidecar.bytes:,}.")
        if hashlib.sha256(data).hexdigest() != sidecar.sha256:
            raise IntegrityFailed("its bytes are not those that were written (SHA-256 differs).")
    return data


def _sidecar(out: Root, name: str) -> Sidecar | None:
    try:
        return Sidecar.model_validate_json(out.read(f"{name}.json"))
    except (FileNotFoundError, ValueError):
        return None


# a run folder, opened to look inside


def load_generator(folder: str | Path | Root, step: int | None = None, ema: bool = True) -> Generator:
    """The generator of a run: latents (n, 100) to pictures (n, 3, size, size) in [−1, 1], on the CPU, not learning.

    `step` is the number in the name of a state, thousands of pictures shown; None takes the newest that is whole.
    With `ema` it is the running average, which samples are drawn from. Raises UsageError when there is no such
    run or step, IntegrityFailed when its file is damaged, malicious or of another shape.
    """
    return generator_from(read_state(folder, step), ema)


def load_discriminator(folder: str | Path | Root, step: int | None = None) -> Discriminator:
    """The discriminator of a run: pictures (n, 3, size, size) in [−1, 1] to logits (n,). As `load_generator`."""
    return discriminator_from(read_state(folder, step))


def read_state(folder: str | Path | Root, step: int | None = None) -> bytes:
    """The bytes of a state of a run; `read_header` and `generator_from` read them. Raises as `load_generator`."""
    out = folder if isinstance(folder, Root) else Root(folder)
    names = saved(out)
    if not names:
        raise UsageError(f"There is no trained run in {out.url}: name a folder that a training made.")
    if step is not None:
        wanted = f"state-{step:06d}"
        if wanted not in names:
            kept = ", ".join(str(int(name.removeprefix("state-"))) for name in names)
            raise UsageError(f"The run in {out.url} has no state at {step} kimg: it keeps those at {kept}.")
        names = [wanted]
    troubles = []
    for name in reversed(names):
        try:
            data = read_whole(out, name)
            read_header(data)
            _tensors(data)
        except IntegrityFailed as error:
            troubles.append(f"{name}.safetensors is {error}")
            log.warning("%s.safetensors is left aside: %s", name, error)
        else:
            return data
    raise IntegrityFailed(f"No state in {out.url} can be read: {' '.join(troubles)}")
