"""Optimizers by name, learning-rate schedules as functions of the step, weight clipping."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganzoo.annealing import at
from ganzoo.config import Optimizer as OptimizerConfig
from ganzoo.config import Schedule
from ganzoo.errors import GanzooError, UnknownName

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
FUSED = ("adam", "adamw", "sgd")


def build_optimizer(config: OptimizerConfig, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """The configured optimizer over ``parameters``, fused where torch has it."""
    if config.name not in OPTIMIZERS:
        raise UnknownName("optimizer", config.name, OPTIMIZERS)
    options = {name: at(value, 0) for name, value in config.options.items()}
    if config.name in FUSED:
        options.setdefault("fused", True)
    try:
        return OPTIMIZERS[config.name](parameters, lr=at(config.lr, 0), **options)
    except (TypeError, ValueError) as error:
        raise GanzooError(f"optimizer '{config.name}' refuses {config.options}: {error}") from error


def follow_schedule(optimizer: torch.optim.Optimizer, config: OptimizerConfig, schedule: Schedule, step: int) -> None:
    """Give an optimizer the learning rate, and what else of its options changes, of a step."""
    share = schedule.burnt_in(step)
    changing = {name: at(value, share) for name, value in config.options.items()}
    for group in optimizer.param_groups:
        group.update(changing, lr=at(config.lr, share) * lr_factor(schedule, step))


def lr_factor(schedule: Schedule, step: int) -> float:
    """Share of the base learning rate in a step.

    Constant, then falling to ``lr_final`` from ``lr_decay_start`` on, or by what ``lr_steps`` say.
    """
    start = schedule.lr_decay_start * schedule.steps
    progress = min(1.0, max(0.0, (step - start) / (schedule.steps - start)))
    if schedule.lr_decay == "linear":
        return 1 + (schedule.lr_final - 1) * progress
    if schedule.lr_decay == "exponential":
        return float(schedule.lr_final**progress)
    if schedule.lr_decay == "steps":
        return next((factor for share, factor in reversed(schedule.lr_steps) if progress >= share), 1.0)
    return 1.0


@torch.no_grad()
def clip_weights(parameters: Sequence[Tensor], bound: float) -> None:
    """Confine every weight to [-bound, bound]. Arjovsky et al. 2017, Algorithm 1, line 7."""
    torch._foreach_clamp_min_(list(parameters), -bound)
    torch._foreach_clamp_max_(list(parameters), bound)
