"""The deconvnet against loops by hand, receptive fields against arithmetic, units that are switched off."""

import numpy as np
import pytest
import torch
from gan_runs import pictures
from torch import nn

from gan import deconvnet, neurons
from gan.nets import LEAK, Discriminator, Generator
from gan.residual import ResidualDiscriminator, ResidualGenerator
from gan.sample import draw_latents, to_unit


@pytest.fixture
def tiny() -> Discriminator:
    """Two layers at 16 pixels: one unit, then two; weights of both signs."""
    torch.manual_seed(3)
    made = Discriminator(16, 1, 4, "none").eval()
    for convolution in (made.blocks[0], made.blocks[2]):
        nn.init.normal_(convolution.weight)
    return made


def by_hand(network: Discriminator, picture: np.ndarray, unit: int, guided: bool) -> tuple[np.ndarray, float]:
    """The way back from the strongest answer of a unit of the second layer, in loops, and that answer."""
    first = network.blocks[0].weight.detach().numpy().astype(np.float64)
    second = network.blocks[2].weight.detach().numpy().astype(np.float64)
    pixels = np.pad(picture.astype(np.float64).transpose(2, 0, 1) / 127.5 - 1, ((0, 0), (1, 1), (1, 1)))
    inner = np.zeros((8, 8))
    for y in range(8):
        for x in range(8):
            inner[y, x] = (pixels[:, 2 * y : 2 * y + 4, 2 * x : 2 * x + 4] * first[0]).sum()
    felt = np.pad(np.where(inner > 0, inner, LEAK * inner), 1)
    outer = np.zeros((4, 4))
    for y in range(4):
        for x in range(4):
            outer[y, x] = (felt[2 * y : 2 * y + 4, 2 * x : 2 * x + 4] * second[unit, 0]).sum()
    outer = np.where(outer > 0, outer, LEAK * outer)
    top, left = np.unravel_index(outer.argmax(), outer.shape)
    # The unit's own nonlinearity passes what is positive; its answer is.
    back = np.zeros((10, 10))
    back[2 * top : 2 * top + 4, 2 * left : 2 * left + 4] = outer[top, left] * second[unit, 0]
    back = np.maximum(back, 0)[1:9, 1:9]
    if guided:
        back = back * (inner > 0)
    made = np.zeros((3, 18, 18))
    for y in range(8):
        for x in range(8):
            made[:, 2 * y : 2 * y + 4, 2 * x : 2 * x + 4] += back[y, x] * first[0]
    return made[:, 1:17, 1:17].transpose(1, 2, 0), float(outer.max())


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("unit", [0, 1])
def test_the_way_back_is_that_of_loops_by_hand(tiny: Discriminator, unit: int, guided: bool) -> None:
    images = pictures(6, 16)
    found = deconvnet.answers(tiny, images)[1]
    chosen = np.array([4, 0, 2])
    made = deconvnet.reconstruct(tiny, 1, unit, images, found, chosen, guided)
    for at, picture in enumerate(chosen):
        wanted, strength = by_hand(tiny, images[picture], unit, guided)
        assert np.isclose(found.strengths[picture, unit], strength, rtol=1e-4)
        assert np.allclose(made[at], wanted, atol=1e-3), "only what is positive goes on"


def test_it_is_not_the_plain_gradient(tiny: Discriminator) -> None:
    images = pictures(1, 16)
    found = deconvnet.answers(tiny, images)[1]
    made = deconvnet.reconstruct(tiny, 1, 0, images, found, np.array([0]))[0]
    seen = to_unit(torch.from_numpy(images)).requires_grad_()
    tiny.blocks(seen)[0, 0].max().backward()
    assert seen.grad is not None
    plain = seen.grad[0].permute(1, 2, 0).numpy() * found.strengths[0, 0]
    assert not np.allclose(made, plain, atol=1e-2)


