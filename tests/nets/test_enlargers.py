"""The networks of SRGAN and ESRGAN against their papers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from ganzoo.errors import GanzooError
from ganzoo.nets.superres import DenseResidual, RRDBGenerator, SRGANDiscriminator, SRResNetGenerator

SMALL = {SRResNetGenerator: {"channels": 4, "blocks": 2}, RRDBGenerator: {"channels": 4, "growth": 2, "blocks": 2}}


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_published_parameter_counts():
    assert parameters(SRResNetGenerator(3)) == 1_547_350
    assert parameters(RRDBGenerator(3)) == 16_697_987
    assert parameters(RRDBGenerator(3, scale=2)) == 16_697_987 - 36_928
    # Eight convolutions, seven norms, 512 · 6 · 6 -> 1024 -> 1.
    assert parameters(SRGANDiscriminator(96, 3)) == 4_683_520 + 3_712 + 18_875_392 + 1_025


@pytest.mark.parametrize("scale", [2, 4])
def test_a_network_for_the_difference_begins_with_the_bicubic_enlargement(scale):
    network = SRResNetGenerator(3, scale=scale, channels=8, blocks=1, difference=True)
    small = torch.rand(2, 3, 8, 6) * 2 - 1
    enlarged = network(small)
    assert enlarged.shape == (2, 3, 8 * scale, 6 * scale)
    expected = interpolate(small, scale_factor=scale, mode="bicubic")
    torch.testing.assert_close(enlarged, expected)
    enlarged.square().sum().backward()
    assert network.to_image.weight.grad.any()


def test_nearest_doublings_leave_no_mesh():
    """Where the small image has one colour the large one has, too, away from the borders."""

    @torch.no_grad()
    def mesh(upsample: str) -> float:
        torch.manual_seed(0)
        network = SRResNetGenerator(3, channels=8, blocks=1, upsample=upsample).eval()
        middle = network(torch.full((1, 3, 32, 32), 0.5))[..., 60:68, 60:68].flatten(2)
        return float(middle.std(2).max())

    assert mesh("nearest") < 1e-5 < 1e-3 < mesh("sub-pixel")
    with pytest.raises(GanzooError, match="give transposed, sub-pixel or nearest"):
        mesh("bilinear")


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("network", SMALL)
def test_any_size_is_enlarged(network, scale):
    generator = network(3, scale=scale, **SMALL[network]).eval()
    assert generator(torch.rand(2, 3, 5, 7)).shape == (2, 3, 5 * scale, 7 * scale)


@pytest.mark.parametrize("network", SMALL)
def test_impossible_scales_are_refused(network):
    for scale in (0, 1, 3, 16):
        with pytest.raises(GanzooError, match=f"scale {scale} is not possible; give 2, 4, 8"):
            network(3, scale=scale)


def test_a_dense_block_is_its_definition():
    block, x = DenseResidual(4, 2), torch.randn(1, 4, 6, 6)
    seen = [x]
    for layer in block.grow:
        seen.append(nn.functional.leaky_relu(layer(torch.cat(seen, 1)), 0.2))
    torch.testing.assert_close(block(x), x + 0.2 * block.merge(torch.cat(seen, 1)))


def test_esrgan_has_no_norm_and_starts_small():
    generator = RRDBGenerator(3, blocks=1)
    assert not any("Norm" in type(module).__name__ for module in generator.modules())
    merge = generator.blocks[0].layers[0].merge
    assert merge.weight.std().item() == pytest.approx(0.1 * (2 / (192 * 9)) ** 0.5, rel=0.05)


def test_doubling_repeats_pixels_before_its_convolution():
    generator = RRDBGenerator(3, **SMALL[RRDBGenerator])
    up, x = generator.up[0][0], torch.randn(1, 4, 5, 5)
    expected = nn.functional.conv2d(interpolate(x, scale_factor=2), up.weight, up.bias, padding=1)
    torch.testing.assert_close(up(x), expected)


@pytest.mark.parametrize("norm", ["batch", "layer", "instance", "none"])
@pytest.mark.parametrize("resolution", [28, 32])
def test_the_judge_gives_a_logit_for_each_image(resolution, norm):
    judge = SRGANDiscriminator(resolution, 1, channels=4, units=8, norm=norm)
    assert judge(torch.rand(3, 1, resolution, resolution)).shape == (3,)
