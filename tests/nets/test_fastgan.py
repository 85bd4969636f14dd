"""FastGAN's networks: sizes, which map excites which, what the discriminator's maps give back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.nets.fastgan import FastGANDiscriminator, FastGANGenerator, Noise, quarters


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def widths(modules) -> list[int]:
    """The widths of gated maps: half of what the last norm in each sees."""
    return [[m.num_features for m in each.modules() if isinstance(m, nn.BatchNorm2d)][-1] // 2 for each in modules]


def test_the_generators_widths_at_1024_pixels():
    with torch.device("meta"):
        generator = FastGANGenerator(1024, 3, spectral_norm=False)
    assert widths([generator.project, *generator.blocks]) == [1024, 512, 256, 128, 128, 64, 32, 16, 8]
    assert [sum(isinstance(m, Noise) for m in block) for block in generator.blocks] == [2, 0] * 4


@pytest.mark.parametrize(
    ("resolution", "reached"), [(256, [(1024, 128), (512, 64), (256, 32)]), (64, [(1024, 128)]), (28, [(1024, 256)])]
)
def test_maps_are_excited_by_those_a_sixteenth_of_their_size(resolution, reached):
    """4 → 64, 8 → 128, 16 → 256 pixels; below 64 the last map by the first."""
    with torch.device("meta"):
        generator = FastGANGenerator(resolution, 3, spectral_norm=False)
    convolutions = [excitation.layers[1] for excitation in generator.excitations]
    assert [(conv.in_channels, conv.out_channels) for conv in convolutions] == reached


def test_the_excitation_multiplies_channels():
    generator = FastGANGenerator(32, 3, 8, channels=4, spectral_norm=False).eval()
    z = torch.randn(2, 8)
    nn.init.zeros_(generator.excitations[0].layers[3].weight)
    factors = []
    generator.excitations[0].register_forward_hook(lambda *io: factors.append(io[2]))
    generator(z)
    torch.testing.assert_close(factors[0], torch.full((2, 8, 1, 1), 0.5))


@pytest.mark.parametrize("resolution", [16, 28, 32, 64, 128])
def test_sizes(resolution):
    generator = FastGANGenerator(resolution, 1, 8, channels=2)
    discriminator = FastGANDiscriminator(resolution, 1, channels=2)
    images = generator(torch.randn(2, 8))
    assert images.shape == (2, 1, resolution, resolution) and images.abs().max() <= 1
    maps = discriminator.maps(images)
    last = 14 if resolution == 28 else 8
    assert [each.shape[2] for each in maps] == [2 * last, last]
    assert discriminator(images).shape == (2, 1, last - 3, last - 3)
    rebuilt = discriminator.rebuild(*maps, torch.tensor([0, 3]))
    assert {each.shape for each in rebuilt} == {(2, 1, max(resolution // 2, 2 * last), max(resolution // 2, 2 * last))}


@pytest.mark.parametrize("resolution", [256, 512, 1024])
def test_large_images_are_rebuilt_at_128_pixels(resolution):
    with torch.device("meta"):
        discriminator = FastGANDiscriminator(resolution, 3, spectral_norm=False)
        maps = discriminator.maps(torch.zeros(1, 3, resolution, resolution))
        whole, quarter = discriminator.rebuild(*maps, torch.zeros(1, dtype=torch.long))
    assert [each.shape[1] for each in maps] == [256, 512]
    assert whole.shape == quarter.shape == (1, 3, 128, 128)


def test_too_small_images_are_refused():
    with pytest.raises(GanzooError, match="16 or more"):
        FastGANDiscriminator(8, 3)


def test_quarters_row_by_row():
    x = torch.arange(16.0).view(1, 1, 4, 4).expand(4, 1, 4, 4)
    parts = quarters(x, torch.arange(4))
    assert parts[:, 0, 0, 0].tolist() == [0, 2, 8, 10]
    assert torch.equal(parts[3, 0], x[0, 0, 2:, 2:])


def test_the_discriminator_can_do_without_batch_norm():
    discriminator = FastGANDiscriminator(32, 1, channels=2, norm="layer")
    images = torch.rand(4, 1, 32, 32)
    changed = torch.cat([images[:1], -images[1:]])
    torch.testing.assert_close(discriminator(images)[0], discriminator(changed)[0], atol=1e-5, rtol=1e-4)
