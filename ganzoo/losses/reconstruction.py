"""Distances between an image and what it should be, as means over all numbers, in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ganzoo.errors import UnknownName

Distance = Callable[[Tensor, Tensor], Tensor]


def l1(images: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (images.float() - target.float()).abs().mean()


def l2(images: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference."""
    return (images.float() - target.float()).square().mean()


def directions(maps: Tensor, target: Tensor) -> Tensor:
    """The mean of :func:`direction_distances` over images."""
    return direction_distances(maps.float(), target.float()).mean()


def direction_distances(maps: Tensor, target: Tensor) -> Tensor:
    """Mean squared distance of the unit vectors that channels form at each place of maps (N, C, H, W): (N,), 0 to 4.

    In the maps' precision. Zhang et al. 2018, eq. 1, all channels weighing alike (https://arxiv.org/abs/1801.03924).
    """
    return (normalize(maps, dim=1) - normalize(target, dim=1)).square().sum(1).mean((1, 2))


def perceptual(
    features: Callable[[Tensor], Sequence[Tensor]], images: Tensor, target: Tensor, distance: Distance = l2
) -> Tensor:
    """Distance of two images' feature maps, averaged over the maps.

    features: images (N, C, H, W) in [-1, 1] -> a list of maps. Johnson et al. 2016, eq. 2; Ledig et al. 2017, eq. 5.
    """
    with torch.no_grad():
        wanted = features(target)
    return torch.stack([distance(*maps) for maps in zip(features(images), wanted, strict=True)]).mean()


def feature_matching(maps: Callable[[Tensor], Sequence[Tensor]], images: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of a discriminator's inner maps, averaged over the maps. Wang et al. 2018, eq. 4.

    maps: images (N, C, H, W) in [-1, 1] -> a list of maps (https://arxiv.org/abs/1711.11585).
    """
    return perceptual(maps, images, target, l1)


RECONSTRUCTIONS: dict[str, Distance] = {"l1": l1, "l2": l2}


def distance(name: str) -> Distance:
    """A distance by name; raises UnknownName."""
    if name not in RECONSTRUCTIONS:
        raise UnknownName("reconstruction loss", name, RECONSTRUCTIONS)
    return RECONSTRUCTIONS[name]
