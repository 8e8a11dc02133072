"""A training learns, repeats bit for bit, survives kills, and says what it needs."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gan import film, sample, state
from gan.nets import Generator
from gan.options import TrainOptions, budget_spent, resolve
from gan.sample import Pictures
from gan.train import PictureStream, RunSummary, train
from pipeline.errors import Fatal, LockHeld, UsageError
from pipeline.storage import Root

TINY = TrainOptions(size=32, width=4, batch=16, kimg=3, min_pictures=4, grid=2, save_seconds=0, precision="fp32")


def blobs(count: int, size: int = 32, seed: int = 0) -> Pictures:
    """Pictures that differ: one soft coloured blob each, on a coloured ground."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    made = np.empty((count, size, size, 3), np.uint8)
    for picture in made:
        row, column, ground, ink = rng.random(), rng.random(), rng.random(3), rng.random(3)
        near = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) * 20)[..., None]
        picture[:] = 255 * (ground * (1 - near) + ink * near)
    return made


def curve(out: Root) -> list[dict[str, float]]:
    """The lines of stats.jsonl without what a clock says."""
    lines = [json.loads(line) for line in out.read("stats.jsonl").splitlines()]
    return [
        {name: value for name, value in line.items() if name not in ("seconds", "images_per_second")} for line in lines
    ]


def same_states(one: Root, other: Root) -> bool:
    name = state.saved(one)[-1]
    first, second = (torch_tensors(out.read(f"{name}.safetensors")) for out in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def torch_tensors(data: bytes) -> dict[str, torch.Tensor]:
    return state._tensors(data)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, RunSummary]:
    out = Root(tmp_path_factory.mktemp("undisturbed"))
    return out, train(blobs(30), out, TINY)


def test_run_folder(undisturbed: tuple[Root, RunSummary]) -> None:
    out, summary = undisturbed
    assert summary.status == "done" and summary.images == 3008 and summary.pictures == 30
    assert out.names("", ".png") == [*(f"fakes-00000{kimg}.png" for kimg in range(4)), "reals.png"]
    assert state.saved(out) == ["state-000002", "state-000003"], "the last two"
    lines = curve(out)
    assert [line["images"] for line in lines] == [1008, 2000, 3008]
    assert set(lines[0]) == {"kimg", "images", "loss_d", "loss_g", "d_real", "d_fake", "ranking"}
    assert summary.last["loss_d"] == lines[-1]["loss_d"]
    facts = json.loads(out.read("options.json"))
    assert facts["options"]["lr"] == 2e-4 and facts["options"]["beta1"] == 0.5 and facts["pictures"] == 30
    assert None not in {facts["options"][name] for name in ("kimg", "precision", "seed", "batch")}


def test_reals_are_the_first_batch_unchanged(undisturbed: tuple[Root, RunSummary]) -> None:
    shown = np.asarray(Image.open(io.BytesIO(undisturbed[0].read("reals.png"))))
    first = PictureStream(30, 0).take(0, 16)
    assert np.array_equal(shown, sample.grid(blobs(30)[first], 4))


def test_timeline_is_a_film(undisturbed: tuple[Root, RunSummary]) -> None:
    moving = Image.open(io.BytesIO(undisturbed[0].read("timeline.gif")))
    assert (moving.format, moving.n_frames, moving.size) == ("GIF", 4, (64, 64))


