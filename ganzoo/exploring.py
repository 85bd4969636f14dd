"""What a page to play with a model needs: which controls the model has, and pictures for their values."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ganzoo.directions import main_directions
from ganzoo.errors import GanzooError
from ganzoo.games.translation import ImageToImageGame, TranslationGame
from ganzoo.nets.layers import Dropout
from ganzoo.sampling import write_gif
from ganzoo.translating import as_input, read_image, usual_size
from ganzoo.weights import WEIGHTS, bundled_models
from ganzoo.words import plural
from ganzoo.zoo import load, to_images

SLIDERS = 5
FRAMES = 24
"""From one seed to another."""
LONGEST_SIDE = 256
"""Larger images are made smaller before they are enlarged: a photo would take minutes."""
MOST_EXAMPLES = 6


@dataclass(frozen=True)
class Wish:
    """What is asked of a generator. label, caption: drawn where left out. moves: along the main directions."""

    seed: int = 0
    count: int = 16
    label: str | None = None
    caption: str | None = None
    truncation: float = 1.0
    moves: tuple[float, ...] = ()


def models_here(folder: Path = Path()) -> list[str]:
    """What there is to explore: the models that come with ganzoo, and the runs below ``runs``, newest first.

    Raises GanzooError where there is nothing.
    """
    files = sorted((folder / "runs").rglob(f"model/{WEIGHTS}"), key=lambda file: file.stat().st_mtime, reverse=True)
    found = [*sorted(bundled_models()), *[str(file.parents[1].relative_to(folder)) for file in files]]
    if not found:
        raise GanzooError(
            "there is no model to explore: name one, as in `ganzoo explore PATH`, or train one below ./runs, "
            "as in `ganzoo train dcgan --dataset mnist-10k --preset cpu`"
        )
    return found


class Explorer:
    """A model with the controls it has. name: whatever ``ganzoo.load`` takes."""

    def __init__(self, name: str, device: torch.device | str = "cpu"):
        self.name, self.model = name, load(name).to(device)
        self.walk, self.film = lru_cache(4)(self._walk), lru_cache(4)(self._film)

    @property
    def translates(self) -> bool:
        """Whether it makes images from images."""
        return isinstance(self.model.game, ImageToImageGame)

    @property
    def labels(self) -> list[str]:
        """The classes to choose from."""
        return self.model.classes

    @property
    def captions(self) -> list[str]:
        """Examples of what can be asked for in words; none where that is not understood."""
        return list(dict.fromkeys(getattr(self.model.game, "captions", [])))[:MOST_EXAMPLES] if self.model.reads else []

    @property
    def mixes(self) -> bool:
        """Whether it has styles to mix."""
        return hasattr(self.model.game, "style_mix")

    @property
    def ways(self) -> list[str]:
        """The directions it translates in; none where there are no sides."""
        game = self.model.game
        return [way for way in game.directions if _translates(game, way)] if isinstance(game, TranslationGame) else []

    @property
    def enlarges(self) -> bool:
        """Whether its images are larger than those it is given."""
        return getattr(self.model.game, "scale", 1) > 1 and self.translates

    @property
    def varies(self) -> bool:
        """Whether another seed gives another translation: where dropout is the noise."""
        modules = self.model.game.modules()
        return any(isinstance(module, Dropout) and module.noise and module.p > 0 for module in modules)

    @cached_property
    def directions(self) -> Tensor:
        """Steps in the latents that change images most, (SLIDERS, size)."""
        return main_directions(self.model.game, SLIDERS)

    @property
    def title(self) -> str:
        """What it is and of what it learnt."""
        data = (self.model.facts.get("data") or {}).get("name")
        return f"{self.model.config.title} on {data}" if data else self.model.config.title

    @property
    def summary(self) -> str:
        """What it makes and how long it has learnt, in a line."""
        config, steps = self.model.config, self.model.facts.get("steps")
        size = " × ".join(map(str, config.size))
        made = f"{size} pixels, {'gray' if config.image_channels == 1 else 'colour'}"
        return " · ".join([self.name, made, *([plural(steps, "step")] if steps else [])])

    @property
    def slug(self) -> str:
        """A name for files of its images."""
        return Path(self.name.rstrip("/")).name or self.model.config.name

    @property
    def card(self) -> str:
        """The model card without its front matter and pictures, which may lie anywhere."""
        text = re.sub(r"\A---\n.*?\n---\n", "", self.model.card, flags=re.DOTALL)
        return re.sub(r"!\[[^]]*\]\([^)]*\)|<img\b[^>]*>", "", text).strip() or "This model has no card."

    def images(self, wish: Wish) -> list[Image.Image]:
        """Samples of the seed; while nothing is moved, those of ``ganzoo sample``."""
        game: Any = self.model.game
        steps = self.directions[: len(wish.moves)] if any(wish.moves) else None
        shift = None if steps is None else steps.new_tensor(wish.moves) @ steps
        options = {"seed": wish.seed, "truncation": wish.truncation, "shift": shift}
        return to_images(game.sample(wish.count, labels=self._conditions(wish, wish.count), **options))

    def on_the_way(self, wish: Wish, other: int, shares: list[float]) -> list[Image.Image]:
        """What lies so far from a wish's seed to another one; shares: from 0 to 1."""
        return to_images(self.walk(wish, other)[[round(share * FRAMES) for share in shares]])

    def mixtures(self, count: int, seed: int, truncation: float) -> list[Image.Image]:
        """A table's (count + 1)² images, the first one empty: coarse styles from the left, fine ones from above."""
        return to_images(self.model.style_mix(count, seed=seed, truncation=truncation))

    def translation(
        self, file: str | Path, *, way: str | None = None, fit: str = "crop", seed: int = 0
    ) -> tuple[Image.Image, Image.Image]:
        """An image file as the model sees it, enlarged if it enlarges, and what it makes of it, of the same size.

        Brought to the size it was trained for; what is to be enlarged only if a side is longer than LONGEST_SIDE.
        """
        game, image = self.model.game, read_image(Path(file))
        assert isinstance(game, ImageToImageGame)
        if self.enlarges:
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        size = (image.height, image.width) if self.enlarges else usual_size(self.model)
        given = as_input(self.model, image, size, fit)
        made = self.model.translate(given, direction=way, seed=seed)
        before, after = to_images(torch.cat([game.beside(given), made]))
        return before, after

    def _walk(self, wish: Wish, other: int) -> Tensor:
        """A closed walk from a wish's seed to another one and back, (2 · FRAMES, C, H, W) in [-1, 1]."""
        game: Any = self.model.game
        conditions = self._conditions(wish, 2 * FRAMES)
        if conditions is None:  # those of the first, so that nothing jumps on the way
            conditions = game.latents(1, seed=wish.seed)[1].repeat(2 * FRAMES, *[1] * self.model.reads)
        options = {"seeds": [wish.seed, other], "truncation": wish.truncation}
        walk: Tensor = game.interpolate(2, FRAMES, labels=conditions, **options)
        return walk.cpu()

    def _film(self, wish: Wish, other: int) -> bytes:
        """The walk there and back as a GIF."""
        file = io.BytesIO()
        write_gif(self.walk(wish, other), file)
        return file.getvalue()

    def _conditions(self, wish: Wish, count: int) -> Tensor | None:
        """Class numbers or codes of texts, one for each image."""
        if wish.caption and self.model.reads:
            game: Any = self.model.game
            codes: Tensor = game.codes([wish.caption] * count)
            return codes
        return None if wish.label is None else torch.tensor([self.model.class_number(wish.label)] * count)


def _translates(game: TranslationGame, way: str) -> bool:
    try:
        return bool(game.translator(way))
    except GanzooError:
        return False
