"""StyleGAN2: a mapping network, modulated convolutions with skips, and a residual discriminator.

Karras et al. 2020, figures 2 and 7 (https://arxiv.org/abs/1912.04958); layers with equalised learning rate
from Karras et al. 2018, section 4.1 (https://arxiv.org/abs/1710.10196).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo import random
from ganzoo.nets.layers import Filter, MinibatchStd, labels_for, one_hot, stage_widths
from ganzoo.registry import NETWORKS

TAPS = (1.0, 3.0, 3.0, 1.0)
GAIN = math.sqrt(2)
"""Keeps the variance over a leaky ReLU, which lets factors through: the layer before it has it in its weights."""


@NETWORKS.register("stylegan2-generator")
class StyleGAN2Generator(nn.Module):
    """Latents (N, latent_size), labels (N,) if it has classes -> images (N, C, R, R), about [-1, 1], unbounded.

    ``channels`` is the width at the full resolution; it doubles at each halving, up to ``widest``. In place of
    latents, ``forward`` also takes styles (N, layers, style_size), as :meth:`styles` makes them.
    """

    mean_style: Tensor

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 512,
        num_classes: int = 0,
        channels: int = 32,
        widest: int = 512,
        style_size: int = 512,
        mapping_layers: int = 8,
        mapping_lr: float = 0.01,
    ):
        super().__init__()
        base, widths = stage_widths(resolution, channels, widest)
        self.mapping = Mapping(latent_size, num_classes, style_size, mapping_layers, mapping_lr)
        self.constant = nn.Parameter(torch.randn(widths[0], base, base))
        self.first = StyledConv2d(widths[0], widths[0], style_size)
        self.ups = nn.ModuleList(StyledConv2d(a, b, style_size, up=True) for a, b in pairwise(widths))
        self.convs = nn.ModuleList(StyledConv2d(width, width, style_size) for width in widths[1:])
        self.to_images = nn.ModuleList(ToImage(width, image_channels, style_size) for width in widths)
        self.filter = Filter(TAPS)
        self.layers = 2 * len(widths)
        self.register_buffer("mean_style", torch.zeros(style_size))

    def styles(self, z: Tensor, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """Styles for every layer, (N, layers, style_size), drawn towards the mean style below ``truncation`` 1."""
        style = self.mapping(z, labels)
        if truncation != 1:
            style = self.mean_style.lerp(style, truncation)
        return style[:, None].expand(-1, self.layers, -1)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        style = (z if z.ndim == 3 else self.styles(z, labels)).unbind(1)
        x = self.first(self.constant.expand(len(z), -1, -1, -1), style[0])
        image = self.to_images[0](x, style[1])
        stages = zip(self.ups, self.convs, self.to_images[1:], strict=True)
        for layer, (up, conv, to_image) in enumerate(stages):
            x = conv(up(x, style[2 * layer + 1]), style[2 * layer + 2])
            # A stage's image and the next stage's first convolution share a style.
            image = self.filter.up(image) + to_image(x, style[2 * layer + 3])
        return image


@NETWORKS.register("stylegan2-discriminator")
class StyleGAN2Discriminator(nn.Module):
    """Residual down-blocks and the group's deviation: images (N, C, R, R) in [-1, 1] -> logits (N,).

    ``channels`` and ``widest`` as in the generator; ``deviation_group`` images are compared with each other. With
    classes the logit is the inner product with the mapped label (https://arxiv.org/abs/2006.06676, appendix).
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        num_classes: int = 0,
        channels: int = 32,
        widest: int = 512,
        deviation_group: int = 4,
        mapping_layers: int = 8,
        mapping_lr: float = 0.01,
    ):
        super().__init__()
        base, widths = stage_widths(resolution, channels, widest)
        top = widths[0]
        self.from_image = EqualConv2d(image_channels, widths[-1], 1, gain=GAIN)
        self.blocks = nn.ModuleList(DownBlock(a, b) for a, b in pairwise(reversed(widths)))
        self.deviation = MinibatchStd(deviation_group)
        self.conv = EqualConv2d(top + 1, top, 3, gain=GAIN)
        self.hidden = EqualLinear(top * base * base, top, gain=GAIN)
        self.to_logit = EqualLinear(top, top if num_classes else 1)
        self.mapping = Mapping(0, num_classes, top, mapping_layers, mapping_lr) if num_classes else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        x = activate(self.from_image(images))
        for block in self.blocks:
            x = block(x)
        x = activate(self.conv(self.deviation(x)))
        logits = self.to_logit(activate(self.hidden(x.flatten(1))))
        if self.mapping is None:
            return logits.squeeze(1)
        mapped = self.mapping(logits[:, :0], labels_for(self, labels))
        return (logits * mapped).sum(1) / math.sqrt(logits.shape[1])


