"""The games between images learn known translations."""

from __future__ import annotations

import pytest
import torch
from tiny import Images, configure, trainer_for
from torch import Tensor

from ganzoo.games.unpaired import DISCRIMINATORS, GENERATORS


def shapes(count: int, seed: int, size: int = 32) -> Tensor:
    """Colour images (count, size, size, 3) uint8 of a bright disc on a dark background, in random colours."""
    random = torch.Generator().manual_seed(seed)
    place, radius = torch.rand(count, 2, 1, 1, generator=random) * 0.6 + 0.2, 0.2
    colours = torch.rand(count, 2, 3, generator=random)
    y, x = torch.meshgrid(torch.linspace(0, 1, size), torch.linspace(0, 1, size), indexing="ij")
    inside = ((y - place[:, 0]).square() + (x - place[:, 1]).square() < radius**2)[..., None]
    bright, dark = 0.5 + colours[:, :1, None] / 2, colours[:, 1:, None] / 3
    return (torch.where(inside, bright, dark) * 255).to(torch.uint8)


def swapped(images: Tensor) -> Tensor:
    """Red, green, blue to blue, red, green."""
    return images.roll(1, -1)


def as_floats(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2) / 127.5 - 1


class Sides(Images):
    """Both sides as they are given."""

    def __init__(self, a: Tensor, b: Tensor):
        self.images, self.other = a, b

    @property
    def images_b(self) -> Tensor:
        return self.other


@pytest.mark.slow
def test_pix2pix_learns_to_swap_colours():
    wishes = {f"networks.{player}.channels": 16 for player in ("generator", "discriminator")}
    wishes |= {"networks.discriminator.patch": 16, "schedule.batch_size": 8, "schedule.lr_decay": "linear", "jitter": 1}
    config = configure("pix2pix", image_channels=3, schedule__steps=4000, optimizers__generator__lr=1e-3, **wishes)
    images = shapes(512, seed=0)
    trainer = trainer_for(config, dataset=Sides(images, swapped(images)))
    trainer.run(4000, [])
    unseen = shapes(64, seed=1)
    distance = (trainer.averaged.translate(as_floats(unseen)) - as_floats(swapped(unseen))).abs().mean()
    print(f"L1 {distance:.4f}")
    assert distance < 0.05


@pytest.mark.slow
def test_cyclegan_finds_an_invertible_colour_transform_without_pairs():
    """The negative: what is bright on one side is dark on the other."""
    wishes = {f"networks.{name}.channels": 16 for name in (*GENERATORS, *DISCRIMINATORS)}
    wishes |= {f"networks.{name}.patch": 16 for name in DISCRIMINATORS}
    wishes |= {f"networks.{name}.blocks": 2 for name in GENERATORS}
    wishes |= {"schedule.batch_size": 4, "game.identity": 0, "jitter": 1, "game.cycle": 5}
    config = configure("cyclegan", image_channels=3, schedule__steps=1500, optimizers__generator__lr=5e-4, **wishes)
    trainer = trainer_for(config, dataset=Sides(shapes(400, seed=0), 255 - shapes(300, seed=2)))
    trainer.run(1500, [])
    unseen = as_floats(shapes(64, seed=1))
    there = trainer.averaged.translate(unseen, direction="AtoB")
    distance, untouched = (there + unseen).abs().mean(), (2 * unseen).abs().mean()
    back = (trainer.averaged.translate(there, direction="BtoA") - unseen).abs().mean()
    print(f"L1 {distance:.3f} of {untouched:.3f}, back {back:.3f}")
    assert distance < 0.25 * untouched and back < 0.25
