"""Each switch of a recipe changes what it says and nothing else, and every recipe resumes exactly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from test_gan_train import blobs, curve, same_states
from torch.nn.functional import relu, softplus

from gan import augment, metrics, sample, spaces, state, watch
from gan.losses import discriminator_loss, generator_loss, r1_penalty
from gan.nets import Discriminator, Generator, Spectral
from gan.options import RECIPES, TrainOptions
from gan.recipes import build_discriminator, build_generator
from gan.residual import ResidualDiscriminator, ResidualGenerator
from gan.step import update
from gan.train import expectation, likeness, train
from pipeline import models
from pipeline.errors import UsageError
from pipeline.storage import Root

CPU = torch.device("cpu")
BASE: dict[str, Any] = {
    "size": 32, "width": 4, "kernel": 4, "batch": 8, "grid": 2, "min_pictures": 4, "save_seconds": 0,
    "precision": "fp32",
}  # fmt: skip
HAS_BACKBONE = models.find("efficientnet-lite0") is not None
needs_backbone = pytest.mark.skipif(not HAS_BACKBONE, reason="the packaged network was not fetched")


def outcomes(steps: int = 3, **choices: Any) -> list[list[float]]:
    """What the first updates come to."""
    options = TrainOptions(**{**BASE, **choices})
    made = state.fresh(options, CPU)
    made.generator.train()
    made.discriminator.train()
    real = sample.to_unit(torch.from_numpy(blobs(8)))
    return [update(made, options, real).sums.tolist() for _ in range(steps)]


# switches


def test_every_switch_off_is_the_published_step() -> None:
    off = {
        "augment": "none", "r1": 0, "norm": "batch", "loss": "original", "blocks": "plain", "lr_d": 2e-4,
        "held_out": 0, "patience": 0,
    }  # fmt: skip
    assert outcomes(**off) == outcomes()
    assert TrainOptions(**{**BASE, **off}).model_dump() == TrainOptions(**BASE).model_dump()


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_a_set_of_choices_and_each_can_be_made_otherwise(recipe: Any) -> None:
    options = TrainOptions(recipe=recipe)
    for name, value in RECIPES[recipe].items():
        assert getattr(options, name) == value
    assert TrainOptions(recipe=recipe, augment="none", width=7, lr_d=1e-3).model_dump() == {
        **options.model_dump(), "augment": (), "width": 7, "lr_d": 1e-3
    }  # fmt: skip
    assert TrainOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    ("choices", "same_first_step"),
    [
        ({"augment": "colour"}, False),
        ({"augment": "translation"}, False),
        ({"augment": "cutout"}, False),
        ({"augment": "mirror"}, False),
        ({"augment": "colour", "augment_epochs": 2}, False),
        ({"loss": "hinge"}, False),
        ({"loss": "relativistic"}, False),
        ({"norm": "spectral"}, False),
        ({"norm": "none"}, False),
        ({"blocks": "residual"}, False),
        ({"r1": 10.0}, True),  # the first discriminator loss is taken before the penalty acts
        ({"lr_d": 1e-3}, True),
    ],
)
def test_a_switch_changes_the_course(choices: dict[str, Any], same_first_step: bool) -> None:
    plain, switched = outcomes(), outcomes(**choices)
    assert (plain[0][0] == switched[0][0]) == same_first_step
    assert plain[1:] != switched[1:]
    assert np.isfinite(switched).all()


def test_the_average_is_a_switch_that_touches_no_loss() -> None:
    assert outcomes(ema_kimg=0) == outcomes(ema_kimg=10)
    options = TrainOptions(**BASE, ema_kimg=0)
    made = state.fresh(options, CPU)
    update(made, options, sample.to_unit(torch.from_numpy(blobs(8))))
    assert torch.equal(made.averaged.project.weight, made.generator.project.weight)


def test_two_time_scales_are_two_step_sizes() -> None:
    made = state.fresh(TrainOptions(**BASE, lr=1e-4, lr_d=4e-4), CPU)
    assert made.adam_g.param_groups[0]["lr"] == 1e-4
    assert made.adam_d.param_groups[0]["lr"] == 4e-4
    assert TrainOptions(lr=3e-4).lr_d == 3e-4, "one for both unless said otherwise"


def test_the_penalty_is_lazy_by_the_number_of_the_step() -> None:
    every = outcomes(steps=6, r1=10.0, r1_every=4)
    assert every[0][0] == outcomes(steps=1, r1=10.0, r1_every=5)[0][0]
    late = state.fresh(TrainOptions(**BASE), CPU)
    late.progress.images = 8  # the second step of a run: no penalty is due
    options = TrainOptions(**BASE, r1=10.0, r1_every=4)
    plain = state.fresh(TrainOptions(**BASE), CPU)
    plain.progress.images = 8
    real = sample.to_unit(torch.from_numpy(blobs(8)))
    update(late, options, real)
    update(plain, TrainOptions(**BASE), real)
    assert torch.equal(late.discriminator.judge.weight, plain.discriminator.judge.weight)


@pytest.mark.parametrize("wrong", [{"augment": "colours"}, {"recipe": "tiny"}, {"recipe": "projected", "r1": 1.0}])
def test_wrong_choices_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainOptions(**wrong)


# losses


def test_losses_are_their_formulas() -> None:
    real, fake = torch.randn(20), torch.randn(20)
    assert discriminator_loss(real, fake, "hinge") == relu(1 - real).mean() + relu(1 + fake).mean()
    assert generator_loss(fake, "hinge") == -fake.mean()
    torch.testing.assert_close(discriminator_loss(real, fake, "relativistic"), -(real - fake).sigmoid().log().mean())
    torch.testing.assert_close(generator_loss(fake, "relativistic", real), softplus(real - fake).mean())
    with pytest.raises(ValueError, match="compares with reals"):
        generator_loss(fake, "relativistic")


def test_the_penalty_is_half_the_squared_gradient() -> None:
    class Linear(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 3 * x.sum((1, 2, 3))

    assert r1_penalty(Linear(), torch.randn(4, 3, 5, 5)).item() == pytest.approx(0.5 * 9 * 75)


# augmentation


@given(st.integers(0, 1000), st.sampled_from(list(augment.KINDS)))
@settings(max_examples=25, deadline=None)
def test_augmentation_keeps_shape_and_repeats(seed: int, kind: str) -> None:
    pictures = torch.rand(3, 3, 16, 16) * 2 - 1
    once, again = (augment.augment(pictures, [kind], torch.Generator().manual_seed(seed)) for _ in range(2))
    assert once.shape == pictures.shape and torch.equal(once, again)


def test_no_augmentation_draws_nothing() -> None:
    rng, pictures = torch.Generator().manual_seed(1), torch.rand(2, 3, 8, 8)
    before = rng.get_state()
    assert augment.augment(pictures, [], rng) is pictures
    assert torch.equal(rng.get_state(), before)


def test_a_share_of_the_pictures_is_changed() -> None:
    pictures = torch.rand(400, 3, 8, 8)
    made = augment.augment(pictures, ["colour"], torch.Generator().manual_seed(0), 0.25)
    changed = (made != pictures).flatten(1).any(1).float().mean()
    assert 0.15 < changed < 0.35
    weights = pictures[:8].clone().requires_grad_(True)
    augment.augment(weights, ["translation", "cutout"], torch.Generator().manual_seed(0), 0.5).sum().backward()
    assert weights.grad is not None and 0 < float(weights.grad.mean()) < 1, "what was cut out has no gradient"
    rng = torch.Generator().manual_seed(1)
    before = rng.get_state()
    assert augment.augment(pictures, ["colour"], rng, 0.0) is pictures and torch.equal(rng.get_state(), before)


def test_the_share_grows_with_the_epochs() -> None:
    assert [augment.share_at(epochs, 200) for epochs in (0, 50, 200, 900)] == [0, 0.25, 1, 1]
    assert augment.share_at(0, 0) == 1, "all from the start, unless it is asked otherwise"
    real = sample.to_unit(torch.from_numpy(blobs(8)))
    sums = {}
    for name, choices, epochs in (
        ("plain", {}, 0.0),
        ("not yet", {"augment": "cutout", "augment_epochs": 5}, 0.0),
        ("now", {"augment": "cutout", "augment_epochs": 5}, 5.0),
        ("from the start", {"augment": "cutout"}, 0.0),
    ):
        options = TrainOptions(**{**BASE, **choices})
        sums[name] = update(state.fresh(options, CPU), options, real, epochs).sums.tolist()
    assert sums["plain"] == sums["not yet"] != sums["now"] == sums["from the start"]


def test_translation_moves_and_its_gradient_moves_back() -> None:
    pictures = torch.zeros(40, 1, 16, 16, requires_grad=True)
    with torch.no_grad():
        pictures[:, :, 8, 8] = 1
    moved = augment.translation(pictures, torch.Generator().manual_seed(0))
    places = [divmod(int(at), 16) for at in moved.detach().flatten(1).argmax(1)]
    assert len(set(places)) > 10 and all(6 <= row <= 10 and 6 <= column <= 10 for row, column in places)
    moved[:, 0, 8, 8].sum().backward()  # type: ignore[no-untyped-call]
    assert pictures.grad is not None
    for gradient, (row, column) in zip(pictures.grad[:, 0], places, strict=True):
        assert gradient.sum() == 1 and gradient[16 - row, 16 - column] == 1


def test_translation_is_differentiated_rightly() -> None:
    pictures = torch.rand(2, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    by = torch.tensor([[1, -1], [0, 1]])
    assert torch.autograd.gradcheck(lambda x: augment._Move.apply(x, by, 1), (pictures,))


def test_cutout_makes_a_hole_and_colour_none() -> None:
    pictures = torch.ones(30, 3, 16, 16)
    holes = (augment.cutout(pictures, torch.Generator().manual_seed(0)) == 0).float().mean((1, 2, 3))
    assert holes.max() == 0.25 and holes.min() < 0.25
    coloured = augment.colour(pictures, torch.Generator().manual_seed(0))
    assert coloured.flatten(1).std(1).max() < 1e-6, "one colour stays one colour"
    assert coloured.flatten(1).mean(1).std() > 0.1


# networks


def test_spectral_norms_become_one() -> None:
    judge = Discriminator(32, 4, 4, "spectral")
    judge.train()
    for _ in range(30):
        judge(torch.randn(2, 3, 32, 32))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in judge.modules())
    layers = [module for module in judge.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    for layer in layers:
        weight = layer.weight.detach()
        matrix = weight.permute(0, 2, 3, 1).flatten(1) if weight.ndim == 4 else weight
        assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=0.05)
    judge.eval()
    before = [module.left.clone() for module in judge.modules() if isinstance(module, Spectral)]
    judge(torch.randn(2, 3, 32, 32))
    after = [module.left for module in judge.modules() if isinstance(module, Spectral)]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True)), "judging changes nothing"


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_residual_networks_have_the_same_calling_form(size: int, norm: Any) -> None:
    generator, judge = ResidualGenerator(size, 2, 4), ResidualDiscriminator(size, 2, 4, norm)
    assert isinstance(generator, Generator) and isinstance(judge, Discriminator)
    pictures = generator(torch.rand(3, 100) * 2 - 1)
    assert pictures.shape == (3, 3, size, size) and pictures.abs().max() <= 1
    assert judge(pictures).shape == (3,) and judge.verdicts(pictures).shape == (3, 1)


@needs_backbone
@pytest.mark.parametrize(("size", "zoom"), [(32, 1), (64, 1), (32, 2)])
def test_the_projected_discriminator_learns_with_its_heads_alone(size: int, zoom: Any) -> None:
    options = TrainOptions(recipe="projected", size=size, width=4, heads=4, zoom=zoom)
    judge = build_discriminator(options)
    pictures = torch.rand(2, 3, size, size, requires_grad=True)
    verdicts = judge.verdicts(pictures)
    assert judge(pictures).shape == (2,) and verdicts.shape[1] > 4
    verdicts.sum().backward()  # type: ignore[no-untyped-call]
    assert pictures.grad is not None and pictures.grad.abs().sum() > 0, "the generator learns through the features"
    assert all(name.startswith("heads.") for name, _ in judge.named_parameters())
    assert not any("backbone" in name for name in judge.state_dict()), "the packaged weights are not kept again"


@needs_backbone
def test_the_backbone_is_the_packaged_network() -> None:
    from gan.backbone import Backbone
    from pipeline.vision.features import Embedder

    model = models.path("efficientnet-lite0")
    picture = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), np.uint8)
    backbone = Backbone(model)
    last = backbone(sample.to_unit(torch.from_numpy(picture)))[-1]
    ours = backbone._convolve(last, "_conv_head").mean((2, 3))
    torch.testing.assert_close(ours, torch.from_numpy(Embedder(model).embed(picture)), atol=1e-4, rtol=1e-3)


def test_the_projections_come_from_the_seed() -> None:
    if not HAS_BACKBONE:
        pytest.skip("the packaged network was not fetched")
    made = [
        state.fresh(TrainOptions(recipe="projected", size=32, width=2, heads=2, seed=seed), CPU) for seed in (1, 1, 2)
    ]
    first, same, other = (one.discriminator.state_dict()["channels0"] for one in made)
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_without_the_network_file_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WUNDERKAMMER_MODELS", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="pipeline models fetch"):
        train(blobs(10), Root(tmp_path / "run"), TrainOptions(**BASE, recipe="projected", kimg=1))


# resuming and beginning


RESUMED: list[dict[str, Any]] = [
    {"recipe": "small"},
    {"recipe": "small", "blocks": "residual", "norm": "spectral", "loss": "hinge"},
    {"recipe": "small", "norm": "none", "r1": 1.0, "r1_every": 3, "loss": "relativistic", "held_out": 0.1},
    pytest.param({"recipe": "projected", "heads": 4}, marks=needs_backbone),  # type: ignore[list-item]
]


@pytest.mark.parametrize("choices", RESUMED, ids=lambda choices: "-".join(map(str, choices.values())))
def test_stopped_and_continued_is_undisturbed(choices: dict[str, Any], tmp_path: Path) -> None:
    options = TrainOptions(**{**BASE, **choices, "kimg": 0.32})
    whole, parts = Root(tmp_path / "whole"), Root(tmp_path / "parts")
    train(blobs(120), whole, options)
    for steps in (1, 22, 9):
        left = iter([False] * steps)
        train(blobs(120), parts, options, stop=lambda left=left: next(left, True))  # type: ignore[misc]
    train(blobs(120), parts, options)
    assert curve(whole) == curve(parts) and same_states(whole, parts)
    assert not np.array_equal(
        state.load_generator(whole).project.weight, state.fresh(options, CPU).generator.project.weight
    )
    assert state.load_discriminator(whole)(torch.zeros(2, 3, 32, 32)).shape == (2,)


def test_a_run_begins_from_another(tmp_path: Path) -> None:
    options = TrainOptions(**{**BASE, "recipe": "small", "kimg": 0.4})
    base, warm, cold = (Root(tmp_path / name) for name in ("base", "warm", "cold"))
    train(blobs(40), base, options)
    left = iter([False])
    train(blobs(40, seed=1), warm, options, start=base, stop=lambda: next(left, True))
    train(blobs(40, seed=1), cold, options, stop=lambda: True)
    before, after, fresh = (state.load_generator(out, ema=False).project.weight for out in (base, warm, cold))
    assert (after - before).abs().max() < 1e-3 < (after - fresh).abs().max()
    facts = json.loads(warm.read("options.json"))
    assert facts["start"]["run"] == base.url and facts["start"]["kimg"] == "0.4"
    train(blobs(40, seed=1), warm, options)
    assert json.loads(warm.read("options.json"))["start"] == facts["start"], "kept when it is continued"
    header = state.latest_header(warm)
    assert header and header.progress.images == 400, "counters begin anew"


def test_what_a_run_cannot_begin_from(tmp_path: Path) -> None:
    train(blobs(40), Root(tmp_path / "base"), TrainOptions(**{**BASE, "kimg": 0.1}))
    wider = TrainOptions(**{**BASE, "width": 8, "kimg": 0.1})
    with pytest.raises(UsageError, match=r"cannot be begun from.*another shape.*Choose the recipe, size and width"):
        train(blobs(40), Root(tmp_path / "run"), wider, start=Root(tmp_path / "base"))
    with pytest.raises(UsageError, match="There is no trained run in"):
        train(blobs(40), Root(tmp_path / "run"), wider, start=Root(tmp_path / "nothing"))


@pytest.mark.parametrize("blocks", ["plain", "residual"])
@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_without_batch_norm_contrast_is_not_what_makes_a_picture_real(blocks: Any, norm: Any) -> None:
    made = state.fresh(TrainOptions(**BASE, blocks=blocks, norm=norm), CPU)
    plain = state.fresh(TrainOptions(**BASE, blocks=blocks), CPU)
    biases = [name for name, _ in made.discriminator.named_parameters() if name.endswith("bias")]
    assert "judge.bias" in biases and len(biases) == sum(
        isinstance(one, torch.nn.Conv2d | torch.nn.Linear) for one in made.discriminator.modules()
    ) - sum(name.endswith("short") for name, _ in made.discriminator.named_modules())
    assert "judge.bias" not in dict(plain.discriminator.named_parameters()), "as published"
    real = sample.to_unit(torch.from_numpy(blobs(8)))
    for _ in range(3):
        update(made, TrainOptions(**BASE, blocks=blocks, norm=norm), real)
    grey = torch.zeros(1, 3, 32, 32)
    with torch.no_grad():
        exact = float(made.discriminator.eval()(grey))
        with torch.autocast("cpu", torch.bfloat16):
            assert float(made.discriminator(grey)) == pytest.approx(exact, rel=0.1), "by matrix products as well"
    assert exact != 0


# watching


@needs_backbone
def test_looks_change_nothing_and_tell_distance(tmp_path: Path) -> None:
    options = TrainOptions(**{**BASE, "held_out": 0.1})
    images = blobs(120)
    made, plain = state.fresh(options, CPU), state.fresh(options, CPU)
    watcher = watch.Watch(images[:100], images[100:], options)
    found = watcher.look(made)
    assert {"distance", "floor", "space", "spread", "twins", "copied", "by_heart"} == found.keys()
    assert found["space"] == "efflite0@32"
    assert found["distance"] > 10 * abs(found["floor"])
    assert made.discriminator.training == plain.discriminator.training
    for (name, one), (_, other) in zip(state._live(made), state._live(plain), strict=True):
        assert torch.equal(one, other), name
    assert torch.equal(made.rng.get_state(), plain.rng.get_state())
    assert watcher.look(made) == found


def test_what_learns_from_the_packaged_network_is_not_judged_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything where that network was not fetched: random convolutions need no file."""
    images, options = blobs(60), TrainOptions(**BASE)
    made = state.fresh(options, CPU)
    projected = watch.Watch(images, images[:0], options.model_copy(update={"recipe": "projected"})).look(made)
    monkeypatch.setenv("WUNDERKAMMER_MODELS", str(tmp_path))
    without = watch.Watch(images, images[:0], options).look(made)
    assert projected["space"] == without["space"] == "random@32"
    assert projected == without and without["distance"] > 10 * abs(without["floor"])


