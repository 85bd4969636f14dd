"""Small image to large: the game of Ledig et al. 2017 (SRGAN) and Wang et al. 2018 (ESRGAN)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganzoo import random
from ganzoo.config import Component, Config
from ganzoo.errors import GanzooError
from ganzoo.games.base import Batch, Turn, build_network, build_objective, require_players
from ganzoo.games.translation import ImageToImageGame
from ganzoo.losses.objective import Terms
from ganzoo.losses.reconstruction import distance, perceptual
from ganzoo.nets.layers import refuse_others
from ganzoo.nets.pretrained import Features
from ganzoo.registry import GAMES


@GAMES.register("superres")
class SuperresGame(ImageToImageGame):
    """A generator enlarges images that were made small by bicubic filtering, a discriminator judges the results.

    scale: how many times. pretrain: share of the steps in which the generator alone learns, from the pixels'
    distance (l1 or l2); then it minimises the weighted sum of that, the distance of ``features`` (a frozen
    network's name, ``feature_weights`` its weights, ``feature_scales`` which of its maps) and the adversarial
    loss; ``alone`` tells the phase. shift: by up to so many pixels both images are moved before their features
    are compared, lest a pattern hide between a network's strides. Ledig et al. 2017, eq. 3 and section 3.2;
    Wang et al. 2018, eq. 3.
    """

    sampled = ("generator",)
    fit = "tile"
    columns = 3
    legend = "bicubic filter, output, original"
    alone = False
    generator: nn.Module
    discriminator: nn.Module

    def __init__(
        self,
        config: Config,
        networks: Mapping[str, Component],
        scale: int = 4,
        pretrain: float = 0.5,
        pixel: str = "l1",
        pixel_weight: float = 0.0,
        features: str = "efficientnet-lite0",
        feature_weights: str | None = None,
        feature_scales: Sequence[int] | None = None,
        perceptual: str = "l1",
        perceptual_weight: float = 1.0,
        adversarial_weight: float = 1e-3,
        shift: int = 0,
    ):
        super().__init__(config)
        require_players(config.networks, ("generator", "discriminator"), "superres")
        refuse_others(config.resolution, scale, f"is not a multiple of the scale, {scale}")
        if not 0 <= pretrain <= 1:
            raise GanzooError(f"pretrain={pretrain} is not a share of the steps; give a number from 0 to 1")
        if not 0 <= shift < min(config.size):
            raise GanzooError(f"shift={shift} does not leave anything of an image; give less than {min(config.size)}")
        self.scale, self.pretrain, self.shift = scale, pretrain, shift
        self.pixel, self.perceptual = distance(pixel), distance(perceptual)
        self.weights = {"pixel": pixel_weight, "perceptual": perceptual_weight, "adversarial": adversarial_weight}
        self.turns = (
            Turn("discriminator", ("discriminator",), repeat=config.schedule.discriminator_steps),
            Turn("generator", ("generator",)),
        )
        channels = config.image_channels
        if "generator" in networks:
            self.generator = build_network(networks["generator"], image_channels=channels, scale=scale)
        if "discriminator" in networks:
            judge = build_network(networks["discriminator"], resolution=config.resolution, image_channels=channels)
            self.discriminator = judge
            self.objective = build_objective(config, judge)
            self.features = Features(features, feature_weights, feature_scales)

    def turns_at(self, step: int) -> Iterator[Turn]:
        due = super().turns_at(step)
        return (turn for turn in due if turn.player == "generator") if self.opens(step, self.pretrain) else due

    def prepare(self, batch: Batch) -> Batch:
        return batch | {"fake": self.generator(reduced(batch["images"], self.scale))}

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        real, fake = batch["images"], batch["fake"]
        if turn.player == "discriminator":
            return self.objective.discriminator_terms(self.discriminator, real, fake, step=step)
        pixel, self.alone = self.pixel(fake, real), self.opens(step, self.pretrain)
        if self.alone:
            return {"pixel": pixel}
        terms = self.objective.generator_terms(self.discriminator, fake, real) | {"pixel": pixel}
        terms["perceptual"] = perceptual(self.features, *self._shifted(fake, real), self.perceptual)
        return {name: self.weights[name] * term for name, term in terms.items()}

    def readings(self) -> Terms:
        return {} if self.alone else self.objective.readings()

    def translator(self, direction: str) -> nn.Module:
        if direction:
            raise GanzooError(f"this model enlarges images and knows no {direction}; leave --direction out")
        return self.generator

    def beside(self, images: Tensor) -> Tensor:
        return enlarged(images, self.scale)

    def _shifted(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The same part of each image and of its target, from a random corner."""
        if not self.shift:
            return images, target
        corners = (random.uniform(len(images), 2, device=images.device) * (self.shift + 1)).long().tolist()
        return _cut(images, corners, self.shift), _cut(target, corners, self.shift)

    def preview(self, n: int = 64) -> Tensor | None:
        """Rows of bicubic enlargement, the generator's, original."""
        if self.shown is None:
            return None
        real = self.shown["images"]
        small = reduced(real, self.scale)
        return torch.stack([enlarged(small, self.scale), self.translate(small).to(real), real], 1).flatten(0, 1)


def reduced(images: Tensor, scale: int) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] made small by a bicubic filter, in steps of 8 bits as files have them."""
    small = _resized(images, 1 / scale)
    return ((small + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1


def enlarged(images: Tensor, scale: int) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] made large by a bicubic filter: what there is to beat."""
    return _resized(images, scale).clamp(-1, 1)


def _resized(images: Tensor, factor: float) -> Tensor:
    # With antialias, torch's kernel is the one of Matlab and PIL (a = -0.5), also where nothing can alias.
    size = [round(side * factor) for side in images.shape[2:]]
    return interpolate(images.float(), size, mode="bicubic", antialias=True)


def _cut(images: Tensor, corners: Sequence[tuple[int, int]], less: int) -> Tensor:
    """A window of each image (N, C, H, W), smaller by ``less`` pixels, at a corner of its own."""
    height, width = (side - less for side in images.shape[2:])
    return torch.stack([image[:, y : y + height, x : x + width] for image, (y, x) in zip(images, corners, strict=True)])
