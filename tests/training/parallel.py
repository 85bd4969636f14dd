"""What one process and two processes each compute; run under two ranks by test_distributed.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from tiny import VARIANTS, configure, gradients, trainer_for, weights
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.training import distributed
from ganzoo.training.trainer import Trainer

SGD = {"name": "sgd", "lr": 1e-2}
PLAIN = {"optimizers.generator": SGD, "optimizers.discriminator": SGD, "schedule.batch_size": 8}
PLAIN |= {"schedule.discriminator_steps": 1}
LAYER = {"networks.discriminator.norm": "layer"}
# With more, what rounding leaves grows a hundredfold from step to step.
SMALL = {f"optimizers.{player}.lr": 1e-5 for player in ("generator", "discriminator")}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{variant: (variant, {}) for variant in VARIANTS},
    "cyclegan": ("cyclegan", SMALL),
    "both enlarge": ("srgan", {"game.pretrain": 0, **LAYER}),
    "full pool": ("cyclegan", {"game.pool": 3, **SMALL}),
    "matching": ("stackgan", {"game.matching": 1, "game.group": 4}),
    "paired": ("wgan-gp", {"loss": "relativistic-paired"}),
    # The probability moves after each step.
    "augmented": ("dcgan", {"augment": {"name": "ada", "probability": 0.5, "interval": 8, "speed": 100}, **LAYER}),
    "average with penalties": ("wgan-gp", {"loss": "relativistic-average", "penalties": ["r1", "r2", "consistency"]}),
    "dragan with dropout": ("gan", {"penalties": ["dragan"]}),
    "separate passes": ("dcgan", {"loss": "relativistic-average"}),
    "mirrored": ("sngan", {"mirror": True}),
    "clipped": ("wgan-gp", {"schedule.clip_gradients": 0.01}),
    "repeated": ("acgan", {"schedule.discriminator_steps": 2, **LAYER}),
}


def case(name: str, **settings: Any) -> Trainer:
    """A trainer without batch statistics: batch norm uses its running ones, where a variant has any.

    What is compared is everything else: data, latents, dropout, labels, losses, penalties, spectral norm.
    """
    variant, wishes = CASES[name]
    trainer = trainer_for(configure(variant, resolution=28, **PLAIN | wishes), **settings)
    for module in trainer.game.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
    return trainer


def first_gradients(trainer: Trainer) -> dict[str, Tensor]:
    """Each player's gradients in the first step, which the players make one after the other."""
    found = {}
    for turn in trainer.game.turns:
        for repeat in range(turn.repeat):
            trainer.update(turn, repeat)
            found |= {f"{repeat}.{name}": value for name, value in gradients(trainer, turn.player).items()}
    return found


def trajectory(trainer: Trainer) -> dict[str, Tensor]:
    """The game after four more steps of SGD, and its average."""
    trainer.step = 1
    trainer.run(5, [])
    return weights(trainer.game) | {f"ema.{key}": value for key, value in weights(trainer.averaged).items()}


def readings(name: str) -> dict[str, Tensor]:
    """What a log says after a step."""
    trainer = case(name)
    trainer.run(1, [])
    return {key: torch.tensor(value) for key, value in trainer.measure().items()}


def results() -> dict[str, Tensor]:
    """Everything that must not depend on the number of processes."""
    with double_precision():
        found = _results()
    return {key: value.contiguous() for key, value in found.items()}


@contextmanager
def double_precision() -> Iterator[None]:
    """All arithmetic in float64: in float32 a rectifier's kink turns a different order of summation into 1e-4."""
    single = torch.Tensor.float
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)
        torch.Tensor.float = single  # type: ignore[method-assign]


def _results() -> dict[str, Tensor]:
    found = {}
    for name in CASES:
        trainer = case(name)
        found |= {f"{name}|gradient|{key}": value for key, value in first_gradients(trainer).items()}
        found |= {f"{name}|trajectory|{key}": value for key, value in trajectory(trainer).items()}
    return found | {f"wgan-gp|reading|{key}": value for key, value in readings("wgan-gp").items()}


if __name__ == "__main__":
    with distributed.process_group(torch.device("cpu")):
        assert distributed.world_size() == 2
        save_file(results(), Path(sys.argv[1]) / f"rank-{dist.get_rank()}.safetensors")