class Mapping(nn.Module):
    """Fully connected layers from a latent (and a label) to a style: (N, latent_size), (N,) -> (N, style_size)."""

    def __init__(self, latent_size: int, num_classes: int, style_size: int, layers: int, lr: float):
        super().__init__()
        self.num_classes = num_classes
        self.embed = EqualLinear(num_classes, style_size) if num_classes else None
        sizes = [latent_size + style_size * bool(num_classes)] + [style_size] * layers
        self.layers = nn.ModuleList(EqualLinear(a, b, lr=lr, gain=GAIN) for a, b in pairwise(sizes))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = normalised(z)
        if self.embed is not None:
            x = torch.cat([x, normalised(self.embed(one_hot(labels_for(self, labels), self.num_classes)))], 1)
        for layer in self.layers:
            x = activate(layer(x))
        return x


class StyledConv2d(nn.Module):
    """A modulated 3×3 convolution with noise and bias: (N, in, H, W), (N, style_size) -> (N, out, H or 2H, …)."""

    def __init__(self, in_channels: int, out_channels: int, style_size: int, up: bool = False):
        super().__init__()
        self.affine = EqualLinear(style_size, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise = nn.Parameter(torch.zeros(()))
        self.filter = Filter(TAPS) if up else None

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = modulated_conv2d(x, self.weight, self.affine(style), filter=self.filter, gain=GAIN)
        noise = random.normal(len(x), 1, *x.shape[2:], device=x.device).to(x.dtype)
        return activate(x + noise * (GAIN * self.noise) + (GAIN * self.bias).to(x.dtype)[:, None, None])


class ToImage(nn.Module):
    """A modulated 1×1 convolution, not demodulated: (N, in, H, W), (N, style_size) -> (N, C, H, W)."""

    def __init__(self, in_channels: int, image_channels: int, style_size: int):
        super().__init__()
        self.affine = EqualLinear(style_size, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(image_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(image_channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        weight = self.weight / math.sqrt(x.shape[1])
        return modulated_conv2d(x, weight, self.affine(style), demodulate=False) + self.bias[:, None, None]


class DownBlock(nn.Module):
    """Two convolutions beside a linear shortcut: (N, in, H, W) -> (N, out, H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv1 = EqualConv2d(in_channels, in_channels, 3, gain=GAIN)
        # The sum is divided by the root of two, of which the second activation's gain is another.
        self.conv2 = EqualConv2d(in_channels, out_channels, 3, stride=2)
        self.shortcut = EqualConv2d(in_channels, out_channels, 1, bias=False, gain=1 / math.sqrt(2))
        self.filter = Filter(TAPS)

    def forward(self, x: Tensor) -> Tensor:
        y = self.filter(activate(self.conv1(x)), padding=2)
        return self.shortcut(self.filter.down(x)) + activate(self.conv2(y))


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    style: Tensor,
    *,
    demodulate: bool = True,
    filter: Filter | None = None,
    gain: float = 1.0,
) -> Tensor:
    """Convolve each image with weights of its own: ``weight`` scaled per input channel by its style, then normed.

    x: (N, in, H, W), weight: (out, in, k, k), style: (N, in). filter: double the size on the way, smoothed by it.
    gain: a factor of the normed weights.
    Karras et al. 2020, eq. 1 to 3. Scaling an image's channels before and after one shared convolution equals
    scaling the weights, and needs no convolution in groups.
    """
    scaled = x * style[:, :, None, None].to(x.dtype)
    if filter is None:
        y = F.conv2d(scaled, weight, padding=weight.shape[2] // 2)
    else:
        y = filter(F.conv_transpose2d(scaled, weight.transpose(0, 1), stride=2), padding=1, gain=4.0)
    return y * (gain * _demodulation(weight, style))[:, :, None, None].to(y.dtype) if demodulate else y


def _demodulation(weight: Tensor, style: Tensor) -> Tensor:
    with torch.autocast(style.device.type, enabled=False):
        energy = style.float().square() @ weight.float().square().sum((2, 3)).T
        return torch.rsqrt(energy + 1e-8)


class EqualLinear(nn.Module):
    """A linear layer whose unit-variance weight is scaled when used, so that all learn at one rate (times ``lr``).

    gain: a factor of what it gives.
    """

    def __init__(self, in_features: int, out_features: int, bias: float = 0.0, lr: float = 1.0, gain: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr)
        self.bias = nn.Parameter(torch.full((out_features,), bias))
        self.weight_gain, self.bias_gain = gain * lr / math.sqrt(in_features), gain * lr

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class EqualConv2d(nn.Module):
    """A convolution scaled like :class:`EqualLinear`; with a stride it does not pad."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        bias: bool = True,
        gain: float = 1.0,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.weight_gain, self.bias_gain = gain / math.sqrt(in_channels * kernel_size**2), gain
        self.stride, self.padding = stride, kernel_size // 2 if stride == 1 else 0

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias * self.bias_gain
        return F.conv2d(x, self.weight * self.weight_gain, bias, self.stride, self.padding)


def activate(x: Tensor) -> Tensor:
    """The leaky ReLU, after a layer with :data:`GAIN`."""
    return F.leaky_relu(x, 0.2)


def normalised(x: Tensor) -> Tensor:
    """Vectors with mean square 1."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8) if x.shape[1] else x
