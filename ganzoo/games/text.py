"""Text to image in two stages: the game of Zhang et al. 2017 (StackGAN)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo import random
from ganzoo.config import Component, Config
from ganzoo.errors import GanzooError
from ganzoo.games.base import Batch, Turn, build_network, build_objective, tiled
from ganzoo.games.image import ImageGame, draw_latents
from ganzoo.losses.objective import AdversarialObjective, Terms
from ganzoo.registry import GAMES

GENERATORS = ("generator", "generator_two")
DISCRIMINATORS = ("discriminator", "discriminator_two")
SMALLEST = 8
SMALLEST_FOR_FOUR = 64
SHOWN = 8


@GAMES.register("text")
class TextGame(ImageGame):
    """Stage I turns latents and texts into small images, stage II turns those and the texts into large ones.

    The second stage learns when the first has had its share ``stage_one`` of the steps, and the first then stays as
    it is. factor: how many times larger the second stage's images are; left out, 4 from 64 pixels on and 2 below.
    A discriminator tells real images with their texts from generated ones and from real images with other texts,
    whose share in its loss is ``mismatch`` (Reed et al. 2016, Algorithm 1); the encoder of texts learns with it.
    matching: weight of a cross-entropy for both players, of finding an image's text among those of a ``group`` of
    consecutive images (of fewer where that does not divide the batch). divergence: weight of the conditions' distance
    from N(0, I) (section 3.2, eq. 4).
    """

    players = ("text", *GENERATORS, *DISCRIMINATORS)
    sampled = ("text", *GENERATORS)
    kinds = ("captions",)
    fields = ("images", "captions")
    columns = SHOWN
    legend = "one text"
    conditional = True
    stage: Tensor
    text: Any
    generator_two: nn.Module
    discriminator_two: nn.Module

    def __init__(
        self,
        config: Config,
        networks: Mapping[str, Component],
        stage_one: float = 0.5,
        factor: int | None = None,
        mismatch: float = 0.5,
        matching: float = 0.0,
        group: int = 32,
        divergence: float = 2.0,
    ):
        super().__init__(config, {})
        self.factor = factor or (4 if config.resolution >= SMALLEST_FOR_FOUR else 2)
        self.stage_one, self.mismatch, self.divergence = stage_one, mismatch, divergence
        self.matching, self.group = matching, group
        if config.resolution < SMALLEST * self.factor:
            raise GanzooError(
                f"resolution {config.resolution} is too small for a second stage that enlarges {self.factor} times; "
                f"use {SMALLEST * self.factor} or more"
            )
        self.turns = (
            Turn("discriminator", ("text", *DISCRIMINATORS), repeat=config.schedule.discriminator_steps),
            Turn("generator", GENERATORS),
        )
        # Models are saved with it: samples come from the stages that have learnt something.
        self.register_buffer("stage", torch.ones((), dtype=torch.int64))
        self.text = build_network(config.networks["text"])
        for name in (*DISCRIMINATORS[::-1], *GENERATORS):
            if name in networks:
                self.add_module(name, build_network(networks[name], **self._given(config, name)))
        if "discriminator" in networks:
            self.objective = build_objective(config, self.discriminator)
            self.objective_two = build_objective(config, self.discriminator_two, "discriminator_two")
            if mismatch and config.schedule.batch_size == 1:
                raise GanzooError(
                    "an image's wrong text is its neighbour's, which a batch of 1 has not; give --batch-size 2 or more "
                    "or -o game.mismatch=0"
                )
        self.captions = config.captions or [""]
        self.codes(self.captions)

    def check(self, dataset: Any) -> None:
        self.codes(dataset.different_captions())

    def prepare(self, batch: Batch) -> Batch:
        first = self.opens(batch["step"], self.stage_one)
        self.stage.fill_(1 if first else 2)
        z = draw_latents(self.latent, len(batch["images"]), batch["images"].device)
        with torch.set_grad_enabled(first and torch.is_grad_enabled()):
            embedding = batch["embedding"] if "embedding" in batch else self.text(batch["captions"])
            fake, divergence = self.generator(z, embedding.detach())
        if first:
            batch = batch | {"images": F.avg_pool2d(batch["images"], self.factor)}
        else:
            fake, divergence = self.generator_two(fake, embedding)
        return batch | {"fake": fake, "embedding": embedding, "divergence": divergence}

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        second = not self.opens(step, self.stage_one)
        discriminator = self.discriminator_two if second else self.discriminator
        objective = self.objective_two if second else self.objective
        if turn.player == "discriminator":
            critic = _Critic(discriminator, batch["embedding"])
            terms = self._discriminator_terms(objective, critic, batch, step)
        else:
            critic = _Critic(discriminator, batch["embedding"].detach())
            terms = objective.generator_terms(critic, batch["fake"], batch["images"])
            terms["divergence"] = self.divergence * batch["divergence"].mean()
        return terms | {"matching": self.matching * critic.matching(self.group)} if self.matching else terms

    def readings(self) -> Terms:
        return (self.objective if self.stage == 1 else self.objective_two).readings()

    def codes(self, captions: list[str]) -> Tensor:
        """Texts as the encoder takes them, (n, length); raises GanzooError for those that are too long for it."""
        codes: Tensor = self.text.codes(captions)
        return codes

    def preview(self, n: int = 64) -> Tensor:
        """A row of samples for each of the first captions."""
        rows = self.captions[: -(-n // SHOWN)]
        return self.sample(n, seed=0, labels=self.codes([rows[i // SHOWN % len(rows)] for i in range(n)]))

    def typical(self, latents: Tensor, labels: Tensor | None, truncation: float) -> Tensor:
        embedding = self.text(labels)
        images, _ = self.generator(latents * truncation, embedding)
        if self.stage == 1:
            return F.interpolate(images, scale_factor=self.factor, mode="nearest")
        return self.generator_two(images, embedding)[0]

    def _discriminator_terms(self, objective: AdversarialObjective, critic: _Critic, batch: Batch, step: int) -> Terms:
        terms = objective.discriminator_terms(critic, batch["images"], batch["fake"], step=step)
        mismatch = objective.loss.discriminator(*critic.matched_and_not())
        weighted = {"adversarial": (1 - self.mismatch) * terms["adversarial"], "mismatch": self.mismatch * mismatch}
        return terms | weighted

    def _drawn(self, n: int) -> tuple[Tensor, Tensor]:
        """Latents and texts."""
        z, codes = draw_latents(self.latent, n), self.codes(self.captions)
        return z, codes[(random.uniform(n) * len(codes)).long()]

    def _given(self, config: Config, name: str) -> dict[str, Any]:
        """The keywords that a network's role decides."""
        size = config.resolution if name.endswith("two") else config.resolution // self.factor
        given: dict[str, Any] = {
            "resolution": size, "image_channels": config.image_channels, "text_size": self.text.size
        }  # fmt: skip
        extra: dict[str, dict[str, Any]] = {
            "generator": {"latent_size": self.latent.size},
            "generator_two": {"scale": self.factor},
            **dict.fromkeys(DISCRIMINATORS, {"matching": True} if self.matching else {}),
        }
        return given | extra.get(name, {})


