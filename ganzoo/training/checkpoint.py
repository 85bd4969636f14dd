"""An optimizer's state as named tensors, so that a checkpoint needs no pickle."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: Mapping[Tensor, str]) -> dict[str, Tensor]:
    """An optimizer's state as ``<parameter>/<state>`` tensors."""
    return {
        f"{names[parameter]}/{key}": torch.as_tensor(value)
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
        if value is not None
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, names: Mapping[Tensor, str], tensors: Mapping[str, Tensor]
) -> None:
    """Put the state of :func:`optimizer_tensors` back."""
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parameter_name, _, key = name.rpartition("/")
        found.setdefault(parameter_name, {})[key] = tensor
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for key, tensor in found.get(names[parameter], {}).items():
                optimizer.state[parameter][key] = _placed(key, tensor, parameter, fused=bool(group.get("fused")))


def _placed(key: str, tensor: Tensor, parameter: nn.Parameter, *, fused: bool) -> Tensor:
    if key == "step":
        return tensor.to(parameter.device) if fused else tensor
    # A fused step assumes the parameter's memory layout, which a contiguous file has lost.
    return torch.empty_like(parameter, requires_grad=False).copy_(tensor)
