"""LSGAN's scene networks: Mao et al. 2017 (https://arxiv.org/abs/1611.04076), section 4.1 and its figure."""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo.nets.dcgan import DCGANDiscriminator
from ganzoo.nets.layers import Project, depth, initialise_normal
from ganzoo.nets.norms import norm2d
from ganzoo.registry import NETWORKS

WIDEST = 4


@NETWORKS.register("lsgan-generator")
class LSGANGenerator(nn.Module):
    """Transposed 3×3 convolutions: (N, latent_size) -> images (N, C, R, R) in [-1, 1].

    At 112 pixels and 64 channels: 256 at 7; at 14 and at 28 a doubling and a convolution, both 256 wide;
    128 at 56; 64 at 112; then the image.
    """

    def __init__(self, resolution: int, image_channels: int, latent_size: int = 1024, channels: int = 64):
        super().__init__()
        base, doublings = depth(resolution)
        widest = channels * WIDEST
        self.project = nn.Sequential(Project(latent_size, widest, base, bias=False), nn.BatchNorm2d(widest), nn.ReLU())
        self.blocks = nn.Sequential()
        before = widest
        for i in reversed(range(doublings)):
            after = channels * min(2**i, WIDEST)
            self.blocks.append(_deconv(before, after, stride=2))
            if after == widest:
                self.blocks.append(_deconv(after, after, stride=1))
            before = after
        self.to_image = nn.ConvTranspose2d(channels, image_channels, 3, padding=1)
        initialise_normal(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.to_image(self.blocks(self.project(z))).tanh()


# Four strided 5×5 convolutions with batch norm and a linear read-out: DCGAN's, at 64 channels.
NETWORKS.register("lsgan-discriminator")(DCGANDiscriminator)


def _deconv(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    conv = nn.ConvTranspose2d(
        in_channels, out_channels, 3, stride=stride, padding=1, output_padding=stride - 1, bias=False
    )
    return nn.Sequential(conv, norm2d("batch", out_channels), nn.ReLU())