def test_the_timeline_plays_in_full_colour(undisturbed: tuple[Root, RunSummary], tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(undisturbed[0].read("timeline.mp4"))
    player = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    shown = []
    while (frame := player.read())[0]:
        shown.append(frame[1][:, :, ::-1])
    assert len(shown) == 3 + film.LAST_MS // film.FRAME_MS and shown[0].shape == (256, 256, 3)
    last = np.asarray(Image.open(io.BytesIO(undisturbed[0].read("fakes-000003.png")))).astype(int)
    assert np.abs(shown[-1].astype(int) - last.repeat(4, 0).repeat(4, 1)).mean() < 12


def test_long_films_are_thinned() -> None:
    rng = np.random.default_rng(0)
    grids = [sample.png(rng.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(120)]
    moving = Image.open(io.BytesIO(film.gif(sample.timeline(grids, 2))))
    assert moving.n_frames == 40
    moving.seek(39)
    error = np.asarray(moving.convert("RGB")).astype(int) - np.asarray(Image.open(io.BytesIO(grids[-1])))
    assert np.abs(error).mean() < 40, "the last frame shows the last grid"


def test_same_seed_same_run(undisturbed: tuple[Root, RunSummary], tmp_path: Path) -> None:
    again, other = Root(tmp_path / "again"), Root(tmp_path / "other")
    train(blobs(30), again, TINY.model_copy(update={"kimg": 1}))
    train(blobs(30), other, TINY.model_copy(update={"kimg": 1, "seed": 1}))
    assert curve(again) == curve(undisturbed[0])[:1] != curve(other)
    assert again.read("fakes-000001.png") == undisturbed[0].read("fakes-000001.png") != other.read("fakes-000001.png")


def test_stopped_anywhere_and_continued(undisturbed: tuple[Root, RunSummary], tmp_path: Path) -> None:
    out = Root(tmp_path)
    for steps in (0, 1, 70, 45):  # in the middle of a tick, too
        left = iter([False] * steps)
        summary = train(blobs(30), out, TINY, stop=lambda left=left: next(left, True))  # type: ignore[misc]
        assert summary.status == "stopped" and "continues" in summary.message
    assert summary.images == 116 * 16
    assert train(blobs(30), out, TINY).status == "done"
    assert curve(out) == curve(undisturbed[0])
    assert same_states(out, undisturbed[0])


def test_larger_budget_goes_on_and_a_reached_one_does_nothing(
    undisturbed: tuple[Root, RunSummary], tmp_path: Path
) -> None:
    out = Root(tmp_path)
    train(blobs(30), out, TINY.model_copy(update={"kimg": 1.5}))
    assert curve(out)[-1]["partial"], "the end of a budget inside a tick is shown"
    train(blobs(30), out, TINY)
    assert curve(out) == curve(undisturbed[0])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    before.pop(tmp_path / "locks" / "train.lock")
    summary = train(blobs(30), out, TINY)
    assert summary.status == "already done" and summary.kimg == 3.008
    assert before == {path: path.stat().st_mtime_ns for path in before}


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from test_gan_train import TINY, blobs
from gan.train import train
from pipeline.storage import Root
train(blobs(30), Root(sys.argv[1]), TINY)
"""


def test_killed_and_continued(undisturbed: tuple[Root, RunSummary], tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    folder = tmp_path / "run"
    for wanted in ("fakes-000001.png", "state-000002.safetensors"):
        with subprocess.Popen([sys.executable, str(script), str(folder)]) as process:
            deadline = time.monotonic() + 120
            while not (folder / wanted).exists():
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
    out = Root(folder)
    assert not out.exists("timeline.gif"), "it was killed before the end"
    assert train(blobs(30), out, TINY).status == "done"
    assert curve(out) == curve(undisturbed[0])
    assert same_states(out, undisturbed[0])
    assert out.names("", ".png") == undisturbed[0].names("", ".png")


def test_in_an_object_store(undisturbed: tuple[Root, RunSummary]) -> None:
    out = Root("memory://bucket/runs/00001")
    train(blobs(30), out, TINY.model_copy(update={"kimg": 1}))
    assert train(blobs(30), out, TINY).status == "done"
    assert curve(out) == curve(undisturbed[0])
    assert set(out.names("")) >= {"options.json", "reals.png", "timeline.gif", "state-000003.safetensors"}


def test_pictures_that_cannot_be_written_to(tmp_path: Path) -> None:
    pictures = blobs(10)
    pictures.flags.writeable = False
    assert train(pictures, Root(tmp_path), TINY.model_copy(update={"kimg": 0.1})).status == "done"


def test_lines_and_grids_after_the_saved_state_are_made_again(
    undisturbed: tuple[Root, RunSummary], tmp_path: Path
) -> None:
    out = Root(tmp_path)
    train(blobs(30), out, TINY.model_copy(update={"kimg": 1}))
    out.commit("stats.jsonl", out.read("stats.jsonl") + b'{"kimg": 1.5, "images": 1504}\n')
    out.commit("fakes-000002.png", b"of a step that was lost")
    train(blobs(30), out, TINY)
    assert curve(out) == curve(undisturbed[0])
    assert out.read("fakes-000002.png") == undisturbed[0].read("fakes-000002.png")


class Counted(Root):
    """Counts how often stats.jsonl is written."""

    writings = 0

    def commit(self, name: str, data: bytes) -> None:
        self.writings += name == "stats.jsonl"
        super().commit(name, data)


def test_a_fast_training_is_not_held_up_by_its_lines(
    undisturbed: tuple[Root, RunSummary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gan.train.SAY_SECONDS", 1000)
    out = Counted(tmp_path)
    train(blobs(30), out, TINY.model_copy(update={"save_seconds": 1000}))
    assert out.writings == 2, "with the first line and at the end"
    assert curve(out) == curve(undisturbed[0])


def test_a_state_never_lacks_the_lines_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.train.SAY_SECONDS", 1000)
    out = Root(tmp_path)
    seen = set()

    def look() -> bool:
        if header := state.latest_header(out):
            seen.add(header.progress.images)
            assert curve(out)[-1]["images"] == header.progress.images
        return False

    train(blobs(30), out, TINY, stop=look)
    assert len(seen) >= 2


def test_bfloat16_repeats_too(tmp_path: Path) -> None:
    options = TINY.model_copy(update={"precision": "bf16", "kimg": 1})
    whole, parts = Root(tmp_path / "whole"), Root(tmp_path / "parts")
    train(blobs(10), whole, options)
    left = iter([False] * 30)
    train(blobs(10), parts, options, stop=lambda: next(left, True))
    train(blobs(10), parts, options)
    assert curve(whole) == curve(parts) and same_states(whole, parts)


def _farthest(pictures: Pictures, generator: Generator) -> float:
    """How far the picture that is reproduced worst is from the nearest of 256 fakes: RMS of 8×8 grey levels."""

    def small(images: Pictures) -> np.ndarray:
        return images.astype(float).reshape(-1, 8, 4, 8, 4, 3).mean((2, 4)).reshape(len(images), -1)

    fakes, reals = small(sample.generate(generator, sample.fixed_latents(256, 5))), small(pictures)
    distance = np.sqrt(((fakes[:, None] - reals[None]) ** 2).mean(2))
    return float(distance.min(0).max())


def test_eight_pictures_are_learned_by_heart(tmp_path: Path) -> None:
    pictures, out = blobs(8), Root(tmp_path)
    options = TINY.model_copy(update={"width": 16, "kernel": 4, "batch": 8, "kimg": 6, "lr": 2e-3, "ema_kimg": 0.3})
    before = _farthest(pictures, state.fresh(options, torch.device("cpu")).averaged)
    train(pictures, out, options.model_copy(update={"save_seconds": 180.0}))
    generator = state.load_generator(out)
    assert before > 80
    assert _farthest(pictures, generator) < 40, "all eight are there, none is left out"


def test_too_few_pictures_get_advice(tmp_path: Path) -> None:
    options = TrainOptions(size=32, min_pictures=300)
    with pytest.raises(Fatal, match=r"3 different pictures .*300 are needed.*Add pictures.*--min-pictures"):
        train(blobs(3), Root(tmp_path), options)
    one_picture = np.repeat(blobs(1), 500, axis=0)
    with pytest.raises(Fatal, match=r"1 different pictures \(500 in all\)"):
        train(one_picture, Root(tmp_path), options)
    assert not list(tmp_path.iterdir()), "refused before anything is written"


def test_fewer_pictures_than_a_batch(tmp_path: Path) -> None:
    options = TINY.model_copy(update={"batch": 32, "kimg": 0.1})
    assert train(blobs(5), Root(tmp_path), options).images == 128


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\(64, 64, 3\).*\(32, 32, 3\) is needed"):
        train(blobs(5, size=64), Root(tmp_path), TINY)
    with pytest.raises(UsageError, match="float64"):
        train(blobs(5) / 255, Root(tmp_path), TINY)  # type: ignore[arg-type]


def test_a_run_is_not_continued_with_other_options(undisturbed: tuple[Root, RunSummary]) -> None:
    with pytest.raises(UsageError, match=r"lr 0.0002 → 0.1.*another folder"):
        train(blobs(30), undisturbed[0], TINY.model_copy(update={"lr": 0.1, "kimg": 9}))


def test_two_at_once_are_refused(undisturbed: tuple[Root, RunSummary]) -> None:
    out = undisturbed[0]
    with out.lock("train"), pytest.raises(LockHeld):
        train(blobs(30), Root(out.url), TINY)


def test_divergence_stops_at_the_last_good_state(tmp_path: Path) -> None:
    out = Root(tmp_path)
    train(blobs(30), out, TINY.model_copy(update={"kimg": 1}))
    good = out.read("state-000001.safetensors")
    options = TINY
    poisoned = state.fresh(options, torch.device("cpu"))
    state.load_bytes(poisoned, good)
    with torch.no_grad():
        poisoned.generator.project.weight[0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match=r"generator\.project\.weight"):
        state.save(out, poisoned, options)
    assert out.read("state-000001.safetensors") == good

    wild = Root(tmp_path / "wild")
    summary = train(blobs(30), wild, TINY.model_copy(update={"lr": 1e30}))
    assert summary.status == "diverged"
    assert "no longer numbers" in summary.message and "smaller --lr" in summary.message
    assert b"NaN" not in wild.read("stats.jsonl")


def test_dry_run_decides_everything_and_trains_nothing(tmp_path: Path) -> None:
    out = Root(tmp_path)
    summary = train(blobs(30), out, TINY.model_copy(update={"kimg": None, "precision": "auto"}), dry_run=True)
    assert summary.status == "dry run" and summary.images == 0
    assert out.names("") == ["options.json", "reals.png"]
    chosen = json.loads(out.read("options.json"))["options"]
    assert chosen["kimg"] == 48.0 and chosen["precision"] in ("bf16", "fp32")


def test_budgets() -> None:
    cpu = torch.device("cpu")
    assert resolve(TrainOptions(), 1000, cpu).kimg == 384  # 3,000 updates
    assert resolve(TrainOptions(), 100_000, cpu).kimg == 2500  # 25 epochs
    assert resolve(TrainOptions(minutes=5), 1000, cpu).kimg is None
    both = TrainOptions(kimg=10, minutes=1)
    assert budget_spent(both, 5000, 30) == 0.5
    assert budget_spent(both, 100, 60) == 1
    assert budget_spent(both, 10_000, 1) == 1


def test_minutes_end_a_run(tmp_path: Path) -> None:
    options = TINY.model_copy(update={"kimg": None, "minutes": 0.01})
    summary = train(blobs(30), Root(tmp_path), options)
    assert summary.status == "done" and summary.seconds >= 0.6
    assert train(blobs(30), Root(tmp_path), options).status == "already done"


@given(st.integers(1, 40), st.integers(0, 3), st.lists(st.integers(1, 25), min_size=1, max_size=12))
def test_stream_shows_all_pictures_equally_often(count: int, seed: int, batches: list[int]) -> None:
    stream, position, shown = PictureStream(count, seed), 0, []
    for batch in batches:
        shown += stream.take(position, batch).tolist()
        position += batch
    assert shown == PictureStream(count, seed).take(0, position).tolist(), "batches do not matter"
    times = np.bincount(shown, minlength=count)
    assert times.max() - times.min() <= 1


@given(st.integers(1, 20), st.integers(1, 7))
def test_grid_places_every_picture(count: int, columns: int) -> None:
    pictures = np.random.default_rng(count).integers(1, 256, (count, 2, 3, 3), np.uint8)
    made = sample.grid(pictures, columns)
    assert made.shape == (-(-count // columns) * 2, columns * 3, 3)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        assert np.array_equal(made[2 * row : 2 * row + 2, 3 * column : 3 * column + 3], picture)


def test_pixels_survive_the_way_to_the_network_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(1, 16, 16, 3)
    unit = sample.to_unit(levels)
    assert unit.min() == -1 and unit.max() == 1
    assert np.array_equal(sample.to_pictures(unit), levels.numpy())


def test_samples_depend_on_their_latents_alone() -> None:
    torch.manual_seed(0)
    generator = Generator(32, 4, 5).train()
    latents = sample.fixed_latents(70, 3)
    assert latents.min() >= -1 and latents.max() < 1 and latents.std() > 0.5
    whole = sample.generate(generator, latents).astype(int)
    alone = sample.generate(generator, latents[65:66]).astype(int)
    assert np.abs(whole[65] - alone[0]).max() <= 1
    assert generator.training, "left as it was"


def test_command_line_from_another_folder(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, picture in enumerate(blobs(6)):
        (pictures / f"{number}.png").write_bytes(sample.png(picture))
    command = [sys.executable, "-m", "gan", "train", "--data", "pictures", "--out", "run", "--size", "32"]
    command += ["--width", "4", "--batch", "8", "--min-pictures", "6", "--json", "-q"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}

    with subprocess.Popen([*command, "--minutes", "5"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as first:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run" / "fakes-000000.png").exists():
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        first.send_signal(signal.SIGTERM)
        assert b"saving" in first.communicate()[1]
    assert first.returncode == 143, "stopped by the signal, after saving"
    assert len(list((tmp_path / "run").glob("state-*.safetensors"))) == 1

    done = subprocess.run([*command, "--kimg", "1"], cwd=tmp_path, env=environment, capture_output=True, check=True)
    summary = json.loads(done.stdout)
    assert summary["schema_version"] == 1 and summary["status"] in ("done", "already done")
