"""SSGAN's game: which images are turned, by how much, and what their turns weigh."""

from __future__ import annotations

import pytest
import torch
from tiny import configure, trainer_for
from torch.nn.functional import cross_entropy

from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game


@pytest.mark.parametrize("augment", [None, {"name": "diffaugment", "policy": ["color"]}])
@pytest.mark.parametrize(("player", "judged", "weight"), [(0, "images", 1.0), (1, "fake", 0.2)])
def test_real_images_are_turned_for_one_player_and_generated_ones_for_the_other(player, judged, weight, augment):
    trainer = trainer_for(configure("ssgan", augment=augment, schedule__batch_size=32))
    game, given, told = trainer.game, [], torch.randn(32, 4)
    game.discriminator.turns = lambda images: given.append(images) or told
    turn, seen = game.turns[player], []
    if augment:
        game.objective.augment.register_forward_hook(lambda module, images, changed: seen.append(changed))
    terms = trainer.terms(turn, 0, 0)
    assert set(terms) == {"adversarial", "rotation"}
    images = seen[-1] if augment else trainer.batches.latest[judged]
    turns = [
        next(k for k in range(4) if torch.equal(torch.rot90(image, k, (1, 2)), shown))
        for image, shown in zip(images, given[0], strict=True)
    ]
    assert len(set(turns)) == 4
    torch.testing.assert_close(terms["rotation"], weight * cross_entropy(told, torch.tensor(turns)))


def test_a_discriminator_that_cannot_tell_is_refused():
    with pytest.raises(GanzooError, match=r"networks\.discriminator\.rotations=true"):
        create_game(configure("ssgan", networks__discriminator__rotations=False))
