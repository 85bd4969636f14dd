"""What every game is to the trainer, and the parts games share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo import random
from ganzoo.config import UNBOUNDED, Component, Config, Schedule
from ganzoo.errors import GanzooError
from ganzoo.losses.objective import AdversarialObjective, Terms
from ganzoo.nets.layers import MinibatchStd
from ganzoo.registry import ADVERSARIAL, AUGMENTS, GAMES, NETWORKS, PENALTIES

Batch = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One player's move: ``repeat`` updates of its networks, in every ``every``-th step."""

    player: str
    networks: tuple[str, ...]
    repeat: int = 1
    every: int = 1


class Game(nn.Module):
    """Networks and the losses they play for; the networks are its children.

    turns: the players' moves in order. sampled: the networks that make images, averaged by the EMA and
    exported. fields: what a batch of data holds. kinds: the data sets it can learn from, most fitting first.
    fit: what is done to images of other sizes if nobody says otherwise.
    independent: the fields' rows do not belong together. directions: what --direction may say. examples: how
    many examples from the data a preview shows, 0 where a game makes images from noise; they lie in ``shown``.
    columns: images in a row of a preview. legend: what a row holds, from left to right. steps: how many it is played
    for, for games that have phases; see :meth:`follow`. layout: how its images and weights lie in memory on a CPU;
    elsewhere they are channels-last.
    A game never touches optimizers, devices or files.
    """

    turns: tuple[Turn, ...]
    sampled: tuple[str, ...]
    fields: tuple[str, ...] = ("images",)
    kinds: tuple[str, ...] = ("images", "labelled")
    fit = "crop"
    independent = False
    directions: tuple[str, ...] = ()
    examples = 0
    columns: int | None = None
    legend = ""
    layout = torch.channels_last
    shown: Batch | None = None
    steps: int = UNBOUNDED

    def follow(self, schedule: Schedule) -> None:
        """Learn how long it is played for; the trainer says it."""
        self.steps = schedule.steps
        for part in self.modules():
            if isinstance(part, AdversarialObjective):
                part.burn_in = schedule.burn_in * schedule.steps

    def check(self, dataset: Any) -> None:
        """Refuse a packed data set that it cannot learn from, by a GanzooError."""

    def turns_at(self, step: int) -> Iterator[Turn]:
        """The moves due in a step."""
        return (turn for turn in self.turns if step % turn.every == 0)

    def moves_samples(self, turn: Turn) -> bool:
        """Whether a player trains networks that make images."""
        return bool(set(turn.networks) & set(self.sampled))

    def opens(self, step: int, share: float) -> bool:
        """Whether a step belongs to the first ``share`` of those the game is played for: its first phase.

        While ``steps`` is not known, which is when a machine's rate is measured, the phases take turns.
        """
        if self.steps == UNBOUNDED:
            return int((step + 1) * share) > int(step * share)
        return step < share * self.steps

    def prepare(self, batch: Batch) -> Batch:
        """Add to a batch what several players need from it, computed once, with gradients.

        Beside the data's fields a batch holds the number of its ``step``, and where a sampler has moved since a piece
        was prepared, what it held then, without gradients.
        """
        return batch

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        """The weighted, named loss terms of one player on a prepared batch."""
        raise NotImplementedError

    def readings(self) -> Terms:
        """What to watch in the discriminator's last turn; scalars on the device."""
        return {}

    def compared(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The real and the generated images of a prepared batch, whose diversity is compared."""
        return batch["images"], batch["fake"]

    def sample(self, n: int, *args: Any, **options: Any) -> Tensor:
        """Images (n, C, H, W) in [-1, 1]; sample i of a seed depends on nothing but (seed, i)."""
        raise GanzooError(
            "this model makes images from images, not from noise; use `ganzoo translate MODEL IMAGES --out DIR`"
        )

    def latents(self, n: int, *, seed: int = 0, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What :meth:`rendered` takes, of ``n`` samples: latents (n, …) and labels (n,), on the CPU."""
        raise GanzooError("this model has no latents to be found; take one that makes images from nothing but noise")

    def rendered(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Images (n, C, H, W) of latents, with gradients; about in [-1, 1]."""
        raise NotImplementedError

    def bounded(self, latents: Tensor) -> Tensor:
        """The nearest latents that samples may have."""
        return latents

    def interpolate(self, points: int, frames: int, *args: Any, **options: Any) -> Tensor:
        """Images (points · frames, C, H, W) in [-1, 1] on a closed walk through ``points`` samples."""
        return self.sample(points)

    def translate(self, images: Tensor, *args: Any, **options: Any) -> Tensor:
        """Images in [-1, 1] of given ones (n, C, H, W)."""
        raise GanzooError("this model makes images from noise, not from images; use `ganzoo sample MODEL`")

    def preview(self, n: int = 64) -> Tensor | None:
        """The images a run shows of itself: always the same samples; None where there are no examples to show."""
        return self.sample(n, seed=0)


def create_game(config: Config, *, seed: int = 0, networks: Sequence[str] | None = None) -> Game:
    """Build a configuration's game with freshly initialised networks (only ``networks``, if given).

    Raises GanzooError for a combination that cannot be played.
    """
    with random.torchs_own(seed=random.derive(seed, "initialisation")):
        wanted = {name: config.networks[name] for name in networks or config.networks}
        game: Game = GAMES.create(config.game.name, config.game.options, config=config, networks=wanted)
    return game


def build_network(component: Component, **given: Any) -> nn.Module:
    """A network from its configuration; ``given``: the keywords its role in the game decides."""
    if "num_classes" in given and "num_classes" not in signature(NETWORKS.get(component.name)).parameters:
        raise GanzooError(
            f"network '{component.name}' takes no labels; add -o conditional=false or name a conditional network"
        )
    network: nn.Module = NETWORKS.create(component.name, component.options, **given)
    if any(parameter.numel() == 0 for parameter in network.parameters()):
        raise GanzooError(f"network '{component.name}' would have layers of width 0; give it widths from 1 up")
    return network


def build_objective(config: Config, discriminator: nn.Module, name: str = "discriminator") -> AdversarialObjective:
    """The configuration's loss, penalties and augmentation for a critic; refuses penalties it makes meaningless.

    name: what the configuration calls the critic's network.
    """
    penalties = {}
    for component in config.penalties:
        penalty = PENALTIES.create(component.name, component.options)
        if penalty.per_sample and _contains(discriminator, _BatchNorm):
            raise GanzooError(
                f"penalty '{component.name}' needs each image's own gradient, which batch norm in the {name} "
                f"mixes over the batch; add -o networks.{name}.norm=layer"
            )
        penalties[component.name.replace("-", "_")] = penalty
    loss = ADVERSARIAL.create(config.loss.name, config.loss.options)
    augment = AUGMENTS.create(config.augment.name, config.augment.options) if config.augment else None
    return AdversarialObjective(loss, penalties, augment, joint=not has_batch_statistics(discriminator))


def tiled(x: Tensor, rows: int) -> Tensor:
    """A batch repeated to ``rows`` rows: for real and fake images together."""
    return x if rows == len(x) else x.repeat(rows // len(x), *[1] * (x.ndim - 1))


def has_batch_statistics(network: nn.Module) -> bool:
    """Whether one image's output depends on the rest of its batch."""
    return _contains(network, _BatchNorm, MinibatchStd)


def _contains(network: nn.Module, *kinds: type[nn.Module]) -> bool:
    return any(isinstance(module, kinds) for module in network.modules())


@contextmanager
def frozen(game: nn.Module, playing: Sequence[str]) -> Iterator[None]:
    """No gradient flows into networks that are not playing."""
    resting = [p for name, child in game.named_children() if name not in playing for p in child.parameters()]
    wanted = [p.requires_grad for p in resting]
    for parameter in resting:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, grad in zip(resting, wanted, strict=True):
            parameter.requires_grad_(grad)


def require_players(components: Mapping[str, Component], players: Sequence[str], game: str) -> None:
    """Refuse a configuration whose networks are not the game's."""
    unknown = sorted(set(components) - set(players))
    if unknown:
        raise GanzooError(f"game '{game}' has no network '{unknown[0]}'; it plays with {', '.join(players)}")
