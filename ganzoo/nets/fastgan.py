"""FastGAN: a light generator with skip-layer excitation, and a discriminator whose maps can rebuild its images.

Liu et al. 2021, section 3, figures 3 and 4 (https://arxiv.org/abs/2101.04775).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.nets.layers import Project, UpConv2d, depth, initialise_normal, spectral
from ganzoo.nets.norms import keeps_bias, norm2d
from ganzoo.registry import NETWORKS

SHARES = (16, 8, 4, 2, 2, 1, 0.5, 0.25, 0.125)  # the generator's widths at 4, 8, … 1024 pixels
SPAN = 4
DEEPEST_DECODER = 4


@NETWORKS.register("fastgan-generator")
class FastGANGenerator(nn.Module):
    """Gated up-blocks: (N, latent_size) -> images (N, C, R, R) in [-1, 1].

    ``channels`` is the width at 128 pixels. Each map from the fifth on is excited by the one a sixteenth of its size;
    where there are fewer, the last by the first.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 256,
        channels: int = 64,
        spectral_norm: bool = True,
    ):
        super().__init__()
        base, doublings = depth(resolution)
        widths = [_width(base << i, channels) for i in range(doublings + 1)]
        self.project = nn.Sequential(Project(latent_size, 2 * widths[0], base, bias=False), *_gate(widths[0], "batch"))
        self.blocks = nn.ModuleList(UpBlock(a, b, double=i % 2 == 0) for i, (a, b) in enumerate(pairwise(widths)))
        self.span = min(SPAN, doublings)
        reached = zip(widths, widths[self.span :], strict=False)
        self.excitations = nn.ModuleList(Excitation(a, b) for a, b in reached)
        self.to_image = nn.Conv2d(widths[-1], image_channels, 3, padding=1)
        initialise_normal(self)
        spectral(self, spectral_norm)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        maps = [self.project(z)]
        for block in self.blocks:
            x = block(maps[-1])
            source = len(maps) - self.span
            maps.append(x if source < 0 else x * self.excitations[source](maps[source]))
        return self.to_image(maps[-1]).tanh()


