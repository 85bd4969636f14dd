"""A history of generated images, from which a discriminator sees older ones too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo import random
from ganzoo.losses.batch import everyones, own


class ImagePool(nn.Module):
    """The last generated images, up to ``size``; all processes hold the same ones.

    While it fills, images pass through. Then half of them pass, the other half take the place of a random older
    image that goes out instead. Shrivastava et al. 2017, section 2.3; Zhu et al. 2017, section 4.
    """

    images: Tensor
    seen: Tensor

    def __init__(self, size: int, shape: tuple[int, int, int]):
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def exchange(self, fake: Tensor) -> Tensor:
        """Put generated images (N, C, H, W) in, get as many back."""
        if self.size == 0:
            return fake
        chances = everyones(random.uniform(len(fake), 2, device=fake.device))
        everybody = everyones(fake.float())
        return own(torch.cat([self._one(image[None], *each) for image, each in zip(everybody, chances, strict=True)]))

    def _one(self, image: Tensor, swap: Tensor, place: Tensor) -> Tensor:
        """Without asking the device: where the pool is full, ``place`` in [0, 1) says which image is at stake."""
        full = self.seen >= self.size
        index = torch.where(full, (place * self.size).long(), self.seen.clamp(max=self.size - 1))[None]
        old = self.images.index_select(0, index)
        goes_out = full & (swap < 0.5)
        self.images.index_copy_(0, index, torch.where(goes_out | ~full, image, old))
        self.seen += 1
        return torch.where(goes_out, old, image)
