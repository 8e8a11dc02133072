"""The network computes what its published weights say, the same bits in any batch, and knows subjects apart."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from vision_pictures import photo

from pipeline import models
from pipeline.errors import UsageError
from pipeline.vision.features import COLOURS, DIMENSIONS, SIDE, Embedder
from pipeline.vision.foreign import Foreign
from pipeline.vision.network import lite

MODEL = models.find("efficientnet-lite0")
pytestmark = pytest.mark.skipif(MODEL is None, reason="the model is not here: run `pipeline models fetch`")

# kernel, stride, expansion and channels of each block, from the paper's table for EfficientNet-B0
BLOCKS = [
    (kernel, stride if first == 0 else 1, expansion, channels)
    for kernel, stride, expansion, channels, count in (
        (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3),
        (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1),
    )
    for first in range(count)
]  # fmt: skip


def pictures(count: int, side: int = SIDE) -> NDArray[np.uint8]:
    return np.stack([np.asarray(photo(n, side, side)) for n in range(count)])


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    assert MODEL is not None
    return Embedder(MODEL)


def random_weights() -> dict[str, NDArray[np.float32]]:
    """Weights of the right shapes, small enough that nothing grows out of range."""
    rng = np.random.default_rng(0)
    weights: dict[str, NDArray[np.float32]] = {}

    def convolution(name: str, norm: str, shape: tuple[int, ...]) -> None:
        fan = shape[1] * shape[2] * shape[3]
        weights[f"{name}.weight"] = rng.normal(0, fan**-0.5, shape).astype(np.float32)
        for key, low, high in (
            ("weight", 0.8, 1.5),
            ("bias", -0.2, 0.4),
            ("running_mean", -0.2, 0.2),
            ("running_var", 0.5, 1.5),
        ):
            weights[f"{norm}.{key}"] = rng.uniform(low, high, shape[0]).astype(np.float32)

    convolution("_conv_stem", "_bn0", (32, 3, 3, 3))
    channels = 32
    for n, (kernel, _, expansion, out) in enumerate(BLOCKS):
        name, wide = f"_blocks.{n}.", channels * expansion
        if expansion > 1:
            convolution(f"{name}_expand_conv", f"{name}_bn0", (wide, channels, 1, 1))
        convolution(f"{name}_depthwise_conv", f"{name}_bn1", (wide, 1, kernel, kernel))
        convolution(f"{name}_project_conv", f"{name}_bn2", (out, wide, 1, 1))
        channels = out
    convolution("_conv_head", "_bn1", (DIMENSIONS, channels, 1, 1))
    weights["_fc.weight"] = rng.normal(0, DIMENSIONS**-0.5, (1000, DIMENSIONS)).astype(np.float32)
    weights["_fc.bias"] = rng.normal(0, 0.1, 1000).astype(np.float32)
    return weights


def by_torch(weights: dict[str, NDArray[np.float32]], pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network written a second time, from the paper, with its normalisation left where it is."""
    import torch
    from torch.nn import functional

    w = {name: torch.from_numpy(values) for name, values in weights.items()}

    def layer(x: Any, name: str, norm: str, stride: int = 1, depthwise: bool = False) -> Any:
        kernel = w[f"{name}.weight"]
        total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel.shape[-1] - x.shape[-1], 0)
        x = functional.pad(x, (total // 2, total - total // 2) * 2)
        x = functional.conv2d(x, kernel, stride=stride, groups=len(kernel) if depthwise else 1)
        stats = (w[f"{norm}.running_mean"], w[f"{norm}.running_var"], w[f"{norm}.weight"], w[f"{norm}.bias"])
        return functional.batch_norm(x, *stats, eps=1e-3)

    x = (torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32)) - 127) / 128
    with torch.no_grad():
        x = functional.relu6(layer(x, "_conv_stem", "_bn0", 2))
        for n, (_, stride, expansion, out) in enumerate(BLOCKS):
            name, before = f"_blocks.{n}.", x
            if expansion > 1:
                x = functional.relu6(layer(x, f"{name}_expand_conv", f"{name}_bn0"))
            x = functional.relu6(layer(x, f"{name}_depthwise_conv", f"{name}_bn1", stride, depthwise=True))
            x = layer(x, f"{name}_project_conv", f"{name}_bn2")
            x = x + before if stride == 1 and before.shape[1] == out else x
        x = functional.relu6(layer(x, "_conv_head", "_bn1"))
        return np.asarray(x.mean(dim=(2, 3)).numpy())


def test_the_converted_network_is_the_published_one(tmp_path: Path) -> None:
    weights = random_weights()
    model = tmp_path / "lite0.onnx"
    model.write_bytes(lite(weights))
    batch = pictures(3)
    found, expected = Embedder(model).embed(batch), by_torch(weights, batch)
    assert expected.std() > 0.05
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


def test_conversion_gives_the_same_bytes_every_time() -> None:
    first, second = (hashlib.sha256(lite(random_weights())).hexdigest() for _ in range(2))
    assert first == second


