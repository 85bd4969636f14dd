"""Distances between an image and what it should be, as means over all numbers, in float32."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ganzoo.errors import UnknownName


def l1(images: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (images.float() - target.float()).abs().mean()


def l2(images: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference."""
    return (images.float() - target.float()).square().mean()


RECONSTRUCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "l2": l2}


def distance(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """A distance by name; raises UnknownName."""
    if name not in RECONSTRUCTIONS:
        raise UnknownName("reconstruction loss", name, RECONSTRUCTIONS)
    return RECONSTRUCTIONS[name]
