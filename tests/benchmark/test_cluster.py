"""Clusters: the script that Slurm gets, and what it does with it, against a Slurm made of shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made import of_own, suite_file

from ganzoo.benchmark.results import write_result


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> Path:
    """A folder of commands in front of the PATH: sbatch notes its arguments, srun runs, scontrol notes."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, does in {
        "sbatch": f'echo "$@" > {tmp_path}/submitted; echo "Submitted batch job 17"',
        "srun": 'exec "$@"',
        "scontrol": f'echo "$@" > {tmp_path}/requeued',
    }.items():
        (commands / name).write_text(f"#!/bin/sh\n{does}\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    return tmp_path


def test_an_array_of_the_jobs_without_result_is_submitted(cli, slurm, tmp_path):
    suite, out = suite_file(tmp_path), tmp_path / "out"
    write_result(of_own("gan"), out)
    options = (
        "--executor",
        "slurm",
        "--jobs",
        2,
        "--cluster-option=--partition=gpu",
        "--cluster-option=--time=1:00:00",
    )
    said = cli("bench", "run", suite, "--out", out, *options)
    assert said.code == 0, said.err
    script = (out / "own.sbatch").read_text()
    assert (tmp_path / "submitted").read_text() == f"{out}/own.sbatch\n" and "job 17" in said.out
    for line in ("--array=0-3%2", "--partition=gpu", "--time=1:00:00", "--requeue", "--signal=TERM@120"):
        assert f"#SBATCH {line}\n" in script
    assert "gan-seed-1" in script and "gan-seed-0" not in script


def test_each_task_of_the_array_does_its_job(cli, slurm, tmp_path):
    out = tmp_path / "out of here"
    assert cli("bench", "run", suite_file(tmp_path), "--out", out, "--executor", "slurm", "--dry-run").code == 0
    assert not (tmp_path / "submitted").exists()
    script = out / "own.sbatch"
    assert f'#SBATCH --output="{out}/jobs/slurm-%A_%a.txt"\n' in script.read_text()
    script.write_text(script.read_text().replace(f"{sys.executable} -m ganzoo", "echo"))
    said = [_task(script, number).stdout.split() for number in range(5)]
    assert [words[:2] for words in said] == [["bench", "job"]] * 5
    assert [words[3] for words in said[:2]] == ["real-halves-mnist-10k-seed-0", "gan-seed-0"]


def test_a_task_that_ran_out_of_time_is_queued_again(cli, slurm, tmp_path):
    out = tmp_path / "out"
    cli("bench", "run", suite_file(tmp_path), "--out", out, "--executor", "slurm", "--dry-run")
    script = out / "own.sbatch"
    script.write_text(script.read_text().replace(f"{sys.executable} -m ganzoo", "exit 143;"))
    assert _task(script, 2).returncode == 143
    assert (tmp_path / "requeued").read_text() == "requeue 17_2\n"


def _task(script: Path, number: int) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_JOB_ID": "17"}
    return subprocess.run(["bash", str(script)], env=variables, capture_output=True, text=True)


def test_several_processes_are_started_by_torchrun(cli, tmp_path):
    cells = [{"variant": "gan", "processes": 4}]
    said = cli("bench", "run", suite_file(tmp_path, cells=cells), "--dry-run").out.splitlines()
    assert "--nproc-per-node=4 -m ganzoo bench job" in said[1]
    assert "nproc" not in said[0]


def test_without_slurm_the_script_is_still_written(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    said = cli("bench", "run", suite_file(tmp_path), "--out", tmp_path / "out", "--executor", "slurm").sentence()
    assert f"sbatch {tmp_path}/out/own.sbatch" in said


def test_submitit_gets_the_jobs(cli, tmp_path, monkeypatch):
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('done')"
    fake = lambda job, source, out: [sys.executable, "-S", "-c", code, str(tmp_path / job.name)]  # noqa: E731
    monkeypatch.setattr("ganzoo.benchmark.cluster.job_command", fake)
    options = ("--executor", "submitit", "--cluster-option", "cluster=debug", "--cluster-option", "timeout_min=1")
    said = cli("bench", "run", suite_file(tmp_path), "--only", "gan-seed-1", "--out", tmp_path / "out", *options)
    assert said.code == 0, said.err
    assert "gan-seed-1: " in said.out


def test_without_submitit_its_package_is_named(cli, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    said = cli("bench", "run", suite_file(tmp_path), "--executor", "submitit").sentence()
    assert "pip install 'torch-ganzoo[cluster]'" in said
