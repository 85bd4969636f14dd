"""Image to image with examples of both: the game of Isola et al. 2017 (pix2pix)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganzoo.config import Component, Config
from ganzoo.errors import GanzooError
from ganzoo.games.base import Batch, Turn, build_network, build_objective, require_players, tiled
from ganzoo.games.translation import TranslationGame
from ganzoo.losses.objective import Terms
from ganzoo.losses.penalties import Critic
from ganzoo.losses.reconstruction import distance
from ganzoo.registry import GAMES


@GAMES.register("paired")
class PairedGame(TranslationGame):
    """A generator turns an input into an output, a discriminator judges (input, output) pairs.

    The generator also minimises ``reconstruction_weight`` times the distance (l1 or l2) of its output from the
    target. discriminator_weight: factor on the discriminator's adversarial term. Isola et al. 2017, eq. 4.
    """

    sampled = ("generator",)
    kinds = ("pairs",)
    columns = 3
    generator: nn.Module
    discriminator: nn.Module

    def __init__(
        self,
        config: Config,
        networks: Mapping[str, Component],
        reconstruction: str = "l1",
        reconstruction_weight: float = 100.0,
        discriminator_weight: float = 0.5,
    ):
        super().__init__(config)
        require_players(config.networks, ("generator", "discriminator"), "paired")
        self.distance, self.distance_weight = distance(reconstruction), reconstruction_weight
        self.discriminator_weight = discriminator_weight
        self.turns = (
            Turn("discriminator", ("discriminator",), repeat=config.schedule.discriminator_steps),
            Turn("generator", ("generator",)),
        )
        if "generator" in networks:
            self.generator = self.build_translator(networks["generator"])
        if "discriminator" in networks:
            # It sees input and output stacked.
            given = {"resolution": min(config.size), "image_channels": 2 * config.image_channels}
            self.discriminator = build_network(networks["discriminator"], **given)
            self.objective = build_objective(config, self.discriminator)

    def prepare(self, batch: Batch) -> Batch:
        return batch | {"fake": self.generator(self.sides(batch)[0])}

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        (given, target), fake = self.sides(batch), batch["fake"]
        if turn.player == "discriminator":
            terms = self.objective.discriminator_terms(self._critic(given), target, fake, step=step)
            return terms | {"adversarial": self.discriminator_weight * terms["adversarial"]}
        distance = self.distance_weight * self.distance(fake, target)
        return self.objective.generator_terms(self._critic(given), fake, target) | {"reconstruction": distance}

    def readings(self) -> Terms:
        return self.objective.readings()

    def compared(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.sides(batch)[1], batch["fake"]

    def translator(self, direction: str) -> nn.Module:
        if direction != self.direction:
            raise GanzooError(f"this model was trained {self.direction} and does not translate {direction}")
        return self.generator

    def preview(self, n: int = 64) -> Tensor | None:
        """Rows of input, output, target."""
        if self.shown is None:
            return None
        given, target = self.sides(self.shown)
        return torch.stack([given, self.translate(given).to(given), target], 1).flatten(0, 1)

    def _critic(self, given: Tensor) -> Critic:
        return lambda images: self.discriminator(torch.cat([tiled(given, len(images)), images], 1))
