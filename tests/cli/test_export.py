"""``ganzoo export``: model directories and ONNX."""

import json
import shutil
import warnings

import numpy as np
import pytest
import torch
from small import small_model

from ganzoo import export
from ganzoo.games.base import create_game
from ganzoo.tensors import read_tensors, save_tensors
from ganzoo.zoo import load, save


@pytest.fixture
def run(tmp_path, tiny_model):
    """A run as training leaves it: the model, and a checkpoint with the discriminator."""
    folder = save(tiny_model, tmp_path / "run" / "model").parent
    game = create_game(tiny_model.config, seed=3)
    tensors = {f"game/{name}": value for name, value in game.state_dict().items()}
    tensors |= {f"ema/{name}": value for name, value in tiny_model.game.state_dict().items()}
    save_tensors(folder / "checkpoints" / "last.safetensors", tensors, {"format": 1})
    return folder


def test_exported_model_is_the_same_model(cli, tiny_model_dir, tiny_model, tmp_path):
    result = cli("export", tiny_model_dir, "--out", tmp_path / "copy")
    assert result.code == 0 and result.out == f"{tmp_path / 'copy'}\n"
    names = {file.name for file in (tmp_path / "copy").iterdir()}
    assert names == {"model.safetensors", "config.json", "README.md", "samples.png"}
    copy = load(tmp_path / "copy")
    assert torch.equal(copy.sample(5, seed=2), tiny_model.sample(5, seed=2))
    assert (copy.config, copy.card, copy.facts) == (tiny_model.config, tiny_model.card, tiny_model.facts)
    original = (tiny_model_dir / "model.safetensors").read_bytes()
    assert (tmp_path / "copy" / "model.safetensors").read_bytes() == original


def test_full_brings_the_discriminator_and_can_be_taken_away_again(cli, run, tmp_path):
    assert cli("export", run, "--out", tmp_path / "full", "--full").code == 0
    full = load(tmp_path / "full")
    expected = create_game(full.config, seed=3).discriminator.state_dict()
    found = full.game.discriminator.state_dict()
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)
    assert torch.equal(full.sample(2), load(run).sample(2))
    cli("export", tmp_path / "full", "--out", tmp_path / "again", "--full")
    assert hasattr(load(tmp_path / "again").game, "discriminator")
    cli("export", tmp_path / "full", "--out", tmp_path / "slim")
    assert not hasattr(load(tmp_path / "slim").game, "discriminator")


@pytest.mark.parametrize("before", [{}, {"licence": ""}, {"licence": "unknown: the user's own images"}])
def test_terms_of_data_are_told_where_nothing_is_known_of_them(cli, tiny_model, tmp_path, before):
    tiny_model.facts = tiny_model.facts | {"data": {"name": "my-faces", "count": 3} | before}
    source, terms = save(tiny_model, tmp_path / "source"), ("--data-licence", "CC0, of friends")
    assert cli("export", source, "--out", tmp_path / "copy", *terms).code == 0
    told = load(tmp_path / "copy")
    assert told.facts["data"] == {"name": "my-faces", "count": 3, "licence": "CC0, of friends"}
    assert "| licence | CC0, of friends |" in told.card and "| what it is |" not in told.card
    about = ("--data-about", "Three faces.")
    assert cli("export", tmp_path / "copy", "--out", tmp_path / "same", *terms, *about).code == 0
    assert "| licence | CC0, of friends |" in (card := load(tmp_path / "same").card)
    assert "| what it is | Three faces. |" in card
    refused = cli("export", tmp_path / "copy", "--out", tmp_path / "other", "--data-licence", "MIT")
    assert refused.code != 0 and "known: CC0, of friends" in refused.err and not (tmp_path / "other").exists()


def test_half_precision_is_half_the_size_and_says_so(cli, tiny_model_dir, tiny_model, tmp_path):
    words = ("--half", "--known-failure", "Sees nothing.", "--known-failure", "Says nothing.")
    assert cli("export", tiny_model_dir, "--out", tmp_path / "half", *words).code == 0
    half = load(tmp_path / "half")
    images, expected = half.sample(4), tiny_model.sample(4)
    assert images.dtype == torch.float32 and not torch.equal(images, expected)
    assert torch.allclose(images, expected, atol=0.05)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path / "half", tiny_model_dir)]
    tensors, _ = read_tensors(tmp_path / "half" / "model.safetensors")
    assert sizes[0] < 0.8 * sizes[1]
    assert all((value.dtype == torch.float16) == (value.ndim > 1) for value in tensors.values())
    assert half.facts["known_failures"] == ["Sees nothing.", "Says nothing."] and "- Says nothing." in half.card
    assert half.facts["weights"]["dtype"] == "float16" and "float16" in half.card
    cli("export", tmp_path / "half", "--out", tmp_path / "whole")
    assert "float32" in load(tmp_path / "whole").card and "- Says nothing." in load(tmp_path / "whole").card
    cli("export", tmp_path / "half", "--out", tmp_path / "again", "--half")
    assert load(tmp_path / "again").card == half.card and torch.equal(load(tmp_path / "again").sample(4), images)


def test_what_half_precision_cannot_hold_stays_as_it_is(cli, tiny_model, tmp_path):
    with torch.no_grad():
        next(value for value in tiny_model.game.parameters() if value.ndim > 1).mul_(1e6)
    model = save(tiny_model, tmp_path / "large")
    assert cli("export", model, "--out", tmp_path / "half", "--half").code == 0
    assert torch.allclose(load(tmp_path / "half").sample(2), tiny_model.sample(2), atol=0.05)