@needs_backbone
def test_the_floor_is_of_one_kind_of_pictures_in_whatever_order_they_come() -> None:
    images = blobs(100)
    images[:50] //= 4  # two kinds, one after the other: half against half would be far apart
    options = TrainOptions(**BASE)
    found = watch.Watch(images, images[:0], options).look(state.fresh(options, CPU))
    kinds = spaces.features(images)
    assert abs(found["floor"]) < metrics.kid(kinds[:50], kinds[50:]).mean / 5


@pytest.mark.parametrize(
    ("distances", "patience", "stops"),
    [
        ([5, 4, 3, 2, 1], 2, False),
        ([5, 4, 3, 3, 3.1], 2, True),
        ([5, 4, 3, 2.99, 3], 2, True),  # not by a fiftieth
        ([5, 4, 3, 3.5, 2.9], 2, False),
        ([3, 3, 3], 3, False),
        ([3, 3, 3, 3], 0, False),
    ],
)
def test_when_training_on_would_not_help(distances: list[float], patience: int, stops: bool) -> None:
    lines: list[dict[str, Any]] = [{"distance": distance, "pictures": 10} for distance in distances]
    assert watch.stalled([*lines, {"kimg": 1}], patience, 10) == stops
    assert not watch.stalled(lines, patience, 11), "a theme that grew trains on"
    assert not watch.stalled([*lines, {"distance": 9.0, "pictures": 10, "space": "other"}], 1, 10)


