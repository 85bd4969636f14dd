"""The projected discriminator: what is judged, what never learns, where gradients go."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.nets.projected import ProjectedDiscriminator, RandomMixing

OPTIONS = {"features": "timm:test_efficientnet", "feature_weights": "random", "channels": 4}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def discriminator(resolution: int = 32, image_channels: int = 3, **options) -> ProjectedDiscriminator:
    return ProjectedDiscriminator(resolution, image_channels, **OPTIONS | options)


@pytest.mark.parametrize("image_channels", [1, 3])
@pytest.mark.parametrize(
    ("image_size", "sizes", "logits"), [(32, [8, 4, 2, 1], [4, 4, 2, 1]), (256, [64, 32, 16, 8], [4, 4, 4, 4])]
)
def test_four_scales_are_judged(image_channels, image_size, sizes, logits):
    network = discriminator(image_channels=image_channels, image_size=image_size)
    images = torch.rand(2, image_channels, 32, 32)
    assert [each.shape[2] for each in network.perceived(images)] == sizes
    assert [each.shape for each in network(images)] == [(2, 1, size, size) for size in logits]


def test_widths_double_from_scale_to_scale():
    mixed = discriminator(image_size=64).mixing(maps())
    assert [each.shape[1] for each in mixed] == [4, 8, 16, 32]


def maps() -> list[torch.Tensor]:
    return discriminator(image_size=64).perceived(torch.rand(1, 3, 32, 32))


def test_small_images_are_enlarged_and_large_ones_left():
    network = discriminator(resolution=64, image_size=32)
    assert network.perceived(torch.rand(1, 3, 64, 64))[0].shape[2] == 16
    assert discriminator(resolution=32, image_size=64).perceived(torch.rand(1, 3, 32, 32))[0].shape[2] == 16


def test_the_mixing_never_learns_and_is_kept():
    network = discriminator(image_size=32)
    assert not list(network.mixing.parameters()) and not list(network.features.parameters())
    kept = [name for name in network.state_dict() if name.startswith(("mixing", "features"))]
    assert len(kept) == 4 + 3 and all(name.startswith("mixing") for name in kept)
    other = discriminator(image_size=32)
    assert not torch.equal(network.mixing.across_channels[0].weight, other.mixing.across_channels[0].weight)
    other.load_state_dict(network.state_dict())
    images = torch.rand(2, 3, 32, 32)
    for one, two in zip(network.eval()(images), other.eval()(images), strict=True):
        torch.testing.assert_close(one, two)


def test_coarse_maps_reach_all_finer_ones_and_not_the_other_way():
    mixing = RandomMixing([3, 5], [2, 4])
    fine, coarse = torch.rand(1, 3, 8, 8), torch.rand(1, 5, 4, 4)
    before, finer, coarser = mixing([fine, coarse]), mixing([fine + 1, coarse]), mixing([fine, coarse + 1])
    assert torch.equal(finer[1], before[1]) and not torch.equal(finer[0], before[0])
    assert not torch.equal(coarser[0], before[0]) and not torch.equal(coarser[1], before[1])


def test_gradients_reach_images_and_heads_alone():
    network = discriminator(image_size=32)
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    sum(each.sum() for each in network(images)).backward()
    assert images.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_layer_norm_in_place_of_batch_norm():
    assert not any(isinstance(m, nn.BatchNorm2d) for m in discriminator(image_size=32, norm="layer").modules())
