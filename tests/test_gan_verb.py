"""`pipeline gan`: the commands of `python -m gan` on the themes of a corpus; and the page that mixes samples."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from gan_runs import folder_of, make_run, pictures
from PIL import Image
from review_serving import Client, serving
from web_corpus import corpus_at

from gan.cli import main as gan_main
from gan.looking import open_run
from gan.sample import fixed_latents
from gan.sheets import enlarged
from pipeline.cli import cli
from pipeline.corpus import add_edition
from pipeline.errors import PipelineError
from pipeline.storage import Root
from pipeline.verbs.inside import gan_
from pipeline.web import looks

RUN = "runs/painted/00/00001-dcgan-64-seed0"
SMALL = ["--count", "4"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The painted corpus with a true run in theme 0, and its pictures in the folder."""
    folder = tmp_path_factory.mktemp("looked") / "root"
    root, edition = corpus_at(folder)
    theme = edition["clusters"][0]
    members = json.loads(root.read(f"{theme['path']}/cluster.json"))["members"]
    shown = folder_of(pictures(len(members)), folder / theme["path"] / "images")
    for member, file in zip(members, sorted(shown.iterdir()), strict=True):
        file.rename(shown / f"{member['id']}.png")
    edition.pop("edition")
    add_edition(root, "painted", edition)
    make_run(root.sub(RUN), grid=8)
    root.commit(f"{RUN}/run.json", json.dumps({"corpus": "painted", "cluster": 0}).encode())
    return folder


def call(place: Path, *words: object) -> Result:
    return CliRunner().invoke(cli, ["gan", *map(str, words), "--root", str(place)])


def answer(place: Path, *words: object) -> dict:
    done = call(place, *words, "--json")
    assert done.exit_code == 0, done.output + str(done.exception)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", gan_.commands)
def test_help_begins_with_an_example_and_names_no_folder(name: str) -> None:
    command = gan_.commands[name]
    text = command.get_help(click.Context(command, info_name=f"pipeline gan {name}"))
    assert text.split("\n\n")[1].strip().startswith(f"pipeline gan {name} --cluster 7"), text
    assert "--data" not in text and "python -m" not in text.split("Options:")[0].replace("`python -m gan", "")
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))
    assert set(gan_.commands) == set(gan_main.commands) - {"train", "sample"}


def test_walks_sums_and_names_go_into_the_run(place: Path) -> None:
    assert answer(place, "name", "--cluster", 0, "--seeds", "3,17,42", "red ones")["names"] == {
        "red ones": {"seeds": [3, 17, 42]}
    }
    walked = answer(place, "walk", "--cluster", 0, "--steps", 3, "--loop", "3", "red ones")
    assert [Path(file).name for file in walked["looks"][0]["files"]] == [
        "3_red-ones-loop.mp4", "3_red-ones-loop.gif", "3_red-ones-loop.png"
    ]  # fmt: skip
    mixed = answer(place, "mix", "--run", RUN, "red ones - 4 + 5")
    assert mixed["looks"][0]["caption"] == "red ones − 4 + 5" and mixed["run"] == str(place / RUN)
    shown = looks.looks(Root(place), RUN, "runs/00", files := {})
    assert [look.kind for look in shown["walks"] if "red" in look.name] == ["film", "image"], "a film once"
    assert any(look.caption == "red ones − 4 + 5" for look in shown["mix"])
    assert set(files.values()) >= {f"{RUN}/walks/3_red-ones-loop.mp4", f"{RUN}/mix/red-ones--4+5.png"}


def test_ranks_are_by_id_and_order_the_pages(place: Path) -> None:
    made = answer(place, "rank", "--cluster", 0, "--tail", 3)
    scores = looks.scores(Root(place), RUN)
    members = json.loads((place / "corpora/painted/clusters/dd/00/cluster.json").read_text())["members"]
    assert set(scores) == {member["id"] for member in members}
    (table,) = [file for look in made["looks"] for file in look["files"] if file.endswith(".csv")]
    rows = list(csv.DictReader(io.StringIO(Path(table).read_text())))
    assert [float(row["score"]) for row in rows] == sorted(scores.values()) and rows[0]["id"] in scores


def test_neurons_and_directions_have_their_sheets(place: Path) -> None:
    made = answer(place, "neurons", "--cluster", 0, "--of", "generator", "--top", 2)
    assert [look["at"] for look in made["looks"]] == ["4 × 4 pixels", "8 × 8 pixels", "16 × 16 pixels"]
    made = answer(place, "directions", "--cluster", 0, *SMALL)
    assert len(made["looks"]) == 5 and all("vectors" not in look for look in made["looks"])
    shown = looks.looks(Root(place), RUN, "runs/00", {})
    assert len(shown["directions"]) == 5 and len(shown["neurons"]) >= 3


