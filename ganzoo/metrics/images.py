"""How far an image is from the one it should be: in pixels, in structure, in what a network sees.

Images are (N, C, H, W) in [-1, 1]; each function gives one float64 for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from ganzoo.errors import GanzooError
from ganzoo.losses.reconstruction import direction_distances
from ganzoo.machine import full_precision

LUMA = (65.481, 128.553, 24.966)
MOST_DECIBELS = 100.0
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


def psnr(images: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in decibels, (N,); infinite for equal images."""
    _require_alike(images, target)
    error = (images.double() - target.double()).square().mean((1, 2, 3))
    return 10 * torch.log10(4 / error)


def finite_psnr(images: Tensor, target: Tensor) -> Tensor:
    """:func:`psnr` for means over images: at most 100 decibels, which equal images have."""
    return psnr(images, target).clamp(max=MOST_DECIBELS)


def ssim(images: Tensor, target: Tensor) -> Tensor:
    """Structural similarity, (N,), at most 1: the mean over channels and all whole 11 × 11 windows.

    Sides from 11 pixels up. Wang et al. 2004, section III.B, with their constants.
    """
    _require_alike(images, target)
    if min(images.shape[2:]) < WINDOW:
        raise GanzooError(f"SSIM looks at windows of {WINDOW} pixels; images of {tuple(images.shape[2:])} are smaller")
    # Intensities from 0 to 1, as the formula's means want them.
    x, y = ((each.double().flatten(0, 1)[:, None] + 1) / 2 for each in (images, target))
    mean_x, mean_y, xx, yy, xy = (_windowed(each) for each in (x, y, x * x, y * y, x * y))
    var_x, var_y, covariance = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + K1**2) / (mean_x**2 + mean_y**2 + K1**2)
    structure = (2 * covariance + K2**2) / (var_x + var_y + K2**2)
    return (luminance * structure).unflatten(0, images.shape[:2]).mean((1, 2, 3, 4))


@torch.no_grad()
@full_precision()
def perceptual_distance(features: Callable[[Tensor], Sequence[Tensor]], images: Tensor, target: Tensor) -> Tensor:
    """What a network sees differ, (N,): 0 for equal images.

    features: images -> maps, e.g. a ``ganzoo.nets.pretrained.Features``. Squared distances
    of the maps' vectors, scaled to length 1, are averaged over places and added over maps. Zhang et al. 2018, eq. 1
    (LPIPS) with all weights 1: no number of theirs, and only comparable for the same features.
    """
    _require_alike(images, target)
    maps = zip(features(images), features(target), strict=True)
    return torch.stack([direction_distances(one.double(), other.double()) for one, other in maps]).sum(0)


def luma(images: Tensor) -> Tensor:
    """Brightness as papers on super-resolution measure it: (N, 1, H, W), in steps of 8 bits from 16 to 235.

    ITU-R BT.601; gray images are taken as colour ones without colour. Of [-1, 1], as all images.
    """
    weights = torch.tensor(LUMA, dtype=torch.float64, device=images.device)[:, None, None]
    levels = 16 + ((images.double() + 1) / 2 * weights).sum(1, keepdim=True)
    return levels.round() / 127.5 - 1


def _windowed(x: Tensor) -> Tensor:
    """Gaussian means over whole windows of (n, 1, H, W)."""
    offsets = torch.arange(WINDOW, dtype=torch.float64, device=x.device) - WINDOW // 2
    row = torch.exp(-offsets.square() / (2 * SIGMA**2))
    row = row / row.sum()
    return conv2d(conv2d(x, row[None, None, None, :]), row[None, None, :, None])


def _require_alike(images: Tensor, target: Tensor) -> None:
    if images.shape != target.shape or images.ndim != 4:
        raise GanzooError(
            f"images of shape {tuple(images.shape)} cannot be compared with {tuple(target.shape)}; "
            "both must be (n, C, H, W)"
        )
