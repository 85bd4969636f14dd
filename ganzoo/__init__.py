"""ganzoo: the model zoo for generative adversarial networks. Every GAN is a name.

Names are imported when first used, so ``import ganzoo`` does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.augmenting import augment
    from ganzoo.config import resolve
    from ganzoo.errors import GanzooError, UnknownName
    from ganzoo.lookup import list_models
    from ganzoo.metrics.evaluate import evaluate
    from ganzoo.model import Model
    from ganzoo.projecting import project
    from ganzoo.run import train
    from ganzoo.variants import list_variants
    from ganzoo.zoo import create, load, save

__version__ = "0.1.0"

_PLACES = {
    "GanzooError": "errors",
    "Model": "model",
    "UnknownName": "errors",
    "augment": "augmenting",
    "create": "zoo",
    "evaluate": "metrics.evaluate",
    "list_models": "lookup",
    "list_variants": "variants",
    "load": "zoo",
    "project": "projecting",
    "resolve": "config",
    "save": "zoo",
    "train": "run",
}
__all__ = [
    "GanzooError",
    "Model",
    "UnknownName",
    "augment",
    "create",
    "evaluate",
    "list_models",
    "list_variants",
    "load",
    "project",
    "resolve",
    "save",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'ganzoo' has no attribute '{name}'")
    return getattr(importlib.import_module(f"ganzoo.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
