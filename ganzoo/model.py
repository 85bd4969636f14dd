"""A trained generator and what can be done with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from ganzoo.arguments import floating_images, whole
from ganzoo.config import Config
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.games.base import Game
from ganzoo.halving import halve
from ganzoo.machine import pick_device, torch_defaults
from ganzoo.pictures import to_images

if TYPE_CHECKING:
    from PIL import Image


class Model:
    """A trained generator: ``model.sample(16, seed=0)``.

    config: how it was built and trained. card: the model card's text, Markdown. facts: what the card tells.
    picture: the file of its sample grid, where it came with one.
    """

    def __init__(
        self,
        config: Config,
        game: Game,
        card: str = "",
        facts: dict[str, Any] | None = None,
        picture: Path | None = None,
    ):
        self.config, self.game = config, game.eval().requires_grad_(False)
        self.card, self.facts, self.picture = card, facts or {}, picture

    @property
    def classes(self) -> list[str]:
        """Names of the labels it can be asked for; empty for an unconditional model."""
        return self.config.classes if self.config.conditional else []

    @property
    def reads(self) -> bool:
        """Whether it can be asked for images by ``captions``."""
        return "captions" in self.game.fields

    def sample(
        self,
        n: int | None = None,
        *,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        label: str | int | Sequence[str | int] | None = None,
        captions: str | Sequence[str] | None = None,
        truncation: float = 1.0,
        batch_size: int = 64,
    ) -> Tensor:
        """Images as a float tensor (n, C, H, W) in [-1, 1] on the CPU.

        n: 1 if left out, or one for each of several captions. The same seed gives the same images on the CPU,
        however they are batched. seeds: one seed per image instead. label: a class name or number for all, or one
        for each image; drawn uniformly if left out. captions: what a text-to-image model draws, a text for all or
        one for each; drawn from examples if left out. truncation: below 1, images are more typical and less varied.
        Raises GanzooError for unknown labels and for texts that are too long.
        """
        options: dict[str, Any] = {"label": label, "captions": captions, "truncation": truncation}
        batches = self.batches(n, seed=seed, seeds=seeds, batch_size=batch_size, **options)
        return torch.cat(list(batches)).contiguous()

    def batches(
        self,
        n: int | None = None,
        *,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        label: str | int | Sequence[str | int] | None = None,
        captions: str | Sequence[str] | None = None,
        truncation: float = 1.0,
        batch_size: int = 64,
    ) -> Iterator[Tensor]:
        """The images of :meth:`sample`, a batch at a time."""
        if n is None:
            n = 1 if captions is None or isinstance(captions, str) else len(captions)
        seed, each = whole(seed, "seed"), _seeds(seeds)
        n = n if each is None else len(each)
        _require_whole(n, batch_size)
        _require_truncation(truncation)
        conditions = self._conditions(label, captions, n)
        for start in range(0, n, batch_size):
            stop = min(start + batch_size, n)
            with torch_defaults():
                images = self.game.sample(
                    stop - start,
                    seed=seed,
                    seeds=None if each is None else each[start:stop],
                    labels=None if conditions is None else conditions[start:stop],
                    truncation=truncation,
                    start=start,
                )
            yield images.float().cpu()

    def images(self, n: int = 1, **options: Any) -> list[Image.Image]:
        """The same as PIL images; options as for :meth:`sample`."""
        return to_images(self.sample(n, **options))

    @torch_defaults()
    def translate(self, images: Tensor, *, direction: str | None = None, seed: int = 0, batch_size: int = 16) -> Tensor:
        """Translations of images (n, C, H, W) in [-1, 1], on the CPU; of the same shape, or ``scale`` times as large.

        direction: AtoB or BtoA; what it was trained for if left out. seed: another one gives other details where
        the generator has noise. Raises GanzooError for images or directions that the model does not take.
        """
        _require_whole(batch_size)
        batches = enumerate(floating_images(images).split(batch_size))
        options: dict[str, Any] = {"direction": direction, "seed": whole(seed, "seed")}
        done = [self.game.translate(batch, start=i * batch_size, **options).float().cpu() for i, batch in batches]
        return torch.cat(done).contiguous()

    @torch_defaults()
    def style_mix(self, n: int = 6, *, seed: int = 0, truncation: float = 1.0) -> Tensor:
        """A table of (n + 1)² images, row by row: the left column's coarse styles with the top row's fine ones.

        Raises GanzooError for a model whose generator has no styles.
        """
        style_mix: Any = getattr(self.game, "style_mix", None)
        if style_mix is None:
            raise GanzooError(f"{self.config.name} has no styles to mix; take a stylegan2 model")
        _require_whole(n)
        _require_truncation(truncation)
        images: Tensor = style_mix(n, seed=whole(seed, "seed"), truncation=truncation)
        return images.float().cpu()

    @torch_defaults()
    def interpolate(
        self,
        points: int = 4,
        frames: int = 16,
        *,
        seed: int = 0,
        label: str | int | Sequence[str | int] | None = None,
        captions: str | Sequence[str] | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """A closed walk through the latents of ``points`` samples, (points · frames, C, H, W) in [-1, 1].

        Latents are interpolated on the sphere they lie on where they are normal, else linearly. label, captions: one
        for all frames, or one for each; drawn for each point if left out.
        """
        _require_whole(points, frames)
        if points < 2:
            raise GanzooError("an interpolation needs at least 2 points")
        _require_truncation(truncation)
        conditions, seed = self._conditions(label, captions, points * frames), whole(seed, "seed")
        return self.game.interpolate(points, frames, seed=seed, labels=conditions, truncation=truncation).float().cpu()

    @torch_defaults()
    @torch.no_grad()
    def render(self, latents: Tensor, labels: Tensor | None = None, *, batch_size: int = 64) -> Tensor:
        """Images (n, C, H, W) in [-1, 1] of latents, as :func:`ganzoo.project` finds them.

        labels: what they were found with, class numbers or codes of texts; drawn if left out. Raises GanzooError for
        latents of another shape.
        """
        expected = self.game.latents(1)[0].shape[1:]
        if latents.shape[1:] != expected or not len(latents):
            wanted = ", ".join(map(str, ("n", *expected)))
            raise GanzooError(f"latents of shape {tuple(latents.shape)} were given; this model's are ({wanted})")
        drawn = self.game.latents(len(latents))[1]
        labels = drawn if labels is None else torch.as_tensor(labels, dtype=drawn.dtype)
        if labels.shape != drawn.shape:
            raise GanzooError(f"labels of shape {tuple(labels.shape)} were given; they are {tuple(drawn.shape)} here")
        if self.classes:
            labels = torch.tensor([self.class_number(number) for number in labels])
        latents = latents.float()
        device = next(self.game.parameters()).device
        rows = zip(latents.to(device).split(batch_size), labels.to(device).split(batch_size), strict=True)
        return torch.cat([self.game.rendered(*batch).float().clamp(-1, 1).cpu() for batch in rows]).contiguous()

    def class_number(self, label: str | int) -> int:
        """The position of a class by its name, or by its number from 0 up; raises GanzooError if there is none such."""
        names = self.classes
        if not names:
            instead = "ask for captions instead" if self.reads else "leave the label out"
            raise GanzooError(f"this {self.config.name} was trained without labels; {instead}")
        if not isinstance(label, str):
            if not 0 <= (number := whole(label, "label")) < len(names):
                last = len(names) - 1
                raise GanzooError(f"unknown label {number}; numbers go from 0 ({names[0]}) to {last} ({names[last]})")
            return number
        if label in names:
            return names.index(label)
        # Where classes are called by numbers, "1" is a name and not a position.
        if not any(name.isdecimal() for name in names) and label.isdecimal() and int(label) < len(names):
            return int(label)
        raise UnknownName("label", label, names)

    def to(self, device: str | torch.device) -> Model:
        """Move the networks to ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``; samples still arrive on the CPU.

        Raises GanzooError for a device that is not there.
        """
        self.game.to(pick_device(device))
        return self

    def compile(self, **options: Any) -> Model:
        """Compile the networks, options as for ``torch.compile``: many samples get faster, the first ones wait."""
        for network in self._networks():
            network.compile(**options)
        return self

    def half(self) -> Model:
        """Halve the memory that weights take: float16 inside; samples still arrive as float32."""
        for network in self._networks():
            halve(network)
        return self

    def __rich__(self) -> Any:
        from ganzoo.report.looks import in_terminal

        return in_terminal(self)

    def _repr_html_(self) -> str:
        from ganzoo.report.looks import in_notebook

        return in_notebook(self)

    def __repr__(self) -> str:
        kind = f"{len(self.classes)} classes" if self.classes else "texts" if self.reads else "unconditional"
        size = "×".join(map(str, (*self.config.size, self.config.image_channels)))
        return f"Model({self.config.name}, {size}, {kind})"

    def _networks(self) -> list[nn.Module]:
        return [network for name, network in self.game.named_children() if name in self.config.networks]

    def _conditions(
        self, label: str | int | Sequence[str | int] | None, captions: str | Sequence[str] | None, n: int
    ) -> Tensor | None:
        """Class numbers or codes of texts, one for each image."""
        if captions is None:
            return self._labels(label, n)
        if not self.reads:
            raise GanzooError(f"this {self.config.name} does not draw what a text says; leave the captions out")
        each = [captions] * n if isinstance(captions, str) else list(captions)
        if len(each) != n:
            raise GanzooError(f"{len(each)} captions were given for {n} images; give one, or one for each image")
        game: Any = self.game
        codes: Tensor = game.codes(each)
        return codes

    def _labels(self, label: str | int | Sequence[str | int] | None, n: int) -> Tensor | None:
        if label is None:
            return None
        several = isinstance(label, Iterable) and not isinstance(label, str) and getattr(label, "shape", None) != ()
        each = list(cast("Iterable[str | int]", label)) if several else [cast("str | int", label)] * n
        if len(each) != n:
            raise GanzooError(f"{len(each)} labels were given for {n} images; give one, or one for each image")
        return torch.tensor([self.class_number(item) for item in each])


def _seeds(seeds: Sequence[int] | None) -> list[int] | None:
    if seeds is None:
        return None
    if not isinstance(seeds, Iterable) or isinstance(seeds, str):
        raise GanzooError(f"seeds is {seeds!r}; give a list of whole numbers, or seed for one")
    return [whole(each, "seed") for each in seeds]


def _require_whole(*numbers: int) -> None:
    for number in numbers:
        if not isinstance(number, Integral) or number < 1:
            raise GanzooError(f"{number} images were asked for; give a whole number from 1 up")


def _require_truncation(truncation: float) -> None:
    if not 0 <= truncation < math.inf:
        raise GanzooError(f"truncation is {truncation}; give a number from 0 up, 1 for all the variety there is")
