"""The command line: help that begins with examples, errors that say what to do."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from gan_runs import make_run
from PIL import Image

from gan.cli import main


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    yield
    logging.getLogger("gan").handlers.clear()
    logging.getLogger("gan").setLevel(logging.NOTSET)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, picture in enumerate(np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)):
        Image.fromarray(picture).save(folder / f"{number}.png")
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return folder


def gan(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def train(pictures: Path, out: Path, *more: object) -> Result:
    return gan("train", "--data", pictures, "--out", out, "--size", 32, "--width", 2, "--batch", 8, *more)


@pytest.mark.parametrize("command", [[], *([name] for name in main.commands)])
def test_help_begins_with_examples(command: list[str]) -> None:
    result = gan(*command, "--help")
    lines = [line.strip() for line in result.output.splitlines() if line.strip()]
    assert result.exit_code == 0
    assert lines[1] == "Examples:" and lines[2].startswith("python -m gan")


@pytest.mark.parametrize("name", main.commands)
def test_every_option_is_explained_or_plain(name: str) -> None:
    options = [option for option in main.commands[name].params if isinstance(option, click.Option)]
    assert {option.name for option in options if not option.help} <= {"seed", "rows", "columns"}


def test_docs_name_every_command_and_option() -> None:
    guide = (Path(__file__).parents[1] / "docs" / "gan.md").read_text()
    for name, command in main.commands.items():
        assert f"python -m gan {name}" in guide
        options = [option.opts[-1] for option in command.params if isinstance(option, click.Option)]
        missing = {option for option in options if option not in guide}
        assert missing <= {"--rows", "--columns"}


def test_train_then_sample(pictures: Path, tmp_path: Path) -> None:
    done = train(pictures, tmp_path / "run", "--kimg", 0.1, "--min-pictures", 6, "--grid", 2, "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["status"] == "done" and summary["images"] == 104 and summary["pictures"] == 6
    drawn = gan("sample", "--run", tmp_path / "run", "--out", tmp_path / "grid.png", "--rows", 2, "--columns", 3)
    assert drawn.exit_code == 0 and "6 pictures after 0.104 kimg" in drawn.output
    with Image.open(tmp_path / "grid.png") as drawing:
        assert drawing.size == (96, 64)


def test_dry_run(pictures: Path, tmp_path: Path) -> None:
    result = train(pictures, tmp_path / "run", "--dry-run", "--min-pictures", 6)
    assert result.exit_code == 0 and "nothing is trained" in result.stdout
    assert '"lr": 0.0002' in result.stderr and "1 damaged files left out" in result.stderr
    assert sorted(path.name for path in (tmp_path / "run").iterdir() if path.is_file()) == ["options.json", "reals.png"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--kimg", 1], 1, "6 different pictures (6 in all) are too few"),
        (["--size", 48, "--kimg", 1], 2, "--size 48: input should be 32, 64 or 128"),
        (["--recipe", "radfort"], 2, "--recipe radfort: input should be 'radford'"),
        (["--kimg", 0], 2, "--kimg 0.0: input should be greater than 0"),
        (["--augment", "colours"], 2, "--augment colours: "),
        (["--recipe", "projected", "--r1", 1], 2, "The penalty r1 is for the discriminators of radford and small"),
        (["--from", "nowhere", "--kimg", 1, "--min-pictures", 6], 2, "There is no trained run in"),
        (["--data", "nowhere"], 2, "There is no nowhere"),
    ],
)
def test_errors_are_sentences(pictures: Path, tmp_path: Path, words: list[object], code: int, said: str) -> None:
    result = train(pictures, tmp_path / "run", *words)
    assert result.exit_code == code, result.output
    assert said in result.stderr and "Traceback" not in result.stderr


def test_other_options_are_refused_before_pictures_are_read(tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    result = train(tmp_path / "nowhere", tmp_path / "run", "--width", 8)
    assert result.exit_code == 2 and "begun with other options" in result.stderr


def test_sampling_from_nothing(tmp_path: Path) -> None:
    result = gan("sample", "--run", tmp_path, "--out", tmp_path / "grid.png")
    assert result.exit_code == 2 and "There is no trained run" in result.stderr
