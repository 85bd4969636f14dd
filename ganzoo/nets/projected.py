"""Projected GAN's discriminator: small networks that judge a frozen network's feature maps, mixed at random.

Sauer et al. 2021, section 3 (https://arxiv.org/abs/2111.01007).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.nets.layers import spectral
from ganzoo.nets.norms import keeps_bias, norm2d
from ganzoo.nets.pretrained import Features
from ganzoo.registry import NETWORKS

SCALES = 4


@NETWORKS.register("projected-discriminator")
class ProjectedDiscriminator(nn.Module):
    """Images (N, 1 or 3, R, R) in [-1, 1] -> maps of logits (N, 1, h, w), one for each of up to four scales.

    features, feature_weights: the frozen network whose last four maps are judged, see :class:`Features`. Images
    smaller than ``image_size`` are enlarged for it. ``channels`` is the width of the finest mixed map; each coarser
    one is twice as wide. The random mixing belongs to the discriminator's state; the frozen network does not.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        features: str = "efficientnet-lite0",
        feature_weights: str | None = None,
        image_size: int = 224,
        channels: int = 64,
        norm: str = "batch",
        spectral_norm: bool = True,
    ):
        super().__init__()
        self.image_size = max(resolution, image_size)
        self.features = Features(features, feature_weights)
        with torch.no_grad():
            maps = self.perceived(torch.zeros(1, image_channels, resolution, resolution))
        widths = [channels << i for i in range(len(maps))]
        self.mixing = RandomMixing([each.shape[1] for each in maps], widths)
        self.heads = nn.ModuleList(_head(widths[i:], each.shape[2], norm) for i, each in enumerate(maps))
        spectral(self.heads, spectral_norm)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> list[Tensor]:
        maps = self.mixing(self.perceived(images))
        return [head(each) for head, each in zip(self.heads, maps, strict=True)]

    def perceived(self, images: Tensor) -> list[Tensor]:
        """The frozen network's last maps, finest first."""
        if images.shape[2] < self.image_size:
            images = F.interpolate(images, self.image_size, mode="bilinear")
        return self.features(images)[-SCALES:]


class RandomMixing(nn.Module):
    """Maps -> maps of the same sizes and given widths, mixed across channels and from coarse to fine; never learns.

    in_channels, widths: of the maps, finest first. Section 3.2.
    """

    def __init__(self, in_channels: list[int], widths: list[int]):
        super().__init__()
        self.across_channels = nn.ModuleList(RandomConv2d(a, b, 1) for a, b in zip(in_channels, widths, strict=True))
        self.across_scales = nn.ModuleList(RandomConv2d(2 * width, width, 3) for width in widths[:-1])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        *finer, coarsest = [mix(each) for mix, each in zip(self.across_channels, maps, strict=True)]
        mixed = [coarsest]
        for mix, each in zip(reversed(self.across_scales), reversed(finer), strict=True):
            mixed.append(each + mix(F.interpolate(mixed[-1], each.shape[2:], mode="bilinear")))
        return mixed[::-1]


class RandomConv2d(nn.Module):
    """A convolution whose Kaiming-normal weights never change: (N, in, H, W) -> (N, out, H, W)."""

    weight: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int):
        super().__init__()
        weight = torch.empty(out_channels, in_channels, kernel_size, kernel_size)
        self.register_buffer("weight", nn.init.kaiming_normal_(weight))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=self.weight.shape[2] // 2)


def _head(widths: list[int], size: int, norm: str) -> nn.Sequential:
    """Convolutions that halve a map down to 4 to 7 pixels, and its logits; ``widths`` from the map's on."""
    layers, channels = [], widths[0]
    halvings = max((size // 4).bit_length() - 1, 0)
    for i in range(max(halvings, 1)):
        wider = widths[min(i + 1, len(widths) - 1)]
        layers += _conv(channels, wider, norm, half=halvings > 0)
        channels = wider
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1, bias=False))


def _conv(in_channels: int, out_channels: int, norm: str, half: bool) -> list[nn.Module]:
    kernel_size, stride = (4, 2) if half else (3, 1)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=1, bias=keeps_bias(norm))
    return [conv, norm2d(norm, out_channels), nn.LeakyReLU(0.2)]
