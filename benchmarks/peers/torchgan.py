"""torchgan 0.1.0: ``Trainer.train_iter`` with its own DCGAN networks, for DCGAN and for WGAN-GP."""

from __future__ import annotations

import os
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.duel import Duel
from benchmarks.trainers import OneStep, real_batches, trainer_of_networks

os.environ.update(CONSOLE_LOGGING="0", TENSORBOARD_LOGGING="0", VISDOM_LOGGING="0")

LATENT = 100
GRADIENT_PENALTY = {"name": "gradient-penalty", "weight": 10.0}


def dcgan(folder: Path, scale: float = 1.0) -> Duel:
    """DCGAN at 32 pixels, 64 channels, batch 64."""
    from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss

    theirs = [MinimaxGeneratorLoss(), MinimaxDiscriminatorLoss()]
    return _duel(folder, scale, "DCGAN", theirs, "non-saturating", (), batchnorm=True)


def wgan_gp(folder: Path, scale: float = 1.0) -> Duel:
    """WGAN-GP with one critic step (torchgan's counter takes its two critic losses for two), otherwise the same."""
    from torchgan.losses import WassersteinDiscriminatorLoss, WassersteinGeneratorLoss, WassersteinGradientPenalty

    theirs = [WassersteinGeneratorLoss(), WassersteinDiscriminatorLoss(), WassersteinGradientPenalty(lambd=10.0)]
    return _duel(folder, scale, "WGAN-GP", theirs, "wasserstein", (GRADIENT_PENALTY,), batchnorm=False)


DUELS = {"dcgan": dcgan, "wgan-gp": wgan_gp}


class Loop:
    """What ``Trainer.train`` does for one batch."""

    def __init__(self, trainer: Any, batches: list[Tensor]):
        self.trainer, self.batches = trainer, cycle(batches)
        trainer.batch_size = len(batches[0])
        trainer.generator.train()
        trainer.discriminator.train()

    def __call__(self) -> None:
        trainer, told = self.trainer, self.trainer.loss_information
        trainer.real_inputs = next(self.batches)
        generator_loss, discriminator_loss, generator_steps, discriminator_steps = trainer.train_iter()
        told["generator_losses"] += generator_loss
        told["discriminator_losses"] += discriminator_loss
        told["generator_iters"] += generator_steps
        told["discriminator_iters"] += discriminator_steps


def _duel(
    folder: Path, scale: float, name: str, losses: list[Any], loss: str, penalties: tuple, *, batchnorm: bool
) -> Duel:
    from torchgan.models import DCGANDiscriminator, DCGANGenerator
    from torchgan.trainer import Trainer

    batch, width = max(4, int(64 * scale)), max(4, int(64 * scale))
    adam = {"name": torch.optim.Adam, "args": {"lr": 2e-4, "betas": (0.5, 0.999)}}
    plain = {"in_size": 32, "step_channels": width, "batchnorm": batchnorm, "last_nonlinearity": nn.Identity()}
    models = {
        "generator": {"name": DCGANGenerator, "args": {"out_size": 32, "step_channels": width}, "optimizer": adam},
        "discriminator": {"name": DCGANDiscriminator, "args": plain, "optimizer": adam},
    }
    places = {"checkpoints": str(folder / "model" / "gan"), "recon": str(folder / "images")}
    theirs = Trainer(models, losses, device=torch.device("cpu"), **places)
    trainer = trainer_of_networks(
        theirs.generator, theirs.discriminator, folder, loss=loss, penalties=penalties, batch_size=batch,
        resolution=32, latent_size=LATENT, adam={"betas": [0.5, 0.999]},
    )  # fmt: skip
    loop = Loop(theirs, real_batches(trainer.loader))
    what = f"{name} 32 px, {width} channels, batch {batch}"
    return Duel("torchgan 0.1.0", what, batch, loop, OneStep(trainer))
