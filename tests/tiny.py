"""Every variant in a size that trains a step in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganzoo.config import Config, resolve
from ganzoo.data.loader import Loader
from ganzoo.games.base import Game, create_game
from ganzoo.games.translation import ImageToImageGame
from ganzoo.machine import Settings
from ganzoo.registry import GAMES, NETWORKS
from ganzoo.text import encode
from ganzoo.training.trainer import Trainer
from ganzoo.variants import list_variants, read_variant

# Networks this small are slower with several threads.
torch.set_num_threads(1)


def game_name(variant: dict[str, Any]) -> str:
    """What kind of game a variant is."""
    game = variant["game"]
    return game if isinstance(game, str) else game["name"]


VARIANTS = list_variants()
CONDITIONAL = [name for name in VARIANTS if read_variant(name).get("conditional")]
TRANSLATING = [name for name in VARIANTS if read_variant(name).get("direction")]
ENLARGING = [name for name in VARIANTS if game_name(read_variant(name)) == "superres"]
SAMPLING = [name for name in VARIANTS if name not in (*TRANSLATING, *ENLARGING)]
WIDTHS = {
    "channels": 4,
    "width": 16,
    "units": 8,
    "label_units": 8,
    "joint_units": 8,
    "latent_units": 8,
    "style_size": 8,
    "growth": 2,
    "blocks": 1,
    "condition_size": 6,
    "compressed_size": 6,
    "length": 24,
    "embedding_size": 4,
    "image_size": 32,
}
FROZEN = {"features": "timm:test_efficientnet", "feature_weights": "random", "feature_scales": [0, 1]}
# StackGAN's second stage from the second step on, and enlargers' judges from the first.
GAME = FROZEN | {"stage_one": 1e-6, "pretrain": 0}


def tiny(variant: str) -> dict[str, Any]:
    """The overrides that narrow a variant's networks, by whatever its widths are called, frozen ones included."""
    given = read_variant(variant)
    overrides: dict[str, Any] = {"latent.size": 12, "schedule.batch_size": 4}
    overrides |= {f"game.{name}": value for name, value in accepted(GAMES.get(game_name(given)), GAME)}
    for player, network in given["networks"].items():
        sizes = accepted(NETWORKS.get(network["name"]), WIDTHS | FROZEN)
        overrides |= {f"networks.{player}.{name}": value for name, value in sizes}
    return overrides


def accepted(constructor: Any, options: dict[str, Any]) -> list[tuple[str, Any]]:
    """Those of the options that a constructor has."""
    keywords = signature(constructor).parameters
    return [(name, value) for name, value in options.items() if name in keywords]


def configure(
    variant: str, resolution: int = 32, image_channels: int = 1, classes: int = 10, **overrides: Any
) -> Config:
    """A tiny variant's configuration for labelled data; overrides by dotted key, with ``__`` for the dot."""
    facts = {"image_channels": image_channels, "classes": [str(i) for i in range(classes)]}
    wishes = {key.replace("__", "."): value for key, value in overrides.items()}
    merged = tiny(variant) | {"resolution": resolution} | wishes
    return resolve(variant, dataset=facts, overrides=merged).config


@dataclass
class Images:
    """A data set in memory, as a loader wants it."""

    images: Tensor
    labels: Tensor

    @property
    def captions(self) -> Tensor:
        """Two for each image, one of them longer; they name its label."""
        texts = [form.format(int(label)) for label in self.labels for form in ("number {}", "{}")]
        return torch.from_numpy(encode(texts)).unflatten(0, (-1, 2))

    @property
    def images_a(self) -> Tensor:
        return self.images

    @property
    def images_b(self) -> Tensor:
        """Its pair's other half: the negative."""
        return 255 - self.images


def images_for(config: Config, count: int = 40) -> Images:
    """Random images and labels that fit a configuration."""
    random = torch.Generator().manual_seed(0)
    shape = (count, *config.size, config.image_channels)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
    return Images(pixels, torch.randint(0, max(len(config.classes), 1), (count,), generator=random))


