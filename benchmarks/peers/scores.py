"""Scores by ganzoo and by libraries that score: features of the same images, distances of the same features.

All sides have one set of random Inception weights. clean-fid's network comes as a TorchScript archive, whose place
torch-fidelity's network takes, as TorchScript: of the same layers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from benchmarks.duel import Duel
from ganzoo.metrics.features import Extractor, Inception, load_extractor
from ganzoo.metrics.frechet import Gaussian, Moments

DIMENSION = 2048


def _fidelity(folder: Path) -> Callable[[Tensor], object]:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    return FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(_weights(folder)))


def _pytorch_fid(folder: Path) -> Callable[[Tensor], object]:
    from pytorch_fid import inception

    weights = torch.load(_weights(folder), weights_only=True)
    with mock.patch.object(inception, "load_state_dict_from_url", lambda *args, **options: weights):
        network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[DIMENSION]]).eval()
    return lambda images: network(images.float() / 255)[0]


class _Archive(nn.Module):
    """What clean-fid looks for in its archive."""

    def __init__(self, network: Inception):
        super().__init__()
        *body, _ = network
        self.layers = nn.Sequential(*body)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def _clean_fid(folder: Path) -> Callable[[Tensor], object]:
    from cleanfid.inception_torchscript import InceptionV3W
    from cleanfid.resize import build_resizer

    network = Inception().eval()
    network.load_state_dict(torch.load(_weights(folder), weights_only=True))
    traced = torch.jit.trace(_Archive(network).eval(), torch.zeros(2, 3, 299, 299))
    torch.jit.save(traced, str(folder / "inception-2015-12-05.pt"))
    looked, resized = InceptionV3W(str(folder), download=False), build_resizer("clean")

    def look(images: Tensor) -> object:
        large = [torch.from_numpy(resized(image)) for image in images.permute(0, 2, 3, 1).numpy()]
        return looked(torch.stack(large).permute(0, 3, 1, 2))

    return look


def _features(name: str, make: Callable[[Path], Callable[[Tensor], object]], folder: Path, scale: float = 1.0) -> Duel:
    batch = max(2, int(32 * scale))
    images = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8)
    ours, theirs = load_extractor("inception", _weights(folder)), make(folder)

    def peer() -> None:
        with torch.no_grad():
            theirs(images)

    return Duel(name, f"Inception features of {batch} images of 32 px", batch, peer, partial(_looked, ours, images))


def _looked(extractor: Extractor, images: Tensor) -> None:
    for part in images.split(extractor.batch_size(torch.device("cpu"))):
        extractor(part)


def _distance(folder: Path, scale: float = 1.0) -> Duel:
    """New statistics against a reference that was compared with before."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    size = max(16, int(DIMENSION * scale))
    real, fake = _like_features(5 * size, size), _like_features(5 * size, size)
    known, new = fid_features_to_statistics(real), fid_features_to_statistics(fake)
    reference = Gaussian(_gaussian(real).mean, _gaussian(real).factor)  # as it is remembered
    seen = _gaussian(fake)

    def peer() -> float:
        return float(fid_statistics_to_metric(new, known, False)["frechet_inception_distance"])

    def ganzoo() -> float:
        return seen.distance(reference)

    if abs(peer() - ganzoo()) > 1e-6 * peer():
        raise SystemExit("the two distances differ")
    return Duel("torch-fidelity", f"Fréchet distance of {size} features, statistics known", 1, peer, ganzoo)


def _gaussian(features: Tensor) -> Gaussian:
    moments = Moments()
    moments.add(features)
    return moments.gaussian()


def _like_features(n: int, d: int) -> Tensor:
    """Not negative, correlated, with variances that fall off."""
    mixed = torch.randn(n, d, dtype=torch.float64) * torch.arange(1, d + 1).double().rsqrt()
    turn = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))[0]
    return (mixed @ turn + 0.1).clamp(min=0)


def _weights(folder: Path) -> Path:
    """Random ones of torch-fidelity's network, with batch norms that keep activations alive."""
    file = folder / "inception.pth"
    if not file.is_file():
        network = Inception()
        for name, value in network.state_dict().items():
            if value.ndim > 1:
                nn.init.kaiming_normal_(value)
            elif name.endswith("running_var"):
                nn.init.uniform_(value, 0.5, 1.5)
        torch.save(network.state_dict(), file)
    return file


DUELS = {
    "torch-fidelity-features": partial(_features, "torch-fidelity", _fidelity),
    "pytorch-fid-features": partial(_features, "pytorch-fid", _pytorch_fid),
    "clean-fid-features": partial(_features, "clean-fid", _clean_fid),
    "torch-fidelity-distance": _distance,
}
