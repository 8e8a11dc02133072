"""State files: what is read is what was written, and anything else is refused with a clear word."""

import json
import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from gan import state
from gan.options import TrainOptions
from pipeline.errors import IntegrityFailed, UsageError
from pipeline.storage import Root

CPU = torch.device("cpu")
OPTIONS = TrainOptions(size=32, width=2, batch=4, kimg=1, precision="fp32")


def trained(options: TrainOptions = OPTIONS, images: int = 1000) -> state.State:
    """A state in which every tensor differs from a fresh one."""
    made = state.fresh(options, CPU)
    with torch.no_grad():
        for _, tensor in state._live(made):
            tensor.add_(1)
    made.rng.manual_seed(99)
    made.progress.images, made.progress.seconds, made.progress.tick_steps = images, 12.5, 3
    return made


GOOD = state.to_bytes(trained(), OPTIONS)


def tensors(made: state.State) -> dict[str, torch.Tensor]:
    return dict(state._live(made)) | {"rng": made.rng.get_state()}


def equal(one: state.State, other: state.State) -> bool:
    first, second = tensors(one), tensors(other)
    same = first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
    return same and one.progress == other.progress


def test_there_and_back() -> None:
    read = state.fresh(OPTIONS, CPU)
    state.load_bytes(read, GOOD)
    assert equal(read, trained())
    assert state.read_header(GOOD).options == OPTIONS


def test_it_holds_everything() -> None:
    names = set(load(GOOD))
    for part in ("generator", "discriminator", "averaged", "adam_g", "adam_d"):
        assert any(name.startswith(f"{part}.") for name in names)
    assert {"rng", "tick_sums", "adam_g.project.weight.exp_avg_sq", "averaged.blocks.0.running_var"} <= names


def test_moments_keep_the_layout_of_their_weights() -> None:
    made = state.fresh(OPTIONS, CPU)
    state.load_bytes(made, GOOD)
    for adam in (made.adam_g, made.adam_d):
        for weight, moments in adam.state.items():
            assert weight.stride() == moments["exp_avg"].stride() == moments["exp_avg_sq"].stride()


def _as_pickle(data: bytes) -> bytes:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return (pytest.fail, ("the pickle was run",))

    return pickle.dumps({"generator": Bomb()})


def _with_tensor(name: str, tensor: torch.Tensor) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        header = state.read_header(data).model_dump_json()
        return save(load(data) | {name: tensor}, {"wunderkammer": header})

    return change


def _with_header(**changes: object) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        header = json.loads(state.read_header(data).model_dump_json()) | changes
        return save(load(data), {"wunderkammer": json.dumps(header)})

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: b"", "not a state file"),
        (lambda data: b"\xff" * 64, "not a state file"),
        (_as_pickle, "not a state file"),
        (lambda data: save(load(data)), "not a state file"),
        (lambda data: data[:-1], "cut short"),
        (lambda data: data[: len(data) // 2], "cut short"),
        (lambda data: data + b"more", "damaged"),
        (_with_tensor("evil", torch.zeros(3)), "'evil' is missing or unknown"),
        (_with_tensor("tick_sums", torch.zeros(5, dtype=torch.float64)), "another shape: tick_sums is float64 5"),
        (_with_tensor("tick_sums", torch.zeros(4)), "another shape: tick_sums is float32 4, not float64 4"),
        (_with_tensor("rng", torch.zeros(7, dtype=torch.uint8)), "random numbers"),
        (_with_tensor("rng", torch.zeros(5056)), "random numbers"),
        (_with_header(format=2), "unknown values"),
        (_with_header(code="import os"), "unknown values"),
        (_with_header(progress={"images": -1}), "unknown values"),
        (lambda data: state.to_bytes(trained(TrainOptions(size=32, width=3)), OPTIONS), "networks of another shape"),
        (lambda data: state.to_bytes(trained(TrainOptions(size=64, width=2)), OPTIONS), "other networks"),
    ],
)
def test_what_is_refused(change: Callable[[bytes], bytes], said: str) -> None:
    made = trained(images=5)
    with pytest.raises(IntegrityFailed, match=said):
        state.load_bytes(made, change(GOOD))
    assert equal(made, trained(images=5)), "left as it was"


