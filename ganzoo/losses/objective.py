"""An adversarial loss and its penalties, applied to a critic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganzoo.annealing import burnt_in
from ganzoo.losses.adversarial import AdversarialLoss, accuracy, readings
from ganzoo.losses.augment import Augment
from ganzoo.losses.penalties import Critic, Penalty, as_list, exactly
from ganzoo.losses.second_order import NoZeros

Terms = dict[str, Tensor]


class AdversarialObjective(nn.Module):
    """What the two players of one adversarial game minimise, as named terms.

    augment: changes of the images in front of the critic, wherever it looks.
    joint: run the critic once over real and fake images together; off where batch statistics would mix them.
    burn_in: steps in which weights and probabilities that are ranges go from their start to their end.
    """

    burn_in: float = math.inf

    def __init__(
        self,
        loss: AdversarialLoss,
        penalties: dict[str, Penalty] | None = None,
        augment: Augment | None = None,
        *,
        joint: bool = True,
    ):
        super().__init__()
        self.loss, self.penalties, self.augment, self.joint = loss, penalties or {}, augment, joint
        self._seen: tuple[Tensor, Tensor] | None = None

    def discriminator_terms(self, critic: Critic, real: Tensor, fake: Tensor, *, step: int = 0) -> Terms:
        """The critic's terms on a batch; ``fake`` is taken as given (detached)."""
        critic, fake, share = self._behind_augment(critic), fake.detach(), burnt_in(step, self.burn_in)
        if self.augment is not None:
            self.augment.anneal(share)
        due = {name: penalty for name, penalty in self.penalties.items() if penalty.due(step)}
        # Penalties are not computed in half precision.
        reused = not torch.is_autocast_enabled(real.device.type)
        slopes = {images for penalty in due.values() for images in penalty.slopes_at if reused}
        if slopes:
            real, fake = real.detach().requires_grad_("real" in slopes), fake.requires_grad_("fake" in slopes)
            with exactly(real.device), NoZeros():
                real_logits, fake_logits = as_list(critic(real)), as_list(critic(fake))
        else:
            real_logits, fake_logits = self._both(critic, real, fake)
        self._seen = real_logits[-1].detach(), fake_logits[-1].detach()
        terms = {"adversarial": _average(self.loss.discriminator, real_logits, fake_logits)}
        if reused:
            critic = _knowing(critic, (real, real_logits), (fake, fake_logits))
        for name, penalty in due.items():
            terms[name] = penalty(critic, real, fake, share)
        if self.augment is not None:
            self.augment.observe(accuracy(self.loss, *self._seen)[0], len(real))
        return terms

    def generator_terms(self, critic: Critic, fake: Tensor, real: Tensor | None = None) -> Terms:
        """The generator's terms on a batch of its images."""
        critic = self._behind_augment(critic)
        fake_logits = as_list(critic(fake))
        if not self.loss.needs_real or real is None:
            return {"adversarial": _average(self.loss.generator, fake_logits)}
        with torch.no_grad():
            real_logits = as_list(critic(real))
        return {"adversarial": _average(self.loss.generator, fake_logits, real_logits)}

    def readings(self) -> Terms:
        """What to watch in the discriminator's last turn, see :func:`ganzoo.losses.adversarial.readings`."""
        watched = readings(self.loss, *self._seen) if self._seen else {}
        return watched if self.augment is None else watched | self.augment.readings()

    def augmented(self, images: Tensor) -> Tensor:
        """Images as the critic sees them."""
        return images if self.augment is None else self.augment(images)

    def _behind_augment(self, critic: Critic) -> Critic:
        return lambda images: critic(self.augmented(images))

    def _both(self, critic: Critic, real: Tensor, fake: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        if not self.joint:
            return as_list(critic(real)), as_list(critic(fake))
        pairs = [logits.chunk(2) for logits in as_list(critic(torch.cat([real, fake])))]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _knowing(critic: Critic, *judged: tuple[Tensor, list[Tensor]]) -> Critic:
    """A critic that does not look again at images it has judged."""

    def judge(images: Tensor) -> Tensor | list[Tensor]:
        return next((logits for seen, logits in judged if seen is images), None) or critic(images)

    return judge


def _average(loss: Callable[..., Tensor], *logits: Sequence[Tensor]) -> Tensor:
    """The mean of a loss over a critic's scales, in float32 whatever the critic computes in."""
    return torch.stack([loss(*(each.float() for each in scale)) for scale in zip(*logits, strict=True)]).mean()
