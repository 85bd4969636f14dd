"""Statistics over the global batch, so that several processes compute what one would."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def batch_mean(x: Tensor, dim: int | None = None) -> Tensor:
    """Mean over all elements (or dimension ``dim``) of every process's ``x``; differentiable."""
    return _average(x.mean(dim))


def batch_std(x: Tensor) -> Tensor:
    """Biased standard deviation over all elements of every process's ``x``; differentiable."""
    mean = batch_mean(x)
    return _average((x - mean).square().mean()).sqrt()


def rank() -> int:
    """Which of the processes that share the batch this one is."""
    return dist.get_rank() if _joined() else 0


def world_size() -> int:
    """How many processes share the batch."""
    return dist.get_world_size() if _joined() else 1


def everyones(x: Tensor) -> Tensor:
    """The rows of every process's ``x``, in the order of the global batch; without gradients."""
    if world_size() == 1:
        return x
    parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(world_size())]
    dist.all_gather(parts, x.contiguous())
    return torch.cat(parts)


def own(rows: Tensor) -> Tensor:
    """This process's rows of what :func:`everyones` gave."""
    return rows if world_size() == 1 else rows.chunk(world_size())[rank()]


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()


def _average(value: Tensor) -> Tensor:
    if world_size() == 1:
        return value
    return _Sum.apply(value) / world_size()


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
