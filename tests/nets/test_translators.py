"""The networks of pix2pix and CycleGAN against their papers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.nets.layers import initialise_normal
from ganzoo.nets.patchgan import PATCHES, PatchGANDiscriminator, receptive_field
from ganzoo.nets.resnet_translation import ResNetTranslationGenerator
from ganzoo.nets.unet import UNetGenerator

GENERATORS = [UNetGenerator, ResNetTranslationGenerator]


def count(network: type[nn.Module], *arguments, **keywords) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in network(*arguments, **keywords).parameters())


@pytest.mark.parametrize(
    ("network", "arguments", "keywords", "published"),
    [
        (UNetGenerator, (256, 3), {}, 54_413_955),
        (UNetGenerator, (256, 3), {"norm": "batch"}, 54_413_955),
        (UNetGenerator, (128, 3), {}, 41_828_995),
        (PatchGANDiscriminator, (256, 6), {}, 2_768_705),
        (PatchGANDiscriminator, (256, 3), {"norm": "shifted"}, 2_764_737),
        (PatchGANDiscriminator, (256, 6), {"patch": 1}, 9_024),
        (ResNetTranslationGenerator, (256, 3), {}, 11_378_179),
        (ResNetTranslationGenerator, (128, 3), {}, 7_837_699),
    ],
)
def test_published_parameter_counts(network, arguments, keywords, published):
    assert count(network, *arguments, **keywords) == published


@pytest.mark.parametrize("patch", PATCHES)
def test_the_receptive_field_is_the_patch(patch):
    network = PatchGANDiscriminator(256, 1, channels=2, patch=patch, norm="none")
    assert receptive_field(list(network.modules())) == patch
    images = torch.randn(1, 1, 400, 400, requires_grad=True)
    logits = network(images)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    seen = images.grad[0, 0].nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [patch, patch]


@pytest.mark.parametrize(("resolution", "patch"), [(256, 286), (128, 142), (64, 70)])
def test_full_patches_cover_the_image(resolution, patch):
    assert receptive_field(list(PatchGANDiscriminator(resolution, 1, channels=2, patch="full").modules())) == patch


def test_patches_that_cannot_be():
    with pytest.raises(GanzooError, match="1, 16, 34, 70, 142, 286 or full"):
        PatchGANDiscriminator(256, 3, patch=71)
    with pytest.raises(GanzooError, match="too small for patches of 70"):
        PatchGANDiscriminator(16, 3)


@pytest.mark.parametrize("network", GENERATORS)
def test_nearest_doubling_leaves_no_checkerboard(network):
    """An image of one colour comes out as one in the middle, which transposed convolutions of random weights deny."""

    @torch.no_grad()
    def differences(upsample: str) -> float:
        torch.manual_seed(0)
        generator = network(64, 3, channels=8, norm="none", dropout=0.0, upsample=upsample)
        initialise_normal(generator.to_image, std=0.1)
        middle = generator(torch.full((1, 3, 64, 64), 0.5))[..., 31:33, 31:33].flatten(2)
        return float(middle.std(2).mean() / middle.abs().mean())

    assert differences("nearest") < 1e-4 < 1e-2 < min(differences("transposed"), differences("sub-pixel"))


@pytest.mark.parametrize("network", GENERATORS)
def test_another_way_to_double(network):
    with pytest.raises(GanzooError, match="transposed, sub-pixel or nearest"):
        network(64, 3, upsample="bilinear")


def test_the_unet_has_the_papers_stages():
    with torch.device("meta"):
        network = UNetGenerator(256, 3)
    assert [down.conv.out_channels for down in network.down] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [up.conv.in_channels for up in network.up] == [512, 1024, 1024, 1024, 1024, 512, 256]
    assert [up.dropout.p for up in network.up] == [0.5, 0.5, 0.5, 0, 0, 0, 0]
    unnormed = [level for level, down in enumerate(network.down) if isinstance(down.norm, nn.Identity)]
    assert unnormed == [0, 7], "neither the first layer nor the 1×1 bottleneck"


@pytest.mark.parametrize("resolution", [28, 32, 64, 96])
@pytest.mark.parametrize("network", GENERATORS)
def test_images_keep_their_shape_and_range(network, resolution):
    generator = network(resolution, 3, channels=4)
    images = generator(torch.randn(2, 3, resolution, 2 * resolution))
    assert images.shape == (2, 3, resolution, 2 * resolution) and images.abs().max() <= 1


@pytest.mark.parametrize("network", GENERATORS)
@pytest.mark.parametrize("norm", ["none", "batch", "layer", "instance", "shifted"])
def test_norms(network, norm):
    generator = network(32, 1, channels=4, norm=norm)
    generator(torch.randn(2, 1, 32, 32)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters())


@pytest.mark.parametrize("network", GENERATORS)
def test_impossible_sizes_name_the_nearest_possible(network):
    with pytest.raises(GanzooError, match=r"resolution 30 .* 28 or 32"):
        network(30, 3)


def test_a_depth_may_be_chosen():
    assert UNetGenerator(64, 1, channels=4, depth=3).multiple == 8
    with pytest.raises(GanzooError, match="cannot be halved 5 times"):
        UNetGenerator(48, 1, depth=5)


def test_dropout_is_the_units_noise_in_evaluation_too():
    generator, image = UNetGenerator(64, 1, channels=4).eval(), torch.randn(1, 1, 64, 64)

    def drawn(seed):
        with random.drawing_from(random.Samples([(seed, 0)])):
            return generator(image)

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
    quiet = UNetGenerator(64, 1, channels=4, dropout=0).eval()
    assert torch.equal(quiet(image), quiet(image))


def test_shifted_norms_bias_acts():
    """Before an instance norm a bias would change nothing; this one moves the map."""
    network = ResNetTranslationGenerator(32, 1, channels=4, blocks=1)
    biases = [p for name, p in network.named_parameters() if name.endswith("bias")]
    network(torch.randn(2, 1, 32, 32)).square().mean().backward()
    assert len(biases) == 8 and min(bias.grad.abs().max() for bias in biases) > 1e-6
