"""StyleGAN2's layers against their definitions, its sizes against the published ones."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from test_papers import built, maps
from torch import Tensor, nn

from ganzoo import random
from ganzoo.nets.layers import Filter, MinibatchStd
from ganzoo.nets.stylegan2 import (
    TAPS,
    EqualConv2d,
    EqualLinear,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
    modulated_conv2d,
)

SMALL = {"resolution": 16, "image_channels": 3, "channels": 4}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def small_generator(**options) -> StyleGAN2Generator:
    return StyleGAN2Generator(**SMALL, latent_size=6, style_size=8, **options)


def test_published_parameter_counts():
    assert count(built(StyleGAN2Generator, 1024, 3)) == 30_370_060
    assert count(built(StyleGAN2Discriminator, 1024, 3)) == 29_012_513
    assert count(built(StyleGAN2Generator, 256, 3, channels=128)) == 30_034_338
    assert count(built(StyleGAN2Discriminator, 256, 3, channels=128)) == 28_864_129
    assert count(built(StyleGAN2Generator, 256, 3, channels=64)) == 24_767_458
    assert count(built(StyleGAN2Discriminator, 256, 3, channels=64)) == 24_001_089


def test_published_counts_layer_by_layer():
    generator = built(StyleGAN2Generator, 1024, 3)
    assert [count(layer) for layer in generator.mapping.layers] == [262_656] * 8
    assert generator.constant.numel() == 8_192 and count(generator.first) == 2_622_465
    assert [count(up) for up in generator.ups][:6] == [2_622_465] * 4 + [1_442_561, 426_369]
    assert [count(conv) for conv in generator.convs][:6] == [2_622_465] * 4 + [721_409, 213_249]
    assert [count(layer) for layer in generator.to_images][:7] == [264_195] * 5 + [132_099, 66_051]
    discriminator = built(StyleGAN2Discriminator, 1024, 3)
    assert count(discriminator.from_image) == 128
    parts = [[count(part) for part in (b.shortcut, b.conv1, b.conv2)] for b in discriminator.blocks]
    assert parts[:4] == [[2048, 9248, 18496], [8192, 36928, 73856], [32768, 147584, 295168], [131072, 590080, 1180160]]


def test_sizes_of_the_stages():
    generator = StyleGAN2Generator(64, 3, 8, channels=2, widest=8)
    stages = [generator.first, *generator.convs]
    assert maps(generator, stages, torch.randn(1, 8)) == [(8, 4), (8, 8), (8, 16), (4, 32), (2, 64)]
    assert generator.layers == 10


def grouped(x: Tensor, weight: Tensor, style: Tensor, demodulate: bool = True) -> Tensor:
    """The definition: weights of each image's own, in one convolution with a group for each image."""
    own = weight[None] * style[:, None, :, None, None]
    if demodulate:
        own = own * torch.rsqrt(own.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), own.flatten(0, 1), padding=weight.shape[2] // 2, groups=len(x))
    return y.view(len(x), -1, *y.shape[2:])


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_a_modulated_convolution_is_its_definition(kernel_size, demodulate):
    x, style = torch.randn(4, 5, 8, 8), torch.randn(4, 5)
    weight = torch.randn(6, 5, kernel_size, kernel_size, requires_grad=True)
    fast, slow = modulated_conv2d(x, weight, style, demodulate=demodulate), grouped(x, weight, style, demodulate)
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)
    cotangent = torch.randn_like(fast)
    one, other = (torch.autograd.grad((y * cotangent).sum(), weight)[0] for y in (fast, slow))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_an_upsampling_one_doubles_smooths_and_convolves():
    """Zeros between the pixels, the convolution as defined, then the filter."""
    x, weight, style, filter = torch.randn(2, 3, 6, 6), torch.randn(4, 3, 3, 3), torch.randn(2, 3), Filter(TAPS)
    up = modulated_conv2d(x, weight, style, filter=filter)
    spread = torch.zeros(2, 3, 13, 13)
    spread[:, :, 1:-1:2, 1:-1:2] = x
    own = grouped(spread, weight.flip(2, 3), style)
    expected = F.conv2d(own, 4 * filter.kernel.expand(4, 1, 4, 4), padding=1, groups=4)
    torch.testing.assert_close(up, expected, rtol=0, atol=1e-5)


def test_demodulated_outputs_have_unit_variance():
    x, weight = torch.randn(64, 32, 8, 8), 7 * torch.randn(32, 32, 3, 3)
    y = modulated_conv2d(x, weight, 3 * torch.randn(64, 32))
    assert y[:, :, 1:-1, 1:-1].std().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("taps", [TAPS, (1.0, 2.0, 1.0)])
