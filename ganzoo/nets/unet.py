"""The U-Net generator of pix2pix: Isola et al. 2017, section 3.2.1 and appendix 6.1 (https://arxiv.org/abs/1611.07004)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.nets.layers import Dropout, doubling, initialise_normal, refuse_others
from ganzoo.nets.norms import translation_norm
from ganzoo.registry import NETWORKS

DEEPEST = 8
WIDEST = 8
SMALL = 8


@NETWORKS.register("unet-generator")
class UNetGenerator(nn.Module):
    """An image -> an image: halved ``depth`` times and doubled again, with a skip between equal sizes.

    (N, C, H, W) -> (N, C, H, W) in [-1, 1], sides multiples of 2^depth. Dropout in the first doublings is the only
    noise; it stays on in evaluation, as in the paper's section 3.3, so that one input has several outputs.
    depth: as often as the resolution can be halved, 8 at most. upsample: how maps double, transposed or nearest.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        channels: int = 64,
        depth: int | None = None,
        norm: str = "instance",
        dropout: float = 0.5,
        upsample: str = "transposed",
    ):
        super().__init__()
        depth = _depth(resolution) if depth is None else depth
        if depth < 2:
            raise GanzooError(f"a U-Net of depth {depth} has no skips; give depth 2 or more")
        self.multiple = 2**depth
        refuse_others(resolution, self.multiple, f"cannot be halved {depth} times")
        widths = [channels * min(2**level, WIDEST) for level in range(depth)]
        noisy = max(1, min(3, depth - 4))
        self.down = nn.ModuleList(
            Down(before, width, norm if 0 < level < depth - 1 else "none", activate=level > 0)
            for level, (before, width) in enumerate(zip([image_channels, *widths], widths, strict=False))
        )
        self.up = nn.ModuleList(
            Up(
                widths[level] * (1 if level == depth - 1 else 2),
                widths[level - 1],
                norm,
                dropout if turn < noisy else 0,
                upsample,
            )
            for turn, level in enumerate(range(depth - 1, 0, -1))
        )
        self.to_image = doubling(upsample, 2 * widths[0], image_channels)
        initialise_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        skips.pop()
        for up in self.up:
            x = torch.cat([up(x), skips.pop()], 1)
        return torch.tanh(self.to_image(x.relu()))


class Down(nn.Module):
    """Leaky ReLU, a convolution that halves the map, norm."""

    def __init__(self, in_channels: int, out_channels: int, norm: str, activate: bool):
        super().__init__()
        self.activation = nn.LeakyReLU(0.2) if activate else nn.Identity()
        self.conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False)
        self.norm = translation_norm(norm, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(self.activation(x)))


class Up(nn.Module):
    """ReLU, a convolution that doubles the map, norm, dropout."""

    def __init__(self, in_channels: int, out_channels: int, norm: str, dropout: float, upsample: str):
        super().__init__()
        self.conv = doubling(upsample, in_channels, out_channels, bias=False)
        self.norm = translation_norm(norm, out_channels)
        self.dropout = Dropout(dropout, noise=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.norm(self.conv(x.relu())))


def _depth(resolution: int) -> int:
    """How often a size can be halved; raises GanzooError for one whose innermost map would stay large."""
    least = min(DEEPEST, max(2, (-(-resolution // SMALL) - 1).bit_length()))
    why = f"cannot be halved to {SMALL} pixels or fewer, a U-Net's innermost map unless its 'depth' is given"
    refuse_others(resolution, 2**least, why)
    return min(DEEPEST, (resolution & -resolution).bit_length() - 1)
