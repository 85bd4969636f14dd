"""Several processes under ``torchrun``: who is who, and averaging gradients.

Gradients are averaged by one call after the backward pass instead of by DistributedDataParallel: penalties
run second-order backward passes through a critic several times per update, and frozen players come and go.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganzoo.losses.batch import rank as rank
from ganzoo.losses.batch import world_size as world_size


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Join the group ``torchrun`` announced, if any; yields this process's device."""
    if "WORLD_SIZE" not in os.environ or dist.is_initialized():
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes, in one exchange."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if world_size() == 1 or not gradients:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def highest(value: int, device: torch.device) -> int:
    """The largest of the processes' values, so that all of them stop after the same step."""
    if world_size() == 1:
        return value
    shared = torch.tensor(value, device=device)
    dist.all_reduce(shared, dist.ReduceOp.MAX)
    return int(shared)


def mean(value: Tensor) -> Tensor:
    """The mean of the processes' values, for logs."""
    if world_size() > 1:
        dist.all_reduce(value := value.clone())
        value /= world_size()
    return value


@contextmanager
def first_process_first() -> Iterator[None]:
    """The others follow, and find what the first has prepared."""
    if rank() != 0:
        barrier()
    yield
    if rank() == 0:
        barrier()


def barrier() -> None:
    """Wait for everybody."""
    if world_size() > 1:
        dist.barrier()
