"""Residual networks of WGAN-GP, SNGAN, SNGAN-projection and SAGAN; BigGAN's are built from their blocks.

Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028), appendix on CIFAR-10; Miyato et al. 2018
(https://arxiv.org/abs/1802.05957), tables 4 to 6; Miyato & Koyama 2018 (https://arxiv.org/abs/1802.05637);
Zhang et al. 2019 (https://arxiv.org/abs/1805.08318).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.nets.layers import DownConv2d, Project, SelfAttention, UpConv2d, depth, labels_for, spectral
from ganzoo.nets.norms import keeps_bias, norm2d
from ganzoo.registry import NETWORKS

WIDEST = 16
CIFAR_SIZE = 32


@NETWORKS.register("resnet-generator")
class ResNetGenerator(nn.Module):
    """Residual up-blocks: (N, latent_size), labels (N,) if it has classes -> images (N, C, R, R) in [-1, 1].

    ``growth`` 1 keeps the width (the CIFAR-10 nets), 2 doubles it at each halving of the size (the larger
    nets); left out, it is 1 up to 32 pixels. ``upsample_before`` is the convolution of a block, 1 or 2, that
    sees the doubled map. ``attention`` is a map's size, true or "half" (see ``attention_size``).
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 128,
        num_classes: int = 0,
        channels: int = 128,
        growth: int | None = None,
        norm: str = "batch",
        spectral_norm: bool = False,
        attention: bool | int | str = False,
        upsample_before: int = 1,
        init: str = "xavier",
    ):
        super().__init__()
        base, widths = generator_widths(resolution, channels, growth)
        sizes = [base << i for i in range(1, len(widths))]
        attend = attention_size(attention, resolution, sizes)
        self.num_classes = num_classes
        self.project = Project(latent_size, widths[0], base)
        normed = partial(norm2d, norm, num_classes=num_classes)
        self.blocks = nn.ModuleList(
            UpBlock(a, b, normed, keeps_bias(norm), upsample_before) for a, b in pairwise(widths)
        )
        self.attentions = attentions(attend, sizes, widths[1:])
        self.norm = norm2d(norm, widths[-1])  # without labels, as in the authors' SNGAN-projection code
        self.to_image = nn.Conv2d(widths[-1], image_channels, 3, padding=1)
        initialise(self, init)
        spectral(self, spectral_norm)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        labels = labels_for(self, labels) if self.num_classes else None
        x = self.project(z)
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(x, labels))
        return self.to_image(F.relu(self.norm(x))).tanh()


@NETWORKS.register("resnet-discriminator")
class ResNetDiscriminator(nn.Module):
    """Residual down-blocks and a pooled read-out: images (N, C, R, R) in [-1, 1] -> logits (N,).

    With classes the logit gains the inner product of the features and the label's embedding (projection,
    Miyato & Koyama 2018, eq. 3). Other keywords as in the generator; ``pool`` is mean or sum. A ``wide`` block
    widens in its first convolution, else where it halves in its second; attention's values have C/``value_share``
    channels (BigGAN: wide, 2). With ``rotations`` it also tells how images are turned, see :meth:`turns`.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        num_classes: int = 0,
        channels: int = 128,
        growth: int | None = None,
        norm: str = "none",
        spectral_norm: bool = False,
        attention: bool | int | str = False,
        pool: str = "sum",
        init: str = "xavier",
        wide: bool = False,
        value_share: int = 8,
        rotations: bool = False,
    ):
        super().__init__()
        if pool not in ("mean", "sum"):
            raise GanzooError(f"pool '{pool}' is not possible here; use mean or sum")
        sizes, widths = discriminator_widths(resolution, channels, growth)
        attend = attention_size(attention, resolution, sizes)
        halves = [after < before for before, after in pairwise(sizes)]
        self.pool, self.num_classes = pool, num_classes
        self.blocks = nn.ModuleList([FirstDownBlock(image_channels, widths[0])])
        self.blocks += [
            DownBlock(a, b, norm, half, wide) for a, b, half in zip(widths, widths[1:], halves, strict=False)
        ]
        self.attentions = attentions(attend, sizes, widths, value_share)
        self.to_logit = nn.Linear(widths[-1], 1)
        self.embed = nn.Embedding(num_classes, widths[-1]) if num_classes else None
        if rotations:
            self.to_turns = nn.Linear(widths[-1], 4)
        initialise(self, init)
        spectral(self, spectral_norm)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        features = self.features(images)
        logits = self.to_logit(features).squeeze(1)
        if self.embed is None:
            return logits
        return logits + (self.embed(labels_for(self, labels)) * features).sum(1)

    def features(self, images: Tensor) -> Tensor:
        """What the read-outs see: (N, F)."""
        x = images
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(x))
        x = F.relu(x)
        return x.sum((2, 3)) if self.pool == "sum" else x.mean((2, 3))

    def turns(self, images: Tensor) -> Tensor:
        """Logits (N, 4) of the quarter turns that images were given. Chen et al. 2019, section 3.2."""
        return self.to_turns(self.features(images))


class UpBlock(nn.Module):
    """Pre-activation residual block that doubles the size: (N, in, H, W) -> (N, out, 2H, 2W).

    norm: the normalisation of a map by its width; what conditions it, labels or vectors, is passed on to it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: Callable[[int], nn.Module],
        bias: bool = False,
        upsample_before: int = 1,
    ):
        super().__init__()
        if upsample_before not in (1, 2):
            raise GanzooError(f"upsample_before {upsample_before} is not possible here; use 1 or 2")
        self.norm1, self.norm2 = norm(in_channels), norm(out_channels)
        self.conv1 = _conv(in_channels, out_channels, bias, UpConv2d if upsample_before == 1 else None)
        self.conv2 = _conv(out_channels, out_channels, bias, UpConv2d if upsample_before == 2 else None)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        # A 1×1 convolution and nearest upsampling commute; in this order it is four times cheaper.
        shortcut = F.interpolate(self.shortcut(x), scale_factor=2.0, mode="nearest")
        x = self.conv1(F.relu(_normed(self.norm1, x, condition)))
        return shortcut + self.conv2(F.relu(_normed(self.norm2, x, condition)))


