"""What scores look through: frozen networks that turn uint8 images of any size into features and class logits.

Each is a name: ``inception``, ``efficientnet-lite0``, ``mnist-classifier`` or ``timm:<model>``. An image's features
depend on its pixels alone: across batch sizes they agree to 1e-4 of the features' spread.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganzoo import random
from ganzoo.checksum import checksum, checksum_of
from ganzoo.data.datasets import Source
from ganzoo.data.download import download
from ganzoo.errors import GanzooError
from ganzoo.home import ganzoo_home
from ganzoo.machine import full_precision
from ganzoo.metrics.digits import DigitClassifier
from ganzoo.nets.pretrained import PREFIX, fill, load_backbone
from ganzoo.registry import EXTRACTORS

INCEPTION = Source(
    file="weights-inception-2015-12-05-6726825d.pth",
    mirrors=(
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    ),
    size=95_628_359,
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
DIGIT_WEIGHTS = Path(__file__).with_name("mnist-classifier.safetensors")
SHARE_OF_MEMORY = 0.3
# What a network keeps of an image at a time, as a multiple of its input, generously.
LAYERS_AT_ONCE = 150


class Extractor(nn.Module):
    """uint8 images (N, 1 or 3, H, W) -> float32 features (N, d) and class logits (N, k), None where it has no classes.

    network: prepared images -> features and logits. prepare: float images in [0, 255] -> what the network takes.
    resize: how images get the network's size ``side``, in words. sha256: of its weights. official: whether these
    are the weights its name stands for. classes: names of what the logits are of, where they are known.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        prepare: Callable[[Tensor], Tensor],
        *,
        side: int,
        resize: str,
        sha256: str,
        official: bool = True,
        classes: Sequence[str] = (),
    ):
        super().__init__()
        self.classes = tuple(classes)
        self.name, self.prepare, self.side, self.resize = name, prepare, side, resize
        self.sha256, self.official = sha256, official
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    @full_precision()
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise GanzooError(
                f"an extractor takes uint8 images (N, 1 or 3, H, W), not {images.dtype} {tuple(images.shape)}"
            )
        prepared = self.prepare(images.float())
        features, logits = self.network(prepared.contiguous(memory_format=torch.channels_last))
        return features.float(), None if logits is None else logits.float()

    def batch_size(self, device: torch.device) -> int:
        """How many images it looks at together: few on a CPU, whose caches are small, what fits elsewhere."""
        if device.type != "cuda":
            return 16 if self.side > 64 else 500
        image = self.side**2 * 3 * 4 * LAYERS_AT_ONCE
        return max(1, min(1000, int(SHARE_OF_MEMORY * torch.cuda.mem_get_info(device)[0] / image)))


def load_extractor(name: str, weights: str | Path | None = None) -> Extractor:
    """An extractor by name. weights: a file instead of the official ones, or ``random`` for tests of speed.

    Raises GanzooError for unknown names, weights that cannot be had and files that do not fit.
    """
    create = maker_of(name)
    with random.torchs_own(seed=0):
        extractor: Extractor = create(weights)
    return extractor


def maker_of(name: str) -> Callable[..., Extractor]:
    """What makes the extractor of a name from its weights; raises UnknownName."""
    return partial(pretrained, name) if name.startswith(PREFIX) else EXTRACTORS.get(name)


@EXTRACTORS.register("inception")
def inception(weights: str | Path | None = None) -> Extractor:
    """Inception-v3 of TensorFlow 2015: the network of every published FID; its weights are downloaded once.

    2,048 features. The network and its resizing are torch-fidelity's ``inception-v3-compat``.
    """
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x as resized

    network = Inception()
    if weights == "random":
        sha256 = checksum_of(network)
    else:
        file = Path(weights) if weights else download(INCEPTION, ganzoo_home() / "weights")
        fill(network, file)
        sha256 = checksum(file)

    def weights_from(size: int) -> Tensor:
        """(299, size): a separable filter's weights are what it makes of the identity."""
        return resized(torch.eye(size)[None, None], size=(299, size), align_corners=False)[0, 0]

    def prepare(images: Tensor) -> Tensor:
        images = (images - 128) / 128
        if max(images.shape[2:]) > 299:
            return _coloured(resized(images, size=(299, 299), align_corners=False))
        # The same as two products: for small images in a fifth of the time.
        rows, columns = (weights_from(size).to(images.device) for size in images.shape[2:])
        return _coloured(rows @ images @ columns.T)

    return Extractor(
        "inception",
        folded(network),
        prepare,
        side=299,
        resize="bilinear to 299 x 299 as in TensorFlow 1",
        sha256=sha256,
        official=sha256 == INCEPTION.sha256,
    )


