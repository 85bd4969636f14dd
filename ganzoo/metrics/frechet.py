"""The Fréchet distance between two Gaussians: exact, never negative, and without a matrix square root.

A Gaussian is kept as its mean and a factor F of its covariance FᵀF. The trace of (ΣₐΣᵦ)^½ is then the sum of the
singular values of FₐFᵦᵀ, which needs no covariance where images are few.
Dowson and Landau 1982, eq. 4; Heusel et al. 2017, eq. 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError

PRECISION = 1e-9


@dataclass(frozen=True)
class Gaussian:
    """mean: (d,), factor: (r, d), both float64; the covariance is factorᵀ · factor."""

    mean: Tensor
    factor: Tensor

    def distance(self, other: Gaussian) -> float:
        """The Fréchet distance to another Gaussian of the same dimension; 0 for itself."""
        common = nuclear_norm(self.factor @ other.factor.T)
        spread = self.factor.square().sum() + other.factor.square().sum() - 2 * common
        # What rounding leaves of nothing may be negative.
        return max(0.0, float((self.mean - other.mean).square().sum() + spread))


def frechet_distance(mean_a: Any, covariance_a: Any, mean_b: Any, covariance_b: Any) -> float:
    """The Fréchet distance between two Gaussians given by means (d,) and covariances (d, d), arrays or tensors.

    Computed in float64. Raises GanzooError for shapes that do not belong together and numbers that are not finite.
    """
    mean_a, covariance_a, mean_b, covariance_b = map(_double, (mean_a, covariance_a, mean_b, covariance_b))
    size = mean_a.numel()
    shapes = [tuple(each.shape) for each in (mean_a, covariance_a, mean_b, covariance_b)]
    if shapes != [(size,), (size, size)] * 2:
        raise GanzooError(f"means (d,) and covariances (d, d) were expected, but their shapes are {shapes}")
    return Gaussian(mean_a, factor(covariance_a)).distance(Gaussian(mean_b, factor(covariance_b)))


def frechet_distance_from_features(a: Any, b: Any) -> float:
    """The Fréchet distance between the Gaussians of two sets of features (n, d), arrays or tensors; n from 2 up."""
    a, b = _double(a), _double(b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise GanzooError(
            f"features (n, d) were expected twice, but their shapes are {tuple(a.shape)}, {tuple(b.shape)}"
        )
    gaussians = []
    for features in (a, b):
        moments = Moments()
        moments.add(features)
        gaussians.append(moments.gaussian())
    return gaussians[0].distance(gaussians[1])


class Moments:
    """Mean and covariance of features that come in batches, in float64.

    Memory stays flat: the features themselves are kept while they are fewer than their dimension, later only sums.
    """

    def __init__(self) -> None:
        self.count = 0
        self._rows: list[Tensor] = []
        self._waiting = 0
        self._sums: tuple[Tensor, Tensor, Tensor] | None = None

    def add(self, features: Tensor) -> None:
        """Take in a batch (n, d)."""
        self.count += len(features)
        self._waiting += len(features)
        self._rows.append(features.to("cpu", torch.float64))
        if self._waiting > features.shape[1]:
            self._fold()

    def gaussian(self) -> Gaussian:
        """The Gaussian of all features so far, with the unbiased covariance; raises GanzooError for fewer than 2."""
        if self.count < 2:
            raise GanzooError(f"a covariance needs at least 2 images, not {self.count}; give more")
        if self._sums is None:
            rows = torch.cat(self._rows)
            mean = rows.mean(0)
            return Gaussian(mean, (rows - mean) / (self.count - 1) ** 0.5)
        if self._rows:
            self._fold()
        origin, total, products = self._sums
        mean = total / self.count
        covariance = (products - self.count * torch.outer(mean, mean)) / (self.count - 1)
        return Gaussian(origin + mean, factor(covariance))

    def _fold(self) -> None:
        """Add the waiting rows to the sums, which are taken about the first rows' mean to lose no digits."""
        rows = torch.cat(self._rows)
        origin, total, products = self._sums or (rows.mean(0), 0.0, 0.0)
        rows = rows - origin
        self._sums = origin, total + rows.sum(0), products + rows.T @ rows
        self._rows, self._waiting = [], 0


def nuclear_norm(matrix: Tensor) -> Tensor:
    """The sum of a matrix's singular values, to 1e-9 of itself.

    They are the roots of the eigenvalues of its square, which are found faster; but squaring costs the small ones
    their digits, so where these weigh too much, singular values are computed as such.
    """
    values = torch.linalg.eigvalsh(matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix)
    roots = values.clamp(min=0).sqrt()
    lost = torch.finfo(values.dtype).eps * values[-1] / (2 * roots)
    return roots.sum() if lost.sum() <= PRECISION * roots.sum() else torch.linalg.svdvals(matrix).sum()


def factor(covariance: Tensor) -> Tensor:
    """F (r, d) with FᵀF = covariance (d, d), without what is only rounding; raises GanzooError if there is none."""
    if not bool(covariance.isfinite().all()):
        raise GanzooError("a covariance is not finite: some images or features are not numbers")
    triangle, failed = torch.linalg.cholesky_ex(covariance, upper=True)
    if not failed:
        return triangle
    values, vectors = torch.linalg.eigh(covariance)
    noise = len(values) * torch.finfo(values.dtype).eps * values[-1].clamp(min=0)
    kept = values > noise
    return values[kept].sqrt()[:, None] * vectors[:, kept].T


def _double(values: Any) -> Tensor:
    return torch.as_tensor(values).to("cpu", torch.float64)
