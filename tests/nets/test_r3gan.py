"""R3GAN's networks against the paper."""

from __future__ import annotations

import pytest
import torch
from test_papers import built, layers
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from ganzoo.errors import GanzooError
from ganzoo.nets.r3gan import Block, R3GANDiscriminator, R3GANGenerator


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_ffhq_64_configuration():
    generator, discriminator = built(R3GANGenerator, 64, 3), built(R3GANDiscriminator, 64, 3)
    inverted = [(768, 1536, 1, 1), (1536, 1536, 3, 1), (1536, 768, 1, 1)]
    last = [(384, 768, 1, 1), (768, 768, 3, 1), (768, 384, 1, 1)]
    assert [layer for stage in generator.stages for layer in layers(stage)] == inverted * 8 + last * 2
    assert [layer for stage in discriminator.stages for layer in layers(stage)] == last * 2 + inverted * 8
    assert [layer for step in generator.transitions for layer in layers(step)] == [(768, 384, 1, 1)]
    groups = [m.groups for m in generator.stages.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert groups == [96] * 8 + [48] * 2
    sizes = [sum(p.numel() for p in network.parameters()) for network in (generator, discriminator)]
    assert sizes == [22_429_824, 22_381_440], "the two players are of a size"


def test_nothing_is_normalised():
    for network in (built(R3GANGenerator, 64, 3), built(R3GANDiscriminator, 64, 3)):
        assert not any(isinstance(m, (_NormBase, nn.GroupNorm, nn.LayerNorm)) for m in network.modules())
        assert not any(m.bias is not None for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))


def test_blocks_start_as_the_identity():
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(Block(8, 2, 16, depth=8)(x), x)


def test_branches_start_scaled_for_the_depth():
    """Each of a branch's two leading weights by depth^(-1/4), so that depth of them sum to what one would."""
    shallow, deep = Block(64, 2, 16, depth=1), Block(64, 2, 16, depth=16)
    for name in ("expand", "mix"):
        one, other = (getattr(block, name).weight.std().item() for block in (shallow, deep))
        assert one / other == pytest.approx(2, rel=0.05)


def test_logits_and_images_start_with_the_scale_of_their_inputs():
    images = R3GANGenerator(32, 3, channels=16)(torch.randn(64, 64))
    assert 0.5 < images.std() < 2
    logits = R3GANDiscriminator(32, 3, channels=16)(torch.randn(64, 3, 32, 32))
    assert logits.shape == (64,) and 0.02 < logits.std() < 2


def test_widths_that_cannot_be_grouped_are_refused():
    with pytest.raises(GanzooError, match="grouped by 16"):
        R3GANGenerator(32, 3, channels=20)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_labels_make_a_difference(network):
    labels = torch.tensor([0, 1, 1])
    options = {"resolution": 16, "image_channels": 1, "channels": 4, "num_classes": 3}
    if network == "generator":
        made = R3GANGenerator(**options, latent_size=5)(torch.randn(1, 5).expand(3, -1), labels)
    else:
        made = R3GANDiscriminator(**options)(torch.randn(1, 1, 16, 16).expand(3, -1, -1, -1), labels)
    assert not torch.allclose(made[0], made[1])
    torch.testing.assert_close(made[1], made[2])


@pytest.mark.parametrize("network", [R3GANGenerator, R3GANDiscriminator])
def test_maps_stay_channels_last(network):
    network, seen = network(16, 3, channels=4).to(memory_format=torch.channels_last), []
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, Block)):
            layer.register_forward_hook(lambda _, __, output: seen.append(output))
    images = torch.randn(2, 3, 16, 16).to(memory_format=torch.channels_last)
    network(images if isinstance(network, R3GANDiscriminator) else torch.randn(2, 64))
    assert seen and all(x.is_contiguous(memory_format=torch.channels_last) for x in seen)
