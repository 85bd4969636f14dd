"""StackGAN: Zhang et al. 2017 (https://arxiv.org/abs/1612.03242), figure 2 and section 3.

The first stage draws a small image of a text, the second reads the text again and draws a large one over it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.nets.layers import Project, UpConv2d, depth, flatten, spectral, stage_widths
from ganzoo.nets.norms import keeps_bias, norm2d
from ganzoo.registry import NETWORKS

WIDEST = 16
JUDGED_WIDTH = 8
ENCODED_SIZE = 16


class ConditioningAugmentation(nn.Module):
    """A draw from the normal distribution that belongs to a text: (N, text_size) -> (N, size), and (N,).

    The second output is its Kullback-Leibler divergence from N(0, I), averaged over the dimensions. Section 3.2.
    """

    def __init__(self, text_size: int, size: int):
        super().__init__()
        self.to_moments = nn.Linear(text_size, 2 * size)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.to_moments(embedding).chunk(2, 1)
        drawn = mean + (log_variance / 2).exp() * random.normal(*mean.shape, device=mean.device)
        return drawn, 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(1)


@NETWORKS.register("stackgan-generator")
class StackGANGenerator(nn.Module):
    """Stage I: latents (N, latent_size), texts (N, text_size) -> images (N, C, R, R) in [-1, 1], divergences (N,).

    At 64 pixels and 96 channels the maps are 1536, 768, 384, 192 and 96 wide.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 100,
        text_size: int = 1024,
        condition_size: int = 128,
        channels: int = 96,
    ):
        super().__init__()
        base, widths = stage_widths(resolution, channels, WIDEST * channels)
        self.condition = ConditioningAugmentation(text_size, condition_size)
        self.project = nn.Sequential(
            Project(latent_size + condition_size, widths[0], base, bias=False), norm2d("batch", widths[0]), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(_up(a, b) for a, b in pairwise(widths)))
        self.to_image = nn.Conv2d(widths[-1], image_channels, 3, padding=1)

    def forward(self, z: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        condition, divergence = self.condition(embedding)
        return self.to_image(self.blocks(self.project(torch.cat([condition, z], 1)))).tanh(), divergence


@NETWORKS.register("stackgan-refiner")
class StackGANRefiner(nn.Module):
    """Stage II: images (N, C, R/scale, R/scale) of stage I, texts -> images (N, C, R, R) in [-1, 1], divergences.

    Images are encoded down to 16 pixels, joined by the text at every place, and enlarged after some residual
    blocks. At 256 pixels and 192 channels the maps are 192, 384 and 768 wide on the way down, 48 at the end.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        scale: int = 4,
        text_size: int = 1024,
        condition_size: int = 128,
        channels: int = 192,
        blocks: int = 4,
    ):
        super().__init__()
        if scale not in (2, 4, 8):
            raise GanzooError(f"scale {scale} is not possible here; use 2, 4 or 8")
        size, downs = resolution // scale, 0
        while size % 2 == 0 and size > ENCODED_SIZE:
            size, downs = size // 2, downs + 1
        ups = (resolution // size).bit_length() - 1
        width = channels << downs
        self.condition = ConditioningAugmentation(text_size, condition_size)
        self.encode = nn.Sequential(
            nn.Conv2d(image_channels, channels, 3, padding=1), nn.ReLU(),
            *(_down(channels << i, channels << i + 1, nn.ReLU()) for i in range(downs)),
        )  # fmt: skip
        self.join = _same(width + condition_size, width)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        widths = [max(width >> i, 1) for i in range(ups + 1)]
        self.enlarge = nn.Sequential(*(_up(a, b) for a, b in pairwise(widths)))
        self.to_image = nn.Conv2d(widths[-1], image_channels, 3, padding=1)

    def forward(self, images: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        condition, divergence = self.condition(embedding)
        x = self.join(_everywhere(self.encode(images), condition))
        return self.to_image(self.enlarge(self.blocks(x))).tanh(), divergence


@NETWORKS.register("stackgan-discriminator")
class StackGANDiscriminator(nn.Module):
    """Does an image look real and show its text? Images (N, C, R, R) in [-1, 1], texts (N, text_size) -> logits (N,).

    Strided convolutions, then more that thin the map out to 8 times ``channels``; the text joins it at every
    place in ``compressed_size`` numbers. ``features`` are what it sees in images alone, ``judge`` compares them
    with texts. matching: whether it also gives each image's score for each text (``match``). Sections 3.3 and 3.4.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        text_size: int = 1024,
        compressed_size: int = 128,
        channels: int = 96,
        norm: str = "batch",
        spectral_norm: bool = False,
        matching: bool = False,
    ):
        super().__init__()
        base, halvings = depth(resolution)
        widths = [channels << i for i in range(halvings)]
        thinned = [widths[-1]]
        while thinned[-1] > JUDGED_WIDTH * channels:
            thinned.append(thinned[-1] // 2)
        width = thinned[-1]
        self.from_image = nn.Sequential(nn.Conv2d(image_channels, channels, 4, 2, 1), nn.LeakyReLU(0.2))
        self.blocks = nn.Sequential(*(_down(a, b, nn.LeakyReLU(0.2), norm) for a, b in pairwise(widths)))
        self.thin = nn.Sequential(*(_same(a, b, nn.LeakyReLU(0.2), norm) for a, b in pairwise(thinned)))
        self.compress = nn.Sequential(nn.Linear(text_size, compressed_size), nn.LeakyReLU(0.2))
        # One 1×1 convolution over the map with the text at every place, as the sum that it is.
        self.join_image = nn.Conv2d(width, width, 1, bias=keeps_bias(norm))
        self.join_text = nn.Linear(compressed_size, width, bias=False)
        self.norm = norm2d(norm, width)
        self.to_logit = nn.Linear(width * base * base, 1)
        self.to_text = nn.Linear(width * base * base, compressed_size) if matching else None
        spectral(self, spectral_norm)

    def forward(self, images: Tensor, embedding: Tensor) -> Tensor:
        return self.judge(self.features(images), embedding)

    def features(self, images: Tensor) -> Tensor:
        """Images -> maps (N, width, 4, 4)."""
        return self.join_image(self.thin(self.blocks(self.from_image(images))))

    def judge(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Maps and texts -> logits (N,)."""
        joined = features + self.join_text(self.compress(embedding))[..., None, None]
        return self.to_logit(flatten(F.leaky_relu(self.norm(joined), 0.2))).squeeze(1)

    def match(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Maps (…, n, width, 4, 4) and texts (…, m, text_size) -> how well they fit, (…, n, m)."""
        assert self.to_text is not None
        return self.to_text(features.flatten(-3)) @ self.compress(embedding).mT


class ResidualBlock(nn.Module):
    """Two convolutions beside the identity: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            _same(channels, channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            norm2d("batch", channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.layers(x))


def _everywhere(x: Tensor, condition: Tensor) -> Tensor:
    """Maps with a vector appended at every place: (N, C, H, W), (N, size) -> (N, C + size, H, W)."""
    return torch.cat([x, condition[..., None, None].expand(-1, -1, *x.shape[2:])], 1)


def _up(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(UpConv2d(in_channels, out_channels, bias=False), norm2d("batch", out_channels), nn.ReLU())


def _down(in_channels: int, out_channels: int, activation: nn.Module, norm: str = "batch") -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=keeps_bias(norm))
    return nn.Sequential(conv, norm2d(norm, out_channels), activation)


def _same(
    in_channels: int, out_channels: int, activation: nn.Module | None = None, norm: str = "batch"
) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=keeps_bias(norm))
    return nn.Sequential(conv, norm2d(norm, out_channels), activation or nn.ReLU())
