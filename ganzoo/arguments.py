"""What callers from Python may pass, brought to what is meant or refused in a sentence."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError


def whole(value: Any, name: str) -> int:
    """A whole number as int: Python's, numpy's, or a tensor's of one; raises GanzooError for all else."""
    try:
        return operator.index(value)
    except TypeError:
        raise GanzooError(f"{name} is {value!r}; give a whole number") from None


def duration_in_minutes(value: Any, name: str) -> float:
    """A finite number above 0 as float; raises GanzooError for all else."""
    if not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise GanzooError(f"{name} is {value!r}; give a number of minutes above 0")
    return float(value)


def plain(value: Any) -> Any:
    """Numpy's scalars, and tensors of one number, as Python's, which files can hold; also inside mappings and lists."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    return value.item() if getattr(value, "shape", None) == () else value


def floating_images(images: Any) -> Tensor:
    """Images (n, C, H, W) in [-1, 1] as float32; raises GanzooError for what is none or holds no numbers."""
    if not isinstance(images, Tensor) or images.ndim != 4 or not len(images):
        found = f"a tensor of shape {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise GanzooError(f"{found} was given; give a tensor of images (n, C, H, W)")
    if not images.is_floating_point():
        raise GanzooError(f"images of {images.dtype} were given; give floats in [-1, 1], e.g. images / 127.5 - 1")
    if not bool(images.isfinite().all()):
        raise GanzooError("the images hold values that are not numbers")
    return images.to(torch.float32)