def test_given_away_with_the_licences_of_its_pictures(place: Path, tmp_path: Path) -> None:
    made = answer(place, "export", "--cluster", 0, "-o", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert made["difference"] < 1e-4 and "corpus `painted`, edition" in card and "credits.md" in card
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "credits.csv").read_text())))
    members = json.loads((place / "corpora/painted/clusters/dd/00/cluster.json").read_text())["members"]
    assert {row["id"] for row in rows} <= {member["id"] for member in members}
    counted = sum(int(line.split("|")[2].replace(",", "")) for line in card.splitlines() if line.startswith("| ") and
                  line.rstrip(" |")[-1].isdigit())  # fmt: skip
    assert counted == sum(int(row["pictures"]) for row in rows) > 0


def test_a_picture_of_the_theme_is_named_by_its_id(place: Path) -> None:
    done = call(place, "project", "--cluster", 0, "feedfeed")
    assert isinstance(done.exception, PipelineError) and "names no picture here" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["walk"], "Say whose GAN"),
        (["walk", "--cluster", "0", "--run", RUN], "Say whose GAN"),
        (["walk", "--cluster", "99"], "has no theme 99"),
        (["walk", "--cluster", "4"], "has no GAN yet: train one with `pipeline train --cluster 4`"),
        (["walk", "--run", "runs/none"], "There is no trained run runs/none"),
        (["walk", "--cluster", "0", "nobody", "1"], "No samples are named 'nobody'"),
        (["walk", "--cluster", "0", "--step", "999"], "has no state at 999 kimg"),
        (["walk", "--cluster", "0", "-o", "film.avi"], "film.avi: this can be written as .mp4 or .gif or .png"),
        (["neurons", "--cluster", "0", "--unit", "3"], "give --layer and --of"),
        (["neurons", "--cluster", "0", "--of", "generator", "--layer", "9"], "has layers 1 to 3"),
        (["neurons", "--cluster", "0", "--of", "discriminator"], "pictures are too few: give at least 20"),
        (["mix", "--cluster", "0", "1 - - 2"], "is no sum"),
        (["name", "--cluster", "0", "red"], "Give both"),
    ],
)
def test_mistakes_are_told_in_a_sentence(place: Path, words: list[str], sentence: str) -> None:
    done = call(place, *words)
    assert isinstance(done.exception, PipelineError), done.output
    assert sentence in str(done.exception)


def test_a_dry_run_makes_nothing(place: Path) -> None:
    before = sorted(place.rglob("*"))
    done = call(place, "rank", "--cluster", 0, "--dry-run")
    assert done.exit_code == 0 and done.stdout == f"Would rank in {RUN}.\n"
    assert sorted(place.rglob("*")) == before


def test_by_itself_it_writes_where_it_is_told(place: Path, tmp_path: Path) -> None:
    data = folder_of(pictures(25), tmp_path / "data")
    run = str(place / RUN)
    words = ["neurons", "--run", run, "--data", str(data), "--of", "discriminator", "--layer", "2", "--unit", "1"]
    done = CliRunner().invoke(gan_main, [*words, "-o", str(tmp_path / "one.png")])
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "one.png") as sheet:
        assert sheet.width > 300 and "sees 10 × 10 pixels" in done.stdout
    done = CliRunner().invoke(gan_main, ["rank", "--run", run, "--data", str(data), "-o", str(tmp_path / "ranked")])
    assert done.exit_code == 0 and (tmp_path / "ranked" / "scores.csv").read_text().count("\n") == 26
    done = CliRunner().invoke(gan_main, ["rank", "--run", run, "--data", str(tmp_path / "none")])
    assert done.exit_code == 2 and "There is no" in done.output


# the page


@pytest.fixture(scope="module")
def client(place: Path) -> Iterator[Client]:
    with serving(place) as found:
        yield found


def test_samples_that_are_clicked_are_mixed(place: Path, client: Client) -> None:
    def mixed(**said: object) -> np.ndarray:
        status, headers, data = client.raw("POST", "/api/mix", json.dumps(said).encode(), client.headers)
        assert status == 200 and headers["Content-Type"] == "image/png", data
        return np.asarray(Image.open(io.BytesIO(data)))

    run = open_run(place / RUN)
    latents = fixed_latents(64, run.options.seed)
    total = latents[[3, 17, 5]].mean(0) - latents[[8, 9]].mean(0)
    sum_, alone = (enlarged(run.pictures(latent[None])[0], 128).astype(int) for latent in (total, latents[7]))
    assert np.abs(mixed(run=0, plus=[3, 17, 5], minus=[8, 9]) - sum_).max() <= 1
    assert np.abs(mixed(run=0, plus=[7], minus=[]) - alone).max() <= 1


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"run": 5, "plus": [1], "minus": []}, "no GAN"),
        ({"run": 0, "plus": [], "minus": [1]}, "at least one"),
        ({"run": 0, "plus": [1 << 30], "minus": []}, "no sample 1073741824"),
        ({"run": 0, "plus": [True], "minus": []}, "list of at most"),
        ({"run": 3, "plus": [1], "minus": []}, "There is no trained run"),
    ],
)
def test_sums_that_cannot_be_say_why(client: Client, said: dict, sentence: str) -> None:
    assert sentence in client.post("/api/mix", 400, **said)["error"]
