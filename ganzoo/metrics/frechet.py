"""The Fréchet distance between two Gaussians: exact, never negative, and without a matrix square root.

A Gaussian is kept as its mean and its covariance Σ, or a factor F of it, Σ = FᵀF. The trace of (ΣₐΣᵦ)^½ is the sum of
the singular values of FₐFᵦᵀ, which needs no covariance where images are few, and that of the roots of the eigenvalues
of FₐΣᵦFₐᵀ, which needs no second factor where they are many.
Dowson and Landau 1982, eq. 4; Heusel et al. 2017, eq. 6.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError

PRECISION = 1e-9
# Rows that are multiplied together, so that what is zero or symmetric is left out: 256 is where that pays most.
BLOCK = 256


class Gaussian:
    """mean: (d,), float64, with its covariance (d, d) or a factor (r, d) of it, factorᵀ · factor.

    Raises GanzooError for numbers that are not finite.
    """

    def __init__(self, mean: Tensor, factor: Tensor | None = None, *, covariance: Tensor | None = None):
        self.mean, self.covariance = mean, covariance
        if factor is not None:
            self.factor = factor
        if not all(bool(each.isfinite().all()) for each in (mean, factor, covariance) if each is not None):
            raise GanzooError("a mean or covariance is not finite: some images or features are not numbers")

    @cached_property
    def factor(self) -> Tensor:
        """(r, d); found when first asked for."""
        assert self.covariance is not None
        return factor(self.covariance)

    @property
    def spread(self) -> Tensor:
        """The covariance's trace."""
        return self.factor.norm().square() if self.covariance is None else self.covariance.trace()

    def distance(self, other: Gaussian) -> float:
        """The Fréchet distance to another Gaussian of the same dimension; 0 for itself."""
        spread = self.spread + other.spread - 2 * self._common(other)
        # What rounding leaves of nothing may be negative.
        return max(0.0, float((self.mean - other.mean).square().sum() + spread))

    def _common(self, other: Gaussian) -> Tensor:
        """The trace of the root of both covariances' product."""
        one, two = (self, other) if self.covariance is not None else (other, self)
        if one.covariance is None:
            return nuclear_norm(one.factor @ two.factor.T)
        found = _sum_of_roots(_congruent(two.factor, one.covariance))
        return nuclear_norm(one.factor @ two.factor.T) if found is None else found


def frechet_distance(mean_a: Any, covariance_a: Any, mean_b: Any, covariance_b: Any) -> float:
    """The Fréchet distance between two Gaussians given by means (d,) and covariances (d, d), arrays or tensors.

    Computed in float64. Raises GanzooError for shapes that do not belong together and numbers that are not finite.
    """
    mean_a, covariance_a, mean_b, covariance_b = map(_double, (mean_a, covariance_a, mean_b, covariance_b))
    size = mean_a.numel()
    shapes = [tuple(each.shape) for each in (mean_a, covariance_a, mean_b, covariance_b)]
    if shapes != [(size,), (size, size)] * 2:
        raise GanzooError(f"means (d,) and covariances (d, d) were expected, but their shapes are {shapes}")
    return Gaussian(mean_a, covariance=covariance_a).distance(Gaussian(mean_b, covariance=covariance_b))


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
        return Gaussian(origin + mean, covariance=covariance.tril() + covariance.tril(-1).T)

    def _fold(self) -> None:
        """Add the waiting rows to the sums, which are taken about the first rows' mean to lose no digits."""
        rows = torch.cat(self._rows)
        origin, total, products = self._sums or (rows.mean(0), 0.0, 0.0)
        rows = rows - origin
        self._sums = origin, total + rows.sum(0), products + _products(rows)
        self._rows, self._waiting = [], 0


def nuclear_norm(matrix: Tensor) -> Tensor:
    """The sum of a matrix's singular values, to 1e-9 of itself; 0 for one without rows or columns."""
    found = _sum_of_roots(matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix)
    return torch.linalg.svdvals(matrix).sum() if found is None else found


def _sum_of_roots(square: Tensor) -> Tensor | None:
    """The sum of the roots of a symmetric matrix's eigenvalues, to 1e-9 of itself; its upper half is not read.

    They are found fast, but a matrix that was made by squaring has lost half the digits of the small ones: None where
    these weigh too much.
    """
    values = torch.linalg.eigvalsh(square)
    if not len(values):  # of features that are all the same nothing is left
        return values.sum()
    roots = values.clamp(min=0).sqrt()
    lost = torch.finfo(values.dtype).eps * values[-1] / (2 * roots)
    return roots.sum() if lost.sum() <= PRECISION * roots.sum() else None


def _congruent(factor: Tensor, covariance: Tensor) -> Tensor:
    """The lower half of factor · covariance · factorᵀ; of an upper triangular factor the zeros are left out."""
    return _congruent_into(factor.new_zeros(len(factor), len(factor)), factor, covariance)


def _congruent_into(product: Tensor, factor: Tensor, covariance: Tensor) -> Tensor:
    """In quarters, as LAPACK's ``sygst``: a quarter of the multiplications of two full products."""
    if _is_full(factor):
        return torch.mm(factor @ covariance, factor.T, out=product)
    half = len(factor) // 2
    first, beside, last = factor[:half, :half], factor[:half, half:], factor[half:, half:]
    left = _times_transposed(torch.empty_like(covariance[half:, :half]), covariance[half:, :half], first)
    right = covariance[half:, half:] @ beside.T
    corner = beside @ (left + right / 2)
    _congruent_into(product[:half, :half], first, covariance[:half, :half]).add_(corner).add_(corner.T)
    _times_transposed(product[half:, :half].T, left.add_(right).T, last)
    _congruent_into(product[half:, half:], last, covariance[half:, half:])
    return product


def _times_transposed(product: Tensor, matrix: Tensor, factor: Tensor) -> Tensor:
    """matrix · factorᵀ into ``product``."""
    if _is_full(factor):
        return torch.mm(matrix, factor.T, out=product)
    half = len(factor) // 2
    _times_transposed(product[:, :half], matrix[:, :half], factor[:half, :half])
    product[:, :half].addmm_(matrix[:, half:], factor[:half, half:].T)
    _times_transposed(product[:, half:], matrix[:, half:], factor[half:, half:])
    return product


def _is_full(factor: Tensor) -> bool:
    """Whether a factor has no corner of zeros that is worth leaving out."""
    half = len(factor) // 2
    return len(factor) <= BLOCK or bool(factor[half:, :half].any())


def _products(rows: Tensor) -> Tensor:
    """The lower half of rowsᵀ · rows."""
    size = rows.shape[1]
    products = rows.new_zeros(size, size)
    for i in range(0, size, BLOCK):
        products[i : i + BLOCK, : i + BLOCK] = rows[:, i : i + BLOCK].T @ rows[:, : i + BLOCK]
    return products


def factor(covariance: Tensor) -> Tensor:
    """F (r, d) with FᵀF = covariance (d, d), without what is only rounding; upper triangular where that can be."""
    triangle, failed = torch.linalg.cholesky_ex(covariance, upper=True)
    if not failed:
        return triangle
    values, vectors = torch.linalg.eigh(covariance)
    noise = len(values) * torch.finfo(values.dtype).eps * values[-1].clamp(min=0)
    kept = values > noise
    return values[kept].sqrt()[:, None] * vectors[:, kept].T


def _double(values: Any) -> Tensor:
    return torch.as_tensor(values).to("cpu", torch.float64)
