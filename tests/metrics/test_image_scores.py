"""Distances of single images, against values that are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.metrics.images import luma, perceptual_distance, psnr, ssim


def images(n: int = 2, channels: int = 3, size: int = 24, seed: int = 0) -> Tensor:
    return 2 * torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed)) - 1


def test_psnr_of_a_constant_difference():
    dark = torch.full((2, 1, 4, 4), -1.0)
    assert psnr(dark, dark + 0.2).tolist() == pytest.approx([20.0, 20.0], abs=1e-5)
    five_of_255 = dark + 5 / 127.5
    assert psnr(dark, five_of_255).tolist() == pytest.approx([20 * math.log10(51)] * 2, abs=1e-5)
    assert psnr(dark, dark).tolist() == [math.inf] * 2
    assert psnr(dark, dark + 0.2).dtype == torch.float64


def naive_ssim(x: Tensor, y: Tensor, span: float = 255) -> float:
    """Wang et al. 2004, eq. 13 to 16, window by window, of images in 0 … span."""
    line = torch.tensor([math.exp(-((i - 5) ** 2) / (2 * 1.5**2)) for i in range(11)], dtype=torch.float64)
    window = line[:, None] * line / line.sum() ** 2
    c1, c2, values = (0.01 * span) ** 2, (0.03 * span) ** 2, []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a, b = (each[top : top + 11, left : left + 11].double() for each in (x, y))
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            both = (window * (a - mean_a) * (b - mean_b)).sum()
            similar = (2 * mean_a * mean_b + c1) * (2 * both + c2)
            values.append(similar / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)))
    return float(torch.stack(values).mean())


def test_ssim_is_its_definition():
    x = images(1, 1, 14)
    y = 0.7 * x + 0.3 * images(1, 1, 14, seed=1)
    levels = [(each[0, 0].double() + 1) * 127.5 for each in (x, y)]
    assert ssim(x, y).item() == pytest.approx(naive_ssim(*levels), abs=1e-12)


def test_ssim_of_known_images():
    x = images()
    assert ssim(x, x).tolist() == pytest.approx([1, 1])
    assert (ssim(x, -x) < 0).all()
    # Flat images have no structure to differ in.
    flat, lighter = (torch.full((1, 1, 12, 12), level / 127.5 - 1) for level in (100.0, 110.0))
    expected = (2 * 100 * 110 + 2.55**2) / (100**2 + 110**2 + 2.55**2)
    assert ssim(flat, lighter).item() == pytest.approx(expected, abs=1e-6)
    single = torch.cat([ssim(x[i : i + 1], x[i : i + 1] / 2) for i in range(2)])
    torch.testing.assert_close(ssim(x, x / 2), single)


def test_luma_of_the_primaries():
    colours = torch.tensor([[1.0, 1, 1], [-1, -1, -1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])[:, :, None, None]
    assert ((luma(colours) + 1) * 127.5).flatten().tolist() == pytest.approx([235, 16, 81, 145, 41])
    gray = torch.rand(2, 1, 3, 3)
    torch.testing.assert_close(luma(gray), luma(gray.expand(-1, 3, -1, -1)))


def test_perceptual_distance_is_computed_with_all_digits_of_float32(rounds):
    seen = []
    perceptual_distance(lambda x: seen.append(rounds()) or [x], *torch.rand(2, 1, 3, 4, 4))
    assert [*seen, rounds()] == [False, False, True]


def test_perceptual_distance_looks_at_directions_alone():
    x = images()
    features = lambda given: [given, given[:, :, ::2, ::2]]  # noqa: E731
    assert perceptual_distance(features, x, x).tolist() == [0, 0]
    torch.testing.assert_close(perceptual_distance(features, x, 0.5 * x).max().item(), 0.0, atol=1e-12, rtol=0)
    # Opposite unit vectors are 2 apart, in each map.
    torch.testing.assert_close(perceptual_distance(features, x, -x), torch.full((2,), 8.0, dtype=torch.float64))


def test_shapes_that_cannot_be_compared_are_refused():
    for measure in (psnr, ssim):
        with pytest.raises(GanzooError, match="cannot be compared"):
            measure(images(2), images(1))
    with pytest.raises(GanzooError, match="windows of 11"):
        ssim(images(size=10), images(size=10))
