"""StyleGAN2's game: noise to image with style mixing, path-length regularisation and truncation in W.

Karras et al. 2020 (https://arxiv.org/abs/1912.04958).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ganzoo import random
from ganzoo.config import Component, Config
from ganzoo.errors import GanzooError
from ganzoo.games.base import Batch, Turn
from ganzoo.games.image import ImageGame, draw_latents, with_one_noise
from ganzoo.losses.batch import batch_mean
from ganzoo.losses.objective import Terms
from ganzoo.losses.penalties import exactly
from ganzoo.nets.stylegan2 import StyleGAN2Generator
from ganzoo.registry import GAMES

STYLE_MEAN_DECAY = 0.995


@GAMES.register("stylegan2")
class StyleGAN2Game(ImageGame):
    """Like ``image``, for a generator with a mapping network: styles are mixed, and changes of w have equal effect.

    style_mixing: share of images with a second latent from a random layer on (Karras et al. 2019, section 3.1).
    path_length: weight of the path-length term, 2 being the paper's γ_pl at every resolution, since lengths are
    averaged over layers; applied every ``path_length_interval`` steps (section 3.2, appendix B).
    """

    generator: StyleGAN2Generator
    path_mean: Tensor

    def __init__(
        self,
        config: Config,
        networks: Mapping[str, Component],
        style_mixing: float = 0.9,
        path_length: float = 2.0,
        path_length_interval: int = 8,
        path_length_decay: float = 0.01,
    ):
        super().__init__(config, networks)
        self.style_mixing, self.path_length = style_mixing, path_length
        self.path_length_interval, self.path_length_decay = path_length_interval, path_length_decay
        if "generator" in networks and not hasattr(self.generator, "mean_style"):
            name = networks["generator"].name
            raise GanzooError(f"game 'stylegan2' mixes styles, which {name} has not; use stylegan2-generator")
        if path_length_interval < 1:
            raise GanzooError(f"path_length_interval is {path_length_interval}; give a whole number of steps from 1 up")
        if "discriminator" in networks:
            self.register_buffer("path_mean", torch.zeros(()))

    def prepare(self, batch: Batch) -> Batch:
        styles = self._styles(batch)
        # The first layer's style is never a mixed one.
        self.generator.mean_style.lerp_(batch_mean(styles[:, 0].detach().float(), 0), 1 - STYLE_MEAN_DECAY)
        return batch | {"fake": self.generator(styles)}

    def terms(self, turn: Turn, batch: Batch, step: int) -> Terms:
        terms = super().terms(turn, batch, step)
        if turn.player == "generator" and self.path_length and step % self.path_length_interval == 0:
            with exactly(batch["images"].device):
                deviation = self._path_deviation(batch)
            terms["path_length"] = self.path_length * self.path_length_interval * deviation
        return terms

    def mapped(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Styles (n, style_size), one for all layers."""
        return self.generator.mapping(z, labels)

    def typical(self, latents: Tensor, labels: Tensor | None, truncation: float) -> Tensor:
        """Images of styles drawn towards the mean style. Karras et al. 2019, appendix B."""
        styles = self.generator.mean_style.lerp(latents, truncation)
        return self.generator(styles[:, None].expand(-1, self.generator.layers, -1))

    def bounded(self, latents: Tensor) -> Tensor:
        """Styles are anywhere."""
        return latents

    @torch.no_grad()
    def style_mix(self, n: int, *, seed: int = 0, truncation: float = 1.0) -> Tensor:
        """A table of mixtures, ((n + 1)², C, H, W): first layers' styles from the left, the rest from the top."""
        with random.drawing_from(random.Samples([(seed, i) for i in range(2 * n)])):
            z, labels = (drawn.to(self.generator.mean_style.device) for drawn in self._drawn(2 * n))
        styles = self.generator.styles(z, labels if self.num_classes else None, truncation)
        left, top = (torch.cat([styles.new_zeros(1, *styles.shape[1:]), half]) for half in styles.chunk(2))
        first = torch.arange(styles.shape[1], device=styles.device)[:, None] < styles.shape[1] // 2
        table = torch.where(first, left[:, None], top[None])
        table[0], table[:, 0] = top, left
        images = with_one_noise((seed, 2 * n), self.generator, table.flatten(0, 1)).clamp(-1, 1)
        images[0] = 1
        return images

    def _styles(self, batch: Batch) -> Tensor:
        """Styles for a batch of new latents, (N, layers, style_size)."""
        n, device, labels = len(batch["images"]), batch["images"].device, batch.get("labels")
        one = self.generator.styles(draw_latents(self.latent, n, device), labels)
        if not self.style_mixing:
            return one
        other = self.generator.styles(draw_latents(self.latent, n, device), labels)
        layers = one.shape[1]
        mixed, place = random.uniform(n, 2, device=device).unbind(1)
        crossover = torch.where(mixed < self.style_mixing, 1 + (place * (layers - 1)).long(), layers)
        return torch.where((torch.arange(layers, device=device) < crossover[:, None])[..., None], one, other)

    def _path_deviation(self, batch: Batch) -> Tensor:
        """Mean squared deviation of |Jᵀy| from its long-term mean, for random images y. Eq. 4."""
        styles = self._styles(batch)
        images = self.generator(styles)
        noise = random.normal(*images.shape, device=images.device) / math.sqrt(images[0, 0].numel())
        (gradient,) = torch.autograd.grad((images * noise).sum(), styles, create_graph=True)
        lengths = gradient.square().sum(2).mean(1).sqrt()
        # From zero the mean would for long be too low, and silence the styles in a short run.
        decay = torch.where(self.path_mean == 0, 1.0, self.path_length_decay)
        self.path_mean.lerp_(batch_mean(lengths.detach()), decay)
        return (lengths - self.path_mean.clone()).square().mean()
