"""Statistics over the global batch, so that several processes compute what one would."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def batch_mean(x: Tensor) -> Tensor:
    """Mean over all elements of every process's ``x``; differentiable."""
    return _average(x.mean())


def batch_std(x: Tensor) -> Tensor:
    """Biased standard deviation over all elements of every process's ``x``; differentiable."""
    mean = batch_mean(x)
    return _average((x - mean).square().mean()).sqrt()


def _average(value: Tensor) -> Tensor:
    if not (dist.is_available() and dist.is_initialized()):
        return value
    return _Sum.apply(value) / dist.get_world_size()


class _Sum(torch.autograd.Function):
    """The processes' values added up; so are their gradients on the way back, since each value is in every sum."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)