@given(st.integers(0, len(GOOD) - 1))
@settings(max_examples=30, deadline=None)
def test_cut_anywhere(length: int) -> None:
    with pytest.raises(IntegrityFailed):
        state.load_bytes(state.fresh(OPTIONS, CPU), GOOD[:length])


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    out = Root(tmp_path)
    for images in (1000, 2000, 3000, 3500):
        state.save(out, trained(images=images), OPTIONS)
    assert state.saved(out) == ["state-000002", "state-000003"]
    assert out.names("", ".json") == ["state-000002.json", "state-000003.json"]
    header = state.latest_header(out)
    assert header and header.progress.images == 3500


def _damage_newest(folder: Path) -> None:
    path = sorted(folder.glob("state-*.safetensors"))[-1]
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def test_a_damaged_state_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = Root(tmp_path)
    for images in (1000, 2000):
        state.save(out, trained(images=images), OPTIONS)
    _damage_newest(tmp_path)
    made = state.fresh(OPTIONS, CPU)
    with caplog.at_level(logging.WARNING):
        assert state.load_newest(out, made) == "state-000001"
    assert made.progress.images == 1000
    assert "state-000002.safetensors is left aside" in caplog.text and "SHA-256" in caplog.text


def test_all_damaged(tmp_path: Path) -> None:
    out = Root(tmp_path)
    state.save(out, trained(), OPTIONS)
    (tmp_path / "state-000001.safetensors").write_bytes(GOOD[:500])
    with pytest.raises(IntegrityFailed, match=r"None of the states .*state-000001.*delete them to begin again"):
        state.load_newest(out, state.fresh(OPTIONS, CPU))


def test_killed_between_state_and_sidecar(tmp_path: Path) -> None:
    out = Root(tmp_path)
    state.save(out, trained(images=1100), OPTIONS)
    out.commit("state-000001.safetensors", state.to_bytes(trained(images=1200), OPTIONS))
    made = state.fresh(OPTIONS, CPU)
    assert state.load_newest(out, made) == "state-000001"
    assert made.progress.images == 1200


def test_nothing_saved_yet(tmp_path: Path) -> None:
    assert state.load_newest(Root(tmp_path), state.fresh(OPTIONS, CPU)) is None
    assert state.latest_header(Root(tmp_path)) is None


def run_of(folder: Path, *images: int) -> Path:
    for count in images:
        state.save(Root(folder), trained(images=count), OPTIONS)
    return folder


def test_a_run_is_opened_to_look_inside(tmp_path: Path) -> None:
    folder = run_of(tmp_path, 1000, 2000)
    averaged, current = state.load_generator(folder), state.load_generator(str(folder), ema=False)
    assert torch.equal(averaged.project.weight, trained().averaged.project.weight)
    assert torch.equal(current.project.weight, trained().generator.project.weight)
    judge = state.load_discriminator(Root(folder), step=1)
    assert torch.equal(judge.judge.weight, trained().discriminator.judge.weight)
    assert not averaged.training and not judge.training and not judge.judge.weight.requires_grad
    assert averaged(torch.zeros(2, 100)).shape == (2, 3, 32, 32) and judge(torch.zeros(2, 3, 32, 32)).shape == (2,)


def test_which_state_is_opened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UsageError, match="There is no trained run in"):
        state.load_generator(tmp_path)
    folder = run_of(tmp_path, 1000, 2000)
    with pytest.raises(UsageError, match="has no state at 7 kimg: it keeps those at 1, 2"):
        state.load_generator(folder, step=7)
    assert state.read_header(state.read_state(folder)).progress.images == 2000
    _damage_newest(folder)
    assert state.read_header(state.read_state(folder)).progress.images == 1000
    with pytest.raises(IntegrityFailed, match=r"No state .* can be read: state-000002"):
        state.load_discriminator(folder, step=2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_as_pickle, "not a state file"),
        (lambda data: data[: len(data) // 2], "cut short"),
        (_with_tensor("averaged.project.weight", torch.zeros(3)), "another shape: averaged.project.weight"),
        (_with_tensor("averaged.evil", torch.zeros(3)), "'averaged.evil' is missing or unknown"),
        (_with_header(options=TrainOptions(size=128, width=512).model_dump()), "other networks|another shape"),
        (_with_header(options={"size": 4096}), "unknown values"),
    ],
)
def test_what_is_not_opened(change: Callable[[bytes], bytes], said: str, tmp_path: Path) -> None:
    (tmp_path / "state-000001.safetensors").write_bytes(change(GOOD))
    with pytest.raises(IntegrityFailed, match=said):
        state.load_generator(tmp_path)
