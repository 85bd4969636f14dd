"""Noise to image, with or without labels: the game of Goodfellow et al. 2014."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo import random
from ganzoo.config import Component, Config, Latent
from ganzoo.errors import GanzooError
from ganzoo.games.base import Batch, Game, Turn, build_network, build_objective, require_players, tiled
from ganzoo.losses.objective import Terms
from ganzoo.registry import GAMES

AT_ONCE = 64  # images of a walk or a table
COLUMNS, MOST_COLUMNS = 8, 16  # of a preview


@GAMES.register("image")
class ImageGame(Game):
    """A generator turns latents (and labels) into images, a discriminator judges them.

    class_weight: weight of the auxiliary classifier's loss, for discriminators that have ``heads``
    (Odena et al. 2017, eq. 2 and 3).
    """

    players: tuple[str, ...] = ("generator", "discriminator")
    sampled: tuple[str, ...] = ("generator",)
    conditional = False
    generator: nn.Module
    discriminator: nn.Module

    def __init__(self, config: Config, networks: Mapping[str, Component], class_weight: float = 1.0):
        super().__init__()
        require_players(config.networks, self.players, config.game.name)
        if config.latent is None:
            raise GanzooError(f"{config.name}: 'latent' is missing; give e.g. -o 'latent={{size: 128}}'")
        self.latent, self.num_classes, self.class_weight = config.latent, config.num_classes, class_weight
        if config.conditional:
            self.conditional, self.fields = True, ("images", "labels")
            if 0 < config.num_classes <= MOST_COLUMNS:
                self.columns = config.num_classes * -(-COLUMNS // config.num_classes)
        self.turns = (
            Turn("discriminator", ("discriminator",), repeat=config.schedule.discriminator_steps),
            Turn("generator", ("generator",)),
        )
        given = {"resolution": config.resolution, "image_channels": config.image_channels}
        if config.num_classes:
            given["num_classes"] = config.num_classes
        if "generator" in networks:
            self.generator = build_network(networks["generator"], latent_size=config.latent.size, **given)
        if "discriminator" in networks:
            self.discriminator = build_network(networks["discriminator"], **given)
            self.objective = build_objective(config, self.discriminator)

    def prepare(self, batch: Batch) -> Batch:
        z = draw_latents(self.latent, len(batch["images"]), batch["images"].device)
        return batch | {"fake": self.generator(z, batch.get("labels"))}

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        real, fake, labels = batch["images"], batch["fake"], batch.get("labels")
        if turn.player == "discriminator":
            critic = _Critic(self.discriminator, labels, judged=2)
            terms = self.objective.discriminator_terms(critic, real, fake, step=step)
        else:
            critic = _Critic(self.discriminator, labels, judged=1)
            terms = self.objective.generator_terms(critic, fake, real)
        return terms | critic.class_terms(self.class_weight)

    def readings(self) -> Terms:
        return self.objective.readings()

    def sample(
        self,
        n: int = 1,
        *,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        labels: Tensor | None = None,
        truncation: float = 1.0,
        start: int = 0,
        shift: Tensor | None = None,
    ) -> Tensor:
        """Images (n, C, H, W) in [-1, 1]: samples from ``start`` on of a seed, or the first of each of ``seeds``.

        labels: (n,) class numbers; drawn uniformly for a conditional generator if left out.
        truncation: below 1 images are more typical and less varied, see :meth:`truncated`.
        shift: what is added to their latents, which are as :meth:`latents` gives them.
        """
        streams = [(seed, start + i) for i in range(n)] if seeds is None else [(each, 0) for each in seeds]
        with random.drawing_from(random.Samples(streams)):
            z, drawn = self._drawn(len(streams))
            return self._generate(z, drawn if labels is None else labels, truncation, shift)

    def preview(self, n: int = 64) -> Tensor:
        """Samples of seed 0, ``n`` or as many as fill rows; a class to a column where there are columns enough."""
        whole = n - n % (self.columns or 1) or n
        return self.sample(whole, seed=0, labels=torch.arange(whole) % max(self.num_classes, 1))

    def interpolate(
        self,
        points: int,
        frames: int,
        *,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        labels: Tensor | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """A closed walk over the latents of ``points`` samples, (points · frames, C, H, W) in [-1, 1].

        seeds: the first sample of each is a point instead.
        """
        streams = [(seed, i) for i in range(points)] if seeds is None else [(each, 0) for each in seeds]
        seed, points = streams[0][0], len(streams)
        with random.drawing_from(random.Samples(streams)):
            z, drawn = self._drawn(points)
        walk = _spherical if self.latent.distribution == "normal" else torch.lerp
        shares = torch.arange(frames) / frames
        path = torch.cat([walk(z[i], z[(i + 1) % points], shares[:, None]) for i in range(points)])
        labels = drawn.repeat_interleave(frames, 0) if labels is None else labels
        # One noise for all frames, so that only the latent moves.
        return with_one_noise((seed, points), partial(self._generate, truncation=truncation), path, labels)

    @torch.no_grad()
    def latents(self, n: int, *, seed: int = 0, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        with random.drawing_from(random.Samples([(seed, i) for i in range(n)])):
            z, drawn = self._drawn(n)
        labels, device = drawn if labels is None else labels, next(self.generator.parameters()).device
        return self.mapped(z.to(device), labels.to(device) if self.conditional else None).cpu(), labels

    def rendered(self, latents: Tensor, labels: Tensor) -> Tensor:
        # Always the same noise inside the generator: a latent means one image.
        with random.drawing_from(random.Samples([(0, 0)] * len(latents))):
            return self.typical(latents, labels if self.conditional else None, 1.0)

    def bounded(self, latents: Tensor) -> Tensor:
        """Latents within the distribution's bounds, or no longer than all but 0.2 % of normal ones are."""
        if self.latent.distribution == "normal":
            longest = math.sqrt(self.latent.size) + 2
            return latents * (longest / latents.norm(dim=1, keepdim=True)).clamp(max=1)
        bound = 1.0 if self.latent.distribution == "uniform" else self.latent.bound
        return latents.clamp(-bound, bound)

    def _drawn(self, n: int) -> tuple[Tensor, Tensor]:
        """Latents and labels."""
        return draw_latents(self.latent, n), (random.uniform(n) * self.num_classes).long()

    @torch.no_grad()
    def _generate(self, z: Tensor, labels: Tensor, truncation: float, shift: Tensor | None = None) -> Tensor:
        device = next(self.generator.parameters()).device
        z, given = z.to(device), labels.to(device) if self.conditional else None
        if shift is None:
            return self.truncated(z, given, truncation).clamp(-1, 1)
        latents = self.bounded(self.mapped(z, given) + shift.to(device))
        return self.typical(latents, given, truncation).clamp(-1, 1)

    def truncated(self, z: Tensor, labels: Tensor | None, truncation: float) -> Tensor:
        """Images of what was drawn from the latents' distribution, more typical below ``truncation`` 1."""
        return self.typical(self.mapped(z, labels), labels, truncation)

    def mapped(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """The latents that :meth:`latents` gives, of those that were drawn: the same."""
        return z

    def typical(self, latents: Tensor, labels: Tensor | None, truncation: float) -> Tensor:
        """Images of latents nearer to their mean: normal ones cut off at 2 · ``truncation``, others scaled by it.

        1 leaves them as they are. Brock et al. 2019, section 3.1 (https://arxiv.org/abs/1809.11096).
        """
        cut = self.latent.distribution == "normal" and truncation < 1
        # A latent keeps its rank, so what is drawn anew in the paper moves only a little here.
        z = _inside(torch.erf(latents / math.sqrt(2)), 2 * truncation) if cut else latents * truncation
        return self.generator(z, labels)


def draw_latents(latent: Latent, n: int, device: torch.device | str = "cpu") -> Tensor:
    """Latents (n, size) from a variant's distribution."""
    if latent.distribution == "normal":
        return random.normal(n, latent.size, device=device)
    uniform = 2 * random.uniform(n, latent.size, device=device) - 1
    return uniform if latent.distribution == "uniform" else _inside(uniform, latent.bound)


def with_one_noise(noise: tuple[int, int], make: Callable[..., Tensor], *rows: Tensor) -> Tensor:
    """What ``make`` makes of rows, some at a time, where the noise in the generator is that of one sample for all."""
    made = []
    for batch in zip(*(each.split(AT_ONCE) for each in rows), strict=True):
        with random.drawing_from(random.Samples([noise] * len(batch[0]))):
            made.append(make(*batch))
    return torch.cat(made)


def _inside(uniform: Tensor, bound: float) -> Tensor:
    """Uniform numbers in [-1, 1] -> normal ones cut off at ``bound``: the inverse of their distribution."""
    return math.sqrt(2) * torch.erfinv(uniform * math.erf(bound / math.sqrt(2)))


def _spherical(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Interpolation along the sphere: the norm stays typical of the distribution. White 2016, section 2.1."""
    angle = torch.arccos(torch.cosine_similarity(start, end, dim=-1).clamp(-1 + 1e-6, 1 - 1e-6))
    return (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle)


class _Critic:
    """The discriminator as a closure over labels.

    judged: batches (real, fake) whose class logits count, where the discriminator has ``heads``; what
    penalties ask later does not.
    """

    def __init__(self, discriminator: nn.Module, labels: Tensor | None, judged: int):
        self.discriminator, self.labels = discriminator, labels
        self.heads = getattr(discriminator, "heads", None)
        self.open_rows = judged * len(labels) if labels is not None and self.heads else 0
        self.class_logits: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        if self.labels is None:
            return self.discriminator(images)
        if self.heads is None:
            return self.discriminator(images, tiled(self.labels, len(images)))
        logits, class_logits = self.heads(images)
        if self.open_rows > 0:
            self.class_logits.append(class_logits)
            self.open_rows -= len(images)
        return logits

    def class_terms(self, weight: float) -> Terms:
        """The auxiliary classifier's loss on the judged images."""
        if not self.class_logits or self.labels is None:
            return {}
        logits = torch.cat(self.class_logits).float()
        return {"class": weight * cross_entropy(logits, tiled(self.labels, len(logits)))}