@EXTRACTORS.register("efficientnet-lite0")
def efficientnet_lite0(weights: str | Path | None = None) -> Extractor:
    """EfficientNet-Lite0 trained on ImageNet: works offline, its weights come with the extra ``offline``.

    1,280 features.
    """
    return pretrained("efficientnet-lite0", weights)


@EXTRACTORS.register("mnist-classifier")
def mnist_classifier(weights: str | Path | None = None) -> Extractor:
    """A small classifier of handwritten digits, bundled: for MNIST, of which Inception has seen nothing.

    128 features. Trained on MNIST's 60,000 training digits by ``benchmarks/mnist_classifier.py``.
    """
    file, network = Path(weights or DIGIT_WEIGHTS), DigitClassifier()
    fill(network, file)
    return Extractor(
        "mnist-classifier",
        folded(network),
        lambda images: _resized(_gray(images), 28, "bilinear") / 255,
        side=28,
        resize="antialiased bilinear to 28 x 28, gray",
        sha256=checksum(file),
        official=weights is None,
        classes="0123456789",
    )


def pretrained(name: str, weights: str | Path | None = None) -> Extractor:
    """Any network of :func:`ganzoo.nets.pretrained.load_backbone`: its pooled features and its logits."""
    backbone = load_backbone(name, weights)
    side, mode = backbone.size, backbone.interpolation

    def prepare(images: Tensor) -> Tensor:
        return backbone.normalised(_resized(images, side, mode) / 127.5 - 1)

    return Extractor(
        name,
        _Pooled(folded(backbone.network) if name == "efficientnet-lite0" else backbone.network),
        prepare,
        side=side,
        resize=f"antialiased {mode} to {side} x {side}",
        sha256=checksum(backbone.file) if backbone.file else checksum_of(backbone.network),
        official=weights is None,
    )


class Inception(nn.Sequential):
    """torch-fidelity's layers in order, under the names that the weights have."""

    fc: nn.Linear

    def __init__(self) -> None:
        from torch_fidelity import feature_extractor_inceptionv3 as layers

        convolution: Any = layers.BasicConv2d
        super().__init__(
            OrderedDict(
                Conv2d_1a_3x3=convolution(3, 32, kernel_size=3, stride=2),
                Conv2d_2a_3x3=convolution(32, 32, kernel_size=3),
                Conv2d_2b_3x3=convolution(32, 64, kernel_size=3, padding=1),
                MaxPool_1=nn.MaxPool2d(3, 2),
                Conv2d_3b_1x1=convolution(64, 80, kernel_size=1),
                Conv2d_4a_3x3=convolution(80, 192, kernel_size=3),
                MaxPool_2=nn.MaxPool2d(3, 2),
                Mixed_5b=layers.InceptionA(192, pool_features=32),
                Mixed_5c=layers.InceptionA(256, pool_features=64),
                Mixed_5d=layers.InceptionA(288, pool_features=64),
                Mixed_6a=layers.InceptionB(288),
                Mixed_6b=layers.InceptionC(768, channels_7x7=128),
                Mixed_6c=layers.InceptionC(768, channels_7x7=160),
                Mixed_6d=layers.InceptionC(768, channels_7x7=160),
                Mixed_6e=layers.InceptionC(768, channels_7x7=192),
                Mixed_7a=layers.InceptionD(768),
                Mixed_7b=layers.InceptionE_1(1280),
                Mixed_7c=layers.InceptionE_2(2048),
                AvgPool=nn.AdaptiveAvgPool2d(1),
                fc=nn.Linear(2048, 1008),
            )
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        *body, _ = self
        features = images
        for layer in body:
            features = layer(features)
        features = features.flatten(1)
        # The Inception score is computed without the last layer's bias.
        return features, features @ self.fc.weight.T


class _Pooled(nn.Module):
    """A timm network's features before its classifier, and its logits if it has a classifier."""

    def __init__(self, network: Any):
        super().__init__()
        self.body = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.body.forward_head(self.body.forward_features(images), pre_logits=True)
        classifier = self.body.get_classifier()
        return features, classifier(features) if isinstance(classifier, nn.Linear) else None


def folded(network: nn.Module) -> nn.Module:
    """A network whose convolutions have taken up the batch norms registered right after them."""
    network.eval()
    for parent in list(network.modules()):
        for (name, layer), (following, norm) in pairwise(list(parent.named_children())):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(layer, norm))
                # timm's batch norms carry an activation.
                setattr(parent, following, getattr(norm, "act", nn.Identity()))
    return network


def _resized(images: Tensor, side: int, mode: str) -> Tensor:
    if images.shape[2:] == (side, side):
        return images
    # Bicubic overshoots; an image would be cut off there.
    return interpolate(images, (side, side), mode=mode, antialias=True).clamp(0, 255)


def _coloured(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def _gray(images: Tensor) -> Tensor:
    """ITU-R 601 luma."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=images.device)[:, None, None]
    return images if images.shape[1] == 1 else (images * weights).sum(1, keepdim=True)
