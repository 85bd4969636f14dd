"""torch-mimicry 0.1.16: its networks and their ``train_step`` for DCGAN, WGAN-GP and SNGAN at 32 pixels."""

from __future__ import annotations

import copy
import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from benchmarks.duel import Duel
from benchmarks.trainers import OneStep, real_batches, trainer_of_networks

LATENT = 128
ADAM = {"lr": 2e-4, "betas": (0.0, 0.9)}
GRADIENT_PENALTY = {"name": "gradient-penalty", "weight": 10.0}
# module, class prefix, ganzoo's loss, penalties, critic steps. One critic step for WGAN-GP keeps
# the blocks short; more of them only favour ganzoo.
KINDS = {
    "DCGAN": ("dcgan", "DCGAN", "non-saturating", (), 1),
    "WGAN-GP": ("wgan_gp", "WGANGP", "wasserstein", (GRADIENT_PENALTY,), 1),
    "SNGAN": ("sngan", "SNGAN", "hinge", (), 5),
}


class Loop:
    """What the package's trainer does for one global step, its log included."""

    def __init__(self, generator: Any, discriminator: Any, batches: list[Tensor], discriminator_steps: int):
        self.generator, self.discriminator, self.batches = generator, discriminator, cycle(batches)
        self.discriminator_steps = discriminator_steps
        self.optimizers = [torch.optim.Adam(net.parameters(), **ADAM) for net in (generator, discriminator)]
        self.log = import_module("torch_mimicry.training.metric_log").MetricLog

    def __call__(self) -> None:
        log = self.log()
        for _ in range(self.discriminator_steps):
            batch = next(self.batches)
            given = {"real_batch": (batch, torch.zeros(len(batch))), "device": torch.device("cpu")}
            log = self.discriminator.train_step(netG=self.generator, optD=self.optimizers[1], log_data=log, **given)
        self.generator.train_step(netD=self.discriminator, optG=self.optimizers[0], log_data=log, **given)


def _duel(kind: str, folder: Path, scale: float = 1.0) -> Duel:
    """ResNets with 64 channels (the package's defaults are 256 and 128), batches of 32."""
    _import_without_the_rest()
    batch, width = max(4, int(32 * scale)), max(4, int(64 * scale))
    module, prefix, loss, penalties, steps = KINDS[kind]
    nets = import_module(f"torch_mimicry.nets.{module}.{module}_32")
    generator = getattr(nets, f"{prefix}Generator32")(nz=LATENT, ngf=width)
    discriminator = getattr(nets, f"{prefix}Discriminator32")(ndf=width)
    trainer = trainer_of_networks(
        generator, discriminator, folder, loss=loss, penalties=penalties, batch_size=batch, resolution=32,
        latent_size=LATENT, discriminator_steps=steps, adam={"betas": list(ADAM["betas"])},
    )  # fmt: skip
    loop = Loop(copy.deepcopy(generator), copy.deepcopy(discriminator), real_batches(trainer.loader), steps)
    what = f"{kind} 32 px, {width} channels, batch {batch}, {steps} critic step{'s' * (steps > 1)}"
    return Duel("mimicry 0.1.16", what, batch * steps, loop, OneStep(trainer))


def _import_without_the_rest() -> None:
    """Make the packages importable without running their ``__init__``, which wants tensorflow, lmdb and tensorboard."""
    for name in ("torch_mimicry", "torch_mimicry.training", "torch_mimicry.nets"):
        if name not in sys.modules:
            spec = find_spec(name)
            if spec is None:
                raise ModuleNotFoundError(f"{name} is not installed here; see benchmarks/peers/README.md")
            sys.modules[name] = module = ModuleType(name)
            module.__path__ = list(spec.submodule_search_locations or ())
            module.__spec__ = spec


DUELS = {kind.lower(): partial(_duel, kind) for kind in KINDS}