def test_filters_keep_constants_and_sizes(taps):
    ones, filter = torch.ones(2, 3, 8, 8), Filter(taps)
    assert filter.up(ones).shape == (2, 3, 16, 16) and filter.down(ones).shape == (2, 3, 4, 4)
    torch.testing.assert_close(filter.up(ones)[:, :, 2:-2, 2:-2], torch.ones(2, 3, 12, 12))
    torch.testing.assert_close(filter.down(ones)[:, :, 1:-1, 1:-1], torch.ones(2, 3, 2, 2))
    assert not filter.state_dict()


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("how", ["forward", "down", "up"])
def test_filters_have_the_gradients_of_convolutions(how, size):
    x, filter = torch.randn(1, 2, size, size + 2, dtype=torch.double, requires_grad=True), Filter(TAPS).double()
    assert torch.autograd.gradcheck(getattr(filter, how), x) and torch.autograd.gradgradcheck(getattr(filter, how), x)


def test_the_minibatch_deviation_is_that_of_each_group():
    x = torch.randn(8, 2, 3, 3)
    out = MinibatchStd(4)(x)
    torch.testing.assert_close(out[:, :2], x)
    for group in (slice(0, 4), slice(4, 8)):
        expected = (x[group].var(0, correction=0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(out[group, 2], expected.expand(4, 3, 3))
    assert MinibatchStd(4)(x[:6]).shape == (6, 3, 3, 3), "pairs where fours do not fit"


def test_collapsed_batches_look_different_to_the_discriminator():
    discriminator = StyleGAN2Discriminator(**SMALL)
    one = torch.randn(1, 3, 16, 16)
    collapsed, diverse = (
        discriminator(one.expand(4, -1, -1, -1)),
        discriminator(torch.cat([one, torch.randn(3, 3, 16, 16)])),
    )
    assert (collapsed[0] - diverse[0]).abs() > 1e-4


def test_the_learning_rate_is_equalised():
    """Weights start with unit variance, and outputs too, whatever the width."""
    for layer, x in (
        (EqualLinear(400, 300), torch.randn(64, 400)),
        (EqualConv2d(50, 60, 3), torch.randn(4, 50, 16, 16)),
    ):
        assert layer.weight.std().item() == pytest.approx(1, abs=0.03)
        assert layer(x).std().item() == pytest.approx(1, abs=0.1)
    slow = EqualLinear(400, 300, lr=0.01)
    assert slow.weight.std().item() == pytest.approx(100, rel=0.03)
    assert slow(torch.randn(64, 400)).std().item() == pytest.approx(1, abs=0.1)


def test_truncation_draws_styles_to_their_mean():
    generator = small_generator()
    generator.mean_style.normal_()
    z = torch.randn(5, 6)
    whole, half, none = (generator.styles(z, truncation=t) for t in (1.0, 0.5, 0.0))
    torch.testing.assert_close(half, (whole + generator.mean_style) / 2)
    torch.testing.assert_close(none, generator.mean_style.expand(5, generator.layers, -1))


def test_latents_and_their_styles_make_the_same_images():
    generator, z = small_generator(), torch.randn(3, 6)
    torch.testing.assert_close(generator(z), generator(generator.styles(z)))


def test_only_a_latents_direction_counts():
    generator, z = small_generator(), torch.randn(3, 6)
    torch.testing.assert_close(generator(z), generator(3 * z), rtol=1e-3, atol=1e-4)


def test_each_image_has_noise_of_its_own():
    generator = small_generator().double()
    for name, parameter in generator.named_parameters():
        if name.endswith(".noise"):
            nn.init.ones_(parameter)
    z = torch.randn(1, 6, dtype=torch.float64)

    def sample(*seeds):
        with random.drawing_from(random.Samples([(seed, 0) for seed in seeds])):
            return generator(z.expand(len(seeds), -1))

    both = sample(1, 2)
    assert not torch.allclose(both[0], both[1])
    torch.testing.assert_close(both[1:], sample(2), rtol=0, atol=1e-6)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_labels_make_a_difference(network):
    labels = torch.tensor([0, 1, 1])
    if network == "generator":
        made = small_generator(num_classes=3)(torch.randn(1, 6).expand(3, -1), labels)
    else:
        images = torch.randn(1, 3, 16, 16).expand(3, -1, -1, -1)
        made = StyleGAN2Discriminator(**SMALL, num_classes=3, mapping_layers=2)(images, labels)
    assert not torch.allclose(made[0], made[1])
    torch.testing.assert_close(made[1], made[2])