def test_full_refuses_a_model_that_is_not_its_checkpoints(cli, run, tmp_path):
    model = load(run)
    with torch.no_grad():
        next(model.game.parameters()).add_(1)
    save(model, run / "model")
    assert "--resume" in cli("export", run, "--out", tmp_path / "full", "--full").sentence()
    assert not (tmp_path / "full").exists()


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--out", "full"], "full is not empty"),
        (["--out", "file"], "file is a file"),
        (["--out", "new", "--full"], "has no discriminator"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(cli, tiny_model_dir, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    assert expected in cli("export", tiny_model_dir, *arguments).sentence()
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["file", "full", "x"]


def test_what_is_not_a_model_is_not_exported(cli, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"no")
    assert "not a safetensors file" in cli("export", tmp_path, "--out", tmp_path / "out").sentence()
    assert not (tmp_path / "out").exists()


def test_onnx_makes_the_same_images_at_any_batch_size(dcgan_onnx, tiny_model):
    _same_images(dcgan_onnx, tiny_model)


@pytest.fixture(scope="module")
def dcgan_onnx(tiny_model_dir, tmp_path_factory):
    pytest.importorskip("onnxscript")
    return export.export_onnx(load(tiny_model_dir), tmp_path_factory.mktemp("onnx") / "model.onnx")


@pytest.mark.parametrize("variant, options", [("wgan-gp", {}), ("sagan", {"classes": ["cat", "dog", "owl"]})])
def test_onnx_of_residual_networks(tmp_path, variant, options):
    pytest.importorskip("onnxscript")
    model = small_model(variant, resolution=8, **options)
    for name, parameter in model.game.named_parameters():
        if name.endswith("scale") and parameter.ndim == 0:
            parameter.fill_(1.0)  # attention starts silent
    _same_images(export.export_onnx(model, tmp_path / "model.onnx"), model)


@pytest.mark.parametrize("variant", ["fastgan", "stylegan2"])
def test_onnx_of_generators_with_noise_is_refused(cli, tmp_path, variant):
    pytest.importorskip("onnxscript")
    folder = save(small_model(variant), tmp_path / "model")
    assert "noise inside its generator" in cli("export", folder, "--out", tmp_path / "out", "--onnx").sentence()


def test_onnx_through_the_command_leaves_the_model_as_it_is(cli, conditional_model_dir, tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")
    said = cli("export", conditional_model_dir, "--out", tmp_path / "out", "--onnx")
    assert said.code == 0 and not said.err
    monkeypatch.setattr("ganzoo.cli.export.find_spec", lambda name: None)
    monkeypatch.setattr("ganzoo.export.export_onnx", lambda model, path: path.write_bytes(b"some"))
    said = cli("export", conditional_model_dir, "--out", tmp_path / "other", "--onnx")
    assert said.code == 0 and "were not compared with torch's" in said.err
    model = load(conditional_model_dir)
    _same_images(tmp_path / "out" / "model.onnx", model)
    assert torch.equal(load(tmp_path / "out").sample(2), model.sample(2))


def _same_images(file, model):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    assert names == (["noise", "labels"] if model.classes else ["noise"])
    for n in (1, 3, 8):
        labels = torch.arange(n) % 3
        z = torch.randn(n, model.config.latent.size, generator=torch.Generator().manual_seed(n))
        given = {"noise": z.numpy()} | ({"labels": labels.numpy()} if model.classes else {})
        (images,) = session.run(["images"], given)
        with torch.no_grad():
            expected = model.game.generator(z, labels if model.classes else None).numpy()
        assert images.shape == expected.shape and np.abs(expected).max() > 0.1
        np.testing.assert_allclose(images, expected, atol=1e-4)


def test_onnx_file_that_differs_is_not_kept(cli, dcgan_onnx, tiny_model_dir, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    model = load(tiny_model_dir)
    next(model.game.parameters()).mul_(1.5)
    monkeypatch.setattr(torch.onnx, "export", lambda model, inputs, path, **options: shutil.copy(dcgan_onnx, path))
    sentence = cli("export", save(model, tmp_path / "other"), "--out", tmp_path / "out", "--onnx").sentence()
    assert "differ from torch's" in sentence and not (tmp_path / "out").exists()


def test_onnx_that_torch_cannot_write_is_one_sentence(cli, tiny_model_dir, tmp_path, monkeypatch):
    def exporter(*arguments, **options):
        raise TypeError("Expected an int, got a boolean.\nmore of it")

    monkeypatch.setattr(torch.onnx, "export", exporter)
    sentence = cli("export", tiny_model_dir, "--out", tmp_path / "out", "--onnx").sentence()
    assert "as ONNX (Expected an int, got a boolean.); a newer torch" in sentence and not (tmp_path / "out").exists()


def test_onnx_without_its_packages_says_what_to_install(cli, tiny_model_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    sentence = cli("export", tiny_model_dir, "--out", tmp_path / "out", "--onnx").sentence()
    assert "pip install 'torch-ganzoo[onnx]'" in sentence and not (tmp_path / "out").exists()


def test_config_of_an_export_is_readable(cli, tiny_model_dir, tmp_path):
    cli("export", tiny_model_dir, "--out", tmp_path / "out")
    stored = json.loads((tmp_path / "out" / "config.json").read_text())
    assert stored["config"]["name"] == "dcgan" and stored["format"] == 1


def test_exporting_warns_of_nothing(tiny_model_dir, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export.export_model(tiny_model_dir, tmp_path / "out")
