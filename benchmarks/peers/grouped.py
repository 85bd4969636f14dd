"""StyleGAN2's modulated convolution as its authors compute it: one convolution with a group for each image."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.duel import Duel
from ganzoo.nets.layers import Filter
from ganzoo.nets.stylegan2 import TAPS, modulated_conv2d


def grouped_conv2d(x: Tensor, weight: Tensor, style: Tensor, *, filter: Filter | None = None) -> Tensor:
    """What :func:`ganzoo.nets.stylegan2.modulated_conv2d` computes, with weights of each image's own."""
    own = weight * style[:, None, :, None, None]
    own = own * torch.rsqrt(own.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    together = x.reshape(1, -1, *x.shape[2:])
    if filter is None:
        y = F.conv2d(together, own.flatten(0, 1), padding=weight.shape[2] // 2, groups=len(x))
    else:
        y = F.conv_transpose2d(together, own.transpose(1, 2).flatten(0, 1), stride=2, groups=len(x))
        y = filter(y, padding=1, gain=4.0)
    return y.view(len(x), -1, *y.shape[2:])


class Layer:
    """A layer forwards and backwards, to its input, its weight and the styles, as either formulation does it."""

    def __init__(self, convolve, x: Tensor, weight: Tensor, style: Tensor, up: bool):
        self.convolve = partial(convolve, filter=Filter(TAPS) if up else None)
        self.inputs = [tensor.clone().requires_grad_() for tensor in (x, weight, style)]

    def __call__(self) -> tuple[Tensor, ...]:
        y = self.convolve(*self.inputs)
        return y, *torch.autograd.grad(y.square().sum(), self.inputs)


def _duel(size: int, wide: int, narrow: int, up: bool, folder: Path, scale: float = 1.0) -> Duel:
    batch, before, after = (max(2, int(scale * number)) for number in (16, wide, narrow))
    x, weight, style = (
        torch.randn(batch, before, size, size),
        torch.randn(after, before, 3, 3),
        torch.randn(batch, before),
    )
    fast = [tensor.to(memory_format=torch.channels_last) for tensor in (x, weight)]  # as ganzoo's networks are
    what = f"modulated convolution {before}→{after}, {size} px{', doubled' if up else ''}, batch {batch}"
    peer, ganzoo = Layer(grouped_conv2d, x, weight, style, up), Layer(modulated_conv2d, *fast, style, up)
    return Duel("grouped", what, batch, peer, ganzoo)


DUELS = {
    "512-8px": partial(_duel, 8, 512, 512, False),
    "128-32px": partial(_duel, 32, 128, 128, False),
    "64-64px": partial(_duel, 64, 64, 64, False),
    "128-64-up": partial(_duel, 32, 128, 64, True),
}
