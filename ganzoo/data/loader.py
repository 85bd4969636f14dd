"""Batches from a packed data set: which images come when is a function of (seed, batch number) alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo import random
from ganzoo.data.packed import PackedDataset

# Share of the device's free memory that the data may take.
RESIDENT_SHARE = 0.25


class Loader:
    """Endless epochs of a data set, each in an order of its own, cut into global batches.

    A batch is a mapping of fields; images are (N, C, H, W) in [-1, 1], channels-last, labels (N,),
    captions (N, longest) bytes, one of each image's.
    mirror: flip half of the images left to right. jitter: enlarge images by this factor and cut the old size out
    at a random place. independent: each field has an order and changes of its own; otherwise the fields' rows
    belong together.
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
        jitter: float = 1.0,
        independent: bool = False,
    ):
        self.batch_size, self.mirror, self.jitter, self.independent = batch_size, mirror, jitter, independent
        self.device = torch.device(device)
        self._arrays = {field: _place(getattr(dataset, field), self.device) for field in fields}
        self.count = len(next(iter(self._arrays.values())))
        shared = _Order(self.count, seed)
        self._orders = dict.fromkeys(fields, shared)
        if independent:
            self._orders = {field: _Order(len(array), seed, field) for field, array in self._arrays.items()}

    def batch(self, number: int, offset: int = 0, rows: int | None = None) -> dict[str, Tensor]:
        """Rows ``offset`` … ``offset + rows`` of global batch ``number``."""
        changes, batch = None, {}
        for field, array in self._arrays.items():
            index = self.index(number, field)[offset : offset + (rows or self.batch_size)]
            values = _take(array, index, self.device)
            if field == "captions":
                values = _one_of(values)
            elif values.dtype == torch.uint8:
                if changes is None or self.independent:
                    changes = self._changes(len(index))
                values = changes.applied(to_float(values))
            batch[field] = values
        return batch

    def index(self, number: int, field: str | None = None) -> Tensor:
        """Which rows of a field global batch ``number`` holds, (batch_size,); by default the first field's."""
        order = self._orders[field or next(iter(self._orders))]
        return order.rows(number * self.batch_size, (number + 1) * self.batch_size)

    def _changes(self, rows: int) -> _Changes:
        """What is done to each image of a batch; drawn once for fields that belong together."""
        flipped = random.uniform(rows, device=self.device) < 0.5 if self.mirror else None
        place = random.uniform(rows, 2) if self.jitter > 1 else None
        return _Changes(flipped, place, self.jitter)


class _Order:
    """Endless epochs over ``count`` rows, each shuffled from the seed, the order's name and its own number."""

    def __init__(self, count: int, seed: int, *name: str):
        self.count, self.seed, self.name = count, seed, name
        self._latest: tuple[int, Tensor] | None = None

    def rows(self, start: int, end: int) -> Tensor:
        parts = []
        while start < end:
            epoch, first = divmod(start, self.count)
            part = self._epoch(epoch)[first : first + end - start]
            parts.append(part)
            start += len(part)
        return torch.cat(parts)

    def _epoch(self, epoch: int) -> Tensor:
        if self._latest is None or self._latest[0] != epoch:
            shuffle = random.generator(self.seed, *self.name, "epoch", epoch)
            self._latest = epoch, torch.randperm(self.count, generator=shuffle)
        return self._latest[1]


@dataclass(frozen=True)
class _Changes:
    """flipped: (N,) which images to mirror. place: (N, 2) in [0, 1) where in an enlarged image to cut."""

    flipped: Tensor | None
    place: Tensor | None
    jitter: float

    def applied(self, images: Tensor) -> Tensor:
        if self.flipped is not None:
            images = torch.where(self.flipped[:, None, None, None], images.flip(3), images)
        return images if self.place is None else _jittered(images, self.place, self.jitter)


def _jittered(images: Tensor, place: Tensor, factor: float) -> Tensor:
    """Resize by a factor, cut out the original size at each image's place. Isola et al. 2017, section 6.2."""
    height, width = images.shape[2:]
    size = round(height * factor), round(width * factor)
    large = interpolate(images, size, mode="bilinear", align_corners=False)
    room = torch.tensor([size[0] - height + 1, size[1] - width + 1])
    corners = (place * room).long().tolist()
    cut = [image[:, y : y + height, x : x + width] for image, (y, x) in zip(large, corners, strict=True)]
    return torch.stack(cut).contiguous(memory_format=torch.channels_last)


def to_float(images: Tensor) -> Tensor:
    """uint8 (N, H, W, C) as stored -> float (N, C, H, W) in [-1, 1], channels-last in memory."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def _place(array: Tensor, device: torch.device) -> Tensor:
    """On the device where the whole set fits, else in place."""
    if device.type != "cuda" or array.nbytes > RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return array
    return array.to(device)


def _one_of(captions: Tensor) -> Tensor:
    """One of each image's captions, (N, most, longest) -> (N, longest), drawn anew for every batch."""
    counts = (captions[:, :, 0] != 0).sum(1)
    chosen = (random.uniform(len(captions), device=captions.device) * counts).long()
    return captions[torch.arange(len(captions), device=captions.device), chosen]


def _take(array: Tensor, index: Tensor, device: torch.device) -> Tensor:
    values = array[index.to(array.device, non_blocking=True)]
    if values.device == device:
        return values
    return values.pin_memory().to(device, non_blocking=True)
