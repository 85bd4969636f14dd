"""The shortcut for second derivatives changes nothing but time."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from ganzoo.losses import penalties
from ganzoo.losses.second_order import NoZeros


class Critic(nn.Sequential):
    def __init__(self, activation: nn.Module):
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1), activation, nn.AvgPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(inplace=True),
            nn.Flatten(), nn.Linear(8 * 6 * 6, 1),
        )  # fmt: skip


def gradients(critic, images):
    critic.zero_grad()
    penalties.r1(critic, images, images).backward()
    # A parameter the penalty does not depend on has no gradient, where torch would compute zeros.
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in critic.parameters()]


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(0.2), nn.LeakyReLU(0.2, inplace=True), nn.Tanh()])
def test_penalty_gradients_are_the_same_bit_for_bit(monkeypatch, activation):
    critic, images = Critic(activation), torch.randn(4, 3, 16, 16)
    ours = gradients(critic, images)
    monkeypatch.setattr(penalties, "NoZeros", nullcontext)
    theirs = gradients(critic, images)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert sum(bool(gradient.any()) for gradient in ours) >= 3


def test_first_derivatives_are_torchs():
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    with NoZeros():
        y = nn.functional.avg_pool2d(nn.functional.leaky_relu(x, 0.2), 2)
    (ours,) = torch.autograd.grad(y.square().sum(), x)
    y = nn.functional.avg_pool2d(nn.functional.leaky_relu(x, 0.2), 2)
    (theirs,) = torch.autograd.grad(y.square().sum(), x)
    assert torch.equal(ours, theirs)
