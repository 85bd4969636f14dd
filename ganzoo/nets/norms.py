"""Normalisations of maps, by name."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.errors import GanzooError

NORMS = ("none", "batch", "layer", "instance")
EPSILON = 1e-5
LARGE = 1024  # pixels; below, torch's group norm goes through channels-last maps channel by channel


def norm2d(name: str, channels: int, num_classes: int = 0) -> nn.Module:
    """A normalisation by name: none, batch (conditional when there are classes), layer or instance."""
    if num_classes and name != "batch":
        raise GanzooError(f"labels enter a generator through batch norm, but its norm is '{name}'; use norm=batch")
    if name == "batch":
        return ConditionalBatchNorm2d(channels, num_classes) if num_classes else nn.BatchNorm2d(channels)
    if name == "layer":
        return nn.GroupNorm(1, channels)
    if name == "instance":
        return InstanceNorm2d(channels)
    if name == "none":
        return nn.Identity()
    raise GanzooError(f"unknown norm '{name}'; known: {', '.join(NORMS)}")


def keeps_bias(norm: str) -> bool:
    """Whether a bias right before this normalisation changes anything (batch and instance subtract it)."""
    return norm in ("none", "layer")


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm whose scale and shift belong to the label: (N, C, H, W), (N,) -> (N, C, H, W).

    Dumoulin et al. 2017, as used by Miyato & Koyama 2018 (https://arxiv.org/abs/1802.05637).
    """

    def __init__(self, channels: int, num_classes: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Parameter(torch.ones(num_classes, channels))
        self.shift = nn.Parameter(torch.zeros(num_classes, channels))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return torch.addcmul(as_map(self.shift[labels]), self.norm(x), as_map(self.scale[labels]))


class VectorBatchNorm2d(nn.Module):
    """Batch norm whose scale and shift are linear in a vector: (N, C, H, W), (N, size) -> (N, C, H, W).

    Brock et al. 2019, section 3.1 and appendix B (https://arxiv.org/abs/1809.11096).
    """

    def __init__(self, channels: int, size: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Linear(size, channels, bias=False)
        self.shift = nn.Linear(size, channels, bias=False)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        return torch.addcmul(as_map(self.shift(vector)), self.norm(x), 1 + as_map(self.scale(vector)))


def translation_norm(name: str, channels: int) -> nn.Module:
    """A normalisation by name, as :func:`norm2d`, or "shifted": instance norm with a bias and no scale."""
    return ShiftedInstanceNorm2d(channels) if name == "shifted" else norm2d(name, channels)


class InstanceNorm2d(nn.Module):
    """Each channel of each image at mean 0 and variance 1, then a scale and a shift of its own; shape-preserving.

    Ulyanov et al. 2016 (https://arxiv.org/abs/1607.08022).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return instance_norm(x, self.weight, self.bias)


class ShiftedInstanceNorm2d(nn.Module):
    """Instance norm with the bias of the convolution before it added afterwards, since the norm would cancel it."""

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return instance_norm(x, None, self.bias)


def instance_norm(x: Tensor, weight: Tensor | None, bias: Tensor) -> Tensor:
    """Normalise each channel of each image of (N, C, H, W), by the fastest way that gets it right.

    Torch's own instance norm answers a channels-last gradient of a single contiguous image with a wrong one (2.14),
    and its group norm, several times as fast, is slow backwards on a CPU's channels-last maps.
    """
    if x.is_contiguous() or x.device.type != "cpu" or x.dtype != bias.dtype:
        return _torchs(x, weight, bias)
    return _ChannelsLast.apply(x, weight, bias)


class _ChannelsLast(torch.autograd.Function):
    """Instance norm whose gradient is written as sums over maps, which torch spreads over threads."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor) -> Tensor:
        n, channels, pixels = len(x), x.shape[1], x[0, 0].numel()
        if pixels >= LARGE:
            normal, mean, rstd = torch.native_group_norm(x, weight, bias, n, channels, pixels, channels, EPSILON)
        else:
            mean = x.mean((2, 3))
            centred = x - as_map(mean)
            rstd = (centred.square().mean((2, 3)) + EPSILON).rsqrt()
            scale = rstd if weight is None else rstd * weight
            normal = torch.addcmul(as_map(bias[None]), centred, as_map(scale))
        ctx.save_for_backward(x, weight, bias, mean, rstd)
        return normal

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, rstd = ctx.saved_tensors
        if torch.is_grad_enabled():  # penalties differentiate the gradient itself
            normal = _torchs(x, weight, bias)
            wanted = [value for value, needed in zip((x, weight, bias), ctx.needs_input_grad, strict=True) if needed]
            found = iter(torch.autograd.grad(normal, wanted, grad, create_graph=True))
            return tuple(next(found) if needed else None for needed in ctx.needs_input_grad)
        pixels = x[0, 0].numel()
        total = grad.sum((2, 3))
        along = ((grad * x).sum((2, 3)) - mean * total) * rstd  # with the normalised map
        scale = rstd if weight is None else rstd * weight
        slope = -scale * rstd * along / pixels
        of_x = torch.addcmul(as_map(-scale * total / pixels - slope * mean), x, as_map(slope))
        of_x.addcmul_(grad, as_map(scale))
        return of_x, None if weight is None else along.sum(0), total.sum(0)


def _torchs(x: Tensor, weight: Tensor | None, bias: Tensor) -> Tensor:
    # Before torch 2.14 a bias without a weight has no second derivative, so a missing weight is 1.
    return F.group_norm(x, x.shape[1], torch.ones_like(bias) if weight is None else weight, bias, EPSILON)


def as_map(x: Tensor) -> Tensor:
    """(..., C) -> (..., C, 1, 1)"""
    return x[..., None, None]
