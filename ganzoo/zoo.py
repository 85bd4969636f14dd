"""Models by name: create them untrained, save them, load them. No training code."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ganzoo import __version__
from ganzoo.arguments import plain, whole
from ganzoo.bounds import AtMost
from ganzoo.config import Config, resolve
from ganzoo.errors import GanzooError
from ganzoo.facts import stored
from ganzoo.foreign import printable
from ganzoo.games.base import Game, create_game
from ganzoo.lookup import weights_file
from ganzoo.machine import torch_defaults
from ganzoo.model import Model
from ganzoo.pictures import save_grid, to_images, to_uint8
from ganzoo.tensors import halved, read_tensors, save_tensors
from ganzoo.weights import WEIGHTS
from ganzoo.writing import new_file

__all__ = [
    "Model", "create", "load", "require_classes", "save", "save_card", "save_grid", "to_images", "to_uint8",
    "weights_file",
]  # fmt: skip
FORMAT = 1
SPARE = 2**29  # numbers that a game may need besides its weights: pools of images, frozen features


@torch_defaults()
def create(
    variant: str | Path | Mapping[str, Any],
    *,
    resolution: int | None = None,
    image_channels: int | None = None,
    seed: int = 0,
    **overrides: Any,
) -> Game:
    """A variant's game with untrained networks, e.g. ``create("dcgan", resolution=64).generator``.

    variant: a name, the path of a YAML file, or a mapping such as those files hold. overrides: configuration
    values by dotted key, with ``__`` for the dot: ``schedule__batch_size=32``; ``classes=["cat", "dog"]`` for
    conditional variants. Raises GanzooError for what the variant cannot do.
    """
    values = {key.replace("__", "."): plain(value) for key, value in overrides.items()}
    given = {"resolution": resolution, "image_channels": image_channels}
    values |= {key: value for key, value in given.items() if value is not None}
    config = resolve(variant, overrides=values).config
    require_classes(config)
    return create_game(config, seed=whole(seed, "seed"))


def require_classes(config: Config) -> None:
    """Refuse a conditional variant without labels to condition on."""
    if config.conditional and not config.classes:
        raise GanzooError(
            f"{config.name} is conditional and needs class labels: use a data set that has them (class folders), "
            "or add -o conditional=false where its networks allow that"
        )


def save(model: Model, folder: str | Path, *, full: dict[str, Tensor] | None = None, half: bool = False) -> Path:
    """Write a model directory: weights with the configuration inside, ``config.json``, card and sample grid.

    full: further weights to keep. half: kernels and matrices as float16; they load as float32.
    """
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    weights = model.game.state_dict() | (full or {})
    save_tensors(folder / WEIGHTS, {k: halved(v) for k, v in weights.items()} if half else weights, _header(model))
    save_card(model, folder)
    if (preview := model.game.preview()) is not None:
        save_grid(preview, folder / "samples.png", columns=model.game.columns)
    return folder


def save_card(model: Model, folder: Path) -> None:
    """Write what a model directory says of the model, for programs and for people; not its weights."""
    readable = json.dumps(_header(model) | {"facts": model.facts}, indent=2, sort_keys=True)
    for name, text in (("config.json", readable + "\n"), ("README.md", model.card)):
        with new_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


@torch_defaults()
def load(name_or_path: str | Path) -> Model:
    """A model from a run, a model directory, a ``.safetensors`` file, a name or ``hf-hub:org/name[@revision]``.

    Raises GanzooError if there is none, or if the file is damaged, foreign or from a newer ganzoo.
    """
    file = weights_file(name_or_path)
    tensors, header = read_tensors(file)
    if not isinstance(header.get("format"), int) or not isinstance(header.get("config"), dict) or "trainer" in header:
        raise GanzooError(f"{file} is not a ganzoo model; point at a run's folder or its model/ folder")
    if header["format"] > FORMAT:
        raise GanzooError(f"{file} was written by a newer ganzoo ({_version(header)}); upgrade to load it")
    config, game = _built(file, header, tensors)
    # What only training carries besides networks is in no model.
    carried = {
        name: value for name, value in game.state_dict().items() if name.partition(".")[0] not in config.networks
    }
    try:
        game.load_state_dict(
            carried
            | {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
        )
    except RuntimeError as error:
        reason = printable(textwrap.shorten(str(error).partition(":")[2], 160, placeholder=" …"))
        raise GanzooError(f"{file} does not fit its own configuration: {reason}") from error
    picture = file.parent / "samples.png"
    return Model(config, game, *_card_and_facts(file.parent), picture if picture.is_file() else None)


def _built(file: Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[Config, Game]:
    """A file's configuration and its game with the networks that the file has, untrained."""
    names = {name.partition(".")[0] for name in tensors}
    try:
        config = resolve(header["config"]).config
        with AtMost(4 * sum(tensor.numel() for tensor in tensors.values()) + SPARE):
            return config, create_game(config, networks=[network for network in config.networks if network in names])
    except GanzooError as error:
        made, advice = _version(header), ""
        if made != __version__:
            advice = f"; ganzoo here is {__version__}, so try the other version"
        raise GanzooError(f"{file} (made with ganzoo {made}) cannot be built here: {error}{advice}") from error


def _version(header: Mapping[str, Any]) -> str:
    return f"{header.get('ganzoo')!s:.40}"


def _header(model: Model) -> dict[str, Any]:
    return {"format": FORMAT, "ganzoo": __version__, "config": model.config.model_dump(mode="json")}


def _card_and_facts(folder: Path) -> tuple[str, dict[str, Any]]:
    card = folder / "README.md"
    try:
        return printable(card.read_text(encoding="utf-8")) if card.is_file() else "", stored(folder)["facts"]
    except ValueError as error:
        raise GanzooError(
            f"{folder / 'config.json'} or {card.name} beside it is damaged ({error}); "
            "delete it, the weights do not need it"
        ) from error
