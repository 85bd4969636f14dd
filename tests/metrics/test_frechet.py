"""The Fréchet distance: exact, never negative, and what others compute where they can."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from ganzoo.errors import GanzooError
from ganzoo.metrics.frechet import (
    Gaussian,
    Moments,
    frechet_distance,
    frechet_distance_from_features,
    nuclear_norm,
)

# pytorch-fid 0.3.0 with scipy 1.17.1 on the features of `made`: n, dimension, scale, shift -> distance.
GOLDEN = [
    (200, 16, 1.3, 0.2, 4.148442542181499),
    (500, 64, 0.8, -0.1, 6.8646356224140845),
    (900, 128, 1.1, 0.05, 11.966315408793093),
]


def features(n: int, d: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    """Features as networks make them: correlated, not negative, of very different variances."""
    draw = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n, d, generator=draw) * torch.logspace(0, -2, d)
    return (mixed + torch.randn(n, 1, generator=draw) * 0.3 + 0.4).clamp(min=0) * scale


@pytest.mark.parametrize(("n", "d"), [(50, 2048), (1000, 1280), (1000, 256)])
def test_a_set_is_at_no_distance_from_itself_in_any_order(n, d):
    x = features(n, d)
    assert 0 <= frechet_distance_from_features(x, x.flip(0)) <= 1e-6


@pytest.mark.parametrize("n", [2, 63, 64, 65, 66, 300])
def test_few_images_and_many_are_exact(n):
    """Against the definition, with the square root of a symmetric product in double precision."""
    a, b = features(n, 64), features(n + 1, 64, seed=1, scale=1.2)
    mean_a, mean_b = a.double().mean(0), b.double().mean(0)
    cov_a, cov_b = torch.cov(a.double().T), torch.cov(b.double().T)
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    trace = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    expected = float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * trace)
    assert frechet_distance_from_features(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(mean_a, cov_a, mean_b, cov_b) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("d", [64, 257, 515, 600])
def test_it_is_what_torch_fidelity_computes(d):
    """Of few dimensions, and of those that are multiplied in quarters."""
    a, b = features(10 * d, d).double(), features(12 * d, d, seed=1, scale=1.1).double()
    theirs = fid_statistics_to_metric(fid_features_to_statistics(a), fid_features_to_statistics(b), False)
    assert frechet_distance_from_features(a, b) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)


def test_it_is_what_pytorch_fid_computed():
    draw = np.random.RandomState(0)
    for n, d, scale, shift, expected in GOLDEN:
        a, b = (
            draw.randn(n, d) * factor + offset + draw.randn(n, 1) * 0.5 for factor, offset in ((1, 0), (scale, shift))
        )
        assert frechet_distance_from_features(a, b) == pytest.approx(expected, rel=1e-6)
        given = [f(x) for x in (a, b) for f in (lambda x: x.mean(0), lambda x: np.cov(x, rowvar=False))]
        assert frechet_distance(*given) == pytest.approx(expected, rel=1e-6)


def test_independent_features_have_a_known_distance():
    a, b = torch.tensor([4.0, 9.0, 0.0]), torch.tensor([1.0, 16.0, 0.0])
    distance = frechet_distance(torch.zeros(3), a.diag(), torch.ones(3), b.diag())
    assert distance == pytest.approx(3 + (2 - 1) ** 2 + (3 - 4) ** 2)


def test_moments_do_not_depend_on_batches_or_order():
    x, other = features(500, 32).double(), features(400, 32, seed=1)
    reference = Moments()
    reference.add(other)
    distances = []
    for size in (1, 7, 64, 500):
        for rows in (x, x.flip(0)):
            moments = Moments()
            for batch in rows.split(size):
                moments.add(batch)
            assert moments.count == 500
            distances.append(moments.gaussian().distance(reference.gaussian()))
    assert distances == pytest.approx([distances[0]] * len(distances), rel=1e-9)


def test_features_that_never_change_do_no_harm():
    x, y = features(200, 16), features(200, 16, seed=1)
    x[:, 3], y[:, 3] = 1.0, 1.5
    x[:, 5] = x[:, 6]
    assert frechet_distance_from_features(x, x) <= 1e-6
    kept = [i for i in range(16) if i != 3]
    without = frechet_distance_from_features(x[:, kept], y[:, kept])
    assert frechet_distance_from_features(x, y) == pytest.approx(without + 0.25, rel=1e-6)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(GanzooError, match="at least 2 images, not 1"):
        frechet_distance_from_features(features(1, 4), features(5, 4))
    with pytest.raises(GanzooError, match="shapes are"):
        frechet_distance_from_features(features(5, 4), features(5, 6))
    with pytest.raises(GanzooError, match="shapes are"):
        frechet_distance(torch.zeros(3), torch.eye(3), torch.zeros(2), torch.eye(2))
    with pytest.raises(GanzooError, match="not finite"):
        frechet_distance(torch.zeros(2), torch.full((2, 2), torch.nan), torch.zeros(2), torch.eye(2))
    with pytest.raises(GanzooError, match="not finite"):
        frechet_distance(torch.full((2,), torch.nan), torch.eye(2), torch.zeros(2), torch.eye(2))
    for count in (3, 50):
        with pytest.raises(GanzooError, match="not finite"):
            frechet_distance_from_features(torch.full((count, 4), torch.nan), features(count, 4))


@pytest.mark.parametrize("count", [3, 50])
def test_a_generator_that_makes_one_image_only_has_a_distance(count):
    """Its covariance is nothing, so the other's whole spread is left."""
    one, others = torch.ones(count, 4), features(60, 4).double()
    expected = (others.mean(0) - 1).square().sum() + others.var(0).sum()
    for pair in ((one, others), (others, one)):
        assert frechet_distance_from_features(*pair) == pytest.approx(float(expected))
    assert frechet_distance_from_features(one, one) == 0


def test_a_gaussian_of_many_images_equals_its_covariance():
    x = features(300, 20).double()
    moments = Moments()
    moments.add(x)
    gaussian: Gaussian = moments.gaussian()
    assert torch.allclose(gaussian.factor.T @ gaussian.factor, torch.cov(x.T), rtol=0, atol=1e-12)


@pytest.mark.parametrize("smallest", [-1, -4, -7, -12])
def test_small_singular_values_lose_no_digits(smallest):
    values = torch.logspace(1, smallest, 80, dtype=torch.float64)
    draw = torch.Generator().manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(80, 80, dtype=torch.float64, generator=draw))[0] for _ in range(2))
    assert float(nuclear_norm(left @ values.diag() @ right)) == pytest.approx(float(values.sum()), rel=1e-9)
