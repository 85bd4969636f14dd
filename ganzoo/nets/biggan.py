"""BigGAN's generator; its discriminator is ``resnet-discriminator`` with wide blocks.

Brock et al. 2019, section 3 and appendix B (https://arxiv.org/abs/1809.11096).
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.nets.layers import Project, labels_for, spectral
from ganzoo.nets.norms import VectorBatchNorm2d
from ganzoo.nets.resnet import UpBlock, attention_size, attentions, generator_widths, initialise
from ganzoo.registry import NETWORKS


@NETWORKS.register("biggan-generator")
class BigGANGenerator(nn.Module):
    """Residual up-blocks: (N, latent_size), labels (N,) if it has classes -> images (N, C, R, R) in [-1, 1].

    The latent is cut into a piece for the first map and one for each block, as evenly as it goes; a block's piece,
    beside the label's embedding, sets the scales and shifts of its batch norms. Other keywords as in
    ``resnet-generator``. At 128 pixels, 96 channels and 1000 classes it is the paper's of table 4.
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 120,
        num_classes: int = 0,
        channels: int = 96,
        growth: int | None = None,
        embedding_size: int = 128,
        spectral_norm: bool = True,
        attention: bool | int | str = "half",
        init: str = "orthogonal",
    ):
        super().__init__()
        base, widths = generator_widths(resolution, channels, growth)
        sizes = [base << i for i in range(1, len(widths))]
        attend = attention_size(attention, resolution, sizes)
        self.pieces = _pieces(latent_size, len(widths))
        first, *rest = self.pieces
        norms = [partial(VectorBatchNorm2d, size=piece + embedding_size * bool(num_classes)) for piece in rest]
        self.project = Project(first, widths[0], base)
        self.blocks = nn.ModuleList(UpBlock(a, b, norm) for (a, b), norm in zip(pairwise(widths), norms, strict=True))
        self.attentions = attentions(attend, sizes, widths[1:], value_share=2)
        self.norm = nn.BatchNorm2d(widths[-1])
        self.to_image = nn.Conv2d(widths[-1], image_channels, 3, padding=1)
        self.embed = nn.Embedding(num_classes, embedding_size) if num_classes else None
        initialise(self, init)
        for part in (self.project, self.blocks, self.attentions, self.to_image):  # the embedding is left as it is
            spectral(part, spectral_norm)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        first, *rest = z.split(self.pieces, 1)
        if self.embed is not None:
            label = self.embed(labels_for(self, labels))
            rest = [torch.cat([label, piece], 1) for piece in rest]
        x = self.project(first)
        for block, attention, condition in zip(self.blocks, self.attentions, rest, strict=True):
            x = attention(block(x, condition))
        return self.to_image(F.relu(self.norm(x))).tanh()


def _pieces(latent_size: int, count: int) -> list[int]:
    """Sizes of the latent's pieces, e.g. 20 six times."""
    if latent_size < count:
        raise GanzooError(
            f"a latent of {latent_size} cannot be cut into {count} pieces; give latent.size {count} or more"
        )
    return [len(piece) for piece in torch.arange(latent_size).tensor_split(count)]
