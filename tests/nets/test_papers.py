"""Layer shapes, widths and initial weights against the papers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.nets.acgan import ACGANDiscriminator, ACGANGenerator
from ganzoo.nets.dcgan import DCGANDiscriminator, DCGANGenerator
from ganzoo.nets.layers import SelfAttention
from ganzoo.nets.lsgan import LSGANGenerator
from ganzoo.nets.mlp import ConditionalMLPDiscriminator, ConditionalMLPGenerator, MLPDiscriminator, MLPGenerator
from ganzoo.nets.resnet import ResNetDiscriminator, ResNetGenerator
from ganzoo.nets.sncnn import SNCNNDiscriminator, SNCNNGenerator

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def built(network: type[nn.Module], *arguments, **keywords) -> nn.Module:
    """A network without memory, for its shapes alone."""
    with torch.device("meta"):
        return network(*arguments, **keywords)


def layers(network: nn.Module) -> list[tuple[int, int, int, int]]:
    """(in, out, kernel, stride) of each convolution, in order."""
    return [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in network.modules()
        if isinstance(m, CONVOLUTIONS)
    ]


def maps(network: nn.Module, modules, *inputs: torch.Tensor) -> list[tuple[int, int]]:
    """(Width, size) of what each of these modules puts out."""
    seen: list[tuple[int, int]] = []
    for module in modules:
        module.register_forward_hook(lambda _, __, out: seen.append((out.shape[1], out.shape[2])))
    network(*inputs)
    return seen


def test_dcgan_figure_1():
    generator = built(DCGANGenerator, 64, 3)
    z, images = torch.randn(1, 100, device="meta"), torch.randn(1, 3, 64, 64, device="meta")
    stages = [generator.project, *generator.blocks, generator.to_image]
    assert maps(generator, stages, z) == [(1024, 4), (512, 8), (256, 16), (128, 32), (3, 64)]
    assert {(kernel, stride) for *_, kernel, stride in layers(generator)} == {(5, 2)}
    discriminator = built(DCGANDiscriminator, 64, 3)
    stages = [discriminator.from_image, *discriminator.blocks]
    assert maps(discriminator, stages, images) == [(128, 32), (256, 16), (512, 8), (1024, 4)]


def test_dcgan_batch_norm_everywhere_but_at_the_image():
    generator, discriminator = built(DCGANGenerator, 64, 3), built(DCGANDiscriminator, 64, 3)
    assert [m.num_features for m in generator.modules() if isinstance(m, nn.BatchNorm2d)] == [1024, 512, 256, 128]
    assert [m.num_features for m in discriminator.modules() if isinstance(m, nn.BatchNorm2d)] == [256, 512, 1024]
    assert {m.negative_slope for m in discriminator.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}


def test_dcgan_initial_weights():
    for network in (DCGANGenerator(32, 3, channels=32), DCGANDiscriminator(32, 3, channels=32)):
        for layer in network.modules():
            if isinstance(layer, (*CONVOLUTIONS, nn.Linear)):
                tolerance = 4 * 0.02 / layer.weight.numel() ** 0.5
                assert layer.weight.mean().item() == pytest.approx(0, abs=tolerance)
                assert layer.weight.std().item() == pytest.approx(0.02, abs=tolerance)
                assert layer.bias is None or not layer.bias.any()


@pytest.mark.parametrize("kernel_size", [4, 5])
@pytest.mark.parametrize("resolution", [28, 48])
def test_dcgan_kernel_sizes_keep_the_sizes(kernel_size, resolution):
    generator = DCGANGenerator(resolution, 1, 8, channels=4, kernel_size=kernel_size)
    images = generator(torch.randn(2, 8))
    assert images.shape[-1] == resolution
    assert DCGANDiscriminator(resolution, 1, channels=4, kernel_size=kernel_size)(images).shape == (2,)


def test_dcgan_refuses_other_kernels():
    with pytest.raises(GanzooError, match="use 4 or 5"):
        DCGANGenerator(32, 1, kernel_size=3)


def test_gan_layers():
    generator, discriminator = built(MLPGenerator, 28, 1), built(MLPDiscriminator, 28, 1)
    assert linear(generator) == [(100, 1200), (1200, 1200), (1200, 784)]
    assert linear(discriminator) == [(784, 240 * 5), (240, 240 * 5), (240, 1)]


def test_cgan_layers():
    generator = built(ConditionalMLPGenerator, 28, 1, num_classes=10)
    discriminator = built(ConditionalMLPDiscriminator, 28, 1, num_classes=10)
    assert linear(generator) == [(100, 200), (10, 1000), (1200, 1200), (1200, 784)]
    assert linear(discriminator) == [(784, 240 * 5), (10, 50 * 5), (290, 240 * 4), (240, 1)]


def linear(network: nn.Module) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)]


def test_lsgan_scene_generator():
    generator = built(LSGANGenerator, 112, 3)
    z = torch.randn(1, 1024, device="meta")
    stages = [generator.project, *generator.blocks, generator.to_image]
    expected = [(256, 7), (256, 14), (256, 14), (256, 28), (256, 28), (128, 56), (64, 112), (3, 112)]
    assert maps(generator, stages, z) == expected
    assert {kernel for *_, kernel, _ in layers(generator)} == {3}


def test_standard_cnn_table_3():
    assert layers(built(SNCNNGenerator, 32, 3)) == [
        (512, 256, 4, 2),
        (256, 128, 4, 2),
        (128, 64, 4, 2),
        (64, 3, 3, 1),
    ]
    assert layers(built(SNCNNDiscriminator, 32, 3)) == [
        (3, 64, 3, 1),
        (64, 64, 4, 2),
        (64, 128, 3, 1),
        (128, 128, 4, 2),
        (128, 256, 3, 1),
        (256, 256, 4, 2),
        (256, 512, 3, 1),
    ]


def test_acgan_cifar_table():
    generator = built(ACGANGenerator, 32, 3, num_classes=10)
    assert generator.project[0].linear.in_features == 110
    assert layers(generator) == [(384, 192, 5, 2), (192, 96, 5, 2), (96, 3, 5, 2)]
    discriminator = built(ACGANDiscriminator, 32, 3, num_classes=10)
    assert [(out, kernel, stride) for _, out, kernel, stride in layers(discriminator)] == [
        (16, 3, 2),
        (32, 3, 1),
        (64, 3, 2),
        (128, 3, 1),
        (256, 3, 2),
        (512, 3, 1),
    ]


def test_acgan_heads_agree_with_the_single_read_outs():
    discriminator = ACGANDiscriminator(32, 1, num_classes=5, channels=2).eval()
    images = torch.rand(3, 1, 32, 32)
    logits, classes = discriminator.heads(images)
    assert classes.shape == (3, 5)
    torch.testing.assert_close(logits, discriminator(images))
    torch.testing.assert_close(classes, discriminator.classify(images))


def resnet_maps(resolution: int, generator_channels: int, channels: int) -> tuple[list, list]:
    generator = built(ResNetGenerator, resolution, 3, channels=generator_channels)
    discriminator = built(ResNetDiscriminator, resolution, 3, channels=channels)
    z, images = torch.randn(1, 128, device="meta"), torch.randn(1, 3, resolution, resolution, device="meta")
    return (
        maps(generator, [generator.project, *generator.blocks], z),
        maps(discriminator, discriminator.blocks, images),
    )


def test_wgan_gp_cifar_networks():
    up, down = resnet_maps(32, 128, 128)
    assert up == [(128, 4), (128, 8), (128, 16), (128, 32)]
    assert down == [(128, 16), (128, 8), (128, 8), (128, 8)]


def test_sngan_table_4_cifar():
    up, down = resnet_maps(32, 256, 128)
    assert up == [(256, 4), (256, 8), (256, 16), (256, 32)]
    assert down == [(128, 16), (128, 8), (128, 8), (128, 8)]


def test_sngan_table_5_stl():
    up, down = resnet_maps(48, 64, 64)
    assert up == [(512, 6), (256, 12), (128, 24), (64, 48)]
    assert down == [(64, 24), (128, 12), (256, 6), (512, 3), (1024, 3)]


def test_sngan_table_6_imagenet():
    up, down = resnet_maps(128, 64, 64)
    assert up == [(1024, 4), (1024, 8), (512, 16), (256, 32), (128, 64), (64, 128)]
    assert down == [(64, 64), (128, 32), (256, 16), (512, 8), (1024, 4), (1024, 4)]


def test_resnet_at_64():
    up, down = resnet_maps(64, 64, 64)
    assert up == [(1024, 4), (512, 8), (256, 16), (128, 32), (64, 64)]
    assert down == [(64, 32), (128, 16), (256, 8), (512, 4), (1024, 4)]


def test_mnist_size_keeps_the_cifar_layout():
    up, down = resnet_maps(28, 64, 64)
    assert up == [(64, 7), (64, 14), (64, 28)]
    assert down == [(64, 14), (64, 7), (64, 7), (64, 7)]


@pytest.mark.parametrize(
    ("resolution", "attention", "expected"),
    [(28, True, 14), (32, True, 16), (48, True, 12), (64, True, 32), (128, True, 32), (64, 16, 16)],
)
def test_attention_sits_at_the_papers_size_in_both(resolution, attention, expected):
    generator = built(ResNetGenerator, resolution, 3, channels=8, attention=attention)
    discriminator = built(ResNetDiscriminator, resolution, 3, channels=8, attention=attention)
    for network, x in (
        (generator, torch.randn(1, 128, device="meta")),
        (discriminator, torch.randn(1, 3, resolution, resolution, device="meta")),
    ):
        found = [m for m in network.modules() if isinstance(m, SelfAttention)]
        assert [size for _, size in maps(network, found, x)] == [expected]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"attention": 20}, "attention at 20 px is not possible at 32 px"),
        ({"growth": 3}, "growth 3"),
        ({"init": "zeros"}, "unknown init 'zeros'"),
        ({"norm": "weight"}, "unknown norm 'weight'"),
    ],
)
def test_resnet_refuses_impossible_options(keywords, message):
    for network in (ResNetGenerator, ResNetDiscriminator):
        with pytest.raises(GanzooError, match=message):
            network(32, 3, channels=4, **keywords)


def test_resnet_options_of_one_player():
    with pytest.raises(GanzooError, match="use 1 or 2"):
        ResNetGenerator(32, 3, channels=4, upsample_before=3)
    with pytest.raises(GanzooError, match="use mean or sum"):
        ResNetDiscriminator(32, 3, channels=4, pool="max")
    with pytest.raises(GanzooError, match="use norm=batch"):
        ResNetGenerator(32, 3, channels=4, norm="layer", num_classes=3)


def test_pooling_is_a_mean_or_a_sum():
    mean, total = (ResNetDiscriminator(32, 1, channels=4, pool=pool) for pool in ("mean", "sum"))
    total.load_state_dict(mean.state_dict())
    nn.init.zeros_(mean.to_logit.bias)
    nn.init.zeros_(total.to_logit.bias)
    images = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(total(images), 64 * mean(images))


@pytest.mark.parametrize("scheme", ["xavier", "he", "orthogonal"])
def test_resnet_initial_weights(scheme):
    network = ResNetDiscriminator(32, 3, channels=32, init=scheme)
    convolution = network.blocks[1].conv1.weight.detach()
    if scheme == "orthogonal":
        product = convolution.flatten(1) @ convolution.flatten(1).T
        torch.testing.assert_close(product, torch.eye(32), atol=1e-4, rtol=0)
    else:
        assert convolution.std().item() == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.05)
        shortcut = network.blocks[1].shortcut.weight
        assert shortcut.std().item() == pytest.approx((1 / 32) ** 0.5, rel=0.1)


def test_projection_is_the_inner_product_with_the_labels_embedding():
    network = ResNetDiscriminator(32, 1, num_classes=4, channels=8, pool="mean").eval()
    images, labels = torch.rand(3, 1, 32, 32), torch.tensor([0, 3, 1])
    x = images
    for block in network.blocks:
        x = block(x)
    features = x.relu().mean((2, 3))
    expected = network.to_logit(features)[:, 0] + (network.embed.weight[labels] * features).sum(1)
    torch.testing.assert_close(network(images, labels), expected)
