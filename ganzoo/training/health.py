"""Is it working? Measurements of a running game and verdicts in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

History = Sequence[Mapping[str, Any]]

# Below this share of the data's diversity samples count as collapsed,
COLLAPSED = 0.15
# at once below this one; otherwise only if they were once twice as varied, or this many steps have passed:
# an untrained generator's samples are hardly varied, which is no collapse.
CONSTANT = 0.03
# A discriminator right this often has stopped being a contest; after this many steps that is worth saying.
DECIDED = 0.99
PATIENCE = 500
# Samples come in few kinds where their nearest ones are this much nearer than their distances let expect.
FEW_KINDS = 0.85
SATURATED = 0.99


@torch.no_grad()
def measure(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Diversity of generated images relative to real ones, and their shares of saturated values.

    real, fake: (N, C, H, W) in [-1, 1]. Diversity is the mean distance between two images of the batch,
    each averaged down to 16 × 16 at most, as a share of the same for real images: 1 is the data's, 0 means
    that all samples are the same; a single image has none. Nearest is the same with each image's nearest one,
    which falls where samples differ but come in few kinds.
    """
    shares = {"saturation": _saturation(fake), "real_saturation": _saturation(real)}
    if len(real) < 2 or len(fake) < 2:
        return shares
    spread, wanted = _distances(fake), _distances(real)
    # Of data that are one image again and again there is nothing to have a share of.
    ratios = {name: torch.where(wanted[name] > 0, spread[name] / wanted[name], 1.0) for name in spread}
    return ratios | shares


def verdicts(history: History) -> list[str]:
    """What the logged entries (oldest first) say about the game, worst first; empty if nothing is wrong."""
    return list(findings(history).values())


def findings(history: History) -> dict[str, str]:
    """The same by what is wrong: divergence, collapse, vanished, dominance, chance, saturation."""
    checks = {
        "divergence": _divergence,
        "collapse": _collapse,
        "vanished": _vanished,
        "dominance": _dominance,
        "chance": _chance,
        "saturation": _saturated,
    }
    found = {name: check(history) for name, check in checks.items()} if history else {}
    return {name: sentence for name, sentence in found.items() if sentence}


def phase(history: History) -> str:
    """The phase the game is in, in a word or two."""
    if history and "generator/pixel" in history[-1] and "fake_accuracy" not in history[-1]:
        return "pre-training"
    accuracies = [_accuracy(entry) for entry in history[-5:] if "fake_accuracy" in entry]
    if not history or not accuracies or (_uniform(history[-1]) and not _has_collapsed(history)):
        return "starting"
    if _uniform(history[-1]):
        return "collapsing"
    if mean(accuracies) >= 0.95:
        return "discriminator ahead"
    return "contested" if mean(accuracies) > 0.55 else "generator ahead"


def _divergence(history: History) -> str:
    bad = [key for key, value in history[-1].items() if isinstance(value, float) and not math.isfinite(value)]
    return f"{bad[0].replace('/', ' ').replace('_', ' ')} is not finite" if bad else ""


def _collapse(history: History) -> str:
    if len(history) < 2 or not all(_uniform(entry) for entry in history[-2:]) or not _has_collapsed(history):
        return ""
    return f"samples have collapsed: diversity {history[-1]['diversity']:.0%} of the data's"


def _dominance(history: History) -> str:
    # A critic that is always right about a difference does no harm: its gap is the generator's gradient.
    if "d_real" not in history[-1]:
        return ""
    steps = _duration(history, lambda entry: _accuracy(entry) >= DECIDED)
    if steps < PATIENCE:
        return ""
    return f"the discriminator has been right {_accuracy(history[-1]):.0%} of the time for {steps} steps"


def _chance(history: History) -> str:
    steps = _duration(history, lambda entry: "fake_accuracy" in entry and _accuracy(entry) <= 0.5)
    return f"the discriminator has done no better than chance for {steps} steps" if steps >= PATIENCE else ""


def _saturated(history: History) -> str:
    beyond = [e.get("saturation", 0.0) > e.get("real_saturation", 1.0) + 0.5 for e in history[-2:]]
    if len(beyond) < 2 or not all(beyond):
        return ""
    return f"{history[-1]['saturation']:.0%} of the samples' values are saturated"


def _vanished(history: History) -> str:
    still = [key for key, value in history[-1].items() if key.endswith("gradient_norm") and value == 0.0]
    return f"the {still[0].split('/')[0]} receives no gradient" if still else ""


def _uniform(entry: Mapping[str, Any]) -> bool:
    return entry.get("diversity", 1.0) < COLLAPSED


def _has_collapsed(history: History) -> bool:
    """Whether uniform samples are a collapse and not a beginning."""
    now = history[-1]
    once = max(entry.get("diversity", 0.0) for entry in history)
    return now.get("diversity", 1.0) < CONSTANT or once >= 2 * COLLAPSED or now["step"] >= PATIENCE


def _accuracy(entry: Mapping[str, Any]) -> float:
    return (entry.get("real_accuracy", 0.5) + entry.get("fake_accuracy", 0.5)) / 2


def _duration(history: History, holds) -> int:
    """Steps for which something has held without a break."""
    last = first = history[-1]["step"]
    for entry in reversed(history):
        if not holds(entry):
            break
        first = entry["step"]
    return last - first


def _distances(images: Tensor) -> dict[str, Tensor]:
    """The mean distance between two images, and to an image's nearest one."""
    small = adaptive_avg_pool2d(images[:64].float(), min(16, *images.shape[2:])).flatten(1)
    distances = torch.cdist(small, small, compute_mode="donot_use_mm_for_euclid_dist")
    mean = distances.sum() / (len(small) * (len(small) - 1))
    return {"diversity": mean, "nearest": distances.fill_diagonal_(torch.inf).amin(1).mean()}


def _saturation(images: Tensor) -> Tensor:
    return (images.abs() > SATURATED).float().mean()
