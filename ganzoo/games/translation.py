"""What games share that make images from images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo import random
from ganzoo.config import Component, Config
from ganzoo.errors import GanzooError
from ganzoo.games.base import Batch, Game, build_network
from ganzoo.registry import GAMES

DIRECTIONS = ("AtoB", "BtoA")


def from_images(game: str) -> bool:
    """Whether the game of a name makes images from images."""
    return game in GAMES.names() and issubclass(GAMES.get(game), ImageToImageGame)


class ImageToImageGame(Game):
    """Makes images from images, ``scale`` times as large. direction: from which side of its data, if it has two.

    Raises GanzooError for a configuration that augments.
    """

    examples = 8
    scale = 1
    direction = ""

    def __init__(self, config: Config):
        super().__init__()
        if config.augment:
            raise GanzooError(
                f"{config.name} makes images from images: augment={config.augment.name} would change what comes out "
                "and not what went in; leave it out, mirror=true changes both"
            )
        self.channels, self.size = config.image_channels, config.size

    def translator(self, direction: str) -> nn.Module:
        """The network that translates in a direction; raises GanzooError if there is none."""
        raise NotImplementedError

    @torch.no_grad()
    def translate(self, images: Tensor, *, direction: str | None = None, seed: int = 0, start: int = 0) -> Tensor:
        """Translations of images (n, C, H, W) in [-1, 1], ``scale`` times as large.

        A generator whose noise is dropout gives another one for another seed; image i depends on nothing but
        itself and (seed, start + i). Raises GanzooError for sizes and channels the generator does not take.
        """
        generator = self.translator(direction or self.direction)
        self._refuse(images, generator)
        with random.drawing_from(random.Samples([(seed, start + i) for i in range(len(images))])):
            return generator(images.to(next(generator.parameters()).device)).clamp(-1, 1)

    def admits(self, height: int, width: int) -> bool:
        """Whether its generators take images of a size."""
        multiple = getattr(self.translator(self.direction), "multiple", 1)
        return height % multiple == 0 == width % multiple

    def beside(self, images: Tensor) -> Tensor:
        """Images to translate as they are shown beside their translations, of the same size."""
        return images

    def _refuse(self, images: Tensor, generator: nn.Module) -> None:
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise GanzooError(
                f"images of shape {tuple(images.shape)} were given; this model translates (n, {self.channels}, H, W)"
            )
        if not self.admits(*images.shape[2:]):
            multiple = getattr(generator, "multiple", 1)
            height, width = images.shape[2:]
            raise GanzooError(
                f"images of {width}x{height} cannot be translated: this model's generator takes sides that are "
                f"multiples of {multiple}"
            )


class TranslationGame(ImageToImageGame):
    """Translates between the sides A and B of its data; ``direction`` says from which to which."""

    fields = ("images_a", "images_b")
    directions = DIRECTIONS
    # A few images against millions of weights: bringing those into the layout of the convolutions' kernels is what
    # takes time, and takes less from here.
    layout = torch.contiguous_format

    def __init__(self, config: Config):
        super().__init__(config)
        if config.direction is None:
            raise GanzooError(f"{config.name}: 'direction' is missing; give -o direction=AtoB or BtoA")
        self.direction = config.direction

    def sides(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """A batch's images to translate, and those of the other side."""
        a, b = batch["images_a"], batch["images_b"]
        return (a, b) if self.direction == "AtoB" else (b, a)

    def build_translator(self, component: Component) -> nn.Module:
        """A generator for the game's images; raises GanzooError if it does not take their size."""
        generator = build_network(component, resolution=min(self.size), image_channels=self.channels)
        multiple = getattr(generator, "multiple", 1)
        if any(side % multiple for side in self.size):
            raise GanzooError(
                f"{component.name} takes sides that are multiples of {multiple} here, which {self.size[0]} high and "
                f"{self.size[1]} wide are not; change --resolution or --width, or give a U-Net a smaller depth"
            )
        return generator
