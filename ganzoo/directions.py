"""The directions in a generator's latents along which its images change most.

In the spirit of GANSpace (Härkönen et al. 2020, https://arxiv.org/abs/2004.02546), whose directions are those in which
a layer's activations vary; here those of the images themselves, seen from afar, so that any generator has them. They
are the active subspace (Constantine et al. 2014, https://arxiv.org/abs/1304.2070) of its map.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganzoo import random
from ganzoo.games.base import Game

DRAWN = 1024
PROBES = 256
BATCH = 32
AFAR = 8
"""Pixels of a side: what only changes details does not count."""


def main_directions(game: Game, count: int, *, seed: int = 0) -> Tensor:
    """Steps in the latents, (count, size), the most effective first; each of one standard deviation of theirs.

    Raises GanzooError for games that do not start from noise.
    """
    seed = random.derive(seed, "directions")
    device = next(game.parameters()).device
    latents, labels = (drawn.to(device) for drawn in game.latents(DRAWN, seed=seed))
    spread = _spread(latents)
    rows = zip(latents[:PROBES].split(BATCH), labels[:PROBES].split(BATCH), strict=True)
    gradients = torch.cat([_gradients(game, *row, seed=seed + i) for i, row in enumerate(rows)])
    _, _, main = torch.linalg.svd(gradients @ spread, full_matrices=False)
    steps = main[:count] @ spread.T
    # The sign that a decomposition gives is anything.
    return (steps * steps.gather(1, steps.abs().argmax(1, keepdim=True)).sign()).cpu()


def _spread(latents: Tensor) -> Tensor:
    """A root of the latents' covariance, (size, rank)."""
    _, sizes, axes = torch.linalg.svd(latents - latents.mean(0), full_matrices=False)
    return axes.T * sizes / len(latents) ** 0.5


def _gradients(game: Game, latents: Tensor, labels: Tensor, *, seed: int) -> Tensor:
    """By what latents change random sums of their images' pixels from afar, (n, size): samples of Jᵀy."""
    latents = latents.clone().requires_grad_()
    far = adaptive_avg_pool2d(game.rendered(latents, labels), AFAR)
    y = torch.randn(far.shape, generator=random.generator(seed)).to(far)
    (gradients,) = torch.autograd.grad((far * y).sum(), latents)
    return gradients