@NETWORKS.register("fastgan-discriminator")
class FastGANDiscriminator(nn.Module):
    """Residual down-blocks to 8 pixels: images (N, C, R, R) in [-1, 1] -> a map of logits (N, 1, 5, 5).

    ``channels`` is the width at 64 pixels; it doubles at each halving. Two decoders rebuild images from the last two
    maps, see :meth:`rebuild`.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        channels: int = 64,
        norm: str = "batch",
        spectral_norm: bool = True,
    ):
        super().__init__()
        base, doublings = depth(resolution)
        if doublings < 2:
            raise GanzooError(f"resolution {resolution} is too small for a fastgan discriminator; give 16 or more")
        halved = resolution > 256
        widths = [_width_down(base << i, channels) for i in range(doublings - halved, 0, -1)]
        stem = (4, 2, 1) if halved else (3, 1, 1)
        self.from_image = nn.Sequential(nn.Conv2d(image_channels, widths[0], *stem), nn.LeakyReLU(0.2))
        self.blocks = nn.ModuleList(DownBlock(a, b, norm) for a, b in pairwise(widths))
        last, hidden = widths[-1], max(widths[-1] // 2, 1)
        self.to_logits = nn.Sequential(*_conv(last, hidden, 1, norm), nn.Conv2d(hidden, 1, 4, bias=False))
        decoded = min(max(doublings - 2, 1), DEEPEST_DECODER)
        decoders = [_decoder(width, image_channels, channels, base, decoded, norm) for width in widths[-2:]]
        self.decode_quarter, self.decode = decoders
        initialise_normal(self)
        spectral(self, spectral_norm)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.to_logits(self.maps(images)[1])

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The last two maps, at 16 and 8 pixels."""
        x = self.from_image(images)
        *earlier, last = self.blocks
        for block in earlier:
            x = block(x)
        return x, last(x)

    def rebuild(self, earlier: Tensor, last: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """The images behind the last two maps, of half their size up to 128 pixels: whole, and one quarter of each.

        places: which, see :func:`quarters`. Section 3.2.
        """
        return self.decode(last), self.decode_quarter(quarters(earlier, places))


def quarters(x: Tensor, places: Tensor) -> Tensor:
    """One quarter of each map (N, C, H, W) -> (N, C, H/2, W/2); places: (N,), 0 to 3, row by row."""
    parts = x.unflatten(3, (2, -1)).unflatten(2, (2, -1))
    return parts[torch.arange(len(x), device=x.device), :, places // 2, :, places % 2]


class Excitation(nn.Module):
    """Factors in (0, 1) for the channels of a large map, from a small one: (N, in, H, W) -> (N, out, 1, 1). Eq. 1."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            nn.Conv2d(in_channels, out_channels, 4, bias=False),
            nn.LeakyReLU(0.1),
            nn.Conv2d(out_channels, out_channels, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Noise(nn.Module):
    """Add one noise to all channels, by a factor that starts at 0; shape-preserving."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        noise = random.normal(len(x), 1, *x.shape[2:], device=x.device)
        return x + self.scale.to(x.dtype) * noise.to(x.dtype)


class DownBlock(nn.Module):
    """The mean of two convolutions and of a pooled one: (N, in, H, W) -> (N, out, H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int, norm: str):
        super().__init__()
        self.main = nn.Sequential(
            *_conv(in_channels, out_channels, 4, norm), *_conv(out_channels, out_channels, 3, norm)
        )
        self.direct = nn.Sequential(nn.AvgPool2d(2), *_conv(in_channels, out_channels, 1, norm))

    def forward(self, x: Tensor) -> Tensor:
        return (self.main(x) + self.direct(x)) / 2


class UpBlock(nn.Sequential):
    """Doubling and a gated convolution, or two with noise: (N, in, H, W) -> (N, out, 2H, 2W)."""

    def __init__(self, in_channels: int, out_channels: int, double: bool = False, norm: str = "batch"):
        bias = keeps_bias(norm)
        layers = [UpConv2d(in_channels, 2 * out_channels, bias=bias), *_gate(out_channels, norm)]
        if double:
            again = nn.Conv2d(out_channels, 2 * out_channels, 3, padding=1, bias=bias)
            layers = [layers[0], Noise(), *layers[1:], again, Noise(), *_gate(out_channels, norm)]
        super().__init__(*layers)


def _gate(channels: int, norm: str) -> list[nn.Module]:
    return [norm2d(norm, 2 * channels), nn.GLU(1)]


def _conv(in_channels: int, out_channels: int, kernel_size: int, norm: str) -> list[nn.Module]:
    """A normalised convolution: 1×1 and 3×3 keep the size, 4×4 halves it."""
    stride, padding = (2, 1) if kernel_size == 4 else (1, kernel_size // 2)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=keeps_bias(norm))
    return [conv, norm2d(norm, out_channels), nn.LeakyReLU(0.2)]


def _decoder(
    in_channels: int, image_channels: int, channels: int, base: int, doublings: int, norm: str
) -> nn.Sequential:
    """(N, in, S, S) -> images (N, C, S · 2^doublings, …) in [-1, 1]; half as wide as a generator."""
    widths = [in_channels, *(_width(2 * base << i, channels / 2) for i in range(1, doublings + 1))]
    blocks = [UpBlock(a, b, norm=norm) for a, b in pairwise(widths)]
    return nn.Sequential(*blocks, nn.Conv2d(widths[-1], image_channels, 3, padding=1), nn.Tanh())


def _width(size: int, channels: float) -> int:
    """The generator's width at a size."""
    return max(int(channels * SHARES[size.bit_length() - 3]), 1)


def _width_down(size: int, channels: int) -> int:
    """The discriminator's width at a size: doubled at each halving, up to 16 times."""
    return max(channels * 64 >> size.bit_length() - 1, 1)
