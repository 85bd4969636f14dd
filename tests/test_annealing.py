"""Values that change while a training burns in: what they are when, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import configure, trainer_for
from torch import nn

from ganzoo.annealing import at, burnt_in, value_of
from ganzoo.config import resolve
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.training.ema import EMA
from ganzoo.training.trainer import Hook

RANGE = {"from": 2.0, "to": 0.2}
HALF = {"schedule__steps": 8, "schedule__burn_in": 0.5}


def test_the_burn_in_goes_along_half_a_cosine():
    shares = [burnt_in(step, 4) for step in (0, 1, 2, 3, 4, 40)]
    assert shares == pytest.approx([0, 0.5 - math.sqrt(0.125), 0.5, 0.5 + math.sqrt(0.125), 1, 1])


def test_ranges_go_from_end_to_end_and_numbers_stay():
    assert [at(RANGE, share) for share in (0, 0.5, 1)] == pytest.approx([2, 1.1, 0.2])
    assert at(0.3, 0.5) == 0.3 and at([0.0, {"from": 0.9, "to": 0.99}], 1) == (0.0, 0.99)
    assert value_of({"from": "2e-4", "to": 0}) == {"from": 2e-4, "to": 0.0}


def test_an_optimizers_options_follow_the_burn_in():
    options = {"name": "adam", "lr": {"from": 0.4, "to": 0.1}, "betas": [0.0, {"from": 0.9, "to": 0.99}]}
    config = configure("wgan-gp", optimizers__generator=options, schedule__lr_decay="none", **HALF)
    trainer, seen = trainer_for(config), []
    groups = trainer.optimizers["generator"].param_groups
    trainer.run(6, [Hook(1, lambda t: seen.append((groups[0]["lr"], groups[0]["betas"])))])
    shares = [burnt_in(step, 4) for step in range(6)]
    assert [lr for lr, _ in seen] == pytest.approx([0.4 - 0.3 * share for share in shares])
    assert [betas[1] for _, betas in seen] == pytest.approx([0.9 + 0.09 * share for share in shares])


def test_penalties_and_augmentation_follow_it():
    ada = {"name": "ada", "speed": 0, "probability": {"from": 0, "to": 0.5}}
    wishes = {"penalties": [{"name": "r1", "weight": RANGE}], "augment": ada}
    trainer = trainer_for(configure("wgan-gp", **HALF, **wishes))
    constant = trainer_for(configure("wgan-gp", **HALF, penalties=["r1"]))
    augment = trainer.game.objective.augment
    for step, share in ((0, 0), (2, 0.5), (7, 1)):
        found_at(step, trainer)
        assert augment.probability.item() == pytest.approx(0.5 * share)
    trainer.game.objective.augment = None
    torch.testing.assert_close(found_at(7, trainer)["r1"], 0.02 * found_at(7, constant)["r1"])


def found_at(step, trainer):
    """The discriminator's terms in a step."""
    trainer.step = step
    return trainer.terms(trainer.game.turns[0], 0, 0)


def test_nothing_has_burnt_in_while_the_length_is_not_known():
    config = configure("wgan-gp", optimizers__generator__lr={"from": 0.4, "to": 0.1}, schedule__steps=2**40)
    trainer = trainer_for(config)
    trainer.run(1, [])
    assert trainer.optimizers["generator"].param_groups[0]["lr"] == pytest.approx(0.4)


def test_the_averages_half_life_rises_with_it():
    source, target = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    ema = EMA(source, target, 0.81, ramp="burn-in")
    for share, decay in ((0.0, 0.0), (0.5, 0.81**2), (1.0, 0.81)):
        before, source.weight.data[:] = target.weight.item(), 3.0
        ema.update(1, share)
        assert target.weight.item() == pytest.approx(decay * before + (1 - decay) * 3.0)


def test_r3gans_burn_in_is_the_papers():
    """20 million images (200 million of ImageNet), to a quarter of the rate and a tenth of the penalties."""
    cases = {None: (20, 2, 0.3), "cifar": (20, 0.05, 0.55), "imagenet32": (200, 0.5, 0.5)}
    for family, (images, weight, chance) in cases.items():
        config = resolve("r3gan", family=family).config
        schedule = config.schedule
        assert schedule.burn_in * schedule.steps * schedule.batch_size == images * 1e6
        assert {each.options["weight"]["from"] for each in config.penalties} == {weight}
        ends = [at(config.penalties[0].options["weight"], 1), at(config.augment.options["probability"], 1)]
        assert ends == pytest.approx([weight / 10, chance])
        for optimizer in config.optimizers.values():
            assert at(optimizer.lr, 0) == 2e-4 and at(optimizer.lr, 1) == 5e-5
            assert at(optimizer.options["betas"], 0) == (0.0, 0.9) and at(optimizer.options["betas"], 1) == (0.0, 0.99)


def test_r3gans_whole_burn_in_can_be_played():
    trainer = trainer_for(configure("r3gan", schedule__steps=8, image_channels=3))
    states = []
    trainer.run(5, [Hook(1, lambda t: states.append(t.game.objective.augment.probability.item()))])
    assert states == pytest.approx([0.3 * burnt_in(step, 3.125) for step in range(5)])


@pytest.mark.parametrize(
    "overrides, expected",
    [
        ({"optimizers.generator.lr": {"from": 1, "to": 0}}, "lr' is .*: it should be greater than 0"),
        ({"optimizers.generator.lr": "fast"}, "lr' is 'fast': give a number, or {from: 2, to: 0.2}"),
        ({"optimizers.generator.lr.from": 1}, "'lr' holds 0.0002, which has no keys of its own"),
        ({"penalties": [{"name": "r1", "weight": {"from": 1}}]}, "penalty 'r1' .*: give a number, or {from: 2"),
        ({"augment": {"name": "ada", "probability": RANGE}}, "a range needs speed: 0"),
        ({"schedule.ema_ramp": "burn"}, "schedule.ema_ramp' is 'burn': .*'burn-in'"),
    ],
)
def test_what_makes_no_range_is_refused_in_a_sentence(overrides, expected):
    with pytest.raises(GanzooError, match=expected) as error:
        create_game(resolve("wgan-gp", overrides=overrides).config)
    assert "\n" not in str(error.value)


def test_a_range_replaces_a_number_and_the_other_way_round():
    given = resolve("wgan-gp", overrides={"optimizers.generator.lr": {"from": 1e-3, "to": 1e-4}})
    assert given.config.optimizers["generator"].lr == {"from": 1e-3, "to": 1e-4}
    assert given.origin("optimizers.generator.lr") == "command line"
    assert resolve("r3gan", overrides={"optimizers.generator.lr": 1e-3}).config.optimizers["generator"].lr == 1e-3
