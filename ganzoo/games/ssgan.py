"""SSGAN's game: noise to image, with a discriminator that also tells which way up images are.

Chen et al. 2019 (https://arxiv.org/abs/1811.11212).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo import random
from ganzoo.config import Component, Config
from ganzoo.errors import GanzooError
from ganzoo.games.base import Batch, Turn
from ganzoo.games.image import ImageGame
from ganzoo.losses.objective import Terms
from ganzoo.nets.resnet import ResNetDiscriminator
from ganzoo.registry import GAMES


@GAMES.register("ssgan")
class SSGANGame(ImageGame):
    """Like ``image``, and the discriminator learns by how many quarters real images were turned.

    The generator is rewarded for images whose turns it recognises. real_weight, fake_weight: weights of the turns'
    cross entropy for the discriminator and the generator, β and α of section 3.2.
    """

    discriminator: ResNetDiscriminator

    def __init__(
        self,
        config: Config,
        networks: Mapping[str, Component],
        real_weight: float = 1.0,
        fake_weight: float = 0.2,
    ):
        super().__init__(config, networks)
        self.real_weight, self.fake_weight = real_weight, fake_weight
        if "discriminator" in networks and not hasattr(self.discriminator, "to_turns"):
            name = networks["discriminator"].name
            raise GanzooError(
                f"game 'ssgan' asks how images are turned, which {name} does not tell; use resnet-discriminator with "
                "-o networks.discriminator.rotations=true"
            )

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        judged, weight = ("images", self.real_weight) if turn.player == "discriminator" else ("fake", self.fake_weight)
        return super().terms(turn, batch, step) | {"rotation": weight * self._rotation_loss(batch[judged])}

    def _rotation_loss(self, images: Tensor) -> Tensor:
        """Cross entropy of the turns the discriminator sees, of (augmented) images turned at random."""
        images = self.objective.augmented(images)
        each = torch.arange(len(images), device=images.device)
        turns = (4 * random.uniform(len(images), device=images.device)).long()
        turned = torch.stack([torch.rot90(images, quarters, (2, 3)) for quarters in range(4)])[turns, each]
        return cross_entropy(self.discriminator.turns(turned).float(), turns)
