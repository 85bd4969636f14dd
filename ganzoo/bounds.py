"""A limit to what building something may take, for configurations that strangers wrote."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ganzoo.errors import GanzooError

MAKERS = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)


class AtMost(TorchFunctionMode):
    """Inside, no more than so many numbers are made, all new tensors together; raises GanzooError before the rest."""

    def __init__(self, numbers: int):
        super().__init__()
        self.left = numbers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func in MAKERS:
            self.left -= func(*args, **options | {"device": "meta", "pin_memory": False}).numel()
            if self.left < 0:
                raise GanzooError("it is much larger than its weights")
        return func(*args, **options)
