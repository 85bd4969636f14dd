"""Fully connected networks: Goodfellow et al. 2014 (https://arxiv.org/abs/1406.2661) and, with labels,
Mirza & Osindero 2014 (https://arxiv.org/abs/1411.1784), section 4.1.

Pixels in [0, 1], as the papers have them, are the inside of these networks; images are in [-1, 1] as everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.nets.layers import Dropout, Maxout, flatten, labels_for, needs_classes, one_hot
from ganzoo.nets.norms import keeps_bias
from ganzoo.registry import NETWORKS

SMALLEST = 8


@NETWORKS.register("mlp-generator")
class MLPGenerator(nn.Module):
    """Two ReLU layers: (N, latent_size) -> images (N, C, R, R) in [-1, 1]. norm: none, as in 2014, or batch."""

    def __init__(
        self, resolution: int, image_channels: int, latent_size: int = 100, width: int = 1200, norm: str = "none"
    ):
        super().__init__()
        pixels = _pixels(resolution, image_channels)
        self.shape = (resolution, resolution, image_channels)
        self.layers = nn.Sequential(
            _hidden(latent_size, width, norm), _hidden(width, width, norm), nn.Linear(width, pixels)
        )
        initialise_uniform(self, 0.05)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return _image(self.layers(z), self.shape)


@NETWORKS.register("mlp-discriminator")
class MLPDiscriminator(nn.Module):
    """Two maxout layers with dropout: images (N, C, R, R) in [-1, 1] -> logits (N,)."""

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        units: int = 240,
        pieces: int = 5,
        input_dropout: float = 0.2,
        dropout: float = 0.5,
    ):
        super().__init__()
        pixels = _pixels(resolution, image_channels)
        self.layers = nn.Sequential(
            Dropout(input_dropout),
            Maxout(pixels, units, pieces),
            Dropout(dropout),
            Maxout(units, units, pieces),
            Dropout(dropout),
            nn.Linear(units, 1),
        )
        initialise_uniform(self, 0.005)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(_vector(images)).squeeze(1)


@NETWORKS.register("conditional-mlp-generator")
class ConditionalMLPGenerator(nn.Module):
    """Latent and label meet in a joint ReLU layer: (N, latent_size), (N,) -> images (N, C, R, R) in [-1, 1]."""

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        latent_size: int = 100,
        num_classes: int = 0,
        latent_units: int = 200,
        label_units: int = 1000,
        width: int = 1200,
        dropout: float = 0.5,
    ):
        super().__init__()
        needs_classes(self, num_classes)
        pixels = _pixels(resolution, image_channels)
        self.shape, self.num_classes = (resolution, resolution, image_channels), num_classes
        self.from_latent = nn.Sequential(nn.Linear(latent_size, latent_units), nn.ReLU())
        self.from_label = nn.Sequential(nn.Linear(num_classes, label_units), nn.ReLU())
        self.joint = nn.Sequential(
            Dropout(dropout),
            nn.Linear(latent_units + label_units, width),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(width, pixels),
        )
        initialise_uniform(self, 0.05)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        label = self.from_label(one_hot(labels_for(self, labels), self.num_classes))
        return _image(self.joint(torch.cat([self.from_latent(z), label], 1)), self.shape)


@NETWORKS.register("conditional-mlp-discriminator")
class ConditionalMLPDiscriminator(nn.Module):
    """Image and label meet in a joint maxout layer: images (N, C, R, R) in [-1, 1], (N,) -> logits (N,)."""

    def __init__(
        self,
        resolution: int,
        image_channels: int,
        num_classes: int = 0,
        units: int = 240,
        label_units: int = 50,
        joint_units: int = 240,
        dropout: float = 0.5,
    ):
        super().__init__()
        needs_classes(self, num_classes)
        self.num_classes = num_classes
        self.from_image = Maxout(_pixels(resolution, image_channels), units, pieces=5)
        self.from_label = Maxout(num_classes, label_units, pieces=5)
        self.joint = nn.Sequential(
            Dropout(dropout),
            Maxout(units + label_units, joint_units, pieces=4),
            Dropout(dropout),
            nn.Linear(joint_units, 1),
        )
        initialise_uniform(self, 0.005)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        label = self.from_label(one_hot(labels_for(self, labels), self.num_classes))
        return self.joint(torch.cat([self.from_image(_vector(images)), label], 1)).squeeze(1)


def initialise_uniform(network: nn.Module, bound: float) -> None:
    """All weights uniform in ±bound and biases 0, as in the authors' MNIST configuration."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -bound, bound)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _hidden(in_features: int, out_features: int, norm: str) -> nn.Sequential:
    if norm not in ("none", "batch"):
        raise GanzooError(f"unknown norm '{norm}' of a perceptron; known: none, batch")
    normalisation = nn.BatchNorm1d(out_features) if norm == "batch" else nn.Identity()
    return nn.Sequential(nn.Linear(in_features, out_features, bias=keeps_bias(norm)), normalisation, nn.ReLU())


def _pixels(resolution: int, image_channels: int) -> int:
    if resolution < SMALLEST:
        raise GanzooError(f"resolution {resolution} is too small; the smallest possible is {SMALLEST}")
    return resolution * resolution * image_channels


def _image(x: Tensor, shape: tuple[int, int, int]) -> Tensor:
    return (2 * x.sigmoid() - 1).unflatten(1, shape).permute(0, 3, 1, 2)


def _vector(images: Tensor) -> Tensor:
    # The papers' pixels lie in [0, 1]; in [-1, 1] a dark image would be nine times as long and SGD unstable.
    return (flatten(images) + 1) / 2
