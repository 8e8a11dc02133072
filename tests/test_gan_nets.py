"""The networks are those of the paper; the fast convolution says what the slow one says."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from gan import convs
from gan.losses import discriminator_loss, generator_loss
from gan.nets import Discriminator, Generator, channel_plan, count_parameters, doublings

torch.set_num_threads(1)


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("kernel", [4, 5])
def test_shapes_and_ranges(size: int, kernel: int) -> None:
    latents = torch.rand(3, 100) * 2 - 1
    pictures = Generator(size, 4, kernel)(latents)
    assert pictures.shape == (3, 3, size, size)
    assert pictures.abs().max() <= 1
    assert Discriminator(size, 4, kernel)(pictures).shape == (3,)


def test_channels_as_in_figure_1_of_the_paper() -> None:
    assert channel_plan(64, 128) == [1024, 512, 256, 128]
    assert channel_plan(32, 128) == [512, 256, 128]
    assert channel_plan(128, 64) == [1024, 512, 256, 128, 64]


@pytest.mark.parametrize("size", [0, 4, 6, 48, 65])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        doublings(size)


def test_parameter_counts() -> None:
    # As published: 5×5 filters, 128 channels before the picture; gains and biases of batch normalisation.
    convolutions = 25 * (1024 * 512 + 512 * 256 + 256 * 128)
    generator = 100 * 16 * 1024 + convolutions + 25 * 128 * 3 + 2 * (1024 + 512 + 256 + 128)
    discriminator = 25 * 3 * 128 + convolutions + 16 * 1024 + 2 * (256 + 512 + 1024)
    assert count_parameters(Generator(64, 128, 5)) == generator == 18_855_040
    assert count_parameters(Discriminator(64, 128, 5)) == discriminator == 17_232_768
    # The sizes everybody knows, with 4×4 filters and 64 channels.
    assert count_parameters(Generator(64, 64, 4)) == 3_576_704
    assert count_parameters(Discriminator(64, 64, 4)) == 2_765_568


def _layers(network: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kinds)]


def test_layers_are_those_of_the_guidelines() -> None:
    generator, discriminator = Generator(64, 8, 5), Discriminator(64, 8, 5)
    for network in (generator, discriminator):
        assert not _layers(network, nn.MaxPool2d, nn.AvgPool2d, nn.Upsample, nn.Dropout)
        strided = _layers(network, nn.Conv2d, nn.ConvTranspose2d)
        assert len(strided) == 4 and all(layer.stride == (2, 2) and layer.bias is None for layer in strided)
    assert len(_layers(generator, nn.BatchNorm2d)) == 4
    assert len(_layers(generator, nn.ReLU)) == 4
    assert isinstance(generator.blocks[-1], nn.ConvTranspose2d), "no batch normalisation at the output"
    assert len(_layers(discriminator, nn.BatchNorm2d)) == 3
    assert isinstance(discriminator.blocks[1], nn.LeakyReLU), "no batch normalisation at the input"
    assert {layer.negative_slope for layer in _layers(discriminator, nn.LeakyReLU)} == {0.2}  # type: ignore[misc]


def test_initial_weights() -> None:
    torch.manual_seed(0)
    for network in (Generator(64, 32, 5), Discriminator(64, 32, 5)):
        for layer in _layers(network, nn.Conv2d, nn.ConvTranspose2d, nn.Linear):
            weight = layer.weight
            spread = 4 * 0.02 / (2 * weight.numel()) ** 0.5
            assert abs(weight.std().item() - 0.02) < spread
            assert abs(weight.mean().item()) < 4 * 0.02 / weight.numel() ** 0.5
        for layer in _layers(network, nn.BatchNorm2d):
            assert abs(layer.weight.mean().item() - 1) < 0.02 and not layer.bias.any()


def _compare(channels: tuple[int, int], side: int, kernel: int, count: int) -> None:
    narrow, wide = channels
    pad = (kernel - 1) // 2
    large = torch.randn(count, narrow, 2 * side, 2 * side, dtype=torch.float64, requires_grad=True)
    small = torch.randn(count, wide, side, side, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(wide, narrow, kernel, kernel, dtype=torch.float64, requires_grad=True)

    def nhwc(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().permute(0, 2, 3, 1).contiguous()

    down = functional.conv2d(large, weight, None, 2, pad)
    up = functional.conv_transpose2d(small, weight, None, 2, pad, kernel % 2)
    torch.testing.assert_close(convs.halve(nhwc(large), nhwc(weight)), nhwc(down))
    torch.testing.assert_close(convs.double(nhwc(small), nhwc(weight)), nhwc(up))
    (gradient,) = torch.autograd.grad(down, weight, small)
    torch.testing.assert_close(convs.weight_gradient(nhwc(large), nhwc(small), kernel), nhwc(gradient))


@given(st.tuples(st.integers(1, 5), st.integers(1, 5)), st.integers(1, 5), st.sampled_from([4, 5]), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_products_equal_convolutions(channels: tuple[int, int], side: int, kernel: int, count: int) -> None:
    _compare(channels, side, kernel, count)


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize(
    ("ours", "library"),
    [(convs.InnermostConv2d, nn.Conv2d), (convs.InnermostConvTranspose2d, nn.ConvTranspose2d)],
)
def test_float32_layers_equal_those_of_the_library(ours: Any, library: Any, kernel: int) -> None:
    """First and second derivatives: the penalty R1 needs both."""
    more = {"output_padding": kernel % 2} if library is nn.ConvTranspose2d else {}
    layers = [kind(3, 4, kernel, 2, (kernel - 1) // 2, **more).double() for kind in (ours, library)]
    layers[1].load_state_dict(layers[0].state_dict())
    pictures = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    found = []
    for layer in layers:
        made = layer(pictures)
        (gradient,) = torch.autograd.grad(made.sin().sum(), pictures, create_graph=True)
        score = made.square().sum() + gradient.square().sum()
        found.append([made, gradient, *torch.autograd.grad(score, [pictures, *layer.parameters()])])
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize("kind", [Generator, Discriminator])
def test_step_in_bfloat16_agrees_with_float32(kind: type[nn.Module], kernel: int) -> None:
    torch.manual_seed(0)
    network = kind(32, 16, kernel).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    source = torch.rand(16, 100) if kind is Generator else torch.rand(16, 3, 32, 32)
    gradients = []
    for fast in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            made = network(source * 2 - 1).float()
        (made * torch.linspace(-1, 1, made.numel()).view_as(made)).sum().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    for slow, quick in zip(*gradients, strict=True):
        assert torch.nn.functional.cosine_similarity(slow.flatten(), quick.flatten(), dim=0) > 0.98


def test_losses_are_those_of_the_paper() -> None:
    real, fake = torch.randn(50), torch.randn(50)
    bce = nn.BCELoss()
    ones, zeros = torch.ones(50), torch.zeros(50)
    wanted = bce(real.sigmoid(), ones) + bce(fake.sigmoid(), zeros)
    torch.testing.assert_close(discriminator_loss(real, fake), wanted)
    torch.testing.assert_close(generator_loss(fake), bce(fake.sigmoid(), ones))
    assert generator_loss(torch.tensor([-1e4])).item() == 1e4, "exact where a sigmoid is 0"
