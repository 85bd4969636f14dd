"""R3GAN: plain residual networks with grouped convolutions and no normalisation.

Huang et al. 2024, sections 4.1 and 4.2 (https://arxiv.org/abs/2501.05441): the generator and the
discriminator mirror each other. Residual branches start at zero, scaled for the depth (fix-up initialisation,
Zhang et al. 2019, https://arxiv.org/abs/1901.09321).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.nets.layers import Filter, labels_for, stage_widths
from ganzoo.registry import NETWORKS

TAPS = (1.0, 2.0, 1.0)
SLOPE = 0.2


@NETWORKS.register("r3gan-generator")
class R3GANGenerator(nn.Module):
    """Latents (N, latent_size), labels (N,) if it has classes -> images (N, C, R, R), about [-1, 1], unbounded.

    ``channels`` is the width at the full resolution; it doubles at each halving, up to ``widest``. Each stage has
    ``blocks`` residual blocks whose inner width is ``expansion`` times as large, in groups of ``group`` channels.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 64,
        num_classes: int = 0,
        channels: int = 384,
        widest: int = 768,
        blocks: int = 2,
        expansion: int = 2,
        group: int = 16,
    ):
        super().__init__()
        base, widths = stage_widths(resolution, channels, widest)
        self.embed = nn.Embedding(num_classes, latent_size) if num_classes else None
        self.project = linear(latent_size * (2 if num_classes else 1), widths[0])
        self.basis = nn.Parameter(torch.randn(widths[0], base, base))
        self.stages = stages(widths, blocks, expansion, group)
        self.transitions = nn.ModuleList(transition(a, b) for a, b in pairwise(widths))
        self.to_image = convolution(widths[-1], image_channels)
        self.filter = Filter(TAPS)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.embed is not None:
            z = torch.cat([z, self.embed(labels_for(self, labels))], 1)
        first, *rest = self.stages
        x = self.project(z)[:, :, None, None] * self.basis
        x = first(x.contiguous(memory_format=torch.channels_last))
        for transition, stage in zip(self.transitions, rest, strict=True):
            x = stage(self.filter.up(transition(x)))
        return self.to_image(x)


@NETWORKS.register("r3gan-discriminator")
class R3GANDiscriminator(nn.Module):
    """The generator's mirror image: images (N, C, R, R) in [-1, 1] -> logits (N,); keywords as there.

    With classes the logit is the inner product of the features and the label's embedding.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        num_classes: int = 0,
        channels: int = 384,
        widest: int = 768,
        blocks: int = 2,
        expansion: int = 2,
        group: int = 16,
    ):
        super().__init__()
        base, widths = stage_widths(resolution, channels, widest)
        top = widths[0]
        self.from_image = convolution(image_channels, widths[-1])
        self.stages = stages(widths[::-1], blocks, expansion, group)
        self.transitions = nn.ModuleList(transition(a, b) for a, b in pairwise(reversed(widths)))
        self.basis = convolution(top, top, base, groups=top)
        self.to_logit = linear(top, top if num_classes else 1)
        self.embed = nn.Embedding(num_classes, top) if num_classes else None
        self.filter = Filter(TAPS)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        *rest, last = self.stages
        x = self.from_image(images)
        for transition, stage in zip(self.transitions, rest, strict=True):
            x = transition(self.filter.down(stage(x)))
        logits = self.to_logit(self.basis(last(x)).flatten(1))
        if self.embed is None:
            return logits.squeeze(1)
        return (logits * self.embed(labels_for(self, labels))).sum(1) / math.sqrt(logits.shape[1])


class Block(nn.Module):
    """An inverted bottleneck added to its input: 1×1 out, 3×3 in groups, 1×1 back; shape-preserving.

    depth: number of blocks in the network, for which the branch's first weights are scaled.
    """

    def __init__(self, channels: int, expansion: int, group: int, depth: int):
        super().__init__()
        inner = channels * expansion
        group = min(group, inner)
        if inner % group:
            raise GanzooError(
                f"{inner} channels cannot be grouped by {group}; give channels of which the {expansion}-fold can"
            )
        gain = nn.init.calculate_gain("leaky_relu", SLOPE) * depth**-0.25
        self.expand = convolution(channels, inner, gain=gain)
        self.mix = convolution(inner, inner, 3, padding=1, groups=inner // group, gain=gain)
        self.reduce = convolution(inner, channels, gain=0)
        self.bias1 = nn.Parameter(torch.zeros(inner))
        self.bias2 = nn.Parameter(torch.zeros(inner))

    def forward(self, x: Tensor) -> Tensor:
        y = activate(self.expand(x), self.bias1)
        y = activate(self.mix(y), self.bias2)
        return x + self.reduce(y)


def activate(x: Tensor, bias: Tensor) -> Tensor:
    """A leaky ReLU of the map and a bias for each channel."""
    return F.leaky_relu(x + bias.to(x.dtype)[:, None, None], SLOPE)


def stages(widths: list[int], blocks: int, expansion: int, group: int) -> nn.ModuleList:
    """The residual blocks of each resolution."""
    depth = blocks * len(widths)
    return nn.ModuleList(
        nn.Sequential(*(Block(width, expansion, group, depth) for _ in range(blocks))) for width in widths
    )


def transition(in_channels: int, out_channels: int) -> nn.Module:
    """The change of width between two resolutions, where there is one."""
    return nn.Identity() if in_channels == out_channels else convolution(in_channels, out_channels)


def convolution(
    in_channels: int, out_channels: int, kernel_size: int = 1, padding: int = 0, groups: int = 1, gain: float = 1.0
) -> nn.Conv2d:
    """A convolution without bias; its weights' variance is ``gain``² / fan-in."""
    layer = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, groups=groups, bias=False)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(in_channels // groups * kernel_size**2))
    return layer


def linear(in_features: int, out_features: int) -> nn.Linear:
    """A linear layer without bias; its weights' variance is 1 / fan-in."""
    layer = nn.Linear(in_features, out_features, bias=False)
    nn.init.normal_(layer.weight, std=1 / math.sqrt(in_features))
    return layer
