"""Scores of translated images against the very images they should be."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganzoo.data.loader import to_float
from ganzoo.errors import GanzooError
from ganzoo.metrics.images import finite_psnr, perceptual_distance, ssim
from ganzoo.metrics.scores import Case, Score
from ganzoo.nets.pretrained import Features
from ganzoo.registry import METRICS

FEATURES = "efficientnet-lite0"
BATCH = 8


@METRICS.register("psnr")
def peak_signal_to_noise_ratio(case: Case) -> list[Score]:
    """Mean peak signal-to-noise ratio in decibels of translations, over all channels; 100 for equal images."""
    return [mean_score(case, "psnr", "PSNR", "higher", finite_psnr)]


@METRICS.register("ssim")
def structural_similarity(case: Case) -> list[Score]:
    """Mean structural similarity of translations. Wang et al. 2004."""
    return [mean_score(case, "ssim", "SSIM", "higher", ssim)]


@METRICS.register("perceptual")
def perceptual(case: Case) -> list[Score]:
    """Mean distance of translations in the eyes of EfficientNet-Lite0: like LPIPS, but with no number of theirs."""
    features = Features(FEATURES).to(case.device)

    def measure(images: Tensor, targets: Tensor) -> Tensor:
        return perceptual_distance(features, images, targets)

    return [mean_score(case, "perceptual", "perceptual distance", "lower", measure, FEATURES)]


def mean_score(
    case: Case, name: str, title: str, best: str, measure: Callable[[Tensor, Tensor], Tensor], through: str = ""
) -> Score:
    """The mean of a measure (N,) of images in [-1, 1] and what they should be; raises GanzooError if nobody knows."""
    if case.images.targets is None:
        raise GanzooError(f"{name} compares translations with what they should be; it takes a translator and pairs")
    pairs = zip(case.images.batches(BATCH), case.images.targets(BATCH), strict=True)
    values = torch.cat([measure(*(_floats(each).to(case.device) for each in pair)).cpu() for pair in pairs])
    deviation = float(values.std()) if len(values) > 1 else None
    return Score(name, title, best, float(values.mean()), deviation, through=through)


def _floats(images: Tensor) -> Tensor:
    return to_float(images.permute(0, 2, 3, 1))
