"""Perceptual path length: how much images change where latents hardly do."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.games.image import ImageGame, draw_latents
from ganzoo.metrics.images import perceptual_distance
from ganzoo.metrics.scores import Case, Score
from ganzoo.nets.pretrained import Features
from ganzoo.registry import METRICS

FEATURES = "efficientnet-lite0"
BATCH = 16
# The extremes that are left out, as in the paper's code.
LOWEST, HIGHEST = 0.01, 0.99


@METRICS.register("ppl")
def perceptual_path_length(case: Case) -> list[Score]:
    """Mean perceptual distance of images a step apart in latent space, over the step squared. Karras et al. 2019, 4.1.

    Between full endpoints, linearly in z; the distance is that of EfficientNet-Lite0's maps and not of VGG's, so
    values compare with each other and not with published ones.
    """
    game = case.model.game if case.model else None
    if not isinstance(game, ImageGame):
        raise GanzooError("ppl walks through a model's latents; it scores models that make images from noise")
    features = Features(FEATURES).to(case.device)
    starts = range(0, case.images.count, BATCH)
    count, seed = case.images.count, case.images.facts["seed"]
    lengths = torch.cat([_lengths(game, features, start, min(BATCH, count - start), case, seed) for start in starts])
    low, high = lengths.quantile(LOWEST, interpolation="lower"), lengths.quantile(HIGHEST, interpolation="higher")
    kept = lengths[(lengths >= low) & (lengths <= high)]
    deviation = float(kept.std()) if len(kept) > 1 else None
    return [Score("ppl", "PPL", "lower", float(kept.mean()), deviation, through=FEATURES)]


@torch.no_grad()
def _lengths(game: ImageGame, features: Features, start: int, n: int, case: Case, seed: int) -> Tensor:
    """The path lengths (n,) at n places."""
    epsilon = case.protocol.ppl_epsilon
    with random.drawing_from(random.Samples([(seed, start + i) for i in range(n)])):
        first, last, share = draw_latents(game.latent, n), draw_latents(game.latent, n), random.uniform(n, 1)
    labels = None if case.images.labels is None else case.images.labels[start : start + n].to(case.device)
    ends = []
    for place in (share, share + epsilon):
        # One noise for both ends, so that only the latent moves.
        with random.drawing_from(random.Samples([(seed, start + i) for i in range(n)])):
            ends.append(game.truncated(torch.lerp(first, last, place).to(case.device), labels, 1.0))
    return perceptual_distance(features, *ends).cpu() / epsilon**2
