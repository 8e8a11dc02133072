"""Feature spaces: networks that turn pictures into the vectors that `gan.metrics` compares.

    efflite0@64              EfficientNet-Lite0, the packaged network, on 64-pixel pictures as they are: 1,280 features
    efflite2@64              a larger one, fetched by its name, to judge what was trained on the features of the first
    random@64                random convolutions, which learnt nothing: no file is needed, and faint noise is not seen
    inception-2015-12-05@299 a network file of the user's, TorchScript or ONNX, at the 299 pixels of published figures

The packaged networks run at the pictures' own size, not at the 224 pixels they were trained on: twenty times as fast,
and noise, blur and missing kinds of pictures stand in the right order all the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gan.metrics import Features
from gan.sample import Pictures
from pipeline import models
from pipeline.errors import UsageError

PACKAGED = {f"efficientnet-lite{size}": f"efflite{size}" for size in range(3)}
DEFAULT = Path("efficientnet-lite0")
RANDOM = Path("random")
PUBLISHED_SIDE = 299
_BATCH = 16  # on one core the fastest: more pictures no longer fit into its cache

Network = Callable[[Tensor], Tensor]


def name(size: int, network: Path = DEFAULT) -> str:
    """The space's name, which figures carry: `random` or a packaged one at `size` pixels, or the user's at 299."""
    own = "random" if network == RANDOM else PACKAGED.get(str(network))
    return f"{own}@{size}" if own else f"{network.stem}@{PUBLISHED_SIDE}"


def features(images: Pictures, network: Path = DEFAULT) -> Features:
    """Features (n, d) float32 of `images`, uint8 (n, size, size, 3).

    `network` is a packaged one by its name, `RANDOM`, or a file of the user's. A user's file, TorchScript (.pt, .ts,
    .torchscript) or ONNX, gets batches of float32 (n, 3, 299, 299), 0…255, enlarged or reduced with an antialiased
    bilinear filter, and gives (n, d): this is the calling form of the TorchScript Inception that published figures
    use, whose 2,048 features are asked for with `return_features=True` where the file knows that word. Such a file
    is a program: take it from people you trust.

    Raises UsageError when there is no such file, it is no network, or gives no features; UsageError as well when
    the packaged one has not been fetched.
    """
    run = _run(network, images.shape[1])
    parts = [run(_planes(images[start : start + _BATCH])) for start in range(0, len(images), _BATCH)]
    found: Features = torch.cat(parts).numpy()
    if found.ndim != 2:
        raise UsageError(f"{network} gives {tuple(found.shape)} for {len(images)} pictures: features must be (n, d).")
    return found


def _run(network: Path, side: int) -> Network:
    if network == RANDOM:
        return _random(side)
    return _packaged(str(models.path(str(network)))) if str(network) in PACKAGED else _supplied(network)


class _RandomConvolutions(nn.Module):
    """Planes (n, 3, s, s), 0…255, to (n, 512): mean and deviation of each map of four strided 5×5 convolutions."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(20)
            self.layers = nn.ModuleList(nn.Conv2d(a, b, 5, 2, 2) for a, b in pairwise((3, 32, 64, 64, 96)))
            for layer in self.layers:
                nn.init.kaiming_normal_(layer.weight)  # type: ignore[arg-type]

    @torch.no_grad()
    def forward(self, planes: Tensor) -> Tensor:
        x, found = planes / 127.5 - 1, []
        for layer in self.layers:
            x = layer(x).relu()
            found += [x.mean((2, 3)), x.std((2, 3))]
        return torch.cat(found, 1)


@cache
def _random(side: int) -> Network:
    """Features that weigh alike: each in units of its spread over clouds, which are as rough as pictures are."""
    network = _RandomConvolutions()
    clouds = network(_planes(_clouds(256, side)))
    mean, spread = clouds.mean(0), clouds.std(0) + 1e-6
    return lambda planes: (network(planes) - mean) / spread


def _clouds(count: int, side: int) -> Pictures:
    """Pictures uint8 (count, side, side, 3) of noise whose amplitude falls as 1/frequency; always the same ones."""
    noise = np.random.default_rng(0).normal(size=(count, side, side, 3))
    frequency = np.fft.fftfreq(side)
    radius = np.maximum(np.hypot(frequency[:, None], frequency), 1 / side)[..., None]
    clouds = np.fft.ifft2(np.fft.fft2(noise, axes=(1, 2)) / radius, axes=(1, 2)).real
    levels: Pictures = np.clip(128 + 60 * clouds / clouds.std(), 0, 255).astype(np.uint8)
    return levels


def _planes(images: Pictures) -> Tensor:
    """uint8 (n, h, w, 3) to float32 (n, 3, h, w), 0…255."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()


@cache
def _packaged(model: str) -> Network:
    """EfficientNet-Lite, whose file fits pictures of any side."""
    session = _session(Path(model).read_bytes())

    def run(planes: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["features"], {"pixels": ((planes - 127) / 128).numpy()})[0])

    return run


def _supplied(network: Path) -> Network:
    """The user's file as a function of pictures of any size, 0…255."""
    if not network.is_file():
        raise UsageError(f"There is no network file {network}: name a TorchScript or ONNX file.")
    inner = _from_onnx(network) if network.suffix == ".onnx" else _from_torchscript(network)

    def run(planes: Tensor) -> Tensor:
        size = (PUBLISHED_SIDE, PUBLISHED_SIDE)
        return inner(interpolate(planes, size, mode="bilinear", align_corners=False, antialias=True))

    return run


def _from_onnx(network: Path) -> Network:
    try:
        session = _session(network.read_bytes())
    except (Fail, InvalidGraph, InvalidProtobuf) as error:
        raise UsageError(f"{network} is not an ONNX network ({str(error).splitlines()[0]}).") from None
    first = session.get_inputs()[0].name
    return lambda planes: torch.from_numpy(session.run(None, {first: planes.numpy()})[0])


def _from_torchscript(network: Path) -> Network:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # published networks are TorchScript all the same
            module = torch.jit.load(str(network), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"{network} is not a TorchScript network ({str(error).splitlines()[0]}): save one with torch.jit.save,"
            " or an ONNX file that ends in .onnx; a file of weights alone is not enough."
        ) from None
    words = {argument.name for argument in module.forward.schema.arguments}
    more = {"return_features": True} if "return_features" in words else {}

    def run(planes: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = module(planes, **more)
        return found.float()

    return run


def _session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