def test_alarms_are_raised_from_lines() -> None:
    fine: dict[str, Any] = {
        "ranking": 0.8, "spread": 0.9, "twins": 0.1, "copied": 0.05, "by_heart": 0.1, "distance": 1.0, "pictures": 9
    }  # fmt: skip
    assert watch.raised([fine] * 20) == []
    assert [alarm.name for alarm in watch.raised([fine | {"ranking": 1.0}] * 10)] == ["discriminator has won"]
    falling = [fine | {"ranking": 1.0} | {"distance": 1 - 0.03 * tick} for tick in range(12)]
    assert watch.raised(falling) == [], "never wrong, and the generator learns all the same"
    assert [alarm.name for alarm in watch.raised([*falling, *falling[-3:]])] == ["discriminator has won"]
    assert [alarm.name for alarm in watch.raised([fine | {"copied": 0.9}])] == ["memorised pictures"]
    assert [alarm.name for alarm in watch.raised([fine | {"by_heart": 0.9}] * 5)] == ["learned by heart"]


@pytest.mark.parametrize(
    ("looks", "collapsed"),
    [
        ([(0.38, 0.94, 0.024), (0.56, 0.72, 0.016), (0.76, 0.25, 0.013)], [False, False, False]),  # 300 portraits
        ([(0.40, 0.75, 0.0103), (0.49, 0.67, 0.0099), (0.39, 0.77, 0.0090)], [False, False, False]),  # batch 128
        ([(0.59, 0.48, 0.0079), (0.48, 0.59, 0.0051), (0.60, 0.45, 0.0030)], [False, False, False]),  # small
        ([(0.06, 1.00, 0.0423), (0.07, 1.00, 0.0431)], [False, True]),  # one raster for every latent
        ([(0.13, 1.00, 0.0948), (0.09, 1.00, 0.0578)], [False, True]),  # the same, and nearer in colour
        ([(0.13, 1.00, 0.0188), (0.17, 0.98, 0.0180)], [False, False]),  # 4,370 paintings in batches of 128
        ([(0.76, 0.25, 0.013), (0.20, 0.90, 0.030)], [False, True]),  # made up: it had been better
    ],
)
def test_the_blots_of_a_beginning_are_no_collapse(
    looks: list[tuple[float, float, float]], collapsed: list[bool]
) -> None:
    """Spread, twins and distance at true trainings, of which two had collapsed."""
    lines = [
        {"spread": spread, "twins": twins, "distance": distance, "copied": 0.05, "pictures": 9}
        for spread, twins, distance in looks
    ]
    found = [watch.raised(lines[: index + 1]) for index in range(len(lines))]
    assert [[alarm.name for alarm in alarms] for alarms in found] == [["mode collapse"] * is_ for is_ in collapsed]


