"""Feature spaces: the packaged network at any size, and networks that the user brings, really run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from gan import spaces
from gan.metrics import kid, prdc
from gan.sample import Pictures
from pipeline import models
from pipeline.errors import UsageError


def pictures(count: int, side: int, seed: int = 0) -> Pictures:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


needs_the_packaged_network = pytest.mark.skipif(
    models.find("efficientnet-lite0") is None, reason="the model is not here: run `pipeline models fetch`"
)


class Means(nn.Module):
    """A network that anybody can check: the mean of each channel, and the side it was given."""

    def forward(self, planes: Tensor) -> Tensor:
        return torch.cat([planes.mean(dim=[2, 3]), torch.full((len(planes), 1), planes.shape[3])], dim=1)


class AsPublished(nn.Module):
    """The calling form of the published Inception: class scores, unless features are asked for."""

    def forward(self, planes: Tensor, return_features: bool = False) -> Tensor:
        return planes.mean(dim=[2, 3]) if return_features else planes.sum(dim=[1, 2, 3])


def scripted(module: nn.Module, path: Path) -> Path:
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.script(module).save(str(path))
    return path


def onnx_means(path: Path) -> Path:
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["m"]), helper.make_node("Flatten", ["m"], ["y"])]
    shape = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "means", [shape("x", TensorProto.FLOAT, ["n", 3, 299, 299])], [shape("y", TensorProto.FLOAT, ["n", 3])]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


@needs_the_packaged_network
@pytest.mark.parametrize("side", [32, 64])
def test_the_packaged_network_at_the_pictures_own_size(side: int) -> None:
    images = pictures(20, side)
    found = spaces.features(images)
    assert found.shape == (20, 1280) and found.dtype == np.float32
    assert found.std(axis=0).max() > 0.01
    assert np.allclose(found[17:], spaces.features(images[17:]), atol=1e-4), "whatever the batch"
    assert spaces.name(side) == f"efflite0@{side}"


@needs_the_packaged_network
def test_the_space_sees_blur_and_missing_kinds() -> None:
    """Stripes and squares: what the figures should say of real pictures, on a toy."""
    rng = np.random.default_rng(0)

    def kind(tall: bool, count: int) -> Pictures:
        noise = rng.integers(0, 256, (count, 8, 32, 3), np.uint8) if tall else rng.integers(0, 256, (count, 8, 8, 3))
        return noise.astype(np.uint8).repeat(4, axis=1).repeat(1 if tall else 4, axis=2)

    def both(count: int) -> Pictures:
        return np.concatenate([kind(True, count), kind(False, count)])

    reals, others, half = (spaces.features(images) for images in (both(30), both(30), kind(True, 60)))
    assert kid(reals, half).mean > 5 * abs(kid(reals, others).mean)
    assert prdc(reals, half).coverage < prdc(reals, others).coverage
    assert prdc(reals, half).recall < prdc(reals, others).recall


def test_a_network_of_the_users(tmp_path: Path) -> None:
    images = pictures(19, 32)
    for file in (scripted(Means(), tmp_path / "means.pt"), onnx_means(tmp_path / "means.onnx")):
        found = spaces.features(images, file)
        assert np.allclose(found[:, :3], images.mean(axis=(1, 2)), atol=1), "0 to 255, in the order of RGB"
        assert spaces.name(32, file) == "means@299"
    assert spaces.features(images, tmp_path / "means.pt")[0, 3] == 299


def test_features_are_asked_for_where_the_file_knows_the_word(tmp_path: Path) -> None:
    file = scripted(AsPublished(), tmp_path / "inception.pt")
    assert spaces.features(pictures(3, 32), file).shape == (3, 3)


def test_reducing_is_antialiased(tmp_path: Path) -> None:
    """One-pixel stripes at 598 pixels are grey at 299, not black or white."""

    class Spread(nn.Module):
        def forward(self, planes: Tensor) -> Tensor:
            return planes.amax(dim=[2, 3]) - planes.amin(dim=[2, 3])

    stripes = np.zeros((1, 598, 598, 3), np.uint8)
    stripes[:, :, ::2] = 255
    assert spaces.features(stripes, scripted(Spread(), tmp_path / "spread.pt")).max() < 128


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("nowhere.pt", None, "There is no network file"),
        ("weights.pt", b"PK\x03\x04 but no program", "is not a TorchScript network"),
        ("text.onnx", b"hello", "is not an ONNX network"),
    ],
)
def test_no_network(tmp_path: Path, name: str, data: bytes | None, said: str) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=said):
        spaces.features(pictures(2, 32), tmp_path / name)


def test_scores_instead_of_features_are_refused(tmp_path: Path) -> None:
    class Flat(nn.Module):
        def forward(self, planes: Tensor) -> Tensor:
            return planes.sum(dim=[1, 2, 3])

    with pytest.raises(UsageError, match=r"features must be \(n, d\)"):
        spaces.features(pictures(2, 32), scripted(Flat(), tmp_path / "flat.pt"))


def test_random_convolutions_tell_damage_in_order_and_need_no_file() -> None:
    """Floor, then a fifth of another kind, then half: and noise, a raster and a cast of colour are seen."""
    side, rng = 32, np.random.default_rng(0)
    clouds = spaces._clouds(700, side)
    real, other, odd = clouds[:300], clouds[300:600], np.sort(clouds[600:], axis=1)
    raster = 15 * ((np.indices((side, side)).sum(0) // 2 % 2) * 2 - 1)[..., None]
    damaged = {
        "fifth": np.concatenate([other[:240], odd[:60]]),
        "third": np.concatenate([other[:200], odd]),
        "noise": other + rng.normal(0, 10, other.shape),
        "raster": other + raster,
        "colour": other + np.array([15, 0, -15]),
    }
    known = spaces.features(real, spaces.RANDOM)
    assert known.shape == (300, 512) and known.dtype == np.float32 and spaces.name(side, spaces.RANDOM) == "random@32"

    def far(images: Pictures) -> float:
        return kid(known, spaces.features(images, spaces.RANDOM)).mean

    found = {name: far(np.clip(images, 0, 255).astype(np.uint8)) for name, images in damaged.items()}
    floor = abs(far(other))
    assert floor < found["fifth"] / 5 < found["third"] / 5, found
    assert min(found.values()) > 5 * floor, (floor, found)
