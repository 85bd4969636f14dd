"""Normalisations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.nets.norms import ConditionalBatchNorm2d, norm2d, translation_norm


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(5, 6), (32, 33)])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("norm", ["instance", "shifted"])
def test_instance_norms_and_their_gradients_are_what_a_hand_computes(norm, n, size, layout):
    """Torch 2.14's own is wrong for a single image whose gradient arrives channels-last."""
    layer = translation_norm(norm, 4).double()
    x = (torch.randn(n, 4, *size).double() + 3).to(memory_format=layout).requires_grad_()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    scale = getattr(layer, "weight", torch.ones(4))[:, None, None]
    by_hand = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    expected, found = scale * by_hand + layer.bias[:, None, None], layer(x)
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous(memory_format=layout)
    gradient = torch.randn(n, 4, *size).double().to(memory_format=torch.channels_last)
    wanted = [x, *layer.parameters()]
    firsts = [torch.autograd.grad(y, wanted, gradient, retain_graph=True) for y in (found, expected)]
    torch.testing.assert_close(*firsts)
    slopes = [torch.autograd.grad(y, x, gradient, create_graph=True)[0] for y in (found, expected)]
    torch.testing.assert_close(*slopes)
    torch.testing.assert_close(*(torch.autograd.grad(slope.square().sum(), x)[0] for slope in slopes))


def test_instance_norm_at_rest_passes_second_derivatives_on():
    layer = translation_norm("instance", 4).requires_grad_(False)
    x = torch.randn(2, 4, 8, 8).to(memory_format=torch.channels_last).requires_grad_()
    (slope,) = torch.autograd.grad(layer(x).pow(3).sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert x.grad.abs().sum() > 0


def test_conditional_batch_norm_uses_the_rows_of_its_labels():
    norm = ConditionalBatchNorm2d(2, num_classes=3)
    x = torch.randn(4, 2, 5, 5)
    plain = nn.BatchNorm2d(2, affine=False)(x)
    torch.testing.assert_close(norm(x, torch.tensor([0, 1, 2, 0])), plain)
    with torch.no_grad():
        norm.scale[1], norm.shift[2] = 3, 7
    out = norm(x, torch.tensor([0, 1, 2, 0]))
    torch.testing.assert_close(out, torch.stack([plain[0], 3 * plain[1], plain[2] + 7, plain[3]]))


def test_layer_norm_is_per_sample_over_all_of_it():
    x = torch.randn(3, 4, 5, 5) * torch.tensor([1.0, 10, 100])[:, None, None, None] + 5
    out = norm2d("layer", 4)(x)
    torch.testing.assert_close(out.mean((1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var((1, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_labels_need_batch_norm():
    with pytest.raises(GanzooError, match="use norm=batch"):
        norm2d("layer", 4, num_classes=2)