def test_without_switches_all_pictures_have_one_way_back_and_guided_they_have_their_own(tiny: Discriminator) -> None:
    images = pictures(40, 16)
    found = deconvnet.answers(tiny, images)[1]
    places = found.rows[:, 0] * 4 + found.columns[:, 0]
    two = np.flatnonzero(places == np.bincount(places).argmax())[:2]
    plain, own = (deconvnet.reconstruct(tiny, 1, 0, images, found, two, guided) for guided in (False, True))
    strengths = found.strengths[two, 0, None, None, None]
    assert (strengths > 0).all() and np.abs(plain).max() > 0
    assert np.allclose(*(plain / strengths), atol=1e-5)
    assert not np.allclose(*(own / strengths), atol=1e-3)


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
@pytest.mark.parametrize("kind", [Discriminator, ResidualDiscriminator])
def test_every_kind_of_discriminator_can_be_looked_at(kind: type[Discriminator], norm: str) -> None:
    network = kind(32, 2, 4, norm).eval()  # type: ignore[arg-type]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = pictures(5)
    found = deconvnet.answers(network, images)
    assert [one.strengths.shape for one in found] == [(5, 2), (5, 4), (5, 8)]
    for layer, one in enumerate(found):
        back = deconvnet.reconstruct(network, layer, 1, images, one, np.array([0, 3]), guided=True)
        assert back.shape == (2, 32, 32, 3) and np.isfinite(back).all()
        ideal = deconvnet.maximise(network, layer, [0, 1], 32, steps=3)
        assert ideal.shape == (2, 32, 32, 3) and np.abs(ideal).max() <= 1
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(("kernel", "sides"), [(4, [4, 10, 22, 46]), (5, [5, 13, 29, 61])])
def test_receptive_fields(kernel: int, sides: list[int]) -> None:
    fields = deconvnet.Fields(Discriminator(64, 2, kernel), 64)
    for layer, side in enumerate(sides):
        at = 64 >> (layer + 2)
        top, left, bottom, right = fields.box(layer, at, at)
        assert (bottom - top, right - left) == (side, side)
        assert fields.box(layer, 0, 0)[:2] == (0, 0), "cut at the border"


def test_what_a_unit_answers_depends_on_its_field_alone() -> None:
    torch.manual_seed(0)
    network = Discriminator(32, 4, 4).eval()
    top, left, bottom, right = deconvnet.Fields(network, 32).box(1, 3, 4)
    one = torch.rand(1, 3, 32, 32)
    other = torch.rand(1, 3, 32, 32)
    other[:, :, top:bottom, left:right] = one[:, :, top:bottom, left:right]
    upto = network.blocks[:5]
    assert torch.allclose(upto(one)[0, :, 3, 4], upto(other)[0, :, 3, 4], atol=1e-5)
    other[:, :, top, left] += 1
    assert not torch.allclose(upto(one)[0, :, 3, 4], upto(other)[0, :, 3, 4], atol=1e-5)


def test_units_that_tell_pictures_apart_come_first() -> None:
    strengths = np.random.default_rng(0).random((100, 4)).astype(np.float32)
    strengths[:9, 2] += 5
    strengths[:, 3] = -1
    nowhere = np.zeros((100, 4), np.int16)
    assert deconvnet.choosiest(deconvnet.Answers(strengths, nowhere, nowhere), 3)[0] == 2
    assert deconvnet.choosiest(deconvnet.Answers(strengths, nowhere, nowhere), 4)[-1] == 3, "never excited"


def test_the_ideal_excites_more_than_any_picture() -> None:
    torch.manual_seed(1)
    network = Discriminator(32, 8, 4).eval()
    most = deconvnet.answers(network, pictures(50))[1].strengths.max(0)
    ideal = torch.from_numpy(deconvnet.maximise(network, 1, [0, 5], 32)).permute(0, 3, 1, 2)
    maps = network.blocks[:5](ideal)
    assert maps[0, 0].max() > most[0] and maps[1, 5].max() > most[5]


@pytest.mark.parametrize("kind", [Generator, ResidualGenerator])
def test_a_unit_is_switched_off_alone(kind: type[Generator]) -> None:
    torch.manual_seed(2)
    generator = kind(32, 2, 4).eval()
    latents = draw_latents(3, torch.Generator().manual_seed(0))
    as_they_are = neurons.without(generator, 1, torch.tensor([-1, -1, -1]), latents)
    assert torch.equal(as_they_are, generator(latents))
    made = neurons.without(generator, 1, torch.tensor([-1, 1, -1]), latents)
    assert torch.equal(made[[0, 2]], as_they_are[[0, 2]]) and not torch.equal(made[1], as_they_are[1])
    assert torch.equal(generator(latents), as_they_are), "on again"


def test_the_effect_of_a_unit_is_that_of_its_absence() -> None:
    torch.manual_seed(2)
    generator = Generator(32, 2, 4).eval()
    latents = draw_latents(4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        generator.blocks[3].weight[1] = 0  # a unit that says nothing: batch normalisation before the second layer
        generator.blocks[3].bias[1] = 0
    effects = neurons.ablated(generator, 1, latents)
    alone = neurons.without(generator, 1, torch.full((4,), 2), latents)
    assert effects.shape == (4,) and effects[1] < 1e-6 < effects[2]
    assert torch.isclose(effects[2], (alone - generator(latents)).abs().mean() * 127.5)
