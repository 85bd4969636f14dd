"""vegans 0.4.0: the body of ``WassersteinGANGP.fit``'s loop, around ganzoo's DCGAN networks."""

from __future__ import annotations

import copy
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.duel import Duel
from benchmarks.trainers import OneStep, real_batches, trainer_of_networks
from ganzoo.nets.dcgan import DCGANDiscriminator, DCGANGenerator

LATENT = 100
ADAM = {"lr": 2e-4, "betas": (0.5, 0.9)}


def wgan_gp(folder: Path, scale: float = 1.0) -> Duel:
    """WGAN-GP at 32 pixels, 64 channels, batch 64; vegans 0.4.0 ignores its ``steps``, so one critic step each."""
    from vegans.GAN import WassersteinGANGP

    batch, width = max(4, int(64 * scale)), max(4, int(64 * scale))
    generator = DCGANGenerator(32, 3, LATENT, width, kernel_size=4)
    critic = DCGANDiscriminator(32, 3, width, kernel_size=4, norm="none")
    theirs = WassersteinGANGP(
        copy.deepcopy(generator), copy.deepcopy(critic), x_dim=(3, 32, 32), z_dim=LATENT, optim=torch.optim.Adam,
        optim_kwargs={"Generator": ADAM, "Adversary": ADAM}, device="cpu", folder=None, ngpu=0, secure=False,
    )  # fmt: skip
    trainer = trainer_of_networks(
        generator, critic, folder, loss="wasserstein", penalties=({"name": "gradient-penalty", "weight": 10.0},),
        batch_size=batch, resolution=32, latent_size=LATENT, adam={"betas": list(ADAM["betas"])},
    )  # fmt: skip
    loop = Loop(theirs, real_batches(trainer.loader))
    what = f"WGAN-GP 32 px, {width} channels, batch {batch}"
    return Duel("vegans 0.4.0", what, batch, loop, OneStep(trainer))


class Loop:
    """What ``fit`` does for one batch, without its prints."""

    def __init__(self, model: Any, batches: list[Tensor]):
        self.model, self.batches = model, cycle(batches)
        model.steps = model._create_steps(None)
        model.train()

    def __call__(self) -> None:
        model, real = self.model, next(self.batches)
        noise = model.sample(n=len(real))
        for name in model.neural_nets:
            for _ in range(model.steps[name]):
                model._losses = model.calculate_losses(X_batch=real, Z_batch=noise, who=name)
                model._zero_grad(who=name)
                model._backward(who=name)
                model._step(who=name)


DUELS = {"wgan-gp": wgan_gp}
