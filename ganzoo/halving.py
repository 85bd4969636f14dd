"""Networks in half precision that take what they are given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def halve(network: nn.Module) -> None:
    """Turn a network's numbers into float16; what comes in is turned too, and so is what it draws inside."""
    network.half()
    for module in network.modules():
        module.register_forward_pre_hook(_turned, with_kwargs=True)


def _turned(
    module: nn.Module, args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(map(_half, args)), {name: _half(value) for name, value in options.items()}


def _half(value: Any) -> Any:
    return value.to(torch.float16) if isinstance(value, Tensor) and value.is_floating_point() else value
