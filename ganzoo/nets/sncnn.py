"""The "standard CNN" of Miyato et al. 2018 (https://arxiv.org/abs/1802.05957), table 3."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ganzoo.nets.layers import Project, depth, flatten, initialise_normal, spectral
from ganzoo.nets.norms import keeps_bias, norm2d
from ganzoo.registry import NETWORKS

WIDEST = 8
SLOPE = 0.1


@NETWORKS.register("sn-cnn-generator")
class SNCNNGenerator(nn.Module):
    """Transposed 4×4 convolutions: (N, latent_size) -> images (N, C, R, R) in [-1, 1].

    At 32 pixels and 64 channels the maps are 512, 256, 128 and 64 wide.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 128,
        channels: int = 64,
        norm: str = "batch",
    ):
        super().__init__()
        base, doublings = depth(resolution)
        widths = _widths(channels, doublings)[::-1]
        self.project = Project(latent_size, widths[0], base)
        self.blocks = nn.Sequential(*(_up(a, b, norm) for a, b in pairwise(widths)))
        self.to_image = nn.Conv2d(widths[-1], image_channels, 3, padding=1)
        initialise_normal(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.to_image(self.blocks(self.project(z))).tanh()


@NETWORKS.register("sn-cnn-discriminator")
class SNCNNDiscriminator(nn.Module):
    """A 3×3 and a halving 4×4 convolution per size: images (N, C, R, R) in [-1, 1] -> logits (N,).

    At 32 pixels and 64 channels the pairs are 64, 128 and 256 wide, the last convolution 512.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        channels: int = 64,
        norm: str = "none",
        spectral_norm: bool = False,
    ):
        super().__init__()
        base, doublings = depth(resolution)
        widths = _widths(channels, doublings)
        pairs = [
            nn.Sequential(_conv(before, after, 3, 1, "none" if i == 0 else norm), _conv(after, after, 4, 2, norm))
            for i, (before, after) in enumerate(pairwise([image_channels, *widths[:-1]]))
        ]
        self.blocks = nn.Sequential(*pairs, _conv(widths[-2], widths[-1], 3, 1, norm))
        self.to_logit = nn.Linear(widths[-1] * base * base, 1)
        initialise_normal(self)
        spectral(self, spectral_norm)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.to_logit(flatten(self.blocks(images))).squeeze(1)


def _widths(channels: int, doublings: int) -> list[int]:
    return [channels * min(2**i, WIDEST) for i in range(doublings + 1)]


def _up(in_channels: int, out_channels: int, norm: str) -> nn.Sequential:
    conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=keeps_bias(norm))
    return nn.Sequential(conv, norm2d(norm, out_channels), nn.ReLU())


def _conv(in_channels: int, out_channels: int, kernel_size: int, stride: int, norm: str) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=1, bias=keeps_bias(norm))
    return nn.Sequential(conv, norm2d(norm, out_channels), nn.LeakyReLU(SLOPE))
