"""A run that was interrupted ends bit for bit where an uninterrupted one does."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import VARIANTS, configure, gradients, made, same, tiny, trainer_for, weights

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.report.record import read_run
from ganzoo.tensors import read_tensors, save_tensors
from ganzoo.training.checkpoint import CHECKPOINT
from ganzoo.training.interrupt import OUT_OF_TIME
from ganzoo.training.trainer import Hook


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_and_two_steps_are_four(variant, train, saved, tmp_path):
    whole = train(variant, steps=4, out=tmp_path / "whole")
    part = train(variant, steps=4, stop_at=2, out=tmp_path / "part")
    assert saved(part)[1]["trainer"]["step"] == 2
    train(resume=part)
    (one, header), (other, resumed) = saved(whole), saved(part)
    assert same(one, other)
    assert header == resumed
    assert any(name.startswith("ema/") for name in one)
    assert torch.equal(made(ganzoo.load(whole).game, 2), made(ganzoo.load(part).game, 2))


@pytest.mark.parametrize("stop", [1, 2, 3])
@pytest.mark.parametrize(("variant", "phase"), [("srgan", "game.pretrain"), ("stackgan", "game.stage_one")])
def test_a_run_resumes_on_either_side_of_the_border_between_its_phases(variant, phase, stop, train, saved, tmp_path):
    options = {"steps": 4, "resolution": 28, "overrides": {phase: 0.5}}
    whole = train(variant, out=tmp_path / "whole", **options)
    part = train(variant, stop_at=stop, out=tmp_path / "part", **options)
    train(resume=part)
    assert same(saved(whole)[0], saved(part)[0])


def test_a_run_resumes_while_the_augmentations_probability_moves(train, saved, tmp_path):
    ada = {"augment": {"name": "ada", "probability": 0.5, "interval": 4, "speed": 100}}
    whole = train("dcgan", steps=4, out=tmp_path / "whole", overrides=ada)
    part = train("dcgan", steps=4, stop_at=3, out=tmp_path / "part", overrides=ada)
    probability = "game/objective.augment.probability"
    before = saved(part)[0][probability]
    train(resume=part)
    assert same(saved(whole)[0], saved(part)[0])
    assert 0.5 != before != saved(part)[0][probability]


def test_a_resumed_run_sees_the_batches_that_were_due(train, tmp_path):
    seen = {"whole": [], "part": []}

    def note(name):
        return [Hook(1, lambda trainer: seen[name].append(trainer.batches.data(trainer.step)["images"].clone()))]

    train("dcgan", steps=6, out=tmp_path / "whole", hooks=note("whole"))
    run = train("dcgan", steps=6, stop_at=3, out=tmp_path / "part", hooks=note("part"))
    train(resume=run, hooks=note("part"))
    assert len(seen["whole"]) == 6
    assert all(torch.equal(a, b) for a, b in zip(seen["whole"], seen["part"], strict=True))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_every_optimizer_comes_back(optimizer):
    options = {"name": optimizer, "lr": 1e-3} | ({"momentum": 0.9} if optimizer == "sgd" else {})
    config = configure("wgan-gp", optimizers__generator=options, optimizers__discriminator=options)
    check_restoring(config)


def test_moments_take_the_layout_of_channels_last_parameters():
    """safetensors keeps contiguous tensors, and a fused step on mismatched strides goes silently wrong."""
    config = configure("dcgan", **{"optimizers.generator.fused": True, "optimizers.discriminator.fused": True})
    resumed = check_restoring(config)
    laid_out = 0
    for player, optimizer in resumed.optimizers.items():
        for parameter in resumed.players[player]:
            moments = [optimizer.state[parameter][key] for key in ("exp_avg", "exp_avg_sq")]
            assert all(moment.stride() == parameter.stride() for moment in moments)
            laid_out += not parameter.is_contiguous()
    assert laid_out, "no parameter is channels-last, so this shows nothing"


def check_restoring(config):
    """State through contiguous copies, as a file has them, into a fresh trainer; both go on alike."""
    first = trainer_for(config)
    first.run(2, [])
    tensors, state = first.state()
    stored = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    second = trainer_for(config)
    second.restore(stored, json.loads(json.dumps(state)))
    for trainer in (first, second):
        trainer.run(4, [])
    assert same(weights(first.game), weights(second.game))
    assert same(weights(first.averaged), weights(second.averaged))
    for player in first.players:
        assert same(gradients(first, player), gradients(second, player))
    assert same(first.state()[0], second.state()[0])
    return second


def test_more_steps_may_be_asked_of_a_finished_run(train, saved):
    run = train("gan", steps=2)
    train(resume=run, steps=5)
    _, header = saved(run)
    assert header["trainer"]["step"] == 5
    assert header["config"]["schedule"]["steps"] == 5


def test_more_steps_keep_the_rhythm_that_was_asked_for(train):
    run = train("gan", steps=4, overrides={"schedule.log_every": 2})
    train(resume=run, steps=8)
    assert [entry["step"] for entry in metrics(run)] == [2, 4, 6, 8]


def test_fewer_steps_are_refused(train):
    run = train("gan", steps=3)
    with pytest.raises(GanzooError, match="--stop-at"):
        train(resume=run, steps=2)


@pytest.mark.parametrize(
    ("flag", "options"),
    [
        ("--seed", {"seed": 7}),
        ("--batch-size", {"batch_size": 8}),
        ("--dataset", {"dataset": "fashion-mnist"}),
        ("--resolution", {"resolution": 64}),
        ("--precision", {"precision": "bf16"}),
        ("--accumulate", {"accumulate": 2}),
        ("--preset", {"preset": "cpu"}),
        ("--fit", {"fit": "pad"}),
        ("--minutes", {"minutes": 3.0}),
        ("--init-from", {"init_from": "elsewhere"}),
        ("-o", {"overrides": {"loss": "hinge"}}),
    ],
)
def test_contradicting_flags_are_refused_by_name(flag, options, train, finished):
    before = (finished / CHECKPOINT).read_bytes()
    with pytest.raises(GanzooError, match=rf"(^|\s){flag} "):
        ganzoo.train(resume=finished, device="cpu", quiet=True, **options)
    assert (finished / CHECKPOINT).read_bytes() == before


def test_another_variant_is_refused(finished):
    with pytest.raises(GanzooError, match="dcgan"):
        ganzoo.train("dcgan", resume=finished, device="cpu", quiet=True)


def test_the_same_flags_are_no_contradiction(train, saved):
    chosen = tiny("gan")
    run = train("gan", steps=4, stop_at=2, seed=3, overrides=chosen)
    ganzoo.train("gan", dataset="mnist-10k", seed=3, steps=4, overrides=chosen, resume=run, device="cpu", quiet=True)
    assert saved(run)[1]["trainer"]["step"] == 4


@pytest.fixture(scope="module")
def finished(prepared, tmp_path_factory):
    """A finished run that tests leave as it is."""
    os.environ["GANZOO_HOME"], before = str(prepared), os.environ.get("GANZOO_HOME")
    run = tmp_path_factory.mktemp("finished") / "run"
    ganzoo.train("gan", dataset="mnist-10k", steps=2, out=run, overrides=tiny("gan"), device="cpu", quiet=True)
    os.environ.pop("GANZOO_HOME") if before is None else os.environ.update(GANZOO_HOME=before)
    return run


def broken(kind: str, path: Path) -> None:
    content = path.read_bytes()
    if kind == "pickled":
        path.write_bytes(pickle.dumps({"model": [1, 2, 3]}))
    elif kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "foreign":
        save_tensors(path, {"weight": torch.zeros(2)}, {"format": 1})
    elif kind == "no header":
        from safetensors.torch import save_file

        save_file({"weight": torch.zeros(2)}, path)
    elif kind == "missing":
        path.unlink()


@pytest.mark.parametrize("kind", ["pickled", "truncated", "empty", "foreign", "no header", "missing"])
def test_a_file_that_is_no_checkpoint_is_one_sentence(kind, train):
    run = train("gan", steps=1)
    broken(kind, run / CHECKPOINT)
    with pytest.raises(GanzooError, match=r"last\.safetensors") as error:
        train(resume=run)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_run_is_one_sentence(tmp_path, train):
    with pytest.raises(GanzooError, match="no run"):
        train(resume=tmp_path / "nowhere")


def test_what_to_do_with_a_folder_that_is_no_run_depends_on_what_it_holds(tmp_path, train, tiny_model_dir, cli):
    (tmp_path / "my photos").mkdir()
    (tmp_path / "my photos" / "precious.png").write_text("pixels")
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "config.yaml").write_text("format: 1")
    for folder, advice in (
        (tmp_path / "my photos", "give the folder that `ganzoo train` wrote"),
        (tmp_path / "early", "start again in another folder"),
        (tiny_model_dir, f"--init-from {tiny_model_dir}"),
    ):
        said = cli("train", "--resume", folder).sentence()
        assert advice in said and "delete" not in said
        said = cli("train", "gan", "--dataset", "mnist-10k", "--out", folder).sentence()
        assert "is not empty; choose another --out" in said and "resume" not in said


def test_commands_that_are_advised_can_be_typed_in(tmp_path, train, cli):
    run = train("gan", steps=3, stop_at=1, out=tmp_path / "my run")
    assert f"--resume '{run}'" in cli("train", "gan", "--dataset", "mnist-10k", "--out", run).sentence()
    said = cli("train", "--resume", run, "--stop-at", 1, "--device", "cpu").out
    assert "raise --stop-at to go on" in said
    train(resume=run)
    assert "raise --steps to go on" in cli("train", "--resume", run, "--device", "cpu").out


def test_other_data_under_the_same_name_is_refused(train, saved):
    run = train("gan", steps=1)
    tensors, header = read_tensors(run / CHECKPOINT)
    header["data"]["fingerprint"] = "something else"
    save_tensors(run / CHECKPOINT, tensors, header)
    with pytest.raises(GanzooError, match="restore it"):
        train(resume=run)


def test_a_checkpoint_that_cannot_be_written_keeps_the_previous_one(train, monkeypatch):
    run = train("gan", steps=4, stop_at=2)
    before = (run / CHECKPOINT).read_bytes()

    def full(tensors, path, metadata):
        Path(path).write_bytes(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ganzoo.tensors.save_file", full)
    with pytest.raises(GanzooError, match="No space left on device"):
        train(resume=run)
    assert (run / CHECKPOINT).read_bytes() == before
    assert [file.name for file in (run / "checkpoints").iterdir()] == [CHECKPOINT.name]
    monkeypatch.undo()


def test_nothing_is_pickled(train, monkeypatch):
    def refuse(*args, **keywords):
        raise AssertionError("pickle was used")

    for name in ("save", "load"):
        monkeypatch.setattr(torch, name, refuse)
    for name in ("dump", "dumps", "load", "loads"):
        monkeypatch.setattr(pickle, name, refuse)
    run = train("gan", steps=2, stop_at=1)
    train(resume=run)
    suffixes = {file.suffix for file in run.rglob("*") if file.is_file()}
    assert suffixes <= {".safetensors", ".json", ".jsonl", ".yaml", ".png", ".html", ".md"}


@pytest.mark.parametrize("torn", [b'{"step": 4, "torn', b"4", b"{}", b'"\xff', b"\0\0\0"])
def test_metrics_after_the_checkpoint_are_dropped(torn, train):
    run = train("gan", steps=4, stop_at=2, overrides={"schedule.log_every": 1})
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(json.dumps({"step": 3, "lost": True}).encode() + b"\n" + torn)
    train(resume=run)
    assert [entry["step"] for entry in metrics(run)] == [1, 2, 3, 4]
    assert not any("lost" in entry for entry in metrics(run))


def test_a_run_that_is_ended_early_tells_where_it_stands(train, cli):
    """Also between two entries of its log, whose rhythm an early end does not change."""

    def stop(trainer):
        trainer.interrupted = OUT_OF_TIME if trainer.step == 3 else 0

    run = train("gan", steps=6, overrides={"schedule.log_every": 2}, hooks=[Hook(1, stop)])
    assert read_run(run).step == 3
    assert "3 of 6 steps" in cli("diagnose", run).out
    train(resume=run)
    assert [entry["step"] for entry in metrics(run)] == [2, 4, 6] and read_run(run).step == 6


def test_a_run_goes_on_from_elsewhere_and_after_its_data_moved(train, tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(6):
        Image.new("L", (28, 28), 40 * number).save(photos / f"{number}.png")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "other").mkdir()
    Image.new("L", (28, 28), 7).save(tmp_path / "other" / "0.png")
    monkeypatch.chdir(tmp_path)
    run = train("gan", steps=4, stop_at=1, dataset="./photos")
    monkeypatch.chdir(tmp_path / "elsewhere")
    train(resume=run, stop_at=2)
    photos.rename(tmp_path / "moved")
    with pytest.raises(GanzooError, match="no file or folder"):
        train(resume=run)
    with pytest.raises(GanzooError, match="is no longer what"):
        train(resume=run, dataset=tmp_path / "other")
    train(resume=run, dataset=tmp_path / "moved")
    assert read_run(run).step == 4


def test_a_torn_log_does_not_hide_what_came_before(train):
    run = train("gan", steps=4, stop_at=2, overrides={"schedule.log_every": 1})
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 3, "tor')
    train(resume=run)
    assert [entry["step"] for entry in metrics(run)] == [1, 2, 3, 4]


def test_checkpoints_of_the_same_training_are_the_same_bytes(train, tmp_path):
    """Times and places are left out of what is compared: only the seconds differ."""
    one, other = (train("gan", steps=2, out=tmp_path / name) for name in "ab")
    (first, header), (second, again) = (read_tensors(run / CHECKPOINT) for run in (one, other))
    assert same(first, second)
    assert {key for key in header if header[key] != again[key]} <= {"seconds", "cpu_seconds"}


def metrics(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_run_killed_before_its_model_was_exported_is_finished(train, saved):
    run = train("gan", steps=2)
    before = saved(run)[0]
    shutil.rmtree(run / "model")
    train(resume=run)
    assert ganzoo.load(run).sample(1).isfinite().all()
    assert same(before, saved(run)[0])


def test_a_run_killed_before_its_first_checkpoint_says_so(train):
    run = train("gan", steps=1)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(GanzooError, match="start again"):
        train(resume=run)


def test_what_a_killed_writer_left_is_swept_up(train):
    run = train("gan", steps=2, stop_at=1)
    (run / "checkpoints" / f".{CHECKPOINT.name}.1234abcd").write_bytes(b"half a file")
    train(resume=run)
    assert [file.name for file in (run / "checkpoints").iterdir()] == [CHECKPOINT.name]


# Processes that die.

LONG = ["--steps", "60", "-o", "schedule.checkpoint_every=1", "-o", "schedule.log_every=5"]


@pytest.fixture
def uninterrupted(train, tmp_path):
    """What the killed runs must come to."""
    rhythm = {"schedule.checkpoint_every": 1, "schedule.log_every": 5}
    return read_tensors(train("gan", steps=60, overrides=rhythm, out=tmp_path / "uninterrupted") / CHECKPOINT)[0]


def begin(variant: str) -> list[str]:
    narrow = [word for key, value in tiny(variant).items() for word in ("-o", f"{key}={value}")]
    return [variant, "--dataset", "mnist-10k", *narrow, *LONG]


def start(run: Path, home: Path, *arguments: str) -> subprocess.Popen:
    """`ganzoo train` in a process of its own: new, or going on with ``run``."""
    where = ["--out", str(run)] if arguments else ["--resume", str(run)]
    command = [sys.executable, "-m", "ganzoo", "train", *arguments, *where, "--device", "cpu"]
    environment = {**os.environ, "GANZOO_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> int:
    out, err = process.communicate(timeout=240)
    assert process.returncode in (0, 1, 3, -9, 130, 143), (out, err)
    process.said = err
    return process.returncode


def wait_for(process: subprocess.Popen, condition) -> None:
    while process.poll() is None and not condition():
        time.sleep(0.005)


def kill_often(times: int, run: Path, home: Path) -> int:
    """Kill a run at random moments of its training, resume it each time; returns how often it was alive to kill."""
    dice, kills = random.Random(0), 0
    process = start(run, home, *begin("gan"))
    for _ in range(times):
        known = (run / CHECKPOINT).stat().st_ino if (run / CHECKPOINT).exists() else None
        wait_for(process, lambda known=known: (run / CHECKPOINT).exists() and (run / CHECKPOINT).stat().st_ino != known)
        time.sleep(dice.uniform(0, 0.15))
        kills += process.poll() is None
        process.kill()
        finish(process)
        process = start(run, home)
    assert finish(process) == 0, process.said
    return kills


@pytest.mark.parametrize("times", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_random_moments(times, prepared, uninterrupted, tmp_path):
    run = tmp_path / "run"
    assert kill_often(times, run, prepared) > min(2, times / 3)
    assert same(read_tensors(run / CHECKPOINT)[0], uninterrupted)
    assert [file.name for file in (run / "checkpoints").iterdir()] == [CHECKPOINT.name]
    assert [entry["step"] for entry in metrics(run)] == list(range(5, 61, 5))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_save_and_say_how_to_go_on(number, code, prepared, train, uninterrupted, tmp_path):
    run = tmp_path / "run"
    process = start(run, prepared, *begin("gan"))
    wait_for(process, lambda: list(run.glob("samples/*.png")))
    process.send_signal(number)
    assert finish(process) == code
    assert f"ganzoo train --resume {run}" in process.said
    assert process.said.count("\n") == 1
    step = read_tensors(run / CHECKPOINT)[1]["trainer"]["step"]
    assert 0 < step < 60
    assert ganzoo.load(run).sample(1).isfinite().all()
    train(resume=run)
    assert same(read_tensors(run / CHECKPOINT)[0], uninterrupted)
