"""Shared pieces."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.nets.layers import (
    BlockConv2d,
    DownConv2d,
    Dropout,
    Maxout,
    Project,
    SelfAttention,
    UpConv2d,
    depth,
    spectral,
)


@pytest.mark.parametrize("size", [(14, 10), (13, 10)])
def test_a_convolution_in_blocks_is_the_convolution(size):
    layer = BlockConv2d(4, 3, 5).double()
    x = torch.randn(2, 4, *size).double()
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias))


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        *[(8, (4, 1)), (28, (7, 2)), (32, (4, 3)), (48, (6, 3)), (64, (4, 4)), (80, (5, 4))],
        *[(96, (6, 4)), (112, (7, 4)), (128, (4, 5)), (256, (4, 6)), (1024, (4, 8))],
    ],
)
def test_depth(resolution, expected):
    assert depth(resolution) == expected


@pytest.mark.parametrize(
    ("resolution", "nearest"),
    [(50, "48 or 56"), (33, "32 or 40"), (7, "is 8"), (0, "is 8"), (-4, "is 8"), (2048, "is 1024")],
)
def test_depth_names_the_nearest_sizes(resolution, nearest):
    with pytest.raises(GanzooError, match=f"resolution {resolution} .*{nearest}"):
        depth(resolution)


@pytest.mark.parametrize("size", [(7, 6), (4, 4)])
def test_up_convolution_is_nearest_doubling_then_convolution(size):
    layer = UpConv2d(3, 5).double()
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = F.conv2d(F.interpolate(x, scale_factor=2), layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(x), expected)


def test_down_convolution_is_convolution_then_mean_pooling():
    layer = DownConv2d(3, 5).double()
    x = torch.randn(2, 3, 14, 12, dtype=torch.float64)
    expected = F.avg_pool2d(F.conv2d(x, layer.weight, layer.bias, padding=1), 2)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(6, 8, 3), nn.ConvTranspose2d(6, 8, 4), nn.Linear(20, 30), nn.Embedding(10, 16), DownConv2d(4, 4)],
    ids=lambda layer: type(layer).__name__,
)
def test_spectral_norm_is_within_one_percent_of_svd(layer):
    torch.manual_seed(0)
    nn.init.normal_(layer.weight)
    layer = spectral(layer, True).train()
    for _ in range(50):
        _ = layer.weight  # one power iteration per access in training, as in a forward pass
    weight = layer.weight.detach()
    matrix = weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight
    assert torch.linalg.matrix_norm(matrix.flatten(1), 2).item() == pytest.approx(1, abs=0.01)


def test_spectral_norm_reaches_every_layer_once_and_can_be_off():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.Linear(2, 2)), nn.BatchNorm2d(2))
    spectral(network, False)
    assert not hasattr(network[0], "parametrizations")
    spectral(spectral(network))
    assert len(network[0].parametrizations.weight) == len(network[1][0].parametrizations.weight) == 1
    assert not hasattr(network[2], "parametrizations")


@pytest.mark.parametrize("size", [5, 8])
def test_self_attention_is_the_identity_at_first_and_then_mixes_positions(size):
    attention = SelfAttention(16)
    x = torch.randn(2, 16, size, size)
    torch.testing.assert_close(attention(x), x, atol=0, rtol=0)
    nn.init.ones_(attention.scale)
    far = x.clone()
    far[:, :, :2, :2] += 3  # all of one cell that keys and values are pooled over
    change = (attention(far) - attention(x))[:, :, -1, -1]
    assert change.abs().max() > 1e-4


def test_self_attention_agrees_with_its_formula():
    attention = SelfAttention(16).double()
    nn.init.ones_(attention.scale)
    x = torch.randn(1, 16, 4, 4, dtype=torch.float64)
    query, key, value = (layer(x) for layer in (attention.query, attention.key, attention.value))
    key, value = (F.max_pool2d(y, 2)[0].flatten(1) for y in (key, value))
    expected = torch.empty_like(x)
    for i in range(4):
        for j in range(4):
            share = torch.softmax(query[0, :, i, j] @ key, 0)
            mixed = (value @ share)[None, :, None, None]
            expected[0, :, i, j] = x[0, :, i, j] + attention.output(mixed)[0, :, 0, 0]
    torch.testing.assert_close(attention(x), expected)


def test_dropout_does_not_depend_on_how_the_batch_is_split():
    dropout = Dropout(0.4)
    x = torch.rand(8, 5) + 1

    def run(rows: int, offset: int) -> torch.Tensor:
        stream = random.Stream(seed=3, name="d", rows=rows, total=8, offset=offset)
        with random.drawing_from(stream):
            return dropout(x[offset : offset + rows])

    torch.testing.assert_close(run(8, 0), torch.cat([run(4, 0), run(4, 4)]), atol=0, rtol=0)
    assert (run(8, 0) == 0).any()


def test_dropout_keeps_the_mean_and_sleeps_in_evaluation():
    dropout = Dropout(0.5)
    x = torch.ones(100, 1000)
    dropped = dropout(x)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    assert dropout.eval()(x) is x
    assert Dropout(0)(x) is x


def test_dropout_keeps_channels_last():
    x = torch.rand(2, 4, 6, 6).to(memory_format=torch.channels_last)
    assert Dropout(0.5)(x).is_contiguous(memory_format=torch.channels_last)


def test_maxout_is_the_largest_piece():
    maxout = Maxout(3, 4, pieces=5)
    x = torch.randn(2, 3)
    pieces = maxout.linear(x).reshape(2, 4, 5)
    torch.testing.assert_close(maxout(x), pieces.max(2).values)


def test_project_yields_channels_last():
    out = Project(5, channels=6, size=4)(torch.randn(2, 5))
    assert out.shape == (2, 6, 4, 4)
    assert out.is_contiguous(memory_format=torch.channels_last)
