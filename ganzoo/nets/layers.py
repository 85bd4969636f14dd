"""Pieces that several architecture families share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.nets.norms import as_map

LARGEST = 1024
# Places of a map, up to which a kernel takes longer to add up than to do without.
SMALL = 16


def depth(resolution: int) -> tuple[int, int]:
    """Split a resolution into (base size 4..7, number of doublings): 28 is 7 doubled twice."""
    for base in range(4, 8):
        doublings = (max(resolution, 1) // base).bit_length() - 1
        if doublings > 0 and base << doublings == resolution <= LARGEST:
            return base, doublings
    raise GanzooError(_unreachable(resolution))


def stage_widths(resolution: int, channels: int, widest: int) -> tuple[int, list[int]]:
    """The smallest map's size and the widths from it up to the resolution."""
    base, doublings = depth(resolution)
    return base, [min(channels << halvings, widest) for halvings in range(doublings, -1, -1)]


class SelfAttention(nn.Module):
    """Attention between all positions of a map, added through a scale that starts at 0; shape-preserving.

    Keys and queries have C/8 channels, values C/``value_share``; keys and values are max-pooled by 2.
    Zhang et al. 2019, section 3 (https://arxiv.org/abs/1805.08318), where values have C/8 channels too.
    """

    def __init__(self, channels: int, spectral_norm: bool = False, value_share: int = 8):
        super().__init__()
        inner, values = max(channels // 8, 1), max(channels // value_share, 1)
        # Without biases: softmax cancels a key's, and a batch norm further on cancels a value's or an output's.
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, values, 1, bias=False)
        self.output = nn.Conv2d(values, channels, 1, bias=False)
        self.scale = nn.Parameter(torch.zeros(()))
        spectral(self, spectral_norm)

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)
        key = F.max_pool2d(self.key(x), 2).flatten(2)
        value = F.max_pool2d(self.value(x), 2).flatten(2)
        # Written out because torch's fused attention has no second derivative, which penalties need.
        weights = torch.softmax(query.transpose(1, 2) @ key, dim=-1)
        attended = (weights @ value.transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])
        return x + self.scale * self.output(attended)


class Dropout(nn.Module):
    """Zero each number with probability ``p``, rescale the rest; identity in evaluation unless it is ``noise``.

    noise: drop in evaluation too, where dropout is a generator's source of randomness.
    The mask comes from :mod:`ganzoo.random`, so it does not depend on how the batch is split.
    """

    def __init__(self, p: float, noise: bool = False):
        super().__init__()
        if not 0 <= p < 1:
            raise GanzooError(f"dropout {p} is not a probability below 1")
        self.p, self.noise = p, noise

    def forward(self, x: Tensor) -> Tensor:
        if self.p == 0 or not (self.training or self.noise):
            return x
        keep = random.uniform(*x.shape, device=x.device) >= self.p
        return x * (keep.to(x.dtype) / (1 - self.p))


class MinibatchStd(nn.Module):
    """Append a map that says how much the images of a group differ: (N, C, H, W) -> (N, C + 1, H, W).

    Groups are ``group`` consecutive images (fewer where that does not divide N), so processes and
    accumulated pieces that hold whole groups compute what one batch would. Karras et al. 2018, section 3
    (https://arxiv.org/abs/1710.10196).
    """

    def __init__(self, group: int = 4):
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        size = next(size for size in range(self.group, 0, -1) if len(x) % size == 0)
        variance = x.float().unflatten(0, (-1, size)).var(1, correction=0)
        std = (variance + 1e-8).sqrt().mean((1, 2, 3)).repeat_interleave(size)
        return torch.cat([x, as_map(std[:, None]).expand(-1, 1, *x.shape[2:]).to(x.dtype)], 1)


