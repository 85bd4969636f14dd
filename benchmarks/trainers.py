"""ganzoo's Trainer as the benchmarks need it: for a variant on a data set, or around given networks."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.config import Config, resolve
from ganzoo.data.loader import Loader
from ganzoo.data.packed import PackedDataset, write_pack
from ganzoo.games.base import create_game
from ganzoo.machine import Settings
from ganzoo.registry import NETWORKS
from ganzoo.training.plan import UNBOUNDED, Request, plan
from ganzoo.training.trainer import Hook, Trainer

_numbers = count()


def trainer_of_variant(
    variant: str, dataset: str = "mnist-10k", preset: str | None = None, overrides: Mapping[str, Any] | None = None
) -> Trainer:
    """The trainer ``ganzoo train`` would run."""
    planned = plan(Request(variant=variant, dataset=dataset, preset=preset, overrides=overrides))
    return _trainer(planned.config, planned.dataset)


def trainer_of_networks(
    generator: nn.Module,
    discriminator: nn.Module,
    folder: Path,
    *,
    loss: str,
    batch_size: int,
    resolution: int,
    image_channels: int = 3,
    latent_size: int = 128,
    penalties: tuple[dict[str, Any], ...] = (),
    discriminator_steps: int = 1,
    adam: Mapping[str, Any] | None = None,
) -> Trainer:
    """A trainer that starts from copies of somebody's networks, on noise images packed below ``folder``."""
    optimizer = {"name": "adam", "lr": 2e-4, "betas": [0.0, 0.9], **(adam or {})}
    config = resolve(
        {
            "name": "given",
            "title": "Given networks",
            "paper": {"url": "none"},
            "game": "image",
            "networks": {"generator": _registered(generator), "discriminator": _registered(discriminator)},
            "loss": loss,
            "penalties": list(penalties),
            "latent": {"size": latent_size},
            "optimizers": {"generator": optimizer, "discriminator": optimizer},
            "schedule": {"steps": 10**6, "batch_size": batch_size, "discriminator_steps": discriminator_steps},
            "resolution": resolution,
            "image_channels": image_channels,
        }
    ).config
    return _trainer(config, noise_images(folder, resolution, image_channels))


def trainer_of_pairs(variant: str, folder: Path, overrides: Mapping[str, Any] | None = None) -> Trainer:
    """A translating variant's trainer on pairs of noise images packed below ``folder``."""
    config = resolve(variant, overrides=overrides).config
    return _trainer(config, noise_images(folder, config.resolution, config.image_channels, 64, panels=2))


class OneStep:
    """A trainer's next step, as a call; none of them is the last one, which would be logged."""

    def __init__(self, trainer: Trainer):
        self.trainer = trainer

    def __call__(self) -> None:
        self.trainer.interrupted = 0
        self.trainer.run(UNBOUNDED, [Hook(1, _interrupt, at_end=False)])


def _interrupt(trainer: Trainer) -> None:
    trainer.interrupted = 1


def noise_images(folder: Path, resolution: int, channels: int, count: int = 4096, *, panels: int = 1) -> PackedDataset:
    """A packed data set of random images, or of pairs of them."""
    shape = (count, resolution, panels * resolution, channels)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    facts = {"name": "noise", "label": "noise", "family": "noise", "split": "train", "classes": []}
    facts |= {"kind": "images" if panels == 1 else "pairs", "panels": panels}
    target = Path(tempfile.mkdtemp(dir=folder)) / "noise"
    return write_pack(target, [(images, None)], lambda: facts, replace=True)


def real_batches(loader: Loader, field: str = "images", number: int = 8) -> list[Tensor]:
    """Ready float batches (N, C, H, W), contiguous as torchvision makes them: a peer's data then costs it nothing."""
    return [loader.batch(i)[field].contiguous() for i in range(number)]


def _trainer(config: Config, dataset: PackedDataset) -> Trainer:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    game = create_game(config)
    averaged = create_game(config, networks=game.sampled)
    changes = {"mirror": config.mirror, "jitter": config.jitter, "independent": game.independent}
    loader = Loader(dataset, game.fields, config.schedule.batch_size, device=device, **changes)
    return Trainer(game, averaged, config, loader, Settings(device=str(device)))


def _registered(network: nn.Module) -> str:
    """A name under which ganzoo's registry builds copies of a network."""
    name = f"given-{next(_numbers)}"

    def build(resolution: int, image_channels: int, latent_size: int = 0) -> nn.Module:
        return _Given(copy.deepcopy(network))

    NETWORKS.register(name)(build)
    return name


class _Given(nn.Module):
    """A network that takes no labels, called as ganzoo calls networks."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.network(x)
