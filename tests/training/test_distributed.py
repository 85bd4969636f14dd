"""Two processes compute what one does at the same global batch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import parallel
import pytest
import torch
from safetensors.torch import load_file
from tiny import same, tiny

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.training.checkpoint import CHECKPOINT

HERE = Path(__file__).parent


def environments(home: Path) -> list[dict[str, str]]:
    """What torchrun sets for each of two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    shared |= {"GANZOO_HOME": str(home), "PYTHONPATH": os.pathsep.join([str(HERE.parent), *sys.path])}
    return [{**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]


def run_both(home: Path, *command: str, cwd: Path) -> list[subprocess.CompletedProcess]:
    """The same command as both ranks; fails the test with what a rank said."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": cwd}
    processes = [subprocess.Popen([sys.executable, *command], env=env, **pipes) for env in environments(home)]
    try:
        said = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *texts)
        for process, texts in zip(processes, said, strict=True)
    ]


@pytest.fixture(scope="module")
def ranks(prepared, tmp_path_factory):
    """The results of both ranks."""
    folder = tmp_path_factory.mktemp("ranks")
    done = run_both(prepared, str(HERE / "parallel.py"), str(folder), cwd=folder)
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    return [load_file(folder / f"rank-{rank}.safetensors") for rank in range(2)]


@pytest.fixture(scope="module")
def alone():
    """The results of this process."""
    return parallel.results()


@pytest.mark.parametrize("kind", ["gradient", "trajectory"])
@pytest.mark.parametrize("case", parallel.CASES)
def test_two_processes_equal_one(case, kind, ranks, alone):
    mine = {name: value for name, value in alone.items() if name.startswith(f"{case}|{kind}|")}
    assert len(mine) > 4
    for name, value in mine.items():
        scale = max(1.0, float(value.abs().max()))
        for rank in ranks:
            torch.testing.assert_close(rank[name], value, rtol=0, atol=1e-5 * scale, msg=lambda m, n=name: f"{n}: {m}")


def test_both_processes_hold_the_same_weights(ranks):
    assert ranks[0].keys() == ranks[1].keys()
    assert all(torch.equal(ranks[0][name], ranks[1][name]) for name in ranks[0] if "running" not in name)


def test_logs_speak_of_the_global_batch(ranks, alone):
    for name in ("discriminator/adversarial", "discriminator/gradient_penalty", "generator/adversarial", "critic_gap"):
        key = f"wgan-gp|reading|{name}"
        torch.testing.assert_close(ranks[0][key], alone[key], rtol=0, atol=1e-5)


# Left out: spectral norm iterates once per pass, DRAGAN's noise is as wide as the piece's data are, and
# the relativistic average is refused.
EXACT = [
    "acgan",
    "both enlarge",
    "cgan",
    "clipped",
    "cyclegan",
    "dcgan",
    "full pool",
    "gan",
    "lsgan",
    "paired",
    "pix2pix",
    "repeated",
    "stackgan",
]
EXACT += ["wgan", "wgan-gp"]


@pytest.mark.parametrize("case", EXACT)
def test_accumulated_pieces_equal_the_whole_batch(case):
    whole = parallel.first_gradients(parallel.case(case))
    pieces = parallel.first_gradients(parallel.case(case, accumulate=4))
    assert whole.keys() == pieces.keys()
    for name, value in whole.items():
        scale = max(1.0, float(value.abs().max()))
        torch.testing.assert_close(pieces[name], value, rtol=0, atol=1e-5 * scale, msg=lambda m, n=name: f"{n}: {m}")


def train_both(prepared: Path, folder: Path, *arguments: str, variant: str = "gan"):
    narrow = [word for key, value in tiny(variant).items() for word in ("-o", f"{key}={value}")]
    command = ["-m", "ganzoo", "train", *arguments, "--device", "cpu"]
    new = [variant, "--dataset", "mnist-10k", *narrow] if "--resume" not in arguments else []
    return run_both(prepared, *command[:3], *new, *command[3:], cwd=folder)


def test_a_run_of_two_processes_is_written_once_and_resumes(prepared, tmp_path, train):
    options = ["--steps", "4", "--stop-at", "2", "-o", "schedule.log_every=1"]
    both = train_both(prepared, tmp_path, *options)
    assert [process.returncode for process in both] == [0, 0], both
    (run,) = (tmp_path / "runs").iterdir()
    assert [process.stdout.count("model   ") for process in both] == [1, 0]
    assert steps(run) == [1, 2]
    both = train_both(prepared, tmp_path, "--resume", str(run))
    assert [process.returncode for process in both] == [0, 0], both
    assert steps(run) == [1, 2, 3, 4]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [run.name]
    assert [path.name for path in (run / "checkpoints").iterdir()] == [CHECKPOINT.name]
    alone = train("gan", steps=4)
    torch.testing.assert_close(ganzoo.load(run).sample(4), ganzoo.load(alone).sample(4), rtol=0, atol=1e-3)


@pytest.mark.slow
def test_two_processes_with_batch_norm_resume_exactly(prepared, tmp_path):
    for run, *options in (("whole", "--steps", "4"), ("part", "--steps", "4", "--stop-at", "2")):
        both = train_both(prepared, tmp_path, *options, "--out", run, variant="dcgan")
        assert [process.returncode for process in both] == [0, 0], both
    both = train_both(prepared, tmp_path, "--resume", "part")
    assert [process.returncode for process in both] == [0, 0], both
    whole, part = (load_file(tmp_path / run / CHECKPOINT) for run in ("whole", "part"))
    assert any("running_mean" in name for name in whole)
    assert same(whole, part)


def steps(run: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_minutes_end_both_processes_at_the_same_step(prepared, tmp_path):
    both = train_both(prepared, tmp_path, "--minutes", "0.05", "--out", "run")
    assert [process.returncode for process in both] == [0, 0], both
    assert steps(tmp_path / "run")


def test_a_batch_that_processes_cannot_share_is_refused(train, tmp_path, monkeypatch):
    two = SimpleNamespace(world_size=lambda: 2, first_process_first=nullcontext)
    monkeypatch.setattr("ganzoo.training.plan.distributed", two)
    with pytest.raises(GanzooError, match="2 processes"):
        train("gan", steps=2, overrides={"schedule.batch_size": 5})
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_torchrun(prepared, tmp_path):
    narrow = [word for key, value in tiny("wgan-gp").items() for word in ("-o", f"{key}={value}")]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "ganzoo"]
    command += [
        "train",
        "wgan-gp",
        "--dataset",
        "mnist-10k",
        *narrow,
        "--steps",
        "3",
        "--out",
        "run",
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "GANZOO_HOME": str(prepared), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert ganzoo.load(tmp_path / "run").sample(2).isfinite().all()


def test_accumulation_is_refused_where_a_loss_compares_with_the_batch(train, tmp_path):
    with pytest.raises(GanzooError, match="relativistic-average"):
        train("ragan", steps=1, accumulate=2)
    assert not (tmp_path / "run").exists()
