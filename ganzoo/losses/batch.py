"""Statistics over the global batch, so that several processes compute what one would."""

from __future__ import annotations

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
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(value) / dist.get_world_size()
