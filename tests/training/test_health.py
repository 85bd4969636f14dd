"""Verdicts on histories whose truth is known."""

from __future__ import annotations

import pytest
import torch

from ganzoo.training.health import FEW_KINDS, measure, phase, verdicts


def test_of_one_image_again_and_again_there_is_no_share():
    data = torch.zeros(4, 1, 8, 8)
    assert float(measure(data, torch.randn(4, 1, 8, 8))["diversity"]) == 1


def history(count: int = 4, every: int = 250, **entry: float) -> list[dict]:
    usual = {
        "d_real": 0.6,
        "diversity": 0.9,
        "saturation": 0.2,
        "real_saturation": 0.2,
        "real_accuracy": 0.7,
        "fake_accuracy": 0.7,
    }
    return [usual | entry | {"step": every * (i + 1)} for i in range(count)]


def test_a_generator_with_constant_output_is_called_collapsed_within_two_checks():
    real = torch.rand(32, 1, 28, 28) * 2 - 1
    measured = {name: float(value) for name, value in measure(real, torch.full_like(real, 0.3)).items()}
    judged = {"real_accuracy": 0.9, "fake_accuracy": 1.0}
    entries = [measured | judged | {"step": step} for step in (50, 100)]
    assert measured["diversity"] == 0
    assert verdicts(entries)[0] == "samples have collapsed: diversity 0% of the data's"
    assert phase(entries) == "collapsing"


def test_images_like_the_data_are_as_diverse_as_the_data():
    real, fake = torch.rand(2, 64, 3, 32, 32) * 2 - 1
    assert float(measure(real, fake)["diversity"]) == pytest.approx(1, abs=0.05)


def test_an_untrained_generator_is_starting_not_collapsed():
    entries = history(count=2, every=10, diversity=0.1)
    assert verdicts(entries) == [] and phase(entries) == "starting"


def test_samples_that_were_varied_once_and_are_no_more_have_collapsed():
    entries = [*history(count=2, every=10), *history(count=2, every=20, diversity=0.05)]
    assert "collapsed: diversity 5%" in verdicts(entries)[0]


def test_a_discriminator_right_for_500_steps_is_named_with_the_steps():
    assert verdicts(history(count=2, real_accuracy=1.0, fake_accuracy=1.0)) == []
    entries = history(count=3, real_accuracy=1.0, fake_accuracy=1.0)
    assert verdicts(entries) == ["the discriminator has been right 100% of the time for 500 steps"]
    assert phase(entries) == "discriminator ahead"


def test_a_wasserstein_critic_may_be_right_all_the_time():
    entries = [{k: v for k, v in e.items() if k != "d_real"} for e in history(real_accuracy=1.0, fake_accuracy=1.0)]
    assert verdicts(entries) == []


def test_a_discriminator_no_better_than_chance_is_named():
    entries = history(real_accuracy=0.5, fake_accuracy=0.4)
    assert verdicts(entries) == ["the discriminator has done no better than chance for 750 steps"]
    assert phase(entries) == "generator ahead"


def test_saturated_samples_of_unsaturated_data_are_named_and_those_of_saturated_data_are_not():
    assert "90% of the samples' values are saturated" in verdicts(history(saturation=0.9))
    assert verdicts(history(saturation=0.9, real_saturation=0.85)) == []


def test_a_player_without_gradient_is_named():
    assert verdicts(history(**{"generator/gradient_norm": 0.0})) == ["the generator receives no gradient"]


def test_a_contest_is_nothing_to_complain_about():
    assert verdicts(history()) == [] and phase(history()) == "contested"
    assert verdicts([]) == [] and phase([]) == "starting"
    assert phase([{"step": 5, "generator/pixel": 0.1, "diversity": 0.01}]) == "pre-training"


def test_samples_of_few_kinds_are_near_to_each_other_though_they_differ():
    torch.manual_seed(0)
    real, kinds = torch.rand(48, 3, 32, 32) * 2 - 1, torch.rand(6, 3, 32, 32) * 2 - 1
    few = kinds.repeat(8, 1, 1, 1) + 0.2 * torch.randn(48, 3, 32, 32)
    found = measure(real, few)
    assert found["diversity"] > 0.8 and found["nearest"] < FEW_KINDS * found["diversity"]
    assert measure(real, torch.rand_like(real) * 2 - 1)["nearest"] == pytest.approx(1, abs=0.05)
