"""Runs from request to model: what they leave, what they refuse, what they survive."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from tiny import data_for, same, tiny

import ganzoo
from ganzoo.errors import Diverged, GanzooError
from ganzoo.losses.adversarial import Wasserstein
from ganzoo.registry import ADVERSARIAL
from ganzoo.tensors import read_tensors, save_tensors
from ganzoo.training.checkpoint import CHECKPOINT
from ganzoo.training.plan import UNBOUNDED
from ganzoo.training.trainer import Hook, Trainer
from ganzoo.variants import read_variant


def words(variant: str, **wishes) -> list[str]:
    """The command line of a tiny training."""
    chosen = tiny(variant) | {key.replace("__", "."): value for key, value in wishes.items()}
    narrow = [word for key, value in chosen.items() for word in ("-o", f"{key}={value}")]
    return ["train", variant, "--dataset", "mnist-10k", "--device", "cpu", *narrow]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What a run leaves.


def test_a_run_leaves_what_is_promised(cli, tmp_path):
    run = tmp_path / "run"
    result = cli(*words("gan"), "--steps", 3, "--out", run)
    assert result.code == 0, result.err
    for name in ("config.yaml", "metrics.jsonl", "report.html", str(CHECKPOINT), "model/README.md"):
        assert (run / name).stat().st_size, name
    for name in ("model/samples.png", "report.html", "model"):
        assert str(run / name) in result.out
    assert list((run / "samples").glob("step-*.png"))
    assert "3/3" in result.out
    assert ganzoo.load(run).sample(2).shape == (2, 1, 28, 28)
    assert yaml.safe_load((run / "config.yaml").read_text())["config"]["schedule"]["steps"] == 3


def test_steps_are_counted_to_where_the_session_ends(cli, tmp_path):
    said = cli(*words("gan", schedule__log_every=1), "--steps", 100, "--stop-at", 2, "--out", tmp_path / "run").out
    assert "step 2/2 " in said and "0 seconds left" in said


def test_images_that_were_left_out_are_told(cli, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(6):
        Image.new("L", (28, 28), 40 * number).save(photos / f"{number}.png")
    (photos / "broken.png").write_bytes((photos / "0.png").read_bytes()[:50])
    own = [photos if word == "mnist-10k" else word for word in words("gan")]
    said = cli(*own, "--steps", 1, "--resolution", 28, "--out", tmp_path / "run")
    assert said.code == 0 and "1 unreadable image left out, e.g. broken.png" in said.out


def test_a_quiet_run_says_nothing(cli, tmp_path):
    result = cli(*words("gan"), "--steps", 1, "--out", tmp_path / "run", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_runs_are_numbered_where_no_folder_was_named(train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [train("gan", steps=1, out=None) for _ in range(2)]
    assert [str(run) for run in runs] == ["runs/gan-mnist-10k-1", "runs/gan-mnist-10k-2"]


def test_stopping_at_a_step_leaves_a_model_and_the_schedule_of_the_whole(train, saved):
    run = train("wgan-gp", steps=10, stop_at=3)
    _, header = saved(run)
    assert header["trainer"]["step"] == 3
    assert header["config"]["schedule"]["steps"] == 10
    assert ganzoo.load(run).sample(1).isfinite().all()
    rates = []
    train(
        resume=run, stop_at=5, hooks=[Hook(1, lambda t: rates.append(t.optimizers["generator"].param_groups[0]["lr"]))]
    )
    assert rates == pytest.approx([2e-4 * 0.7, 2e-4 * 0.6])
    assert saved(run)[1]["trainer"]["step"] == 5


def test_minutes_fix_a_schedule_that_ends_near_the_time(train, saved):
    run = train("dcgan", minutes=0.1)
    _, header = saved(run)
    steps = header["config"]["schedule"]["steps"]
    assert 10 < steps < UNBOUNDED
    assert header["trainer"]["step"] == pytest.approx(steps, rel=0.8)
    seconds = read_tensors(run / CHECKPOINT)[1]["seconds"]
    assert 1 < seconds < 15
    assert yaml.safe_load((run / "config.yaml").read_text())["config"]["schedule"]["steps"] == steps


def test_processor_minutes_end_a_run_near_the_processor_time_spent(train):
    run = train("dcgan", cpu_minutes=0.05)
    header = read_tensors(run / CHECKPOINT)[1]
    assert 0.5 < header["cpu_seconds"] < 6
    assert header["config"]["schedule"]["steps"] < UNBOUNDED
    before = header["cpu_seconds"]
    train(resume=run, steps=2 * header["config"]["schedule"]["steps"], stop_at=header["trainer"]["step"] + 1)
    assert before < read_tensors(run / CHECKPOINT)[1]["cpu_seconds"] < before + 10


@pytest.mark.parametrize(
    ("minutes", "stop_at"), [(0.05, 1), pytest.param(60, 20, id="measuring takes longer"), (0.05, 20)]
)
def test_a_run_by_minutes_can_be_stopped_and_resumed(minutes, stop_at, train, saved):
    run = train("gan", minutes=minutes, stop_at=stop_at)
    _, header = saved(run)
    steps = header["config"]["schedule"]["steps"]
    assert header["trainer"]["step"] == stop_at < steps < UNBOUNDED
    train(resume=run, stop_at=stop_at + 1)
    _, header = saved(run)
    assert header["trainer"]["step"] == stop_at + 1 and header["config"]["schedule"]["steps"] == steps


def test_hooks_do_not_change_the_run(train, saved, tmp_path):
    def evaluate(trainer):
        trainer.averaged.sample(64, seed=1).mean()
        torch.randn(3)

    plain = train("dcgan", steps=3, out=tmp_path / "plain")
    watched = train("dcgan", steps=3, out=tmp_path / "watched", hooks=[Hook(1, evaluate)])
    assert same(saved(plain)[0], saved(watched)[0])


@pytest.mark.parametrize(
    ("load", "threads", "policy", "told"),
    [(1.3, 2, "", True), (0.2, 2, "", False), (9, 1, "", False), (9, 2, "x", False)],
)
def test_a_busy_machine_is_told_of(load, threads, policy, told, cli, tmp_path, monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if policy:
        monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    said = cli(*words("gan"), "--steps", 1, "--out", tmp_path / "run").out
    assert ("with OMP_WAIT_POLICY=PASSIVE in front" in said) == told


# Starting from weights.


@pytest.mark.parametrize("source", ["run", "model"])
def test_a_run_may_start_from_weights(source, train, saved, tmp_path):
    first = train("dcgan", steps=3, seed=9, out=tmp_path / "first")
    seen = []
    frozen = {f"optimizers.{player}.lr": 1e-30 for player in ("generator", "discriminator")}
    origin = first if source == "run" else first / "model"
    second = train("dcgan", steps=1, init_from=origin, overrides=frozen, hooks=[Hook(1, lambda t: seen.append(t.step))])
    old, new = saved(first)[0], saved(second)[0]
    assert seen == [1]

    def learned(player, prefix, tensors):
        return {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(f"{prefix}{player}") and name.endswith(("weight", "bias"))
        }

    assert same(learned("generator", "game/", new), learned("generator", "ema/", old))
    discriminators = [learned("discriminator", "game/", tensors) for tensors in (new, old)]
    assert same(*discriminators) == (source == "run")


def test_weights_that_do_not_fit_are_refused(train, tmp_path):
    first = train("dcgan", steps=1, out=tmp_path / "first")
    with pytest.raises(GanzooError, match=r"--init-from .*same variant") as error:
        train("dcgan", steps=1, init_from=first, overrides={"networks.generator.channels": 6})
    assert "\n" not in str(error.value)
    with pytest.raises(GanzooError, match=r"--init-from .*same variant"):
        train("gan", steps=1, init_from=first)
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_there_are_refused(train, tmp_path):
    with pytest.raises(GanzooError):
        train("dcgan", steps=1, init_from=tmp_path / "nowhere")
    assert not (tmp_path / "run").exists()


# What is refused before anything is written.


@pytest.mark.parametrize(
    ("variant", "wish", "sentence"),
    [
        ("dcgan", ("--resolution", 50), "the nearest possible is 48 or 56"),
        ("projected-gan", ("--resolution", 50), "the nearest possible is 48 or 56"),
        ("pix2pix", ("--resolution", 50), "the nearest possible is 48 or 56"),
        ("pix2pix", ("--width", 50), "the nearest possible is"),
    ],
)
def test_a_size_that_networks_refuse_is_refused_before_data_are_prepared(
    variant, wish, sentence, cli, tmp_path, monkeypatch
):
    data = data_for(variant, tmp_path)
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    assert sentence in cli(*words(variant), "--dataset", data, *wish).sentence()
    assert not (tmp_path / "home").exists()


def test_unlabelled_data_are_refused_before_they_are_downloaded(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    assert "needs class labels" in cli("train", "cgan", "--dataset", "celeba").sentence()
    assert not (tmp_path / "home").exists()


def test_a_network_that_looks_at_its_weights_is_built_in_earnest(train, tmp_path, monkeypatch):
    class Curious(Wasserstein):
        def __init__(self):
            float(torch.ones(1))

    monkeypatch.setitem(ADVERSARIAL._components, "curious", Curious)
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    assert train("gan", steps=1, overrides={"loss": "curious"})


def test_preparing_data_is_told(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    for said in (True, False):
        done = cli(*words("gan"), "--steps", 1, "--out", tmp_path / f"run-{said}")
        assert done.out.startswith("packing train: 10,000 images\n") == said and done.err == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["wgan-pg", "--dataset", "mnist-10k"], "did you mean"),
        (["gan", "--dataset", "mnist-10"], "mnist-10k"),
        (["gan", "--dataset", "/no/such/folder"], "/no/such/folder"),
        (["gan"], "--dataset"),
        ([], "no variant"),
        (["gan", "--dataset", "mnist-10k", "--preset", "gpu"], "cpu"),
        (["gan", "--dataset", "mnist-10k", "-o", "schedule.batchsize=3"], "batch_size"),
        (["gan", "--dataset", "mnist-10k", "-o", "schedule.steps=many"], "schedule.steps"),
        (["gan", "--dataset", "mnist-10k", "-o", "schedule.ema=1.5"], "schedule.ema"),
        (["gan", "--dataset", "mnist-10k", "-o", "loss"], "key=value"),
        (["gan", "--dataset", "mnist-10k", "-o", "penalties=[{name: r1"], "YAML"),
        (["gan", "--dataset", "mnist-10k", "-o", "loss=hing"], "hinge"),
        (["gan", "--dataset", "mnist-10k", "-o", "penalties=[r3]"], "r1"),
        (["gan", "--dataset", "mnist-10k", "-o", "networks.generator.widht=3"], "width"),
        (["gan", "--dataset", "mnist-10k", "-o", "optimizers.generator={name: adm, lr: 0.1}"], "adam"),
        (["gan", "--dataset", "mnist-10k", "-o", "optimizers.generator.betas=[1, 2]"], "betas"),
        (["dcgan", "--dataset", "mnist-10k", "--resolution", "30"], "28 or 32"),
        (
            ["dcgan", "--dataset", "mnist-10k", "-o", "penalties=[gradient-penalty]"],
            "networks.discriminator.norm=layer",
        ),
        (["gan", "--dataset", "mnist-10k", "--batch-size", "10", "--accumulate", "3"], "--batch-size"),
        (["ragan", "--dataset", "mnist-10k", "--accumulate", "2"], "relativistic-average"),
        (["gan", "--dataset", "mnist-10k", "--steps", "3", "--minutes", "1"], "--minutes"),
        (["gan", "--dataset", "mnist-10k", "--minutes", "3", "--cpu-minutes", "1"], "--minutes and --cpu-minutes"),
        (["gan", "--dataset", "mnist-10k", "--device", "tpu9"], "tpu9"),
        (["gan", "--dataset", "mnist-10k", "--device", "cpu", "--precision", "fp16"], "fp16"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(arguments, sentence, cli, tmp_path):
    out = tmp_path / "run"
    steps = [] if {"--steps", "--minutes"} & set(arguments) else ["--steps", "1"]
    assert sentence in cli("train", *arguments, *steps, "--out", out).sentence()
    assert not out.exists()


@pytest.mark.parametrize("variant", ["acgan", "cgan", "sagan", "sngan-projection"])
def test_unlabelled_images_are_no_data_for_a_conditional_variant(variant, tmp_path, cli):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(8):
        Image.new("RGB", (32, 32), (30 * number, 0, 0)).save(photos / f"{number}.png")
    out = tmp_path / "run"
    said = cli("train", variant, "--dataset", photos, "--steps", 1, "--out", out).sentence()
    assert "class" in said and not out.exists()


def test_somebodys_own_folder_trains(train, tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (40, 32), (40 * number, 9, 9)).save(tmp_path / "photos" / label / f"{number}.png")
    run = train("sngan-projection", dataset=tmp_path / "photos", steps=2, resolution=32)
    model = ganzoo.load(run)
    assert model.classes == ["cat", "dog"]
    assert model.sample(2, label="dog").shape == (2, 3, 32, 32)


def test_a_folder_that_holds_something_is_left_alone(train, cli, tmp_path):
    run = train("gan", steps=1)
    before = contents(run)
    said = cli(*words("gan"), "--steps", 1, "--out", run).sentence()
    assert "not empty" in said and f"--resume {run}" in said
    assert contents(run) == before


@pytest.mark.parametrize("out", ["file", "file/run"])
def test_a_file_in_the_way_is_one_sentence(out, cli, tmp_path):
    (tmp_path / "file").write_text("precious")
    assert cli(*words("gan"), "--steps", 1, "--out", tmp_path / out).sentence()
    assert (tmp_path / "file").read_text() == "precious"


def test_a_dry_run_shows_the_plan_and_writes_nothing(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli(*words("wgan-gp"), "--steps", 7, "--dry-run")
    assert result.code == 0
    assert "schedule.steps = 7" in result.out and "parameters" in result.out
    assert not list(tmp_path.iterdir())


def test_a_dry_run_refuses_what_a_run_would(cli, tmp_path):
    said = cli("train", "dcgan", "--dataset", "mnist-10k", "-o", "penalties=[r1]", "--dry-run").sentence()
    assert "norm=layer" in said


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_out_of_memory_names_the_next_thing_to_try(error, train, monkeypatch):
    def run_out(*args):
        raise error

    monkeypatch.setattr(Trainer, "update", run_out)
    with pytest.raises(GanzooError, match="--batch-size"):
        train("gan", steps=1)


# What goes wrong on the way.


class GoesWrong(Wasserstein):
    """From its third generator update on, the loss is not a number."""

    def __init__(self):
        self.calls = 0

    def generator(self, fake, real=None):
        self.calls += 1
        return super().generator(fake, real) * (float("nan") if self.calls > 2 else 1.0)


class SpoilsWeights(GoesWrong):
    """From its third generator update on, the loss is fine and its gradient is not."""

    def generator(self, fake, real=None):
        self.calls += 1
        slope = (fake - fake).square().sum().sqrt() if self.calls > 2 else 0.0
        return Wasserstein.generator(self, fake, real) + slope


@pytest.mark.parametrize("loss", [GoesWrong, SpoilsWeights])
def test_divergence_keeps_the_last_good_checkpoint_and_the_batch(loss, train, saved, tmp_path, monkeypatch):
    monkeypatch.setitem(ADVERSARIAL._components, "bad", loss)
    batches = {}
    note = Hook(1, lambda t: batches.update({t.step: t.batches.data(t.step)["images"].clone()}))
    with pytest.raises(Diverged, match="step 2") as error:
        train("gan", steps=10, overrides={"loss": "bad", "schedule.checkpoint_every": 1}, hooks=[note])
    assert (error.value.step, error.value.exit_code) == (2, 3)
    run = tmp_path / "run"
    tensors, header = saved(run)
    assert header["trainer"]["step"] == 2
    assert all(value.isfinite().all() for value in tensors.values() if value.is_floating_point())
    (evidence,) = run.glob("diverged-step-*.safetensors")
    kept, _ = read_tensors(evidence)
    assert any(torch.equal(value, batches[2]) for value in kept.values())


def test_divergence_is_exit_code_3_and_one_sentence(cli, tmp_path):
    run = tmp_path / "run"
    wild = {"optimizers__generator__lr": 1e30, "optimizers__discriminator__lr": 1e30}
    result = cli(*words("dcgan", **wild), "--steps", 30, "--out", run)
    assert result.code == 3, result.err
    assert result.err.count("\n") == 1 and "last good checkpoint" in result.err
    tensors, _ = read_tensors(run / CHECKPOINT)
    assert all(value.isfinite().all() for value in tensors.values() if value.is_floating_point())
    assert list(run.glob("diverged-step-*.safetensors"))


def test_a_log_that_cannot_be_written_is_said_once_and_stops_nothing(train, saved, tmp_path, capfd):
    in_the_way = Hook(1, lambda trainer: (tmp_path / "run" / "metrics.jsonl").mkdir(exist_ok=True))
    run = train("gan", steps=6, hooks=[in_the_way], overrides={"schedule.log_every": 2})
    assert saved(run)[1]["trainer"]["step"] == 6
    said = capfd.readouterr().err
    assert said.count("cannot be written") == 1 and "training goes on" in said


def test_what_is_written_is_on_the_disk_before_it_replaces_anything(tmp_path, monkeypatch):
    """Otherwise a power cut can leave an empty checkpoint."""
    order, replace = [], os.replace
    monkeypatch.setattr("os.fsync", lambda handle: order.append("flush"))
    monkeypatch.setattr("os.replace", lambda *paths: (order.append("replace"), replace(*paths)))
    save_tensors(tmp_path / "file", {"x": torch.zeros(1)}, {})
    assert order[:2] == ["flush", "replace"]


def test_metrics_are_one_json_object_a_line(train):
    run = train("dcgan", steps=4, overrides={"schedule.log_every": 2})
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [2, 4]
    for entry in entries:
        assert entry["images_seen"] == 4 * entry["step"]
        assert {"seconds", "lr/generator", "generator/adversarial", "d_real", "phase", "verdicts"} <= set(entry)
    assert entries[0]["seconds"] <= entries[1]["seconds"]


def test_a_flag_and_an_override_that_disagree_are_refused(train):
    with pytest.raises(GanzooError, match=r"schedule\.batch_size=8 contradicts the flag that says 4"):
        train("gan", steps=1, batch_size=4, overrides={"schedule.batch_size": 8})


def test_saying_the_default_on_resuming_is_no_contradiction(train, tmp_path):
    run = train("gan", steps=4, stop_at=2)
    train(resume=run, seed=0, accumulate=1)


def test_samples_that_cannot_be_written_do_not_end_a_run(train, monkeypatch, capsys):
    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("ganzoo.training.session.save_grid", full)
    run = train("gan", steps=4)
    assert (run / "model" / "model.safetensors").is_file()
    assert capsys.readouterr().err.count("samples cannot be written (no space left)") == 1


# Variants of the user's own.


@pytest.mark.usefixtures("train")
def test_a_mapping_or_a_file_is_a_variant_too(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = read_variant("gan") | {"name": "my-gan", "title": "My GAN"}
    Path("my.yaml").write_text(yaml.safe_dump(own))
    options = {"dataset": "mnist-10k", "steps": 2, "overrides": tiny("gan"), "quiet": True, "device": "cpu"}
    runs = [ganzoo.train(each, out=f"run-{i}", **options) for i, each in enumerate((own, Path("my.yaml")))]
    models = [ganzoo.load(run) for run in runs]
    assert [model.config.name for model in models] == ["my-gan"] * 2
    assert torch.equal(models[0].sample(2), models[1].sample(2))
    assert "ganzoo train my.yaml --dataset mnist-10k" in models[1].card and "ganzoo train my-gan" in models[0].card
    Path("my.yaml").unlink()
    for run in runs:
        assert cli("train", "--resume", run, "--steps", 3).code == 0
    assert same(*(read_tensors(run / CHECKPOINT)[0] for run in runs))


def test_files_that_are_no_variant_are_refused(cli, tmp_path):
    (tmp_path / "list.yaml").write_text("- 1")
    for file, sentence in (("nowhere.yaml", "there is no file"), ("list.yaml", "must hold a mapping")):
        for arguments in (["train", tmp_path / file, "--dataset", "mnist-10k"], ["info", tmp_path / file]):
            assert sentence in cli(*arguments).sentence()


def test_evaluations_spread_over_whatever_length_a_run_gets():
    from ganzoo.config import resolve
    from ganzoo.training.plan import with_steps

    asked = resolve("gan", overrides={"schedule.evaluations": 4})
    assert [with_steps(asked, steps).config.schedule.eval_every for steps in (103, 2, UNBOUNDED)] == [
        26,
        1,
        UNBOUNDED // 4,
    ]
    assert with_steps(resolve("gan"), 103).config.schedule.eval_every is None
