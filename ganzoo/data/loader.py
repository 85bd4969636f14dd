"""Batches from a packed data set: which images come when is a function of (seed, batch number) alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo import random
from ganzoo.data.packed import PackedDataset

# Share of the device's free memory that the data may take.
RESIDENT_SHARE = 0.25


class Loader:
    """Endless epochs of a data set, each in an order of its own, cut into global batches.

    A batch is a mapping of fields; images are (N, C, H, W) in [-1, 1], channels-last, labels (N,).
    mirror: flip half of the images left to right.
    """

    def __init__(
        self,
        dataset: PackedDataset,
        fields: Sequence[str],
        batch_size: int,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        mirror: bool = False,
    ):
        self.count, self.batch_size, self.seed, self.mirror = dataset.count, batch_size, seed, mirror
        self.device = torch.device(device)
        self._arrays = {field: _place(getattr(dataset, field), self.device) for field in fields}
        self._order: tuple[int, Tensor] | None = None

    def batch(self, number: int, offset: int = 0, rows: int | None = None) -> dict[str, Tensor]:
        """Rows ``offset`` … ``offset + rows`` of global batch ``number``."""
        index = self.index(number)[offset : offset + (rows or self.batch_size)]
        return {field: self._prepared(field, _take(array, index, self.device)) for field, array in self._arrays.items()}

    def index(self, number: int) -> Tensor:
        """Which images global batch ``number`` holds, (batch_size,)."""
        start, end = number * self.batch_size, (number + 1) * self.batch_size
        parts = []
        while start < end:
            epoch, first = divmod(start, self.count)
            part = self._epoch(epoch)[first : first + end - start]
            parts.append(part)
            start += len(part)
        return torch.cat(parts)

    def _epoch(self, epoch: int) -> Tensor:
        if self._order is None or self._order[0] != epoch:
            shuffle = random.generator(self.seed, "epoch", epoch)
            self._order = epoch, torch.randperm(self.count, generator=shuffle)
        return self._order[1]

    def _prepared(self, field: str, values: Tensor) -> Tensor:
        if values.dtype != torch.uint8:
            return values
        images = to_float(values)
        if not self.mirror:
            return images
        flipped = random.uniform(len(images), device=images.device) < 0.5
        return torch.where(flipped[:, None, None, None], images.flip(3), images)


def to_float(images: Tensor) -> Tensor:
    """uint8 (N, H, W, C) as stored -> float (N, C, H, W) in [-1, 1], channels-last in memory."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def _place(array: Tensor, device: torch.device) -> Tensor:
    """On the device where the whole set fits, else in place."""
    if device.type != "cuda" or array.nbytes > RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return array
    return array.to(device)


def _take(array: Tensor, index: Tensor, device: torch.device) -> Tensor:
    values = array[index.to(array.device, non_blocking=True)]
    if values.device == device:
        return values
    return values.pin_memory().to(device, non_blocking=True)
