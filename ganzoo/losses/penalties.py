"""Penalties on a critic: any closure images -> logits, so one penalty serves every kind of game.

Called as ``penalty(critic, real, fake)`` with images of shape (N, C, H, W) in [-1, 1]; each returns a
scalar, computed in float32 and outside compiled graphs (double backward through them raises).
``weight`` is the factor the term enters the loss with. ``interval`` k applies the penalty every k-th step
with k times the weight, inside the main step, so the optimizer's moments need no correction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ganzoo import random
from ganzoo.annealing import Value, at, value_of
from ganzoo.errors import GanzooError
from ganzoo.losses.batch import batch_std
from ganzoo.losses.pixels import gathered, offsets
from ganzoo.losses.second_order import NoZeros
from ganzoo.registry import PENALTIES

Critic = Callable[[Tensor], "Tensor | list[Tensor]"]


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, *, target: float = 1.0) -> Tensor:
    """Mean squared distance of the critic's gradient norm from ``target``, on random interpolates.

    critic: images -> logits. real, fake: (N, C, H, W) in [-1, 1].
    Returns a scalar, computed in float32; finite where the gradient is zero.
    Gulrajani et al. 2017, eq. 3 (https://arxiv.org/abs/1704.00028).
    """
    mix = random.uniform(len(real), *[1] * (real.ndim - 1), device=real.device)
    squares = squared_gradient(critic, real + mix * (fake - real))
    return (_norm(squares) - target).square().mean()


def dragan(critic: Critic, real: Tensor, fake: Tensor, *, spread: float = 0.5) -> Tensor:
    """The one-centred gradient penalty around the data: on real + ``spread`` · std(real) · U[0, 1).

    Kodali et al. 2017, section 2.4 and eq. 4 (https://arxiv.org/abs/1705.07215).
    """
    noise = random.uniform(*real.shape, device=real.device)
    squares = squared_gradient(critic, real + spread * batch_std(real) * noise)
    return (_norm(squares) - 1).square().mean()


def r1(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Half the mean squared gradient norm on real images. Mescheder et al. 2018, eq. 9."""
    return 0.5 * squared_gradient(critic, real).mean()


def r2(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Half the mean squared gradient norm on generated images. Mescheder et al. 2018, eq. 10."""
    return 0.5 * squared_gradient(critic, fake).mean()


def consistency(critic: Critic, real: Tensor, fake: Tensor, *, shift: int = 4, balanced: bool = False) -> Tensor:
    """Mean squared change of the logits when real images are mirrored and shifted by up to ``shift`` pixels.

    balanced: the same of generated images is added. Zhang et al. 2020, Algorithm 1
    (https://arxiv.org/abs/1910.12027); Zhao et al. 2021, Algorithm 1 (https://arxiv.org/abs/2002.04724).
    """
    changes = [_change(critic, images, shift) for images in ((real, fake) if balanced else (real,))]
    return torch.stack(changes).sum()


def squared_gradient(critic: Critic, images: Tensor) -> Tensor:
    """Squared norm of d critic / d image for each image, (N,); differentiable.

    Images that require a gradient are asked about as they are: a critic may have judged them already.
    """
    if not images.requires_grad:
        images = images.detach().requires_grad_()
    with NoZeros():
        scales = as_list(critic(images))
    logits = torch.stack([scale.reshape(len(images), -1).mean(1) for scale in scales]).mean(0)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.flatten(1).square().sum(1)


@contextmanager
def exactly(device: torch.device) -> Iterator[None]:
    """In float32 and outside compiled graphs, as what is differentiated twice has to be."""
    with torch.autocast(device.type, enabled=False), torch.compiler.set_stance("force_eager"):
        yield


def as_list(logits: Tensor | list[Tensor]) -> list[Tensor]:
    """The logits of each scale; most critics have one."""
    return [logits] if isinstance(logits, Tensor) else list(logits)


class Penalty:
    """A penalty with its weight, which may be a range, and interval; ``kind`` is one of the functions above.

    per_sample: it needs the gradient for each image by itself, which batch norm in the critic destroys.
    slopes_at: which of "real" and "fake" images themselves it needs the critic's gradient at.
    """

    per_sample = True
    slopes_at: tuple[str, ...] = ()

    def __init__(self, kind: Callable[..., Tensor], weight: Value, interval: int = 1, **options: float):
        if interval < 1:
            raise GanzooError(f"penalty interval is {interval}; give a whole number of steps from 1 up")
        self.kind, self.weight, self.interval, self.options = kind, value_of(weight), interval, options

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, share: float = 0.0) -> Tensor:
        """The term, weighted as when a ``share`` of the burn-in is over, and scaled for its interval."""
        with exactly(real.device):
            value = self.kind(critic, real.float(), fake.float(), **self.options)
        return at(self.weight, share) * self.interval * value

    def due(self, step: int) -> bool:
        return step % self.interval == 0


@PENALTIES.register("gradient-penalty")
class GradientPenalty(Penalty):
    """WGAN-GP's one-centred penalty, weight 10 in the paper. See :func:`gradient_penalty`."""

    def __init__(self, weight: Value = 10.0, interval: int = 1, target: float = 1.0):
        super().__init__(gradient_penalty, weight, interval, target=target)


@PENALTIES.register("zero-centred")
class ZeroCentred(Penalty):
    """The zero-centred penalty on interpolates. Thanh-Tung et al. 2019, eq. 7."""

    def __init__(self, weight: Value = 10.0, interval: int = 1):
        super().__init__(gradient_penalty, weight, interval, target=0.0)


@PENALTIES.register("dragan")
class Dragan(Penalty):
    """See :func:`dragan`."""

    def __init__(self, weight: Value = 10.0, interval: int = 1, spread: float = 0.5):
        super().__init__(dragan, weight, interval, spread=spread)


@PENALTIES.register("r1")
class R1(Penalty):
    """See :func:`r1`; ``weight`` is the paper's γ."""

    slopes_at = ("real",)

    def __init__(self, weight: Value = 10.0, interval: int = 1):
        super().__init__(r1, weight, interval)


@PENALTIES.register("r2")
class R2(Penalty):
    """See :func:`r2`; ``weight`` is the paper's γ."""

    slopes_at = ("fake",)

    def __init__(self, weight: Value = 10.0, interval: int = 1):
        super().__init__(r2, weight, interval)


@PENALTIES.register("consistency")
class Consistency(Penalty):
    """See :func:`consistency`."""

    per_sample = False

    def __init__(self, weight: Value = 10.0, interval: int = 1, shift: int = 4, balanced: bool = False):
        super().__init__(consistency, weight, interval, shift=shift, balanced=balanced)


def _norm(squares: Tensor) -> Tensor:
    # The square root's slope is infinite at zero; there the subgradient 0 is wanted.
    positive = squares > 0
    return torch.where(positive, torch.where(positive, squares, 1.0).sqrt(), 0.0)


def _change(critic: Critic, images: Tensor, shift: int) -> Tensor:
    moved = _mirror_and_shift(images, shift)
    scales = zip(as_list(critic(images)), as_list(critic(moved)), strict=True)
    return torch.stack([(one - other).square().mean() for one, other in scales]).mean()


def _mirror_and_shift(images: Tensor, shift: int) -> Tensor:
    n, _, height, width = images.shape
    chance, down, right = random.uniform(n, 3, device=images.device)[..., None].unbind(1)
    rows = torch.arange(height, device=images.device) + offsets(down, shift)
    columns = torch.arange(width, device=images.device) + offsets(right, shift)
    columns = torch.where(chance < 0.5, width - 1 - columns, columns)
    return gathered(images, _reflect(rows, height), _reflect(columns, width))


def _reflect(index: Tensor, size: int) -> Tensor:
    return (size - 1) - (index.abs() - (size - 1)).abs()
