"""Telling trainings that began when their variant or preset said something else."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import yaml
from made import of_own, suite_file

from ganzoo.benchmark.outdated import outdated
from ganzoo.benchmark.results import write_result
from ganzoo.benchmark.suite import find_job, jobs, read_suite
from ganzoo.training.plan import merge, with_steps


@pytest.fixture
def begun(tmp_path):
    """Begin the suite's job ``gan-seed-0`` with a configuration that ``change`` changes; returns what is said of it."""

    def begin(change=lambda config: None):
        suite = read_suite(suite_file(tmp_path))
        request = find_job(suite, "gan-seed-0").cell.request(0)
        resolved = merge(request, {"image_channels": 1, "classes": list("0123456789")})
        config = with_steps(resolved, request.steps).config.model_dump(mode="json")
        change(config)
        run = tmp_path / "out" / "jobs" / "gan-seed-0" / "run"
        run.mkdir(parents=True)
        (run / "config.yaml").write_text(yaml.safe_dump({"config": config, "run": asdict(request)}))
        return list(outdated(jobs(suite), tmp_path / "out"))

    return begin


def test_what_still_comes_to_the_same_is_not_mentioned(begun):
    assert begun() == []


def test_the_changed_settings_are_named_and_what_is_in_the_way_of_a_new_training(begun, tmp_path):
    def change(config):
        config["optimizers"]["generator"]["lr"] = 0.5
        config["networks"]["generator"]["depth"] = 7

    (tmp_path / "out").mkdir()
    write_result(of_own("gan"), tmp_path / "out")
    out = tmp_path / "out"
    assert begun(change) == [
        "gan-seed-0 was begun when its variant or preset said otherwise of networks.generator.depth, "
        f"optimizers.generator.lr; to train it anew, move away {out / 'gan-seed-0.result.json'} and "
        f"{out / 'jobs' / 'gan-seed-0'}"
    ]


def test_prose_and_settings_that_came_later_do_not_count(begun):
    def change(config):
        config |= {"title": "Before", "deviations": ["None."]}
        del config["schedule"]["burn_in"], config["jitter"]

    assert begun(change) == []


def test_settings_that_are_gone_count(begun):
    (sentence,) = begun(lambda config: config["schedule"].update(patience=3))
    assert "said otherwise of schedule.patience; to train it anew, move away" in sentence


def test_the_command_says_it_and_goes_on(begun, cli, tmp_path):
    begun(lambda config: config["latent"].update(size=5))
    said = cli("bench", "run", tmp_path / "own.yaml", "--only", "gan", "--dry-run", "--out", tmp_path / "out")
    assert said.code == 0 and "bench job" in said.out
    assert said.err.startswith("gan-seed-0 was begun when its variant or preset said otherwise of latent.size;")
