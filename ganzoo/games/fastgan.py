"""FastGAN's game: noise to image, with a discriminator that also learns to rebuild the real images it sees.

Liu et al. 2021 (https://arxiv.org/abs/2101.04775).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo import random
from ganzoo.config import Component, Config
from ganzoo.errors import GanzooError
from ganzoo.games.base import Batch, Turn
from ganzoo.games.image import ImageGame
from ganzoo.losses.objective import Terms
from ganzoo.losses.reconstruction import directions, perceptual
from ganzoo.nets.fastgan import FastGANDiscriminator, quarters
from ganzoo.nets.pretrained import Features
from ganzoo.registry import GAMES


@GAMES.register("fastgan")
class FastGANGame(ImageGame):
    """Like ``image``, and the discriminator's maps of real images must tell what these looked like: section 3.2.

    reconstruction: weight of the distance between images rebuilt from the maps and the (augmented) real ones, as the
    frozen network ``features`` sees them (see :class:`Features`), whole and a quarter of each.
    """

    discriminator: FastGANDiscriminator

    def __init__(
        self,
        config: Config,
        networks: Mapping[str, Component],
        reconstruction: float = 1.0,
        features: str = "efficientnet-lite0",
        feature_weights: str | None = None,
    ):
        super().__init__(config, networks)
        self.reconstruction = reconstruction
        if "discriminator" in networks:
            if not hasattr(self.discriminator, "rebuild"):
                name = networks["discriminator"].name
                raise GanzooError(f"game 'fastgan' rebuilds images, which {name} cannot; use fastgan-discriminator")
            self.perceived = Features(features, feature_weights)

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        if turn.player == "generator":
            return super().terms(turn, batch, step)
        critic = _Watched(self.discriminator, rows=len(batch["images"]))
        terms = self.objective.discriminator_terms(critic, batch["images"], batch["fake"], step=step)
        return terms | {"reconstruction": self.reconstruction * self._error(*critic.seen[0])}

    def _error(self, images: Tensor, maps: tuple[Tensor, Tensor]) -> Tensor:
        """How far images rebuilt from maps, whole and a quarter of each, are from what they show. Eq. 2."""
        places = (4 * random.uniform(len(images), device=images.device)).long()
        rebuilt = torch.cat(self.discriminator.rebuild(*maps, places))
        size = rebuilt.shape[2], rebuilt.shape[3]
        shown = [adaptive_avg_pool2d(each, size) for each in (images, quarters(images, places))]
        return 2 * perceptual(self.perceived, rebuilt, torch.cat(shown), directions)


class _Watched:
    """The discriminator as a critic that keeps the first ``rows`` images it sees, the real ones, and their maps."""

    def __init__(self, discriminator: FastGANDiscriminator, rows: int):
        self.discriminator, self.rows = discriminator, rows
        self.seen: list[tuple[Tensor, tuple[Tensor, Tensor]]] = []

    def __call__(self, images: Tensor) -> Tensor:
        earlier, last = self.discriminator.maps(images)
        if not self.seen:
            self.seen = [(images[: self.rows], (earlier[: self.rows], last[: self.rows]))]
        return self.discriminator.to_logits(last)
