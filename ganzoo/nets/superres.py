"""Networks that enlarge images, and their judge: SRGAN (Ledig et al. 2017, figure 4) and ESRGAN (Wang et al. 2018).

https://arxiv.org/abs/1609.04802, https://arxiv.org/abs/1809.00219
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.nets.layers import UpConv2d, doubling, flatten
from ganzoo.nets.norms import keeps_bias, norm2d
from ganzoo.registry import NETWORKS

DOUBLINGS = {2: 1, 4: 2, 8: 3}
RESIDUAL_SCALE = 0.2
SMALLER_START = 0.1


@NETWORKS.register("srresnet-generator")
class SRResNetGenerator(nn.Module):
    """SRResNet: (N, C, H, W) in [-1, 1] -> (N, C, scale · H, scale · W), about [-1, 1]; any H and W.

    Residual blocks at the small size, then a sub-pixel convolution for each doubling; upsample=nearest leaves no mesh.
    difference: the convolutions make what a bicubic enlargement lacks (Kim et al. 2016, section 3.1,
    https://arxiv.org/abs/1511.04587), from nothing at first. Ledig et al. 2017, section 2.1.
    """

    def __init__(
        self,
        image_channels: int,
        scale: int = 4,
        channels: int = 64,
        blocks: int = 16,
        upsample: str = "sub-pixel",
        difference: bool = False,
    ):
        super().__init__()
        self.scale, self.difference = scale, difference
        self.up = nn.Sequential(
            *(nn.Sequential(doubling(upsample, channels, channels), nn.PReLU()) for _ in range(doublings(scale)))
        )
        self.from_image = nn.Sequential(nn.Conv2d(image_channels, channels, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(
            *(NormedResidual(channels) for _ in range(blocks)),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.to_image = nn.Conv2d(channels, image_channels, 9, padding=4)
        if difference:
            for parameter in self.to_image.parameters():
                nn.init.zeros_(parameter)

    def forward(self, small: Tensor) -> Tensor:
        x = self.from_image(small)
        x = self.to_image(self.up(x + self.blocks(x)))
        return x + F.interpolate(small, scale_factor=self.scale, mode="bicubic") if self.difference else x


class NormedResidual(nn.Module):
    """Two batch-normed 3×3 convolutions, added to their input without an activation behind the sum."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


@NETWORKS.register("rrdb-generator")
class RRDBGenerator(nn.Module):
    """ESRGAN's: (N, C, H, W) in [-1, 1] -> (N, C, scale · H, scale · W), about [-1, 1]; any H and W; no norm.

    Residual-in-residual dense blocks at the small size, then nearest doublings with a convolution each.
    growth: channels that each convolution of a dense block adds. Wang et al. 2018, section 3.1.
    """

    def __init__(self, image_channels: int, scale: int = 4, channels: int = 64, growth: int = 32, blocks: int = 23):
        super().__init__()
        self.up = nn.Sequential(
            *(nn.Sequential(UpConv2d(channels, channels), nn.LeakyReLU(0.2)) for _ in range(doublings(scale)))
        )
        self.from_image = nn.Conv2d(image_channels, channels, 3, padding=1)
        self.blocks = nn.Sequential(
            *(ResidualInResidual(channels, growth) for _ in range(blocks)),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.refine = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.2))
        self.to_image = nn.Conv2d(channels, image_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.from_image(x)
        return self.to_image(self.refine(self.up(x + self.blocks(x))))


class ResidualInResidual(nn.Module):
    """Three dense blocks, whose sum with their input is a residual itself. Wang et al. 2018, figure 4."""

    def __init__(self, channels: int, growth: int):
        super().__init__()
        self.layers = nn.Sequential(*(DenseResidual(channels, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + RESIDUAL_SCALE * self.layers(x)


class DenseResidual(nn.Module):
    """Five convolutions, each of which sees what all before it made; the last one's output is added to the input."""

    def __init__(self, channels: int, growth: int):
        super().__init__()
        widths = [channels + i * growth for i in range(5)]
        self.grow = nn.ModuleList(nn.Conv2d(width, growth, 3, padding=1) for width in widths[:-1])
        self.merge = nn.Conv2d(widths[-1], channels, 3, padding=1)
        for layer in (*self.grow, self.merge):
            _start_small(layer)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for layer in self.grow:
            seen = torch.cat([seen, F.leaky_relu(layer(seen), 0.2)], 1)
        return x + RESIDUAL_SCALE * self.merge(seen)


@NETWORKS.register("srgan-discriminator")
class SRGANDiscriminator(nn.Module):
    """Eight 3×3 convolutions, every other one halving, then two linear layers: images (N, C, R, R) -> logits (N,).

    norm: batch, layer, instance or none. units: width of the first linear layer. Ledig et al. 2017, figure 4.
    """

    def __init__(
        self, resolution: int, image_channels: int, channels: int = 64, units: int = 1024, norm: str = "batch"
    ):
        super().__init__()
        widths = [channels * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
        self.from_image = nn.Sequential(nn.Conv2d(image_channels, channels, 3, padding=1), nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(
            *(_judge(a, b, 2 if level % 2 == 0 else 1, norm) for level, (a, b) in enumerate(pairwise(widths)))
        )
        size = -(-resolution // 16)
        self.hidden = nn.Sequential(nn.Linear(widths[-1] * size * size, units), nn.LeakyReLU(0.2))
        self.to_logit = nn.Linear(units, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.to_logit(self.hidden(flatten(self.layers(self.from_image(images))))).squeeze(1)


def doublings(scale: int) -> int:
    """How often a size doubles to become ``scale`` times as large."""
    if scale not in DOUBLINGS:
        raise GanzooError(f"scale {scale} is not possible; give {', '.join(map(str, DOUBLINGS))}")
    return DOUBLINGS[scale]


def _judge(before: int, after: int, stride: int, norm: str) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=keeps_bias(norm))
    return nn.Sequential(convolution, norm2d(norm, after), nn.LeakyReLU(0.2))


def _start_small(layer: nn.Conv2d) -> None:
    """Wang et al. 2018, section 3.1: smaller initial weights train deep residual networks without a norm."""
    nn.init.kaiming_normal_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    with torch.no_grad():
        layer.weight.mul_(SMALLER_START)
