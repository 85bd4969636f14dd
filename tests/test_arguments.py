"""What callers from Python may pass, and what programs may have set before: the same result, or one sentence."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import yaml
from small import small_model
from tiny import tiny

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.training.trainer import Hook
from ganzoo.zoo import load, save


@pytest.fixture
def model(conditional_model):
    return conditional_model


@pytest.fixture
def photos(prepared, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(prepared))
    monkeypatch.setattr("ganzoo.training.session.write_report", lambda run: None)
    return {"dataset": "mnist-10k", "device": "cpu", "quiet": True, "overrides": tiny("gan")}


@pytest.mark.parametrize("seed", [np.int64(7), torch.tensor(7), np.uint8(7)])
def test_whole_numbers_of_other_libraries_are_seeds(seed, model):
    expected = model.sample(2, seed=7, label=1)
    assert torch.equal(model.sample(2, seed=seed, label=np.int32(1)), expected)
    assert torch.equal(model.sample(seeds=[seed], label=[torch.tensor(1)]), model.sample(seed=7, label=1))
    assert torch.equal(model.interpolate(2, 2, seed=seed), model.interpolate(2, 2, seed=7))


@pytest.mark.parametrize("seed", [1.0, "1", None, 1.5])
def test_other_seeds_are_refused(seed, model, tmp_path):
    translator = small_model("pix2pix", resolution=32)
    for ask in (
        lambda: model.sample(seed=seed),
        lambda: model.sample(seeds=[seed]),
        lambda: model.interpolate(seed=seed),
        lambda: translator.translate(torch.zeros(1, 3, 32, 32), seed=seed),
        lambda: ganzoo.augment(model, tmp_path / "out", seed=seed),
        lambda: ganzoo.create("dcgan", seed=seed),
        lambda: ganzoo.evaluate(model, "mnist-10k", seed=seed),
    ):
        with pytest.raises(GanzooError, match="give a whole number"):
            ask()
    assert not (tmp_path / "out").exists()


def test_labels_may_be_arrays_and_say_how_far_they_go(model):
    expected = model.sample(3, label=["cat", "dog", "owl"])
    for labels in (np.arange(3), torch.arange(3), [np.int64(0), 1, "owl"]):
        assert torch.equal(model.sample(3, label=labels), expected)
    assert torch.equal(model.sample(2, label=torch.tensor(2)), model.sample(2, label="owl"))
    with pytest.raises(GanzooError, match=r"unknown label 3; numbers go from 0 \(cat\) to 2 \(owl\)"):
        model.sample(label=np.int64(3))
    with pytest.raises(GanzooError, match=r"seeds is 3; give a list"):
        model.sample(seeds=3)


@pytest.mark.parametrize("setting", ["dtype", "device"])
def test_a_seed_is_an_image_whatever_torch_was_told(setting, model, photos, tmp_path):
    place = save(model, tmp_path / "model")
    expected, fresh = model.sample(2, seed=3), ganzoo.create("dcgan", seed=1).state_dict()
    try:
        torch.set_default_dtype(torch.float64) if setting == "dtype" else torch.set_default_device("meta")
        for each in (model, load(place)):
            assert torch.equal(each.sample(2, seed=3), expected)
        created = ganzoo.create("dcgan", seed=1).state_dict()
        assert all(torch.equal(value, fresh[name]) for name, value in created.items())
        run = ganzoo.train("gan", steps=1, out=tmp_path / "run", **photos)
        asked = torch.get_default_dtype(), torch.get_default_device().type
        assert asked == ((torch.float64, "cpu") if setting == "dtype" else (torch.float32, "meta"))
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    with torch.no_grad():  # also in the middle of somebody's evaluation
        again = ganzoo.train("gan", steps=1, out=tmp_path / "again", **photos)
    assert torch.equal(load(run).sample(2), load(again).sample(2))


def test_a_training_leaves_a_programs_random_numbers_alone(photos, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ganzoo.train("gan", steps=1, deterministic=True, out=tmp_path / "run", **photos)
    assert torch.equal(torch.rand(3), expected) and not torch.are_deterministic_algorithms_enabled()


def test_networks_of_a_seed_are_the_same_in_every_thread():
    def made(seed):
        return torch.cat([value.flatten() for value in ganzoo.create("dcgan", resolution=16, seed=seed).parameters()])

    alone = [made(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as threads:
        assert all(torch.equal(*pair) for pair in zip(alone, threads.map(made, range(6)), strict=True))


@pytest.mark.parametrize("minutes", [math.inf, math.nan, 0, -1, "1"])
@pytest.mark.parametrize("kind", ["minutes", "cpu_minutes"])
def test_times_that_never_end_are_refused(minutes, kind, photos, tmp_path):
    with pytest.raises(GanzooError, match=f"^{kind} is .*; give a number of minutes above 0"):
        ganzoo.train("gan", **{kind: minutes}, out=tmp_path / "run", **photos)
    assert not (tmp_path / "run").exists()


def test_the_command_line_refuses_them_too(cli, photos, tmp_path):
    arguments = ["train", "gan", "--dataset", "mnist-10k", "--out", tmp_path / "run", "--minutes"]
    for minutes in ("inf", "nan"):
        said = cli(*arguments, minutes)
        assert said.code and "above 0" in said.err


def test_numpys_numbers_are_numbers(photos, tmp_path):
    rates = photos["overrides"] | {"optimizers.generator.lr": np.float64(1e-3)}
    options = photos | {"overrides": rates, "steps": np.int64(1), "seed": np.int64(2), "batch_size": np.int32(4)}
    run = ganzoo.train("gan", out=tmp_path / "run", **options)
    written = yaml.safe_load((run / "config.yaml").read_text())
    assert written["run"]["seed"] == 2 and written["config"]["optimizers"]["generator"]["lr"] == 1e-3
    record = ganzoo.evaluate(run, "mnist-10k", "fid", n=np.int64(4), extractor="mnist-classifier", device="cpu")[0]
    assert record["fake"]["count"] == 4
    with pytest.raises(GanzooError, match="dataset is of type Tensor; give a name or a path"):
        ganzoo.train("gan", **photos | {"dataset": torch.zeros(3)})


@pytest.mark.parametrize("wrong", ["uint8", "nan", "empty", "array", "double"])
def test_images_to_translate_are_floats(wrong):
    model, images = small_model("pix2pix", resolution=32), torch.zeros(2, 3, 32, 32)
    given = {
        "uint8": (images.byte(), r"images of torch\.uint8 .* / 127\.5 - 1"),
        "nan": (images + math.nan, "not numbers"),
        "empty": (images[:0], "give a tensor of images"),
        "array": (images.numpy(), "ndarray was given"),
    }
    if wrong == "double":
        assert torch.equal(model.translate(images.double()), model.translate(images))
        return
    with pytest.raises(GanzooError, match=given[wrong][1]):
        model.translate(given[wrong][0])


def test_what_is_rendered_and_projected_is_checked(model):
    latents, labels = torch.zeros(2, model.config.latent.size), torch.tensor([0, 2])
    expected = model.render(latents, labels)
    assert torch.equal(model.render(latents.double(), [0, 2]), expected)
    for wrong, said in (([0, 3], "unknown label 3"), ([0], "labels of shape")):
        with pytest.raises(GanzooError, match=said):
            model.render(latents, wrong)
    for name, value in (("starts", 0), ("steps", -1), ("seed", 0.5)):
        with pytest.raises(GanzooError, match=f"{name} is {value}; give a whole number"):
            ganzoo.project(model, expected, features="none", **{name: value})
    with pytest.raises(GanzooError, match="give floats"):
        ganzoo.project(model, expected.byte(), features="none")


def test_hooks_are_checked_before_anything_is_trained(photos, tmp_path):
    with pytest.raises(GanzooError, match="a hook is of type function; give ganzoo"):
        ganzoo.train("gan", steps=1, hooks=[lambda trainer: None], out=tmp_path / "run", **photos)
    with pytest.raises(GanzooError, match="every 0 steps; give a number from 1 up"):
        Hook(0, print)
    assert not (tmp_path / "run").exists()


def test_home_is_where_a_tilde_says(model, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert ganzoo.train("gan", steps=1, out="~/run", **photos) == tmp_path / "run"
    ganzoo.train(resume="~/run", steps=2, device="cpu", quiet=True)
    assert save(model, "~/saved") == tmp_path / "saved" and load("~/saved")
    assert ganzoo.augment(model, "~/more", per_class=1) == tmp_path / "more"
    assert not (tmp_path / "~").exists()
