"""DCGAN: Radford et al. 2016 (https://arxiv.org/abs/1511.06434), section 3 and figure 1."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.nets.layers import Project, depth, doubling, flatten, initialise_normal, labels_for, one_hot, spectral
from ganzoo.nets.norms import keeps_bias, norm2d
from ganzoo.registry import NETWORKS

WIDEST = 8


@NETWORKS.register("dcgan-generator")
class DCGANGenerator(nn.Module):
    """Strided transposed convolutions: (N, latent_size) -> images (N, C, R, R) in [-1, 1].

    At 64 pixels and 128 channels the maps are 1024, 512, 256 and 128 wide, as in figure 1. With classes, labels (N,)
    stand one-hot beside the latents. upsample: how maps double, as :func:`ganzoo.nets.layers.doubling` knows it.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 100,
        num_classes: int = 0,
        channels: int = 128,
        kernel_size: int = 5,
        norm: str = "batch",
        upsample: str = "transposed",
    ):
        super().__init__()
        _padding(kernel_size)  # refuses what the discriminator would
        base, doublings = depth(resolution)
        widths = dcgan_widths(channels, doublings)[::-1]
        self.num_classes = num_classes
        self.project = nn.Sequential(
            Project(latent_size + num_classes, widths[0], base, bias=keeps_bias(norm)),
            norm2d(norm, widths[0]),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(_up(a, b, kernel_size, norm, upsample) for a, b in pairwise(widths)))
        self.to_image = doubling(upsample, widths[-1], image_channels, kernel_size=kernel_size)
        initialise_normal(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.num_classes:
            z = torch.cat([z, one_hot(labels_for(self, labels), self.num_classes)], 1)
        return self.to_image(self.blocks(self.project(z))).tanh()


@NETWORKS.register("dcgan-discriminator")
class DCGANDiscriminator(nn.Module):
    """Strided convolutions, the generator mirrored: images (N, C, R, R) in [-1, 1] -> logits (N,).

    With classes, labels (N,) are channels of the image, one of them 1 everywhere and the others 0.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        num_classes: int = 0,
        channels: int = 128,
        kernel_size: int = 5,
        norm: str = "batch",
        spectral_norm: bool = False,
    ):
        super().__init__()
        base, doublings = depth(resolution)
        widths = dcgan_widths(channels, doublings)
        self.num_classes = num_classes
        seen = image_channels + num_classes
        self.from_image = nn.Sequential(_strided(seen, widths[0], kernel_size, bias=True), nn.LeakyReLU(0.2))
        self.blocks = nn.Sequential(*(_down(a, b, kernel_size, norm) for a, b in pairwise(widths)))
        self.to_logit = nn.Linear(widths[-1] * base * base, 1)
        initialise_normal(self)
        spectral(self, spectral_norm)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.num_classes:
            label = one_hot(labels_for(self, labels), self.num_classes)[:, :, None, None]
            images = torch.cat([images, label.expand(-1, -1, *images.shape[2:])], 1)
        return self.to_logit(flatten(self.blocks(self.from_image(images)))).squeeze(1)


def dcgan_widths(channels: int, doublings: int) -> list[int]:
    """Channels of the maps from the image inwards: doubling at each halving, up to 8 times the first."""
    return [channels * min(2**i, WIDEST) for i in range(doublings)]


def _up(in_channels: int, out_channels: int, kernel_size: int, norm: str, upsample: str) -> nn.Sequential:
    conv = doubling(upsample, in_channels, out_channels, kernel_size=kernel_size, bias=keeps_bias(norm))
    return nn.Sequential(conv, norm2d(norm, out_channels), nn.ReLU())


def _down(in_channels: int, out_channels: int, kernel_size: int, norm: str) -> nn.Sequential:
    conv = _strided(in_channels, out_channels, kernel_size, keeps_bias(norm))
    return nn.Sequential(conv, norm2d(norm, out_channels), nn.LeakyReLU(0.2))


def _strided(in_channels: int, out_channels: int, kernel_size: int, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride=2, padding=_padding(kernel_size), bias=bias)


def _padding(kernel_size: int) -> int:
    """Padding with which a stride of 2 halves a map exactly."""
    if kernel_size not in (4, 5):
        raise GanzooError(f"kernel_size {kernel_size} is not possible here; use 4 or 5")
    return (kernel_size - 1) // 2
