"""Moving whole pixels, each image by itself; differentiable twice."""

from __future__ import annotations

import torch
from torch import Tensor


def offsets(uniform: Tensor, largest: int) -> Tensor:
    """Numbers in [0, 1) -> whole numbers from -``largest`` to ``largest``, equally likely."""
    return ((2 * largest + 1) * uniform).long() - largest


def gathered(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The pixels of images (N, C, H, W) at each one's rows (N, h) and columns (N, w): (N, C, h, w)."""
    index = torch.arange(len(images), device=images.device)[:, None, None]
    return images.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