def test_a_stalled_run_ends_and_stays_ended(tmp_path: Path) -> None:
    options = TrainOptions(**{**BASE, "kimg": 3, "patience": 1})
    out = Root(tmp_path)
    train(blobs(40), out, options.model_copy(update={"kimg": 1}))
    lines = [json.loads(line) for line in out.read("stats.jsonl").splitlines()]
    lines[0] |= {"distance": 1.0, "pictures": 40}
    out.commit("stats.jsonl", "".join(json.dumps(line) + "\n" for line in [lines[0], lines[0]]).encode())
    summary = train(blobs(40), out, options)
    assert summary.status == "done" and summary.images == 1000 and "has not fallen in 1 looks" in summary.message


def test_alike_pictures_are_counted_before_training() -> None:
    different = blobs(40)
    assert likeness(different) < 0.1
    doubled = np.concatenate([different, np.clip(different.astype(int) + 1, 0, 255).astype(np.uint8)])
    assert likeness(doubled) == 1.0
    assert "100% of them have a near-duplicate" in expectation(600, likeness(doubled))
    assert "near-duplicate" not in expectation(600, 0.0)


def test_generators_of_every_recipe_are_built_alike() -> None:
    for blocks in ("plain", "residual"):
        network = build_generator(TrainOptions(size=32, width=2, blocks=blocks))  # type: ignore[arg-type]
        assert network.project.weight.shape[1] == 100 and len(network.blocks) > 3
