"""What a model has seen of an extractor while it trained."""

from __future__ import annotations

from inspect import signature
from typing import Any

from ganzoo.config import Component, Config
from ganzoo.nets.pretrained import PREFIX
from ganzoo.registry import ADVERSARIAL, AUGMENTS, GAMES, NETWORKS, PENALTIES, Registry

SAME = {"timm:tf_efficientnet_lite0": "efficientnet-lite0"}


def trained_on_features(config: Config, extractor: str) -> bool:
    """Whether a component of a configuration looks through the backbone that an extractor is.

    Such an option is called ``features``; where a configuration is silent, the component's default counts.
    """
    parts: list[tuple[Registry, Component | None]] = [
        (GAMES, config.game),
        (ADVERSARIAL, config.loss),
        (AUGMENTS, config.augment),
        *((NETWORKS, network) for network in config.networks.values()),
        *((PENALTIES, penalty) for penalty in config.penalties),
    ]
    used = {_features(registry, part) for registry, part in parts if part is not None}
    return _plain(extractor) in used


def _features(registry: Registry, component: Component) -> str:
    default = signature(registry.get(component.name)).parameters.get("features")
    value: Any = component.options.get("features", default.default if default else None)
    return _plain(value) if isinstance(value, str) else ""


def _plain(name: str) -> str:
    """One name for one network: a timm name's tag only says which of its weights."""
    plain = name.partition(".")[0] if name.startswith(PREFIX) else name
    return SAME.get(plain, plain)
