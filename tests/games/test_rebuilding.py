"""FastGAN's game: the discriminator rebuilds what it saw, at no further look."""

from __future__ import annotations

import pytest
import torch
from tiny import configure, trainer_for

from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game


@pytest.mark.parametrize(("norm", "looks"), [("batch", 2), ("layer", 1)])
def test_no_image_is_looked_at_twice(norm, looks):
    trainer = trainer_for(configure("fastgan", networks__discriminator__norm=norm))
    seen = []
    trainer.game.discriminator.from_image.register_forward_hook(lambda *io: seen.append(len(io[2])))
    terms = trainer.terms(trainer.game.turns[0], 0, 0)
    assert set(terms) == {"adversarial", "reconstruction"}
    assert len(seen) == looks and sum(seen) == 2 * trainer.config.schedule.batch_size


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_the_real_images_are_rebuilt_as_they_were_shown(norm):
    """A discriminator that gives back what it is shown has nothing to learn; another target would cost."""
    trainer = trainer_for(configure("fastgan", networks__discriminator__norm=norm, augment=None))
    game, given = trainer.game, []

    def perfect(earlier, last, places):
        given.append((earlier, last, places))
        real = trainer.batches.latest["images"]
        parts = [
            real[i, :, 16 * (p // 2) : 16 * (p // 2) + 16, 16 * (p % 2) : 16 * (p % 2) + 16]
            for i, p in enumerate(places.tolist())
        ]
        return torch.nn.functional.avg_pool2d(real, 2), torch.stack(parts)

    game.discriminator.rebuild = perfect
    assert trainer.terms(game.turns[0], 0, 0)["reconstruction"].item() == pytest.approx(0, abs=1e-6)
    assert len(given) == 1 and len(given[0][0]) == trainer.config.schedule.batch_size


def test_the_weight_is_a_factor_and_only_the_discriminators():
    one, three = (trainer_for(configure("fastgan", game__reconstruction=weight)) for weight in (1.0, 3.0))
    turn, generator = one.game.turns
    torch.testing.assert_close(three.terms(turn, 0, 0)["reconstruction"], 3 * one.terms(turn, 0, 0)["reconstruction"])
    assert set(one.terms(generator, 0, 0)) == {"adversarial"}


def test_rebuilding_one_batch_gets_better():
    trainer = trainer_for(configure("fastgan", optimizers__discriminator__lr=5e-3))
    turn = trainer.game.turns[0]
    before = trainer.terms(turn, 0, 0)["reconstruction"]
    for _ in range(12):
        trainer.update(turn)
    assert trainer.terms(turn, 0, 0)["reconstruction"] < 0.9 * before


def test_another_discriminator_is_refused():
    with pytest.raises(GanzooError, match="use fastgan-discriminator"):
        create_game(configure("fastgan", networks__discriminator={"name": "dcgan-discriminator", "channels": 2}))


def test_samples_need_no_frozen_network():
    game = create_game(configure("fastgan"), networks=["generator"])
    assert not hasattr(game, "perceived") and game.sample(2).shape == (2, 1, 32, 32)
