"""AC-GAN's CIFAR-10 networks: Odena et al. 2017 (https://arxiv.org/abs/1610.09585), appendix."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganzoo.nets.layers import (
    Dropout,
    Project,
    depth,
    flatten,
    initialise_normal,
    labels_for,
    needs_classes,
    one_hot,
    spectral,
)
from ganzoo.nets.norms import keeps_bias, norm2d
from ganzoo.registry import NETWORKS

WIDEST_UP, WIDEST_DOWN = 8, 32


@NETWORKS.register("acgan-generator")
class ACGANGenerator(nn.Module):
    """Latent and label side by side, then transposed 5×5 convolutions -> images (N, C, R, R) in [-1, 1].

    At 32 pixels and 96 channels the maps are 384, 192 and 96 wide.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 100,
        num_classes: int = 0,
        channels: int = 96,
        norm: str = "batch",
    ):
        super().__init__()
        needs_classes(self, num_classes)
        base, doublings = depth(resolution)
        widths = [channels * min(2**i, WIDEST_UP) for i in reversed(range(doublings))]
        self.num_classes = num_classes
        self.project = nn.Sequential(Project(latent_size + num_classes, widths[0], base), nn.ReLU())
        self.blocks = nn.Sequential(*(_up(a, b, norm) for a, b in pairwise(widths)))
        self.to_image = _double(widths[-1], image_channels, bias=True)
        initialise_normal(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        label = one_hot(labels_for(self, labels), self.num_classes)
        return self.to_image(self.blocks(self.project(torch.cat([z, label], 1)))).tanh()


@NETWORKS.register("acgan-discriminator")
class ACGANDiscriminator(nn.Module):
    """3×3 convolutions with two read-outs: images (N, C, R, R) in [-1, 1] -> logits (N,) and class logits.

    At 32 pixels and 16 channels the six convolutions are 16, 32, 64, 128, 256 and 512 wide, every other one
    halves the size, and each is followed by dropout.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        num_classes: int = 0,
        channels: int = 16,
        norm: str = "batch",
        dropout: float = 0.5,
        spectral_norm: bool = False,
    ):
        super().__init__()
        needs_classes(self, num_classes)
        base, doublings = depth(resolution)
        widths = [image_channels, *(channels * min(2**i, WIDEST_DOWN) for i in range(2 * doublings))]
        self.blocks = nn.Sequential(
            *(
                _conv(before, after, 1 + (i % 2 == 0), norm if i else "none", dropout)
                for i, (before, after) in enumerate(pairwise(widths))
            )
        )
        self.to_logit = nn.Linear(widths[-1] * base * base, 1)
        self.to_classes = nn.Linear(widths[-1] * base * base, num_classes)
        initialise_normal(self)
        spectral(self, spectral_norm)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.to_logit(self.features(images)).squeeze(1)

    def heads(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N,) and class logits (N, num_classes) from one pass."""
        features = self.features(images)
        return self.to_logit(features).squeeze(1), self.to_classes(features)

    def classify(self, images: Tensor) -> Tensor:
        """Class logits (N, num_classes)."""
        return self.to_classes(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """What both read-outs see: (N, F)."""
        return flatten(self.blocks(images))


def _up(in_channels: int, out_channels: int, norm: str) -> nn.Sequential:
    return nn.Sequential(_double(in_channels, out_channels, keeps_bias(norm)), norm2d(norm, out_channels), nn.ReLU())


def _double(in_channels: int, out_channels: int, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(in_channels, out_channels, 5, stride=2, padding=2, output_padding=1, bias=bias)


def _conv(in_channels: int, out_channels: int, stride: int, norm: str, dropout: float) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=keeps_bias(norm))
    return nn.Sequential(conv, norm2d(norm, out_channels), nn.LeakyReLU(0.2), Dropout(dropout))
