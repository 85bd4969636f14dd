"""A run's checkpoint: where it lies, what may be taken from it, an optimizer's state without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.games.base import Game
from ganzoo.tensors import read_tensors
from ganzoo.weights import WEIGHTS
from ganzoo.zoo import Model, load

CHECKPOINT = Path("checkpoints", "last.safetensors")
Checkpoint = tuple[dict[str, Tensor], dict[str, Any]]


def read_checkpoint(run: Path) -> Checkpoint:
    """The tensors and the header of a run's last checkpoint; raises GanzooError if it has none."""
    if not run.is_dir():
        raise GanzooError(f"there is no run {run}; give the folder that `ganzoo train` wrote")
    if not (run / CHECKPOINT).is_file():
        if (run / WEIGHTS).is_file():
            raise GanzooError(f"{run} is no run but a model; a run begins from it by --init-from {quote(str(run))}")
        if (run / "config.yaml").is_file():
            raise GanzooError(f"{run} ended before it wrote {CHECKPOINT}; start again in another folder")
        raise GanzooError(f"{run} is no run; give the folder that `ganzoo train` wrote")
    tensors, header = read_tensors(run / CHECKPOINT)
    if header.get("format") != 1 or "trainer" not in header:
        raise GanzooError(f"{run / CHECKPOINT} is not a checkpoint of this ganzoo; start a new run")
    return tensors, header


def initialise(game: Game, source: Path, image_channels: int) -> None:
    """Start a game's networks from a model's weights, or from a run's, discriminator included."""
    if (source / CHECKPOINT).is_file():
        tensors, header = read_tensors(source / CHECKPOINT)
        theirs = header["config"]["image_channels"]
        state = {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith("game/")}
        state |= {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith("ema/")}
    else:
        model = load(source)
        state, theirs = model.game.state_dict(), model.config.image_channels
    if theirs != image_channels:
        made = {1: "gray", 3: "colour"}
        raise GanzooError(
            f"--init-from {source}: its images are {made.get(theirs, theirs)}, this training's "
            f"{made.get(image_channels, image_channels)}; add -o image_channels={theirs} to train on the data as such"
        )
    own = game.state_dict()
    for name, value in state.items():
        if name not in own or own[name].shape != value.shape:
            raise GanzooError(
                f"--init-from {source}: its '{name}' is of shape {tuple(value.shape)}, this training has "
                f"{tuple(own[name].shape) if name in own else 'no such weight'}; "
                "use the same variant, resolution and widths"
            )
    game.load_state_dict(own | state)


def raw_model(run: str | Path) -> Model:
    """A run's model with the last weights of its checkpoint in place of their average."""
    model, (tensors, _) = load(run), read_checkpoint(Path(run))
    model.game.load_state_dict({name: tensors[f"game/{name}"] for name in model.game.state_dict()})
    schedule = model.config.schedule.model_copy(update={"ema": 0.0})
    facts = model.facts | ({"raw": True} if model.config.schedule.ema else {})
    return Model(model.config.model_copy(update={"schedule": schedule}), model.game, model.card, facts)


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
