"""The averaged copy of the networks that make images."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn


class EMA:
    """Exponential moving average of ``source``'s weights and running statistics, kept in ``target``.

    The decay ramps up as min(decay, (1 + t) / (10 + t)): a constant one from the first step would keep the
    initial weights for most of a short run. With ramp "burn-in" its half-life rises from 0 with the burn-in.
    With decay 0 ``target`` shares ``source``'s memory. Buffers that are not running statistics (counters,
    power-iteration vectors) are copied.
    """

    def __init__(
        self, source: nn.Module, target: nn.Module, decay: float, *, ramp: Literal[True, False, "burn-in"] = True
    ):
        self.source, self.target, self.decay, self.ramp = source, target, decay, ramp
        target.load_state_dict({key: source.state_dict()[key] for key in target.state_dict()})
        target.requires_grad_(False).eval()
        self._tensors = self._pair()
        if not decay:
            self._share()

    @torch.no_grad()
    def update(self, step: int, share: float = 1.0) -> None:
        """Take in the source's state after ``step`` steps, when a ``share`` of the burn-in is over."""
        if not self.decay:
            return
        averaged, current, copied, fresh = self._tensors
        torch._foreach_lerp_(averaged, current, 1 - self._decay(step, share))
        if copied:
            torch._foreach_copy_(copied, fresh)

    def _decay(self, step: int, share: float) -> float:
        if self.ramp == "burn-in":
            return self.decay ** (1 / share) if share else 0.0
        return min(self.decay, (1 + step) / (10 + step)) if self.ramp else self.decay

    def _share(self) -> None:
        originals = {**dict(self.source.named_parameters()), **dict(self.source.named_buffers())}
        for name, value in [*self.target.named_parameters(), *self.target.named_buffers()]:
            value.data = originals[name].data

    def _pair(self) -> tuple[list, list, list, list]:
        source, averaged, current, copied, fresh = self.source.state_dict(), [], [], [], []
        parameters = dict(self.target.named_parameters())
        for name, value in self.target.state_dict().items():
            if name in parameters or name.rpartition(".")[2] in ("running_mean", "running_var"):
                averaged.append(value)
                current.append(source[name])
            else:
                copied.append(value)
                fresh.append(source[name])
        return averaged, current, copied, fresh
