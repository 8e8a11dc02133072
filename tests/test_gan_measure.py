"""The figures of a run beside their floors, and the command that prints them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from gan import alarms
from gan.cli import main
from gan.measure import Figure, advice, measure
from gan.sample import Pictures
from pipeline import models
from pipeline.errors import UsageError

pytestmark = pytest.mark.skipif(
    models.find("efficientnet-lite0") is None, reason="the model is not here: run `pipeline models fetch`"
)


def pictures(count: int, seed: int) -> Pictures:
    """Squares of one colour on another, that all differ."""
    rng = np.random.default_rng(seed)
    images = np.empty((count, 32, 32, 3), np.uint8)
    for image in images:
        image[:] = rng.integers(0, 256, 3)
        (top, left), side = rng.integers(0, 16, 2), rng.integers(6, 16)
        image[top : top + side, left : left + side] = rng.integers(0, 256, 3)
    return images


def by_kind(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name.rsplit("-", 1)[0]: figure for figure in figures if "shapes" not in figure.name}


REALS = pictures(200, 0)


def test_other_real_pictures_are_at_the_floor() -> None:
    figures = measure(pictures(100, 1), REALS, pictures(30, 2))
    found = by_kind(figures)
    assert list(found) == [
        "kid", "kid-held-out", "frechet", "precision", "recall", "density", "coverage", "copied", "spread", "twins",
    ]  # fmt: skip
    assert all("efflite0@32" in figure.name or "shapes@16" in figure.name for figure in figures)
    kid = found["kid"]
    assert abs(kid.value) < 5 * kid.sd and abs(kid.floor) < 5 * kid.floor_sd and kid.sd > 0
    for name in ("precision", "recall", "coverage"):
        assert found[name].value == pytest.approx(found[name].floor, abs=0.15)
        assert found[name].pictures == 100
    assert np.isnan(found["frechet"].value) and found["frechet"].note == "needs 5,000 pictures on each side"
    assert advice(figures) == []


def test_noise_is_far_from_the_floor() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), np.uint8)
    found = by_kind(measure(noise, REALS, REALS[:0]))
    assert found["kid"].value > 20 * found["kid"].floor_sd + abs(found["kid"].floor)
    assert found["coverage"].value < 0.2 and "kid-held-out" not in found


def test_copies_and_collapse_are_told_with_advice() -> None:
    copies = advice(measure(np.concatenate([REALS[:50], alarms.mirror(REALS[50:100])]), REALS, REALS[:0]))
    assert [alarm.name for alarm in copies] == ["memorised pictures"]
    few = advice(measure(np.repeat(pictures(4, 5), 25, axis=0), REALS, REALS[:0]))
    assert [alarm.name for alarm in few] == ["mode collapse"]


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="19 made and 200 real pictures are too few"):
        measure(REALS[:19], REALS, REALS[:0])


# the command


def gan(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of a few updates, and its pictures."""
    folder = tmp_path_factory.mktemp("measure")
    (folder / "pictures").mkdir()
    for number, picture in enumerate(pictures(60, 3)):
        Image.fromarray(picture).save(folder / "pictures" / f"{number:03}.png")
    words = ("--size", 32, "--width", 2, "--batch", 8, "--kimg", 0.05, "--min-pictures", 50, "--grid", 2, "--quiet")
    done = gan("train", "--data", folder / "pictures", "--out", folder / "run", *words)
    assert done.exit_code == 0, done.output
    return folder / "run", folder / "pictures"


def test_the_table(run: tuple[Path, Path]) -> None:
    result = gan("measure", "--run", run[0], "--data", run[1], "--count", 40)
    assert result.exit_code == 0, result.output
    assert "40 pictures made after 0.056 kimg, against 60 real ones and 0 held out" in result.stdout
    head = next(line for line in result.stdout.splitlines() if line.startswith("figure"))
    assert "reals (floor)" in head
    assert "kid-efflite0@32" in result.stdout and "needs 5,000 pictures" in result.stdout


def test_json_and_that_it_repeats(run: tuple[Path, Path]) -> None:
    words = ("measure", "--run", run[0], "--data", run[1], "--count", 40, "--json")
    first, again, other = gan(*words), gan(*words), gan(*words, "--seed", 2)
    assert first.stdout == again.stdout != other.stdout
    answer = json.loads(first.stdout)
    assert answer["schema_version"] == 1 and answer["images"] == 56
    figures = {figure["name"]: figure for figure in answer["figures"]}
    assert figures["frechet-efflite0@32"]["value"] is None
    assert figures["kid-efflite0@32"]["value"] > figures["kid-efflite0@32"]["floor"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run", "nowhere"], "There is no trained run"),
        (["--network", "nowhere.pt"], "There is no network file"),
        (["--step", 7], "has no state at 7 kimg"),
        (["--data", "nowhere"], "There is no nowhere"),
    ],
)
def test_errors_are_sentences(run: tuple[Path, Path], words: list[object], said: str) -> None:
    result = gan("measure", "--run", run[0], "--data", run[1], "--count", 40, *words)
    assert result.exit_code == 2 and said in result.stderr and "Traceback" not in result.stderr
