"""The reference of pix2pix and CycleGAN: a loop that orders its work as their authors' ``optimize_parameters``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain, cycle
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from benchmarks.duel import Duel
from benchmarks.trainers import OneStep, real_batches, trainer_of_pairs
from ganzoo.config import resolve
from ganzoo.games.base import Game
from ganzoo.nets.layers import BlockConv2d
from ganzoo.nets.norms import InstanceNorm2d, ShiftedInstanceNorm2d

Batch = tuple[Tensor, Tensor]
ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}


class Pix2Pix:
    """Discriminator on (input, fake), on (input, target); then generator with the discriminator at rest."""

    def __init__(self, game: Game, batches: list[Batch]):
        self.generator, self.discriminator = (_copied(game, name) for name in ("generator", "discriminator"))
        self.opt_g = torch.optim.Adam(self.generator.parameters(), **ADAM)
        self.opt_d = torch.optim.Adam(self.discriminator.parameters(), **ADAM)
        self.batches = cycle(batches)

    def __call__(self) -> None:
        a, b = next(self.batches)
        fake = self.generator(a)
        _rest(self.discriminator, False)
        self.opt_d.zero_grad()
        of_fake = _vanilla(self.discriminator(torch.cat((a, fake.detach()), 1)), False)
        of_real = _vanilla(self.discriminator(torch.cat((a, b), 1)), True)
        ((of_fake + of_real) * 0.5).backward()
        self.opt_d.step()
        _rest(self.discriminator, True)
        self.opt_g.zero_grad()
        fooled = _vanilla(self.discriminator(torch.cat((a, fake), 1)), True)
        (fooled + l1_loss(fake, b) * 100).backward()
        self.opt_g.step()


class CycleGAN:
    """Both generators with the discriminators at rest; then each discriminator on real and on pooled fakes."""

    def __init__(self, game: Game, batches: list[Batch]):
        names = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
        self.ab, self.ba, self.judge_a, self.judge_b = (_copied(game, name) for name in names)
        self.opt_g = torch.optim.Adam(chain(self.ab.parameters(), self.ba.parameters()), **ADAM)
        self.opt_d = torch.optim.Adam(chain(self.judge_a.parameters(), self.judge_b.parameters()), **ADAM)
        self.pool_a, self.pool_b = _Pool(), _Pool()
        self.batches = cycle(batches)

    def __call__(self) -> None:
        a, b = next(self.batches)
        fake_b = self.ab(a)
        back_a = self.ba(fake_b)
        fake_a = self.ba(b)
        back_b = self.ab(fake_a)
        _rest(self.judge_a, True)
        _rest(self.judge_b, True)
        self.opt_g.zero_grad()
        same = l1_loss(self.ab(b), b) * 5 + l1_loss(self.ba(a), a) * 5
        fooled = _least_squares(self.judge_b(fake_b), True) + _least_squares(self.judge_a(fake_a), True)
        (same + fooled + l1_loss(back_a, a) * 10 + l1_loss(back_b, b) * 10).backward()
        self.opt_g.step()
        _rest(self.judge_a, False)
        _rest(self.judge_b, False)
        self.opt_d.zero_grad()
        for judge, real, fake in (
            (self.judge_b, b, self.pool_b.query(fake_b.detach())),
            (self.judge_a, a, self.pool_a.query(fake_a.detach())),
        ):
            ((_least_squares(judge(real), True) + _least_squares(judge(fake), False)) * 0.5).backward()
        self.opt_d.step()


class _Pool:
    """Fifty images; half of the new ones pass, the others take an older one's place."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def query(self, fakes: Iterable[Tensor]) -> Tensor:
        return torch.stack([self._one(fake) for fake in fakes])

    def _one(self, fake: Tensor) -> Tensor:
        if len(self.images) < 50:
            self.images.append(fake.clone())
            return fake
        swap, place = torch.rand(2).tolist()
        if swap < 0.5:
            return fake
        old, self.images[int(50 * place)] = self.images[int(50 * place)], fake.clone()
        return old


def _duel(
    variant: str,
    loop: Callable[[Game, list[Batch]], Callable[[], None]],
    resolution: int,
    folder: Path,
    scale: float = 1.0,
    channels: int = 64,
    batch_size: int = 1,
) -> Duel:
    """The papers' settings, but for size, width and batch; judges see half as far at 64 pixels."""
    wishes = {"resolution": resolution, "mirror": False, "jitter": 1, "schedule.batch_size": batch_size}
    width = channels if scale == 1 else max(4, int(64 * scale))
    for name in resolve(variant).config.networks:
        wishes[f"networks.{name}.channels"] = width
        if resolution < 128 and name.startswith("discriminator"):
            wishes[f"networks.{name}.patch"] = 34
    trainer = trainer_of_pairs(variant, folder, wishes)
    batches = [real_batches(trainer.loader, side) for side in ("images_a", "images_b")]
    what = f"{variant} {resolution} px, {width} channels, batch {batch_size}"
    peer = loop(trainer.game, list(zip(*batches, strict=True)))
    return Duel("authors' order", what, trainer.loader.batch_size, peer, OneStep(trainer))


def _copied(game: Game, name: str) -> nn.Module:
    """The same network with the same weights, of torch's own layers in the memory layout they are made in."""
    network = copy.deepcopy(game.get_submodule(name)).to(memory_format=torch.contiguous_format).train()
    for place, module in list(network.named_modules()):
        if isinstance(module, BlockConv2d):
            module.__class__ = nn.Conv2d
        if isinstance(module, InstanceNorm2d | ShiftedInstanceNorm2d):
            parent, _, child = place.rpartition(".")
            setattr(network.get_submodule(parent), child, _instance_norm(module))
    return network


def _instance_norm(module: nn.Module) -> nn.Module:
    norm = nn.InstanceNorm2d(len(module.bias), affine=isinstance(module, InstanceNorm2d))
    norm.load_state_dict(module.state_dict() if norm.affine else {})
    return norm


def _rest(network: nn.Module, resting: bool) -> None:
    for parameter in network.parameters():
        parameter.requires_grad_(not resting)


def _vanilla(logits: Tensor, real: bool) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def _least_squares(logits: Tensor, real: bool) -> Tensor:
    return nn.functional.mse_loss(logits, torch.full_like(logits, float(real)))


DUELS = {
    "pix2pix-64": partial(_duel, "pix2pix", Pix2Pix, 64, channels=32, batch_size=4),
    "pix2pix-256": partial(_duel, "pix2pix", Pix2Pix, 256),
    "cyclegan-64": partial(_duel, "cyclegan", CycleGAN, 64, channels=16, batch_size=4),
    "cyclegan-128": partial(_duel, "cyclegan", CycleGAN, 128),
}
