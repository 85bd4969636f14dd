"""Untrained models whose samples look like something."""

from __future__ import annotations

import torch
from torch import nn

from ganzoo.config import resolve
from ganzoo.games.base import create_game
from ganzoo.zoo import Model


def small_model(variant: str, **overrides: object) -> Model:
    """An untrained generator, narrow but with weights large enough that samples and labels look different."""
    widths = {f"networks.{player}.channels": 8 for player in ("generator", "discriminator")}
    config = resolve(variant, overrides={"resolution": 16, **widths, **overrides}).config
    game = create_game(config, networks=["generator"])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name, parameter in game.named_parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_normal_(parameter)
            elif "bias" not in name:
                nn.init.normal_(parameter, 1.0, 0.3)
    return Model(config, game, card="# A tiny model\n", facts={"steps": 0})