class _Critic:
    """A discriminator as a closure over texts; remembers the images it saw first: the real ones in its own turn."""

    def __init__(self, discriminator: Any, embedding: Tensor):
        self.discriminator, self.embedding = discriminator, embedding
        self.first: tuple[Tensor, Tensor] | None = None

    def __call__(self, images: Tensor) -> Tensor:
        features = self.discriminator.features(images)
        logits: Tensor = self.discriminator.judge(features, tiled(self.embedding, len(images)))
        n = len(self.embedding)
        self.first = self.first or (features[:n], logits[:n])
        return logits

    def matched_and_not(self) -> tuple[Tensor, Tensor]:
        """The logits of the first images with their texts, and with their neighbours'."""
        features, logits = self._seen()
        rows = torch.arange(len(features), device=features.device)
        # Neighbours swap: processes and pieces with an even number of rows do what one batch would.
        neighbours = rows ^ 1 if len(rows) % 2 == 0 else rows - 1
        return logits.float(), self.discriminator.judge(features, self.embedding[neighbours]).float()

    def matching(self, group: int) -> Tensor:
        """Cross-entropy of finding the text of each of the first images among the texts of its group."""
        features, _ = self._seen()
        n = len(features)
        size = next(size for size in range(group, 0, -1) if n % size == 0)
        groups = (x.unflatten(0, (-1, size)) for x in (features, self.embedding))
        logits = self.discriminator.match(*groups).flatten(0, 1)
        return F.cross_entropy(logits.float(), torch.arange(n, device=logits.device) % size)

    def _seen(self) -> tuple[Tensor, Tensor]:
        assert self.first is not None, "nothing was judged yet"
        return self.first
