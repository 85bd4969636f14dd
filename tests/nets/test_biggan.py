"""BigGAN's networks against the paper: numbers of parameters, the latent's pieces, what labels and pieces do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.nets.biggan import BigGANGenerator
from ganzoo.nets.layers import SelfAttention
from ganzoo.nets.norms import VectorBatchNorm2d
from ganzoo.nets.resnet import ResNetDiscriminator


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_at_128_pixels_are_the_published_ones():
    """70,433,988 and 87,982,370; those of the generator include the biases that batch norm cancels, ours leave out."""
    with torch.device("meta"):
        generator = BigGANGenerator(128, 3, 120, num_classes=1000, spectral_norm=False, init="xavier")
        discriminator = ResNetDiscriminator(128, 3, 1000, channels=96, attention="half", wide=True, value_share=2)
    cancelled = sum(
        layer.out_channels for block in generator.blocks for layer in (block.conv1, block.conv2, block.shortcut)
    )
    assert count(generator) + cancelled == 70_433_988
    assert count(discriminator) == 87_982_370


@pytest.mark.parametrize(("resolution", "pieces"), [(128, [20] * 6), (64, [24] * 5), (32, [30] * 4), (28, [40] * 3)])
def test_the_latent_is_cut_into_equal_pieces(resolution, pieces):
    generator = BigGANGenerator(resolution, 3, channels=1, init="xavier")
    assert generator.pieces == pieces
    assert generator.project.linear.in_features == pieces[0]
    assert [block.norm1.scale.in_features for block in generator.blocks] == pieces[1:]


def test_a_latent_that_does_not_divide_is_cut_all_the_same_and_a_tiny_one_refused():
    assert BigGANGenerator(32, 1, 10, channels=2, attention=False).pieces == [3, 3, 2, 2]
    with pytest.raises(GanzooError, match=r"latent\.size 4"):
        BigGANGenerator(32, 1, 3, channels=2)


def test_every_piece_and_the_label_change_the_image():
    torch.manual_seed(0)
    generator = BigGANGenerator(32, 1, 8, num_classes=3, channels=8).eval()
    z, labels = torch.randn(1, 8), torch.tensor([0])
    image = generator(z, labels)
    assert image.shape == (1, 1, 32, 32) and image.abs().max() <= 1
    assert not torch.equal(generator(z, labels + 1), image)
    for place in range(0, 8, 2):
        other = z.clone()
        other[:, place] += 1
        assert not torch.equal(generator(other, labels), image), place
    with pytest.raises(GanzooError, match="conditional"):
        generator(z)


def test_without_classes_the_pieces_alone_steer_batch_norm():
    generator = BigGANGenerator(32, 1, 8, channels=4)
    assert generator.embed is None and generator.blocks[0].norm1.scale.in_features == 2
    assert generator(torch.randn(2, 8)).shape == (2, 1, 32, 32)


def test_attention_sits_at_half_the_size_with_wide_values():
    generator = BigGANGenerator(64, 3, 20, channels=4)
    discriminator = ResNetDiscriminator(64, 3, channels=4, attention="half", value_share=2)
    for network in (generator, discriminator):
        (attention,) = [m for m in network.modules() if isinstance(m, SelfAttention)]
        assert attention.value.out_channels == attention.value.in_channels // 2
    assert [isinstance(m, SelfAttention) for m in generator.attentions] == [False, False, True, False]
    assert isinstance(discriminator.attentions[0], SelfAttention)


def test_the_embedding_is_not_normalised_spectrally():
    names = [name for name, _ in BigGANGenerator(32, 1, 8, num_classes=3, channels=4).named_parameters()]
    assert "embed.weight" in names and "project.linear.parametrizations.weight.original" in names


def test_batch_norm_by_a_vector():
    torch.manual_seed(0)
    layer, x, vector = VectorBatchNorm2d(4, 3), torch.randn(8, 4, 5, 5), torch.randn(8, 3)
    plain = (x - x.mean((0, 2, 3), keepdim=True)) / x.var((0, 2, 3), keepdim=True, correction=0).add(1e-5).sqrt()
    scale, shift = (vector @ linear.weight.T for linear in (layer.scale, layer.shift))
    expected = plain * (1 + scale)[:, :, None, None] + shift[:, :, None, None]
    torch.testing.assert_close(layer(x, vector), expected, atol=1e-5, rtol=1e-5)
