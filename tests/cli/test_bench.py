"""``ganzoo bench`` as people use it: what it prints, what it refuses, its exit codes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmark"))
from made import data_row, result, score, stored, suite_file

from ganzoo.benchmark.work import config_hash


def test_a_dry_run_shows_the_jobs(cli, tmp_path):
    said = cli("bench", "run", suite_file(tmp_path), "--only", "gan", "--dry-run")
    assert said.code == 0 and [line.split()[-3] for line in said.out.splitlines()] == [
        "real-halves-mnist-10k-seed-0",
        "gan-seed-0",
        "gan-seed-1",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "smok"], "did you mean smoke"),
        (["run", "smoke", "--only", "gun"], "did you mean gan"),
        (["table", "nowhere"], "does not exist"),
        (["job", "smoke", "gan-seed-7", "--out", "out"], "did you mean gan-seed-1"),
    ],
)
def test_mistakes_are_one_sentence(arguments, said, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in cli("bench", *arguments).sentence()


def test_a_budget_is_a_duration(cli):
    said = cli("bench", "run", "smoke", "--budget", "soon")
    assert said.code == 2 and "write e.g. 90s, 30m or 2h" in said.err
    said = cli("bench", "run", "smoke", "--budget", "30m", "--executor", "slurm")
    assert said.code == 2 and "give a cluster its own" in said.err


@pytest.mark.parametrize(
    ("form", "holds"), [("md", "| **5** |"), ("latex", r"\textbf{5}"), ("csv", ",5.0,"), ("html", "<b>5</b>")]
)
def test_tables_are_printed_or_written(form, holds, cli, tmp_path):
    folder = stored(tmp_path / "results", result("wgan", fid=5.0), result("gan", fid=9.0), data_row(0.1))
    assert holds in cli("bench", "table", folder, "--format", form).out
    assert cli("bench", "table", folder, "--format", form, "--out", tmp_path / "table").code == 0
    assert holds in (tmp_path / "table").read_text()


def test_mixed_protocols_are_one_sentence(cli, tmp_path):
    other = result("gan", scores={"fid": score(3.0, protocol_id="another")})
    assert "cannot stand in one table" in cli("bench", "table", stored(tmp_path, result(), other)).sentence()


@pytest.mark.parametrize(("now", "code"), [(10.4, 0), (14.0, 1)])
def test_a_row_is_repeated_and_judged_by_its_seeds(now, code, cli, tmp_path, monkeypatch):
    others = {"low": 10.2, "high": 12.0, "source": "Nobody 2020"}
    config = {"name": "dcgan"}
    told = {"expected": others, "config_hash": config_hash(config if code else {"name": "dcgan", "was": "larger"})}
    made = (result(seed=seed, fid=fid, **told) for seed, fid in enumerate((9.0, 10.0, 11.0)))
    stored(tmp_path / "results", *made)
    asked = {}

    def train(variant, **options):
        asked.update(options, variant=variant)
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        return tmp_path

    monkeypatch.setattr("ganzoo.train", train)
    monkeypatch.setattr("ganzoo.evaluate", lambda *arguments, **options: [score(now)])
    monkeypatch.setattr("ganzoo.benchmark.reproduce.read_checkpoint", lambda run: ({}, {"config": config}))
    said = cli("bench", "reproduce", "made/dcgan", "--results", tmp_path / "results")
    assert said.code == code, said.err
    assert ("NOT reproduced" in said.out) == bool(code)
    assert "expected 7 to 13 (mean ± 3 deviations of 3 seeds)" in said.out and "weights differ" in said.out
    assert f"{'outside of' if code else 'within'} the literature's 10.2 to 12 (Nobody 2020)" in said.out
    assert ("says something else than it did then" in said.out) == (code == 0)
    assert (asked["variant"], asked["steps"], asked["stop_at"]) == ("dcgan", 1000, None)


def test_a_row_of_another_protocol_or_nobody_cannot_be_repeated(cli, tmp_path, monkeypatch):
    folder = stored(tmp_path / "results", result(), result(suite="other", seed=1))
    assert "did you mean made/dcgan" in cli("bench", "reproduce", "made/dcgann", "--results", folder).sentence()
    assert "several suites have a row 'dcgan'" in cli("bench", "reproduce", "dcgan", "--results", folder).sentence()
