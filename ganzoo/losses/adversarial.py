"""Adversarial losses: what each player minimises, given the discriminator's logits.

Each loss is a pair: ``discriminator(real, fake)`` and ``generator(fake, real=None)``; logits are of shape
(N, …), without a sigmoid, and every function returns a scalar.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganzoo.losses.batch import batch_mean
from ganzoo.registry import ADVERSARIAL


class AdversarialLoss(Protocol):
    """A pair of losses, and what its logits mean.

    boundary: the logit between "real" and "fake" (the optimum's value where real and fake are equally
    likely), or None where only the difference of two logits means something.
    needs_real: the generator's loss also looks at real images.
    batch_statistics: a logit's loss depends on the rest of its batch.
    """

    boundary: float | None
    needs_real: bool
    batch_statistics: bool

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...
    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor: ...


class _Loss:
    boundary: float | None = 0.0
    needs_real = False
    batch_statistics = False


@ADVERSARIAL.register("minimax")
class Minimax(_Loss):
    """The game's value itself: the generator minimises log(1 − D(G(z))). Goodfellow et al. 2014, eq. 1."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -softplus(fake).mean()


@ADVERSARIAL.register("non-saturating")
class NonSaturating(Minimax):
    """The generator maximises log D(G(z)) instead. Goodfellow et al. 2014, section 3."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return softplus(-fake).mean()


@ADVERSARIAL.register("least-squares")
class LeastSquares(_Loss):
    """Squared distance to the targets 0 (fake) and 1 (real). Mao et al. 2017, eq. 9."""

    boundary = 0.5

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * ((real - 1).square().mean() + fake.square().mean())

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return 0.5 * (fake - 1).square().mean()


@ADVERSARIAL.register("hinge")
class Hinge(_Loss):
    """Margins of one around zero. Lim & Ye 2017; Miyato et al. 2018, eq. 16 and 17."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (1 - real).relu().mean() + (1 + fake).relu().mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake.mean()


@ADVERSARIAL.register("wasserstein")
class Wasserstein(_Loss):
    """Difference of the critic's means, the dual of the earth mover's distance. Arjovsky et al. 2017, eq. 3."""

    boundary = None

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake.mean()


@ADVERSARIAL.register("relativistic-paired")
class RelativisticPaired(_Loss):
    """Is this real image more real than this fake one? Jolicoeur-Martineau 2019, eq. 5; used by R3GAN."""

    boundary = None
    needs_real = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake - real).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return softplus(_required(real) - fake).mean()


@ADVERSARIAL.register("relativistic-average")
class RelativisticAverage(_Loss):
    """Is an image more real than the average one of the other kind? Jolicoeur-Martineau 2019, eq. 7 (RaSGAN)."""

    boundary = None
    needs_real = True
    batch_statistics = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(batch_mean(fake) - real).mean() + softplus(fake - batch_mean(real)).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return self.discriminator(fake, _required(real))


def _required(real: Tensor | None) -> Tensor:
    if real is None:
        raise ValueError("a relativistic generator loss needs the real logits")
    return real


def accuracy(loss: AdversarialLoss, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Share of real and of fake logits on their side of the boundary, each in [0, 1].

    Where only differences mean something, the boundary is midway between the two means.
    """
    boundary: Tensor | float = (real.mean() + fake.mean()) / 2 if loss.boundary is None else loss.boundary
    return (real > boundary).float().mean(), (fake < boundary).float().mean()


def readings(loss: AdversarialLoss, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What a person watches, by the loss's own meaning: D(x) and D(G(z)) as probabilities, or a critic's gap."""
    on_real, on_fake = accuracy(loss, real, fake)
    watched = {"real_accuracy": on_real, "fake_accuracy": on_fake}
    if loss.boundary == 0.0:
        return watched | {"d_real": torch.sigmoid(real).mean(), "d_fake": torch.sigmoid(fake).mean()}
    if loss.boundary is not None:
        return watched | {"d_real": real.mean(), "d_fake": fake.mean()}
    return watched | {"critic_gap": real.mean() - fake.mean()}
