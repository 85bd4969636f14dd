"""Image to image with examples of both: the game of Isola et al. 2017 (pix2pix)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.config import Component, Config
from ganzoo.errors import GanzooError
from ganzoo.games.base import Batch, Turn, build_network, build_objective, require_players, tiled
from ganzoo.games.translation import TranslationGame
from ganzoo.losses.objective import Terms
from ganzoo.losses.reconstruction import distance, feature_matching
from ganzoo.registry import GAMES


@GAMES.register("paired")
class PairedGame(TranslationGame):
    """A generator turns an input into an output, a discriminator judges (input, output) pairs.

    The generator also minimises ``reconstruction_weight`` times the distance of its output from the target: l1, l2, or
    feature-matching, in the discriminator's inner maps, where the paper's weight is 10 for their sum.
    discriminator_weight: factor on the discriminator's adversarial term. Isola et al. 2017, eq. 4.
    """

    sampled = ("generator",)
    kinds = ("pairs",)
    columns = 3
    legend = "input, output, target"
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
        self.distance = None if reconstruction == "feature-matching" else distance(reconstruction)
        self.distance_weight, self.discriminator_weight = reconstruction_weight, discriminator_weight
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
            if self.distance is None and not hasattr(self.discriminator, "maps"):
                name = networks["discriminator"].name
                raise GanzooError(f"feature-matching needs maps, which {name} hides; use patchgan-discriminator")

    def prepare(self, batch: Batch) -> Batch:
        return batch | {"fake": self.generator(self.sides(batch)[0])}

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        (given, target), fake = self.sides(batch), batch["fake"]
        critic = _Critic(self.discriminator, given, keeps=self.distance is None)
        if turn.player == "discriminator":
            terms = self.objective.discriminator_terms(critic, target, fake, step=step)
            return terms | {"adversarial": self.discriminator_weight * terms["adversarial"]}
        terms = self.objective.generator_terms(critic, fake, target)
        error = self.distance(fake, target) if self.distance else feature_matching(critic.inner, fake, target)
        return terms | {"reconstruction": self.distance_weight * error}

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


class _Critic:
    """The discriminator of outputs beside their inputs. keeps: it shows its ``maps`` and looks once at each output."""

    def __init__(self, discriminator: Any, given: Tensor, *, keeps: bool):
        self.discriminator, self.given, self.keeps = discriminator, given, keeps
        self.seen: list[tuple[Tensor, list[Tensor]]] = []

    def __call__(self, images: Tensor) -> Tensor:
        return self._maps(images)[-1] if self.keeps else self.discriminator(self._pairs(images))

    def inner(self, images: Tensor) -> list[Tensor]:
        """The discriminator's maps of outputs, less the logits."""
        return self._maps(images)[:-1]

    def _maps(self, images: Tensor) -> list[Tensor]:
        if not any(known is images for known, _ in self.seen):
            self.seen.append((images, self.discriminator.maps(self._pairs(images))))
        return next(maps for known, maps in self.seen if known is images)

    def _pairs(self, images: Tensor) -> Tensor:
        return torch.cat([tiled(self.given, len(images)), images], 1)
