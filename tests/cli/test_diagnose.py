"""``ganzoo diagnose`` on runs whose truth is known."""

from __future__ import annotations

import json


def write(run, entries):
    run.mkdir()
    (run / "config.yaml").write_text(
        "config: {schedule: {steps: 1000, batch_size: 32}, loss: {name: minimax}, "
        "optimizers: {discriminator: {lr: 2.0e-4}, generator: {lr: 2.0e-4}}}\n"
    )
    (run / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def entries(**changes):
    usual = {"diversity": 0.9, "real_accuracy": 0.7, "fake_accuracy": 0.7, "seconds": 1.0, "images_per_second": 10.0}
    return [usual | changes | {"step": step} for step in range(100, 1001, 100)]


def test_a_good_run_is_finished_and_can_be_sampled(cli, tmp_path):
    write(tmp_path / "run", entries())
    result = cli("diagnose", tmp_path / "run")
    assert result.code == 0 and result.out.startswith("Finished: 1,000 of 1,000 steps")
    assert "Wrong:" not in result.out and "ganzoo sample" in result.out


def test_a_collapse_is_named_with_flags_to_try(cli, tmp_path):
    write(tmp_path / "run", entries(diversity=0.02))
    result = cli("diagnose", tmp_path / "run")
    assert "samples have collapsed: diversity 2%" in result.out and "--batch-size 64" in result.out


def test_json_holds_the_same(cli, tmp_path):
    write(tmp_path / "run", entries(**{"generator/gradient_norm": 0.0}))
    diagnosis = json.loads(cli("diagnose", tmp_path / "run", "--json").out)
    assert diagnosis["verdicts"] == ["the generator receives no gradient"]
    assert any(advice["flags"] == "-o loss=non-saturating" for advice in diagnosis["advice"])


def test_a_diverged_run_says_where(cli, tmp_path):
    write(tmp_path / "run", entries()[:3])
    (tmp_path / "run" / "diverged-step-00000333.safetensors").touch()
    out = cli("diagnose", tmp_path / "run").out
    assert "Diverged in step 333" in out and "halve the discriminator's learning rate" in out


def test_a_folder_that_is_no_run_is_one_sentence(cli, tmp_path):
    assert "is no run" in cli("diagnose", tmp_path).sentence()
