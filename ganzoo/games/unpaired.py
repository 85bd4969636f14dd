"""Image to image without examples of both: the game of Zhu et al. 2017 (CycleGAN)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganzoo.config import Component, Config
from ganzoo.games.base import Batch, Turn, build_network, build_objective, has_batch_statistics, require_players
from ganzoo.games.pool import ImagePool
from ganzoo.games.translation import DIRECTIONS, TranslationGame
from ganzoo.losses.objective import Terms
from ganzoo.losses.reconstruction import l1
from ganzoo.registry import GAMES

GENERATORS = ("generator_ab", "generator_ba")
DISCRIMINATORS = ("discriminator_a", "discriminator_b")


@GAMES.register("unpaired")
class UnpairedGame(TranslationGame):
    """Two generators translate there and back, a discriminator on each side judges what arrives.

    cycle: weight of the distance between an image and its way there and back (eq. 2). identity: weight, relative
    to ``cycle``, of what a generator changes in an image that is on its target side already (section 5.2).
    pool: generated images kept for the discriminators. adversarial: factor on the generators' adversarial terms.
    """

    sampled = GENERATORS
    kinds = ("unpaired", "pairs")
    independent = True
    columns = 6
    legend = "A, as B, back again; B, as A, back again"
    layout = torch.channels_last  # large maps and few weights, unlike a U-Net's
    generator_ab: nn.Module
    generator_ba: nn.Module
    discriminator_a: nn.Module
    discriminator_b: nn.Module

    def __init__(
        self,
        config: Config,
        networks: Mapping[str, Component],
        cycle: float = 10.0,
        identity: float = 0.5,
        pool: int = 50,
        adversarial: float = 1.0,
    ):
        super().__init__(config)
        require_players(config.networks, (*GENERATORS, *DISCRIMINATORS), "unpaired")
        self.cycle, self.identity, self.adversarial = cycle, cycle * identity, adversarial
        self.turns = (
            Turn("generator", GENERATORS),
            Turn("discriminator", DISCRIMINATORS, repeat=config.schedule.discriminator_steps),
        )
        given = {"resolution": min(config.size), "image_channels": config.image_channels}
        for name, component in networks.items():
            translates = name in GENERATORS
            network = self.build_translator(component) if translates else build_network(component, **given)
            self.add_module(name, network)
        if set(DISCRIMINATORS) <= set(networks):
            self.objective_a = build_objective(config, self.discriminator_a, "discriminator_a")
            self.objective_b = build_objective(config, self.discriminator_b, "discriminator_b")
            self.pool_a = ImagePool(pool, (config.image_channels, *config.size))
            self.pool_b = ImagePool(pool, (config.image_channels, *config.size))

    def prepare(self, batch: Batch) -> Batch:
        a, b = batch["images_a"], batch["images_b"]
        fake_b, same_b = self._outputs(self.generator_ab, a, b)
        fake_a, same_a = self._outputs(self.generator_ba, b, a)
        return batch | {"fake_a": fake_a, "fake_b": fake_b, "same_a": same_a, "same_b": same_b}

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        return (
            self._discriminator_terms(batch, step) if turn.player == "discriminator" else self._generator_terms(batch)
        )

    def readings(self) -> Terms:
        """Means over the two discriminators."""
        one, other = self.objective_a.readings(), self.objective_b.readings()
        return {name: (one[name] + other[name]) / 2 for name in one}

    def compared(self, batch: Batch) -> tuple[Tensor, Tensor]:
        side = self.direction[-1].lower()
        return batch[f"images_{side}"], batch[f"fake_{side}"]

    def translator(self, direction: str) -> nn.Module:
        return self.get_submodule(GENERATORS[DIRECTIONS.index(direction)])

    def preview(self, n: int = 64) -> Tensor | None:
        """Rows of A, its translation, that one's way back; then the same from B."""
        if self.shown is None:
            return None
        images = []
        for side, there, back in (("a", "AtoB", "BtoA"), ("b", "BtoA", "AtoB")):
            given = self.shown[f"images_{side}"]
            translated = self.translate(given, direction=there)
            images += [given, translated.to(given), self.translate(translated, direction=back).to(given)]
        return torch.stack(images, 1).flatten(0, 1)

    def _outputs(self, generator: nn.Module, images: Tensor, other: Tensor) -> tuple[Tensor, Tensor | None]:
        """A generator's translations and, where they count, its versions of what needs none; in one pass if it can."""
        if not self.identity:
            return generator(images), None
        if has_batch_statistics(generator):
            return generator(images), generator(other)
        translated, same = generator(torch.cat([images, other])).chunk(2)
        return translated, same

    def _generator_terms(self, batch: Batch) -> Terms:
        a, b, fake_a, fake_b = (batch[name] for name in ("images_a", "images_b", "fake_a", "fake_b"))
        judged = _added(
            self.objective_b.generator_terms(self.discriminator_b, fake_b, b),
            self.objective_a.generator_terms(self.discriminator_a, fake_a, a),
        )
        terms = {name: self.adversarial * value for name, value in judged.items()}
        terms["cycle"] = self.cycle * (l1(self.generator_ba(fake_b), a) + l1(self.generator_ab(fake_a), b))
        if self.identity:
            terms["identity"] = self.identity * (l1(batch["same_a"], a) + l1(batch["same_b"], b))
        return terms

    def _discriminator_terms(self, batch: Batch, step: int) -> Terms:
        fake_a, fake_b = self.pool_a.exchange(batch["fake_a"]), self.pool_b.exchange(batch["fake_b"])
        return _added(
            self.objective_a.discriminator_terms(self.discriminator_a, batch["images_a"], fake_a, step=step),
            self.objective_b.discriminator_terms(self.discriminator_b, batch["images_b"], fake_b, step=step),
        )


def _added(one: Terms, other: Terms) -> Terms:
    return {name: value + other[name] for name, value in one.items()}
