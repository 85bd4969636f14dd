"""The residual generator of CycleGAN: Zhu et al. 2017, appendix 7.2, after Johnson et al. 2016.

https://arxiv.org/abs/1703.10593
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.nets.layers import BlockConv2d, Dropout, doubling, initialise_normal, memory_format, refuse_others
from ganzoo.nets.norms import translation_norm
from ganzoo.registry import NETWORKS


@NETWORKS.register("resnet-translation-generator")
class ResNetTranslationGenerator(nn.Module):
    """An image -> an image: c7s1-64, d128, d256, residual blocks at a quarter of the size, u128, u64, c7s1-3.

    (N, C, H, W) -> (N, C, H, W) in [-1, 1], sides multiples of 4. blocks: 9 from 256 pixels on, else 6.
    dropout: between a block's convolutions, also in evaluation.
    norm: none, batch, instance, or shifted (instance norm with a bias and no scale). upsample: how maps double,
    transposed or nearest.
    """

    multiple = 4

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        channels: int = 64,
        blocks: int | None = None,
        norm: str = "shifted",
        dropout: float = 0.0,
        upsample: str = "transposed",
    ):
        super().__init__()
        refuse_others(resolution, self.multiple, "cannot be halved twice", least=8)
        blocks = (9 if resolution >= 256 else 6) if blocks is None else blocks
        wide, wider = 2 * channels, 4 * channels
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3),
            *_stage(nn.Conv2d(image_channels, channels, 7, bias=False), channels, norm),
            *_stage(nn.Conv2d(channels, wide, 3, stride=2, padding=1, bias=False), wide, norm),
            *_stage(nn.Conv2d(wide, wider, 3, stride=2, padding=1, bias=False), wider, norm),
            *(Residual(wider, norm, dropout) for _ in range(blocks)),
            *_stage(doubling(upsample, wider, wide, kernel_size=3, bias=False), wide, norm),
            *_stage(doubling(upsample, wide, channels, kernel_size=3, bias=False), channels, norm),
            nn.ReflectionPad2d(3),
        )
        self.to_image = BlockConv2d(channels, image_channels, 7)
        initialise_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        # The last convolution is nearly twice as fast on channels-last maps, whatever the others have.
        images = torch.tanh(self.to_image(self.layers(x).contiguous(memory_format=torch.channels_last)))
        return images.contiguous(memory_format=memory_format(x))


class Residual(nn.Module):
    """Two 3×3 convolutions with reflected borders, added to their input."""

    def __init__(self, channels: int, norm: str, dropout: float):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            *_stage(nn.Conv2d(channels, channels, 3, bias=False), channels, norm),
            Dropout(dropout, noise=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=False),
            translation_norm(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def _stage(convolution: nn.Module, channels: int, norm: str) -> list[nn.Module]:
    """A convolution to so many channels, their norm and ReLU."""
    return [convolution, translation_norm(norm, channels), nn.ReLU(inplace=True)]
