"""Directions, pictures that are found again, ranks, films, and what is given away."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from gan_runs import make_run, pictures
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load, save
from torch import Tensor, nn

from gan import directions, export, graphs, mixes, projection, ranking, sheets, state, walks
from gan.looking import Opened, open_run
from gan.recipes import build_generator
from gan.sample import draw_latents, fixed_latents
from pipeline import models
from pipeline.errors import Fatal, IntegrityFailed, UsageError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    folder = tmp_path_factory.mktemp("run")
    make_run(folder)
    return open_run(folder)


# a run that is opened


def test_what_is_opened_is_what_was_trained(run: Opened) -> None:
    assert run.kimg == 2 and run.options.size == 32
    made = run.pictures(fixed_latents(3, run.options.seed))
    assert made.shape == (3, 32, 32, 3) and made.std() > 10


@pytest.mark.parametrize("damage", ["cut", "shape", "other", "pickle"])
def test_states_that_are_no_such_networks_are_refused(tmp_path: Path, damage: str) -> None:
    make_run(tmp_path)
    (file,) = tmp_path.glob("state-*.safetensors")
    (tmp_path / f"{file.stem}.json").unlink()
    data = file.read_bytes()
    tensors = load(data)
    header = {"wunderkammer": state.read_header(data).model_dump_json()}
    wrong = {
        "cut": data[:-100],
        "shape": save(tensors | {"averaged.project.weight": torch.zeros(3, 100)}, header),
        "other": save({name: one for name, one in tensors.items() if "averaged" not in name}, header),
        "pickle": b"\x80\x04cposix\nsystem\n(S'true'\ntR.",
    }
    file.write_bytes(wrong[damage])
    with pytest.raises(IntegrityFailed):
        _ = open_run(tmp_path).generator


# films


def test_a_walk_is_a_film_and_a_strip(run: Opened, tmp_path: Path) -> None:
    found = walks.through(run, ["0", "5", "9"], walks.Walk(steps=4, loop=True))
    film = Image.open(io.BytesIO(found.files["gif"]))
    assert film.n_frames == found.about["pictures"] == 12
    assert found.files["png"].startswith(b"\x89PNG")
    (tmp_path / "film.mp4").write_bytes(found.files["mp4"])
    frames = cv2.VideoCapture(str(tmp_path / "film.mp4")).get(cv2.CAP_PROP_FRAME_COUNT)
    assert frames == 12, "it goes round without a halt"
    assert found.name == "0_5_9-loop" and found.about["caption"] == "A walk through 0, 5, 9"


def test_a_temperature_of_nothing_stands_still(run: Opened) -> None:
    found = walks.through(run, ["0", "5"], walks.Walk(steps=3, temperature=0))
    film = Image.open(io.BytesIO(found.files["gif"]))
    frames = []
    for index in range(film.n_frames):
        film.seek(index)
        frames.append(np.asarray(film.convert("RGB")))
    assert all(np.array_equal(frames[0], frame) for frame in frames)


def test_walks_side_by_side(run: Opened) -> None:
    found = walks.many(run, 2, 3, 10, walks.Walk(steps=2))
    film = Image.open(io.BytesIO(found.files["gif"]))
    assert film.n_frames == 7 and film.width * 2 == film.height * 3


def test_too_long_walks_are_refused(run: Opened) -> None:
    with pytest.raises(UsageError, match="too many"):
        walks.through(run, ["0", "1"], walks.Walk(steps=2000))
    with pytest.raises(UsageError, match="four corners"):
        walks.plane(run, ["0", "1"], 4, walks.Walk())


# sums


def test_a_picture_less_itself_is_what_is_added(run: Opened) -> None:
    found = mixes.picture(run, [3, 17, 5], [3, 17])
    latents = fixed_latents(18, run.options.seed)
    total = latents[[3, 17, 5]].mean(0) - latents[[3, 17]].mean(0)
    shown = np.asarray(Image.open(io.BytesIO(found)))
    assert np.array_equal(shown, sheets.enlarged(run.pictures(total[None])[0], 128))
    alone = np.asarray(Image.open(io.BytesIO(mixes.picture(run, [7], []))))
    assert np.array_equal(alone, sheets.enlarged(run.pictures(latents[[7]])[0], 128)), "as in the grid"


def test_a_sum_is_told_with_its_latent(run: Opened) -> None:
    found = mixes.mix(run, "3,4 - 5 + 6")
    latents = fixed_latents(7, run.options.seed)
    wanted = latents[3:5].mean(0) - latents[5] + latents[6]
    assert np.allclose(found.about["latent"], wanted, atol=1e-5) and found.about["caption"] == "3,4 − 5 + 6"
    assert found.about["length"] == pytest.approx(float(wanted.norm()), abs=0.01)


# directions


def test_sefa_finds_what_the_first_layer_lengthens(run: Opened) -> None:
    generator = build_generator(run.options).eval()
    planted = torch.linalg.qr(torch.randn(100, 100, generator=torch.Generator().manual_seed(0)))[0]
    with torch.no_grad():
        generator.blocks[0].weight.fill_(1)
        generator.project.weight.mul_(0.01).add_(0.5 * planted[:1]).add_(
            0.2 * torch.linspace(-1, 1, len(generator.project.weight))[:, None] * planted[1:2]
        )
    found = directions.sefa(generator)
    assert abs(float(found.vectors[0] @ planted[0])) > 0.99 and abs(float(found.vectors[1] @ planted[1])) > 0.99
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(100), atol=1e-4)
    assert (found.shares.diff() <= 1e-6).all() and float(found.shares.sum()) == pytest.approx(1, abs=1e-4)


def test_sefa_sees_the_scales_of_batch_normalisation(run: Opened) -> None:
    generator = build_generator(run.options).eval()
    with torch.no_grad():
        generator.project.weight.normal_(0, 0.1)
        weight = generator.project.weight.view(16, -1, 100)
        weight[:, 2] += torch.eye(100)[40]  # only channel 2 looks at the 40th number …
        generator.blocks[0].weight.fill_(0.01)[2] = 10  # … and only channel 2 is loud
    assert int(directions.sefa(generator).vectors[0].abs().argmax()) == 40


@pytest.mark.parametrize("blocks", ["plain", "residual"])
def test_principal_components_change_pictures_more_than_chance(blocks: str, tmp_path: Path) -> None:
    make_run(tmp_path, blocks=blocks)
    generator = open_run(tmp_path).generator
    found = directions.pca(generator, samples=300)
    assert torch.allclose(found.vectors.norm(dim=1), torch.ones(100), atol=1e-4)
    some = draw_latents(64, torch.Generator().manual_seed(5))

    def change(vector: Tensor) -> float:
        return float((generator(some + vector) - generator(some - vector)).abs().mean())

    by_chance = torch.nn.functional.normalize(torch.randn(20, 100, generator=torch.Generator().manual_seed(6)), dim=1)
    assert change(found.vectors[0]) > np.mean([change(one) for one in by_chance])


def test_strips_have_the_sample_in_their_middle(run: Opened) -> None:
    latents = fixed_latents(2, 0)
    vector = directions.sefa(run.generator).vectors[0]
    made = directions.along(latents, vector).view(2, 7, 100)
    assert torch.equal(made[:, 3], latents)
    assert torch.allclose((made[:, 6] - made[:, 5]).norm(dim=1), torch.full((2,), 3**-0.5), atol=1e-5)
    found = directions.directions(run, "sefa", 2, [0, 1])
    assert [one.name for one in found] == ["sefa", "sefa-01", "sefa-02"] and len(found[0].about["vectors"]) == 2
    with pytest.raises(UsageError, match="1 to 100"):
        directions.directions(run, "sefa", 101, [0])


# real pictures found again


def plain_pixels(shown: Tensor) -> list[Tensor]:
    return [shown, torch.nn.functional.avg_pool2d(shown, 4)]


def test_a_generated_picture_is_found_again(run: Opened) -> None:
    latent = draw_latents(1, torch.Generator().manual_seed(77))
    (picture,) = run.pictures(latent)
    found = projection.project(run.generator, picture, plain_pixels, candidates=200, steps=150)
    assert found.after < found.before / 4
    nearest, made = run.pictures(torch.stack([found.start, found.latent])).astype(float)
    assert ((made - picture) ** 2).mean() < ((nearest - picture) ** 2).mean() / 4
    assert found.latent.abs().max() <= 1
    again = projection.project(run.generator, picture, plain_pixels, candidates=200, steps=150)
    assert torch.equal(found.latent, again.latent)


def test_a_search_never_ends_further_away_than_it_began(run: Opened) -> None:
    (picture,) = pictures(1, seed=9)
    for steps in (0, 1, 5):
        found = projection.project(run.generator, picture, plain_pixels, candidates=20, steps=steps)
        assert found.after <= found.before + 1e-6


@pytest.mark.skipif(models.find("efficientnet-lite0") is None, reason="the model was not fetched")
def test_found_again_in_the_features_of_the_packaged_network(tmp_path: Path) -> None:
    make_run(tmp_path)
    run = open_run(tmp_path)
    (picture,) = run.pictures(draw_latents(1, torch.Generator().manual_seed(3)))
    found = projection.found_again(run, picture, "my rose", "rose of mine", steps=40)
    assert found.about["distance_after"] < found.about["distance_before"] / 2
    assert found.about["levels_after"] < found.about["levels_before"]
    assert np.allclose(run.names.point("rose of mine"), found.about["latent"], atol=1e-5)
    assert found.name == "my-rose"


# ranks


class Planted(nn.Module):
    """Takes bright pictures for real."""

    def forward(self, shown: Tensor) -> Tensor:
        return shown.mean((1, 2, 3))


def test_pictures_are_ranked_as_a_planted_discriminator_has_it(run: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.stack([np.full((32, 32, 3), level, np.uint8) for level in (90, 10, 250, 30)])
    opened = Opened(run.out, run.data, run.options, run.kimg)
    opened.__dict__["discriminator"] = Planted()
    low, high, table = ranking.rank(opened, lambda _size: (images, ["c", "a", "d", "=b"]), tail=2)
    assert low.about["ids"] == ["a", "=b"] and high.about["ids"] == ["d", "c"]
    assert table.about["ids"] == ["a", "=b", "c", "d"] and table.about["scores"] == sorted(table.about["scores"])
    rows = list(csv.DictReader(io.StringIO(table.files["csv"].decode())))
    assert [row["id"] for row in rows] == ["a", "'=b", "c", "d"], "no cell is a formula"


@pytest.mark.parametrize("recipe", [{}, {"norm": "spectral"}, {"blocks": "residual"}])
def test_a_score_is_the_discriminators_and_its_own(tmp_path: Path, recipe: dict[str, str]) -> None:
    make_run(tmp_path, **recipe)
    network = open_run(tmp_path).discriminator
    images = pictures(70)
    found = ranking.scores(network, images)
    assert found.shape == (70,) and np.allclose(found[[65, 3]], ranking.scores(network, images[[65, 3]]), atol=1e-4)


# sheets


@given(st.text(max_size=60))
def test_any_words_fit_on_a_sheet(text: str) -> None:
    tile = np.zeros((8, 8, 3), np.uint8)
    made = sheets.sheet([sheets.Row([tile, tile], text, [text])], text)
    assert made.shape[2] == 3 and made.shape[1] > 2 * 8 and sheets.spelled(text).isascii()


# given away


RESIDUAL = {"blocks": "residual"}


@pytest.mark.parametrize("chosen", [{}, {"kernel": 5, "width": 3}, {"size": 64}, RESIDUAL, RESIDUAL | {"kernel": 5}])
def test_onnx_draws_the_same_pictures(tmp_path: Path, chosen: dict[str, object]) -> None:
    make_run(tmp_path, **chosen)
    run = open_run(tmp_path)
    data = graphs.to_onnx(run.generator, {"kimg": "2"})
    assert graphs.difference(run.generator, data) < 1e-4
    assert data == graphs.to_onnx(run.generator, {"kimg": "2"}), "the same bytes every time"
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    latents = fixed_latents(5, 9)
    (drawn,) = session.run(None, {"latents": latents.numpy()})
    assert drawn.std() > 0.05 and np.abs(drawn - run.generator(latents).numpy()).max() < 1e-4
    assert {one.key: one.value for one in onnx.load_from_string(data).metadata_props} == {"kimg": "2"}


def test_onnx_that_draws_otherwise_is_refused(run: Opened) -> None:
    model = onnx.load_from_string(graphs.to_onnx(run.generator, {}))
    weight = next(one for one in model.graph.initializer if one.name == "blocks.0.bias")
    weight.raw_data = (np.frombuffer(weight.raw_data, np.float32) + 0.5).tobytes()
    with pytest.raises(Fatal, match="draws other pictures"):
        graphs.difference(run.generator, model.SerializeToString())


def test_what_is_given_away_says_whose_pictures_it_saw(run: Opened) -> None:
    origin = export.Origin(
        "skulls", 3, "Bones | <b>", 1234, "Each was cropped.",
        (export.Licence("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/", 1200),
         export.Licence("Public domain", "", 34)), {"credits.csv": b"id\n"},
    )  # fmt: skip
    made = export.export(run, origin)
    assert set(made.files) == {
        "README.md", "generator.onnx", "generator.safetensors", "samples.png", "credits.csv"
    } and made.difference < 1e-4  # fmt: skip
    card = made.files["README.md"].decode()
    head = yaml.safe_load(card.split("---")[1])
    assert head["pipeline_tag"] == "unconditional-image-generation" and head["license"] == "other"
    assert "`skulls`, edition 3" in card and "[credits.csv](credits.csv)" in card and "Bones \\| \\<b\\>" in card
    assert "| [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/) | 1,200 |" in card
    assert "| Public domain | 34 |" in card
    fresh = build_generator(run.options)
    fresh.load_state_dict(load(made.files["generator.safetensors"]))
    assert torch.equal(fresh.eval()(fixed_latents(2, 1)), run.generator(fixed_latents(2, 1)))


def test_of_a_folder_by_itself_nothing_is_claimed(run: Opened) -> None:
    card = export.export(run).files["README.md"].decode()
    assert "Say it here before you publish" in card and "credits" not in card.split("## What to mind")[0]