def test_a_picture_has_the_same_bits_in_any_batch(embedder: Embedder) -> None:
    batch = pictures(6)
    together = embedder.embed(batch)
    assert (together.shape, together.dtype) == ((6, DIMENSIONS), np.float32)
    assert np.array_equal(embedder.embed(batch[::-1])[::-1], together)
    assert np.array_equal(np.concatenate([embedder.embed(batch[n : n + 1]) for n in range(6)]), together)
    assert MODEL is not None
    assert np.array_equal(Embedder(MODEL).embed(batch), together)
    assert embedder.embed(batch[:0]).shape == (0, DIMENSIONS)


def test_pictures_of_any_size_are_taken(embedder: Embedder) -> None:
    large, small = embedder.embed(pictures(1, 448))[0], embedder.embed(pictures(1, 100))[0]
    for vector in (large, small):
        assert np.isfinite(vector).all()
    reduced = np.asarray(Image.fromarray(pictures(1, 448)[0]).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    assert np.array_equal(embedder.embed(reduced[None])[0], large)


def test_pictures_of_one_subject_lie_together(shared: Path, embedder: Embedder) -> None:
    subjects = ("Faces", "Motorbikes", "airplanes", "butterfly")
    vectors, labels = [], []
    for label, subject in enumerate(subjects):
        for path in sorted((shared / "data/caltech101_10x60" / subject).iterdir())[:8]:
            with Image.open(path) as image:
                vectors.append(embedder.embed(np.asarray(image.convert("RGB"))[None])[0])
            labels.append(label)
    units = np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = units @ units.T - 2 * np.eye(len(units))
    nearest = np.array(labels)[cosines.argmax(axis=1)]
    assert (nearest == labels).mean() > 0.95


def test_a_description_says_what_style_and_which_colours(embedder: Embedder) -> None:
    pixels = pictures(1, 320)[0]
    found, single = embedder.describe(pixels), embedder.describe(pixels, (SIDE,))
    assert (found.vector.shape, found.style.shape, found.colour.shape) == ((DIMENSIONS,), (848,), (COLOURS,))
    assert np.isclose(np.linalg.norm(found.colour), 1, atol=1e-5)
    assert np.isclose(np.linalg.norm(single.vector), 1, atol=1e-5)
    assert np.allclose(single.vector, embedder.embed(pixels[None])[0] / np.linalg.norm(embedder.embed(pixels[None])))
    assert len(set(found.classes.tolist())) == 5
    assert found.classes.min() >= 0
    assert found.classes.max() < 1000


def test_style_is_mean_and_deviation_of_the_middle_of_the_network(tmp_path: Path) -> None:
    import onnx

    model = tmp_path / "lite.onnx"
    model.write_bytes(lite(random_weights()))
    graph = onnx.load(model)
    first = next(node for node in graph.graph.node if node.output[0] == "style").input[0]
    pooled = next(node for node in graph.graph.node if node.output[0] == first).input[0]
    source = next(node for node in graph.graph.node if node.output[0] == pooled).input[0]
    graph.graph.output.append(onnx.helper.make_tensor_value_info(source, 1, None))
    import onnxruntime

    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    planes = (pictures(1).transpose(0, 3, 1, 2).astype(np.float32) - 127) / 128
    style, maps = session.run(["style", source], {"pixels": planes})
    channels = maps.shape[1]
    assert np.allclose(style[0, :channels], maps[0].mean(axis=(1, 2)), atol=1e-4)
    assert np.allclose(style[0, channels : 2 * channels], maps[0].std(axis=(1, 2)), atol=1e-3)


def test_a_network_of_the_users_is_run_and_a_pickle_is_refused(tmp_path: Path, embedder: Embedder) -> None:
    import torch

    class Means(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.avg_pool2d(pixels, 8)

    scripted, whole = tmp_path / "means.pt", tmp_path / "whole.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(Means(), torch.zeros(1, 3, 32, 32)).save(str(scripted))  # type: ignore[no-untyped-call]
    torch.save({"weights": torch.zeros(3)}, whole)
    pixels = pictures(1, 32)[0]
    found = Foreign(scripted, "bytes").describe(pixels, (32,))
    assert np.allclose(found.vector, pixels.mean(axis=(0, 1)), atol=1e-2)
    assert found.style.size == 0
    assert found.classes.size == 0
    with pytest.raises(UsageError, match="hold pickles and are not read"):
        Foreign(whole)
    assert MODEL is not None
    same = Foreign(MODEL, "lite").describe(pictures(1, SIDE)[0], (SIDE,)).vector
    assert np.allclose(same, embedder.embed(pictures(1, SIDE))[0], rtol=1e-4, atol=1e-5)
    (tmp_path / "no.onnx").write_bytes(b"no network")
    with pytest.raises(UsageError, match="is no ONNX network that runs here"):
        Foreign(tmp_path / "no.onnx")
