"""Tensors as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.writing import new_file

if TYPE_CHECKING:
    from PIL import Image


def to_uint8(images: Tensor) -> Tensor:
    """Float (N, C, H, W) in [-1, 1] -> uint8, by the rounding the scoring protocols state."""
    return images.mul(127.5).add(128).clamp(0, 255).to(torch.uint8)


def to_images(images: Tensor) -> list[Image.Image]:
    """Float (N, C, H, W) in [-1, 1] -> PIL images, gray or colour."""
    from PIL import Image

    arrays = to_uint8(images).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(a[:, :, 0] if a.shape[2] == 1 else a) for a in arrays]


def save_grid(images: Tensor, path: str | Path, *, columns: int | None = None) -> Path:
    """Write images (N, C, H, W) in [-1, 1] as one PNG grid, as square as it gets."""
    from PIL import Image
    from torchvision.utils import make_grid

    grid = make_grid(to_uint8(images).cpu(), nrow=columns or max(1, round(len(images) ** 0.5)), padding=2)
    with new_file(path) as temporary:
        Image.fromarray(grid.permute(1, 2, 0).numpy()).save(temporary, format="PNG")
    return Path(path)