class DownBlock(nn.Module):
    """Pre-activation residual block: (N, in, H, W) -> (N, out, H/2, W/2), or the same size."""

    def __init__(self, in_channels: int, out_channels: int, norm: str, half: bool, wide: bool = False):
        super().__init__()
        hidden = in_channels if half and not wide else out_channels
        self.norm1 = norm2d(norm, in_channels)
        self.norm2 = norm2d(norm, hidden)
        self.conv1 = _conv(in_channels, hidden, keeps_bias(norm))
        self.conv2 = _conv(hidden, out_channels, True, DownConv2d if half else None)
        self.pool = nn.AvgPool2d(2) if half else nn.Identity()
        learned = half or in_channels != out_channels
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1) if learned else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(self.pool(x))
        x = self.conv1(F.relu(self.norm1(x)))
        return shortcut + self.conv2(F.relu(self.norm2(x)))


class FirstDownBlock(nn.Module):
    """The block that sees the image, which must not be rectified: (N, in, H, W) -> (N, out, H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv1 = _conv(in_channels, out_channels, True)
        self.conv2 = DownConv2d(out_channels, out_channels)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(F.avg_pool2d(x, 2)) + self.conv2(F.relu(self.conv1(x)))


def generator_widths(resolution: int, channels: int, growth: int | None) -> tuple[int, list[int]]:
    """(Base size, widths of its map and of each doubled one), e.g. 256 four times or 512, 256, 128, 64."""
    base, doublings = depth(resolution)
    factor = _growth(growth, resolution)
    return base, [channels * min(factor**i, WIDEST) for i in range(doublings, -1, -1)]


def discriminator_widths(resolution: int, channels: int, growth: int | None) -> tuple[list[int], list[int]]:
    """(Sizes, widths) of the blocks' outputs: constant width halves twice and keeps two blocks at 8 (or 7).

    Growing width halves down to 4 (or an odd size) and keeps one block there, as in Miyato et al., table 6.
    """
    depth(resolution)
    factor = _growth(growth, resolution)
    smallest, kept = (8, 2) if factor == 1 else (4, 1)
    sizes = [resolution // 2]
    while sizes[-1] > smallest and sizes[-1] % 2 == 0:
        sizes.append(sizes[-1] // 2)
    sizes += sizes[-1:] * kept
    return sizes, [channels * min(factor**i, WIDEST) for i in range(len(sizes))]


def attention_size(attention: bool | int | str, resolution: int, sizes: list[int]) -> int:
    """The size of the map with attention, 0 for none.

    true: the one nearest to 32 (16 below 64 pixels), as in SAGAN; "half": half the resolution, as in BigGAN-128.
    """
    if attention is True:
        target = 32 if resolution >= 64 else 16
        return min(sizes, key=lambda size: abs(size - target))
    attention = resolution // 2 if attention == "half" else attention
    if attention and attention not in sizes:
        possible = ", ".join(str(size) for size in sorted(set(sizes)))
        raise GanzooError(f"attention at {attention} px is not possible at {resolution} px; use {possible}")
    return int(attention)


def attentions(attend: int, sizes: list[int], widths: list[int], value_share: int = 8) -> nn.ModuleList:
    """One module per block: self-attention after the first block of the wanted size, else the identity."""
    place = sizes.index(attend) if attend else -1
    return nn.ModuleList(
        SelfAttention(width, value_share=value_share) if i == place else nn.Identity() for i, width in enumerate(widths)
    )


def initialise(network: nn.Module, scheme: str) -> None:
    """Weights by scheme, biases 0. Convolutions of a residual branch, which a ReLU precedes, get the gain √2.

    xavier: Glorot uniform (SNGAN); he: He uniform in residual branches, Glorot elsewhere; orthogonal (SAGAN).
    """
    if scheme not in ("xavier", "he", "orthogonal"):
        raise GanzooError(f"unknown init '{scheme}'; known: he, orthogonal, xavier")
    for name, layer in network.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            _initialise_weight(layer.weight, scheme, residual=name.endswith(("conv1", "conv2")))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    embed = getattr(network, "embed", None)
    if embed is not None:
        _initialise_weight(embed.weight, scheme, residual=False)


def _initialise_weight(weight: Tensor, scheme: str, residual: bool) -> None:
    if scheme == "orthogonal":
        nn.init.orthogonal_(weight)
    elif scheme == "he" and residual:
        nn.init.kaiming_uniform_(weight, nonlinearity="relu")
    else:
        nn.init.xavier_uniform_(weight, gain=2**0.5 if residual else 1)


def _conv(
    in_channels: int, out_channels: int, bias: bool, resampling: type[UpConv2d | DownConv2d] | None = None
) -> nn.Conv2d:
    if resampling:
        return resampling(in_channels, out_channels, bias=bias)
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)


def _normed(norm: nn.Module, x: Tensor, condition: Tensor | None) -> Tensor:
    return norm(x) if condition is None else norm(x, condition)


def _growth(growth: int | None, resolution: int) -> int:
    if growth not in (None, 1, 2):
        raise GanzooError(f"growth {growth} is not possible here; use 1, 2 or leave it out")
    return growth or (1 if resolution <= CIFAR_SIZE else 2)
