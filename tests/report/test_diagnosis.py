"""Runs in words: how they ended, how they went, what to try."""

from __future__ import annotations

import pytest
from entries import entry

from ganzoo.report.diagnose import diagnose, in_words


def test_an_unfinished_run_is_to_be_resumed(make_run):
    run = make_run([entry(step) for step in range(50, 501, 50)])
    found = diagnose(run)
    assert found.state == "unfinished" and "500 of 1,000" in found.summary
    assert [advice.flags for advice in found.advice] == [f"ganzoo train --resume {run}"]


def test_trouble_that_has_passed_is_remembered(make_run):
    early = [entry(50), entry(100, diversity=0.02, verdicts=["samples have collapsed"])]
    found = diagnose(make_run([*early, *(entry(step) for step in range(150, 1001, 50))]))
    assert found.verdicts == []
    assert any("until step 100, gone since: samples have collapsed" in line for line in found.observations)


def test_trends_are_told_for_losses_that_mean_something(make_run):
    steps = range(10, 1001, 10)
    found = in_words(diagnose(make_run([entry(s, **{"generator/adversarial": s / 100}) for s in steps])))
    assert "The generator's loss rose from 0.55 to 9.55" in found
    assert "The discriminator's loss fell" in found


@pytest.mark.parametrize(
    ("values", "told"),
    [({"nearest": 0.7}, True), ({"nearest": 0.85}, False), ({}, False), ({"nearest": 0.005, "diversity": 0.01}, False)],
)
def test_samples_of_few_kinds_are_told(values, told, make_run):
    found = in_words(diagnose(make_run([entry(step, **values) for step in range(50, 1001, 50)])))
    assert ("They may come in few kinds: a sample's nearest one is 70% as far as among the data." in found) == told
    assert ("few kinds" in found) == told


def test_growing_gradients_and_a_slowing_machine_are_told(make_run):
    steps = range(10, 1001, 10)
    late = {"generator/gradient_norm": 500.0, "images_per_second": 100.0}
    found = in_words(diagnose(make_run([entry(step, **(late if step > 850 else {})) for step in steps])))
    assert "gradient norm has grown 500-fold" in found and "16% of its usual speed" in found


def test_a_penalty_is_advised_with_a_norm_that_allows_it(make_run):
    run = make_run([entry(step, diversity=0.01) for step in range(50, 1001, 50)])
    flags = [advice.flags for advice in diagnose(run).advice]
    assert "-o networks.discriminator.norm=layer -o 'penalties=[{name: r1, weight: 5}]'" in flags
    assert "flags are for a new run" in in_words(diagnose(run))


@pytest.mark.parametrize(
    ("variant", "command"),
    [("dcgan", "ganzoo sample {} -n 64 --out grid.png"), ("pix2pix", "ganzoo translate {} IMAGES --out translated/")],
)
def test_how_to_look_at_what_it_makes_is_told(variant, command, make_run):
    run = make_run([entry(step) for step in range(50, 1001, 50)], variant=variant)
    flags = [advice.flags for advice in diagnose(run).advice]
    assert flags == [command.format(run), f"ganzoo train --resume {run} --steps 2000"]


def test_a_run_that_went_on_past_a_divergence_has_not_diverged(make_run):
    run = make_run([entry(step) for step in range(50, 1001, 50)])
    (run / "diverged-step-00000333.safetensors").touch()
    assert diagnose(run).state == "finished"


def test_values_that_are_not_finite_stay_out_of_json(make_run):
    found = diagnose(make_run([entry(50), entry(100, d_real=float("nan"))]))
    assert found.latest["d_real"] is None
    assert found.verdicts == ["d real is not finite"]
