"""How each loss's numbers are explained, against the losses themselves."""

from __future__ import annotations

import pytest
import torch

from ganzoo.registry import ADVERSARIAL
from ganzoo.report.meaning import MEANINGS, PHASES, UNKNOWN, meaning

BUILTIN = {name for name in ADVERSARIAL.names() if ADVERSARIAL.get(name).__module__.startswith("ganzoo.")}


def test_every_loss_is_explained_and_a_foreign_one_gets_general_words():
    assert set(MEANINGS) == BUILTIN
    assert meaning("somebody-elses") is UNKNOWN


@pytest.mark.parametrize("name", sorted(name for name in MEANINGS if MEANINGS[name].chance))
def test_the_level_of_chance_is_the_loss_of_a_discriminator_that_cannot_tell(name):
    loss = ADVERSARIAL.create(name, {})
    logits = torch.full((8,), loss.boundary or 0.0)
    losses = {"discriminator": loss.discriminator(logits, logits), "generator": loss.generator(logits, logits)}
    for player, level in MEANINGS[name].chance.items():
        assert level == pytest.approx(float(losses[player]), abs=2e-3)


def test_every_phase_is_explained():
    known = {"starting", "pre-training", "collapsing", "discriminator ahead", "contested", "generator ahead"}
    assert set(PHASES) == known