class Filter(nn.Module):
    """The same fixed low-pass filter on every channel: the outer product of ``taps``, which sum to 1."""

    kernel: Tensor

    def __init__(self, taps: Sequence[float]):
        super().__init__()
        row = torch.tensor(taps) / sum(taps)
        self.register_buffer("kernel", row[:, None] * row, persistent=False)
        self.padding, self.odd = (len(taps) - 1) // 2, len(taps) % 2

    def forward(self, x: Tensor, padding: int = 0, stride: int = 1, gain: float = 1.0) -> Tensor:
        return _Filtered.apply(x, gain * self.kernel, stride, padding, None)

    def down(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H/2, W/2)"""
        return self(x, self.padding, stride=2)

    def up(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 2H, 2W)"""
        return _Filtered.apply(x, 4.0 * self.kernel, 2, self.padding, (self.odd, self.odd))


class _Filtered(torch.autograd.Function):
    """A convolution of every channel with one kernel, or where ``extra`` is given its adjoint, with so much padding.

    The kernel never learns. torch's own would, in second derivatives, compute its gradient channel by channel.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kernel: Tensor, stride: int, padding: int, extra: tuple[int, int] | None
    ) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.how = stride, padding
        transposed = extra is not None
        # What the strides leave over at the far ends.
        over = ((size + 2 * padding - kernel.shape[0]) % stride for size in x.shape[2:])
        ctx.extra = None if transposed else tuple(over)
        kernels = kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)
        steps, edges = (stride, stride), (padding, padding)
        return torch.convolution(x, kernels, None, steps, edges, (1, 1), transposed, extra or (0, 0), x.shape[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        return _Filtered.apply(grad, ctx.saved_tensors[0], *ctx.how, ctx.extra), None, None, None, None


class Maxout(nn.Module):
    """The largest of ``pieces`` linear functions: (N, in) -> (N, out). Goodfellow et al. 2013."""

    def __init__(self, in_features: int, out_features: int, pieces: int):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (-1, self.pieces)).amax(2)


class Project(nn.Module):
    """A linear map from a vector to a channels-last image: (N, in) -> (N, channels, size, size)."""

    def __init__(self, in_features: int, channels: int, size: int, bias: bool = True):
        super().__init__()
        self.linear = nn.Linear(in_features, size * size * channels, bias=bias)
        self.shape = (size, size, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, self.shape).permute(0, 3, 1, 2)


class DownConv2d(nn.Conv2d):
    """A 3×3 convolution and the 2×2 mean pooling after it, as the one 4×4 stride-2 convolution they equal."""

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True):
        super().__init__(in_channels, out_channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        kernel = F.avg_pool2d(self.weight, 2, stride=1, padding=1)
        return F.conv2d(x, kernel, self.bias, stride=2, padding=1)


class UpConv2d(nn.Conv2d):
    """Nearest doubling and the 3×3 convolution after it, as the one 4×4 transposed convolution they equal."""

    sums: Tensor

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True):
        super().__init__(in_channels, out_channels, 3, padding=1, bias=bias)
        # Which of three weights each of four sums, from the last to the first as transposed kernels are.
        row = torch.tensor([[0.0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
        self.register_buffer("sums", torch.kron(row, row), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] * x.shape[3] <= SMALL:
            return super().forward(F.interpolate(x, scale_factor=2))
        weight = self.weight.transpose(0, 1)
        kernel = F.linear(weight.reshape(-1, 9), self.sums).view(*weight.shape[:2], 4, 4)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


def doubling(
    upsample: str, in_channels: int, out_channels: int, *, kernel_size: int = 4, bias: bool = True
) -> nn.Module:
    """The convolution that doubles a map: transposed, sub-pixel or nearest.

    Shi et al. 2016 (https://arxiv.org/abs/1609.05158). The first two may leave a checkerboard in images: Odena et al.
    2016 (https://distill.pub/2016/deconv-checkerboard). kernel_size: the transposed one's; the others' are 3 × 3.
    Raises GanzooError for other ways.
    """
    if upsample == "nearest":
        return UpConv2d(in_channels, out_channels, bias)
    if upsample == "sub-pixel":
        return nn.Sequential(nn.Conv2d(in_channels, 4 * out_channels, 3, padding=1, bias=bias), nn.PixelShuffle(2))
    if upsample != "transposed":
        raise GanzooError(f"upsample {upsample} is not possible; give transposed, sub-pixel or nearest")
    padding, extra = (kernel_size - 1) // 2, kernel_size % 2
    return nn.ConvTranspose2d(
        in_channels, out_channels, kernel_size, stride=2, padding=padding, output_padding=extra, bias=bias
    )


class BlockConv2d(nn.Conv2d):
    """A convolution without padding, for few outputs: a 2×2 block of them at once, as 4 times the channels.

    CPUs compute 16 channels in the time of 3. Sides of the result: even, else it is torch's convolution.
    """

    bias: nn.Parameter

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int):
        super().__init__(in_channels, out_channels, kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        sides = [size - kernel + 1 for size, kernel in zip(x.shape[2:], self.kernel_size, strict=True)]
        if x.device.type != "cpu" or any(side % 2 for side in sides):
            return super().forward(x)
        places = itertools.product((0, 1), repeat=2)
        kernels = [F.pad(self.weight, (right, 1 - right, down, 1 - down)) for down, right in places]
        blocks = F.conv2d(x, torch.stack(kernels, 1).flatten(0, 1), self.bias.repeat_interleave(4), stride=2)
        return F.pixel_shuffle(blocks, 2)


def flatten(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H·W·C): without copying, where the map is channels-last in memory."""
    return x.permute(0, 2, 3, 1).flatten(1)


def memory_format(x: Tensor) -> torch.memory_format:
    """How a map lies in memory: channels-last or contiguous."""
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def spectral(module: nn.Module, on: bool = True) -> nn.Module:
    """Divide the weight of each convolution, linear layer and embedding by its largest singular value.

    The value comes from one power iteration per training forward pass.
    Miyato et al. 2018, section 2 (https://arxiv.org/abs/1802.05957).
    """
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)
    for layer in list(module.modules()) if on else ():
        if isinstance(layer, kinds) and not parametrize.is_parametrized(layer):
            parametrizations.spectral_norm(layer)
    return module


def initialise_normal(network: nn.Module, std: float = 0.02) -> None:
    """All weights from N(0, std), biases 0; normalisations stay at scale 1 and shift 0."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def labels_for(network: nn.Module, labels: Tensor | None) -> Tensor:
    """The labels a conditional network cannot do without."""
    if labels is None:
        raise GanzooError(f"{type(network).__name__} is conditional: pass a label for each example")
    return labels


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """(N,) -> (N, num_classes), without the range check by which torch's own waits for the device."""
    return torch.eye(num_classes, device=labels.device)[labels]


def needs_classes(network: nn.Module, num_classes: int) -> None:
    """Refuse to build a conditional network for data without labels."""
    if num_classes < 1:
        raise GanzooError(f"{type(network).__name__} needs labelled data: num_classes must be at least 1")


def refuse_others(resolution: int, multiple: int, why: str, least: int = 0) -> None:
    """Raise GanzooError for a resolution that is no multiple, or below ``least``, naming the nearest possible ones."""
    least = max(least, multiple)
    if resolution % multiple or resolution < least:
        below = resolution // multiple * multiple
        near = sorted({max(least, below), max(least, below + multiple)})
        raise GanzooError(f"resolution {resolution} {why}; the nearest possible is {' or '.join(map(str, near))}")


def _unreachable(resolution: int) -> str:
    admitted = sorted(base << k for base in range(4, 8) for k in range(1, 9) if base << k <= LARGEST)
    below = [size for size in admitted if size < resolution][-1:]
    above = [size for size in admitted if size > resolution][:1]
    nearest = " or ".join(str(size) for size in below + above)
    return f"resolution {resolution} is not 4, 5, 6 or 7 doubled a few times; the nearest possible is {nearest}"
