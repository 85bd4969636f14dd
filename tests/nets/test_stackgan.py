"""StackGAN's networks and the encoder of texts against their papers."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.nets.stackgan import (
    ConditioningAugmentation,
    StackGANDiscriminator,
    StackGANGenerator,
    StackGANRefiner,
)
from ganzoo.nets.text import CharCNN, CharCNNRNN
from ganzoo.text import encode

TEXT = torch.randn(2, 1024, device="meta")


def built(network, *arguments, **keywords):
    with torch.device("meta"):
        return network(*arguments, **keywords)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(kernel: int, *widths: int) -> int:
    """Convolutions of one kernel from width to width, each with batch norm's scale and shift."""
    return sum(kernel**2 * a * b + 2 * b for a, b in pairwise(widths))


def image(channels: int) -> int:
    return 9 * channels * 3 + 3


MOMENTS = 1024 * 256 + 256


def test_stage_one_layer_by_layer():
    generator = built(StackGANGenerator, 64, 3)
    project = 228 * 1536 * 16 + 2 * 1536
    ups = convolution(3, 1536, 768, 384, 192, 96)
    assert parameters(generator) == MOMENTS + project + ups + image(96)
    images, divergence = generator(torch.randn(2, 100, device="meta"), TEXT)
    assert images.shape == (2, 3, 64, 64) and divergence.shape == (2,)


def test_stage_two_layer_by_layer():
    refiner = built(StackGANRefiner, 256, 3)
    encoder = 9 * 3 * 192 + 192 + convolution(4, 192, 384, 768)
    blocks = convolution(3, 768 + 128, 768) + 8 * convolution(3, 768, 768)
    ups = convolution(3, 768, 384, 192, 96, 48)
    assert parameters(refiner) == MOMENTS + encoder + blocks + ups + image(48)
    images, _ = refiner(torch.randn(2, 3, 64, 64, device="meta"), TEXT)
    assert images.shape == (2, 3, 256, 256)


@pytest.mark.parametrize(
    ("resolution", "down", "thin"),
    [(64, (96, 192, 384, 768), (768,)), (256, (96, 192, 384, 768, 1536, 3072), (3072, 1536, 768))],
)
def test_discriminators_layer_by_layer(resolution, down, thin):
    discriminator = built(StackGANDiscriminator, resolution, 3)
    trunk = 16 * 3 * 96 + 96 + convolution(4, *down) + convolution(3, *thin)
    text = 1024 * 128 + 128
    assert parameters(discriminator) == trunk + text + convolution(1, 768 + 128, 768) + 768 * 16 + 1
    features = discriminator.features(torch.randn(2, 3, resolution, resolution, device="meta"))
    assert features.shape == (2, 768, 4, 4)
    assert discriminator.judge(features, TEXT).shape == (2,)


@pytest.mark.parametrize(("resolution", "scale"), [(32, 2), (28, 2), (64, 4), (64, 2), (128, 4), (128, 8)])
def test_other_sizes(resolution, scale):
    refiner = built(StackGANRefiner, resolution, 1, scale=scale, channels=8, blocks=1)
    images, _ = refiner(torch.randn(2, 1, resolution // scale, resolution // scale, device="meta"), TEXT)
    assert images.shape == (2, 1, resolution, resolution)


def test_text_joins_the_map_as_one_convolution_would():
    discriminator = StackGANDiscriminator(16, 1, text_size=5, compressed_size=3, channels=4, norm="none")
    images, texts = torch.randn(2, 1, 16, 16), torch.randn(2, 5)
    trunk = discriminator.thin(discriminator.blocks(discriminator.from_image(images)))
    everywhere = discriminator.compress(texts)[..., None, None].expand(-1, -1, 4, 4)
    one = nn.Conv2d(8 + 3, 8, 1)
    one.weight.data = torch.cat([discriminator.join_image.weight, discriminator.join_text.weight[..., None, None]], 1)
    one.bias.data = discriminator.join_image.bias.data
    joined = nn.functional.leaky_relu(one(torch.cat([trunk, everywhere], 1)), 0.2)
    expected = discriminator.to_logit(joined.permute(0, 2, 3, 1).flatten(1)).squeeze(1)
    torch.testing.assert_close(discriminator(images, texts), expected)


def test_conditions_are_draws_whose_divergence_is_the_closed_form():
    augmentation = ConditioningAugmentation(4, 3)
    text = torch.randn(1, 4)
    mean, log_variance = augmentation.to_moments(text).chunk(2, 1)
    with random.drawing_from(random.Stream(0, "draws", 20_000, 20_000)):
        drawn, divergence = augmentation(text.expand(20_000, -1))
    torch.testing.assert_close(drawn.mean(0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.var(0), log_variance[0].exp(), atol=0.05, rtol=0.05)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).mean()
    torch.testing.assert_close(divergence[0], expected)


@pytest.mark.parametrize("network", [CharCNNRNN, CharCNN])
def test_an_embedding_does_not_depend_on_how_far_a_text_is_filled_up(network):
    encoder = network(size=6, channels=8, length=30).eval()
    texts = ["a red seven", "a blue two on the left"]
    together = encoder(torch.from_numpy(encode(texts)))
    alone = torch.cat([encoder(torch.from_numpy(encode([text]))) for text in texts])
    assert together.shape == (2, 6)
    torch.testing.assert_close(together, alone)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_what_cannot_be_built():
    for network in (CharCNNRNN, CharCNN):
        with pytest.raises(GanzooError, match="length 5 is too short"):
            network(length=5)
    with pytest.raises(GanzooError, match="scale 3 is not possible"):
        StackGANRefiner(48, 3, scale=3)
