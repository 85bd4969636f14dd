"""Gradients of gradients without a backward pass of zeros.

Rectifiers and mean pooling are piecewise linear: how their gradient depends on their input contributes nothing. torch
says so with a tensor of zeros, which then runs backwards through every layer below, a fifth of a penalty's time.
Inside :class:`NoZeros` there is nothing to pass on instead; values and gradients are the same, bit for bit.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class NoZeros(TorchFunctionMode):
    """Inside, rectifiers and mean pooling have no second derivative, rather than one of zeros."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        return _SUBSTITUTES.get(function, function)(*args, **(kwargs or {}))


def _relu(x: Tensor, inplace: bool = False) -> Tensor:
    return _Rectifier.apply(x, 0.0)


def _leaky_relu(x: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    return _Rectifier.apply(x, negative_slope)


def _avg_pool2d(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return _MeanPool.apply(x, args, kwargs)


_SUBSTITUTES: dict[Any, Any] = {
    F.relu: _relu,
    torch.relu: _relu,
    F.leaky_relu: _leaky_relu,
    F.avg_pool2d: _avg_pool2d,
}


class _Rectifier(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.slope = slope
        ctx.save_for_backward(x.detach())
        return F.leaky_relu(x, slope)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None]:
        if grad is None:
            return None, None
        return torch.ops.aten.leaky_relu_backward(grad, ctx.saved_tensors[0], ctx.slope, False), None


class _MeanPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.how = args, kwargs
        ctx.save_for_backward(x.detach())
        return F.avg_pool2d(x, *args, **kwargs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None) -> tuple[Tensor | None, None, None]:
        if grad is None:
            return None, None, None
        args, kwargs = ctx.how
        with torch.enable_grad():
            still = ctx.saved_tensors[0].requires_grad_()
            pooled = F.avg_pool2d(still, *args, **kwargs)
        return torch.autograd.grad(pooled, still, grad, create_graph=torch.is_grad_enabled())[0], None, None
