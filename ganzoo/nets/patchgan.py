"""The PatchGAN discriminator: Isola et al. 2017, section 3.2.2 and appendix 6.1.2 (https://arxiv.org/abs/1611.07004)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.nets.layers import initialise_normal, spectral
from ganzoo.nets.norms import translation_norm
from ganzoo.registry import NETWORKS

# Receptive field -> halvings; 286 is the paper's "full" critic of 256-pixel images.
PATCHES = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}


@NETWORKS.register("patchgan-discriminator")
class PatchGANDiscriminator(nn.Module):
    """Judges every ``patch`` × ``patch`` window of images (N, C, H, W) by itself: logits (N, 1, h, w).

    patch: 1, 16, 34, 70, 142, 286, or "full" for the smallest that covers the resolution.
    norm: none, batch, instance, or shifted (instance norm with a bias and no scale).
    """

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        channels: int = 64,
        patch: int | str = 70,
        norm: str = "instance",
        spectral_norm: bool = False,
    ):
        super().__init__()
        halvings = _halvings(patch, resolution)
        widths = [channels * min(2**level, 8) for level in range(max(halvings, 1) + 1)]
        kernel, strides = (4, [2] * halvings + [1]) if halvings else (1, [1, 1])
        layers: list[nn.Module] = []
        for level, (width, stride) in enumerate(zip(widths, strides, strict=True)):
            before = widths[level - 1] if level else image_channels
            layers += [nn.Conv2d(before, width, kernel, stride, padding=kernel // 4, bias=level == 0)]
            layers += [translation_norm(norm, width)] if level else []
            layers += [nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.to_logit = nn.Conv2d(widths[-1], 1, kernel, padding=kernel // 4, bias=bool(halvings))
        initialise_normal(self)
        spectral(self, spectral_norm)

    def forward(self, images: Tensor) -> Tensor:
        return self.to_logit(self.layers(images))

    def maps(self, images: Tensor) -> list[Tensor]:
        """What each convolution makes of images, behind its norm and activation; the logits last."""
        maps, x = [], images
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                maps.append(x)
        return [*maps, self.to_logit(x)]


def receptive_field(layers: Sequence[nn.Module]) -> int:
    """Side of the window of the input that one number of the output sees, from the convolutions' shapes."""
    field = 1
    for layer in reversed([layer for layer in layers if isinstance(layer, nn.Conv2d)]):
        field = (field - 1) * int(layer.stride[0]) + int(layer.kernel_size[0])
    return field


def _halvings(patch: int | str, resolution: int) -> int:
    if patch == "full":
        patch = next((size for size in PATCHES if size >= resolution), max(PATCHES))
    if patch not in PATCHES:
        raise GanzooError(f"patch {patch} is not possible; give {', '.join(map(str, PATCHES))} or full")
    halvings = PATCHES[int(patch)]
    if halvings and resolution >> halvings < 3:
        raise GanzooError(
            f"resolution {resolution} is too small for patches of {patch} pixels, which need {3 << halvings}; "
            "give the discriminator a smaller patch, e.g. -o networks.discriminator.patch=16"
        )
    return halvings