def data_for(variant: str, folder: Path) -> str | Path:
    """Data a variant can learn from: the bundled digits, or a new folder of images with two sides."""
    kind = GAMES.get(game_name(read_variant(variant))).kinds[0]
    if kind in ("pairs", "unpaired"):
        return two_sided(folder / kind, kind)
    return captioned(folder / kind) if kind == "captions" else "mnist-10k"


def two_sided(folder: Path, kind: str, *, size: int = 32, train: tuple[int, int] = (12, 9), test: int = 3) -> Path:
    """Random gray images in trainA/ trainB/ testA/ testB/, or pairs A|B in train/ and test/, B the negative of A."""
    if folder.exists():
        return folder
    random = np.random.default_rng(0)
    for split, counts in {"train": train, "test": (test, test)}.items():
        for side, count in zip("AB", counts if kind == "unpaired" else (counts[0], 0), strict=True):
            place = folder / (split if kind == "pairs" else f"{split}{side}")
            for number in range(count):
                place.mkdir(parents=True, exist_ok=True)
                image = random.integers(0, 256, (size, size), dtype=np.uint8)
                pixels = np.concatenate([image, 255 - image], 1) if kind == "pairs" else image
                Image.fromarray(pixels).save(place / f"{side}{number}.png")
    return folder


def captioned(folder: Path, *, size: int = 32, count: int = 12) -> Path:
    """Random gray images with two captions each in a table."""
    if not folder.exists():
        folder.mkdir(parents=True)
        random = np.random.default_rng(0)
        for number in range(count):
            Image.fromarray(random.integers(0, 256, (size, size), dtype=np.uint8)).save(folder / f"{number}.png")
        rows = [f"{n}.png,{text} {n}" for n in range(count) for text in ("image", "number")]
        (folder / "captions.csv").write_text("\n".join(["file,caption", *rows]))
    return folder


def made(game: Game, n: int, *, seed: int = 0, start: int = 0) -> Tensor:
    """Images of any game: samples, or translations of images that are always the same."""
    if not isinstance(game, ImageToImageGame):
        return game.sample(n, seed=seed, start=start)
    random, size = torch.Generator().manual_seed(0), [side // game.scale for side in game.size]
    given = torch.rand(start + n, game.channels, *size, generator=random)[start:]
    return game.translate(2 * given - 1, seed=seed, start=start)


def averaged_weights(trainer: Trainer) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The averaged networks' weights, and what they average."""
    averaged = weights(trainer.averaged)
    return averaged, {name: value for name, value in weights(trainer.game).items() if name in averaged}


def trainer_for(config: Config, *, dataset: Images | None = None, seed: int = 0, **settings: Any) -> Trainer:
    """A trainer at step 0 on random images."""
    game = create_game(config, seed=seed)
    changes = {"mirror": config.mirror, "jitter": config.jitter, "independent": game.independent}
    loader = Loader(dataset or images_for(config), game.fields, config.schedule.batch_size, seed=seed, **changes)
    averaged = create_game(config, networks=game.sampled)
    return Trainer(game, averaged, config, loader, Settings(seed=seed, **settings))


def weights(game: Game) -> dict[str, Tensor]:
    """A copy of a game's parameters and buffers."""
    return {name: value.detach().clone() for name, value in game.state_dict().items()}


def parameters(trainer: Trainer, player: str) -> dict[str, Tensor]:
    """A copy of a player's parameters."""
    names = trainer._names(player)
    return {names[parameter]: parameter.detach().clone() for parameter in trainer.players[player]}


def gradients(trainer: Trainer, player: str) -> dict[str, Tensor]:
    """A copy of the gradients a player's last update left."""
    names = trainer._names(player)
    return {names[p]: p.grad.detach().clone() for p in trainer.players[player] if p.grad is not None}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two collections of tensors agree bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
