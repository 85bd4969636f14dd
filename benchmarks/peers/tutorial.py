"""The floor to beat: a DCGAN loop as PyTorch's tutorial orders it."""

from __future__ import annotations

from functools import partial
from itertools import cycle, pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.duel import Duel
from benchmarks.trainers import OneStep, real_batches, trainer_of_networks

LATENT = 100
ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}


def generator(resolution: int, channels: int) -> nn.Module:
    """Latents (N, 100) -> images, 4×4 transposed convolutions with batch norm."""
    widths = [channels * min(2**i, 8) for i in range(resolution.bit_length() - 3)][::-1]
    layers: list[nn.Module] = [nn.Unflatten(1, (LATENT, 1, 1)), nn.ConvTranspose2d(LATENT, widths[0], 4, bias=False)]
    for before, after in pairwise(widths):
        layers += [nn.BatchNorm2d(before), nn.ReLU(True), nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)]
    layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(True), nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=False)]
    return _initialised(nn.Sequential(*layers, nn.Tanh()))


def discriminator(resolution: int, channels: int) -> nn.Module:
    """Images -> logits (N,); the tutorial's sigmoid is part of its loss here."""
    widths = [channels * min(2**i, 8) for i in range(resolution.bit_length() - 3)]
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in pairwise(widths):
        conv = nn.Conv2d(before, after, 4, 2, 1, bias=False)
        layers += [conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
    return _initialised(nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, bias=False), nn.Flatten(0)))


class Loop:
    """One iteration of the tutorial's loop per call, its ``.item()`` readings included."""

    def __init__(self, net_g: nn.Module, net_d: nn.Module, batches: list[Tensor]):
        self.net_g, self.net_d, self.batches = net_g, net_d, cycle(batches)
        self.criterion = nn.BCELoss()
        self.opt_d = torch.optim.Adam(net_d.parameters(), **ADAM)
        self.opt_g = torch.optim.Adam(net_g.parameters(), **ADAM)

    def __call__(self) -> tuple[float, ...]:
        real = next(self.batches)
        label = torch.ones(len(real))
        self.net_d.zero_grad()
        output = self.net_d(real).sigmoid()
        loss_real = self.criterion(output, label)
        loss_real.backward()
        d_x = output.mean().item()
        fake = self.net_g(torch.randn(len(real), LATENT))
        label.fill_(0.0)
        output = self.net_d(fake.detach()).sigmoid()
        loss_fake = self.criterion(output, label)
        loss_fake.backward()
        d_g_z1 = output.mean().item()
        loss_d = loss_real + loss_fake
        self.opt_d.step()
        self.net_g.zero_grad()
        label.fill_(1.0)
        output = self.net_d(fake).sigmoid()
        loss_g = self.criterion(output, label)
        loss_g.backward()
        d_g_z2 = output.mean().item()
        self.opt_g.step()
        return loss_d.item(), loss_g.item(), d_x, d_g_z1, d_g_z2


def _duel(resolution: int, folder: Path, scale: float = 1.0) -> Duel:
    batch, channels = max(4, int(64 * scale)), max(4, int(64 * scale))
    net_g, net_d = generator(resolution, channels), discriminator(resolution, channels)
    trainer = trainer_of_networks(
        net_g, net_d, folder, loss="non-saturating", batch_size=batch, resolution=resolution, latent_size=LATENT,
        adam={"lr": ADAM["lr"], "betas": list(ADAM["betas"])},
    )  # fmt: skip
    loop = Loop(net_g, net_d, real_batches(trainer.loader))
    what = f"DCGAN {resolution} px, {channels} channels, batch {batch}"
    return Duel("tutorial loop", what, batch, loop, OneStep(trainer))


def _initialised(network: nn.Module) -> nn.Module:
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
    return network


DUELS = {"dcgan-32": partial(_duel, 32), "dcgan-64": partial(_duel, 64)}
