"""``ganzoo project``: the latents of given images, and their images again."""

import numpy as np
import pytest
import torch
from PIL import Image
from small import small_model
from tiny import SAMPLING, TRANSLATING, configure

from ganzoo.config import resolve
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.latents import read_latents
from ganzoo.projecting import project
from ganzoo.zoo import Model, load, save, to_images

QUICK = {"steps": 60, "features": "none"}


def error(one, other):
    return float((one - other).square().mean().sqrt())


@pytest.fixture
def photo(tiny_model, tmp_path):
    """What the tiny model makes of a seed that the search does not use."""
    tiny_model.images(1, seed=41)[0].save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("variant", ["dcgan", "sngan-projection", "stylegan2"])
def test_a_models_own_sample_is_found_far_closer_than_samples_are(variant):
    if variant == "stylegan2":  # untrained, it has no noise of its own
        config = configure(variant, resolution=16)
        model = Model(config, create_game(config, networks=["generator"]))
    else:
        model = small_model(variant, classes=["cat", "dog"])
    wanted, others = model.sample(1, seed=41), model.sample(32, seed=7)
    found = project(model, wanted, steps=100, features="none")
    chance = np.median([error(wanted[0], other) for other in others])
    assert float(found.errors) == pytest.approx(error(wanted, found.images), rel=1e-3)
    assert float(found.errors) < chance / 4, (float(found.errors), chance)


def test_features_are_looked_at_too(tiny_model):
    wanted = tiny_model.sample(1, seed=41)
    seen, plain = (project(tiny_model, wanted, steps=4, features=name) for name in ("efficientnet-lite0", "none"))
    assert not torch.equal(seen.latents, plain.latents)


def test_the_same_seed_finds_the_same_and_neighbours_do_not_matter(conditional_model):
    wanted = conditional_model.sample(2, seed=41)
    both, alone = project(conditional_model, wanted, **QUICK), project(conditional_model, wanted[1:], **QUICK)
    assert torch.equal(both.latents[1:], alone.latents) and torch.equal(both.labels[1:], alone.labels)
    assert not torch.equal(alone.latents, project(conditional_model, wanted[1:], seed=1, **QUICK).latents)


def test_a_label_is_kept_to(conditional_model):
    wanted = conditional_model.sample(1, seed=41, label="owl")
    assert project(conditional_model, wanted, label="dog", **QUICK).labels.tolist() == [1]


@pytest.mark.parametrize("variant", SAMPLING)
def test_every_generator_from_noise_renders_its_latents_and_passes_gradients_to_them(variant):
    config = configure(variant)
    game = create_game(config)
    model = Model(config, game)
    latents, labels = game.latents(3, seed=1)
    images = model.render(latents, labels)
    assert images.shape == (3, 1, config.resolution, config.resolution)
    assert torch.equal(images, model.render(latents, labels))
    assert torch.allclose(game.bounded(latents), latents)
    latents.requires_grad_()
    game.rendered(latents, labels).square().sum().backward()
    assert latents.grad.abs().sum() > 0


@pytest.mark.parametrize("distribution", ["normal", "uniform", "truncated-normal"])
def test_latents_do_not_leave_their_distribution(distribution):
    chosen = {"latent.distribution": distribution, "latent.size": 16, "networks.generator.channels": 4}
    game = create_game(resolve("dcgan", overrides=chosen).config, networks=["generator"])
    bounded = game.bounded(100 * torch.ones(1, 16))
    expected = {"normal": 6 / 4, "uniform": 1.0, "truncated-normal": 2.0}[distribution]
    assert torch.allclose(bounded, torch.full((1, 16), expected))


def test_command_writes_a_sheet_and_a_latent_that_is_sampled_again(cli, tiny_model_dir, photo, tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.projecting.find_spec", lambda name: None)
    arguments = ["--steps", 60, "--features", "none", "--out", tmp_path / "out"]
    result = cli("project", tiny_model_dir, photo, *arguments)
    assert result.code == 0 and result.out.startswith(f"{tmp_path}/out/photo.png  off by ")
    assert "compared by pixels alone; pip install 'torch-ganzoo[offline]'" in result.out
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["photo.png", "photo.safetensors"]
    sheet = np.asarray(Image.open(tmp_path / "out/photo.png").convert("L"))
    assert sheet.shape == (20, 38) and (sheet[2:18, 2:18] == np.asarray(Image.open(photo))).all()
    latent = tmp_path / "out/photo.safetensors"
    assert cli("sample", tiny_model_dir, "--latent", latent, "--latent", latent, "--out", tmp_path / "again/").code == 0
    for i in range(2):
        again = np.asarray(Image.open(tmp_path / f"again/0000{i}.png"))
        assert np.array_equal(again, sheet[2:18, 20:36])


@pytest.mark.parametrize("variant", SAMPLING)
def test_command_takes_every_generator_from_noise(variant, cli, tmp_path):
    config = configure(variant, captions=["number 7"] if variant == "stackgan" else [])
    game = create_game(config, networks=create_game(config).sampled)
    folder, out = save(Model(config, game), tmp_path / "model"), tmp_path / "out"
    Image.new("L", (config.resolution, config.resolution), 99).save(tmp_path / "gray.png")
    done = cli("project", folder, tmp_path / "gray.png", "--steps", 1, "--features", "none", "--out", out)
    assert done.code == 0, done.err
    assert cli("sample", folder, "--latent", out / "gray.safetensors", "--out", tmp_path / "again.png").code == 0


def test_results_lie_in_a_folder_named_after_the_model(cli, tiny_model_dir, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("project", tiny_model_dir, photo, "--steps", 1, "--features", "none")
    assert done.out.startswith("tiny-projected/photo.png  off by ")
    assert {file.name for file in (tmp_path / "tiny-projected").iterdir()} == {"photo.png", "photo.safetensors"}


def test_images_of_any_size_and_colour_are_taken(cli, tiny_model_dir, conditional_model_dir, tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGBA", (50, 31), (9, 90, 200, 255)).save(tmp_path / "in/colour.png")
    Image.new("L", (7, 7), 99).save(tmp_path / "in/gray.jpg")
    for number, model in enumerate((tiny_model_dir, conditional_model_dir)):
        out = tmp_path / str(number)
        assert cli("project", model, tmp_path / "in", "--steps", 1, "--features", "none", "--out", out).code == 0
        assert {Image.open(file).size for file in out.glob("*.png")} == {(38, 20)}


def test_mistakes_are_one_sentence_and_write_nothing(cli, tiny_model_dir, conditional_model_dir, photo, tmp_path):
    config = configure(TRANSLATING[0])
    game = create_game(config, networks=create_game(config).sampled)
    translator = save(Model(config, game), tmp_path / "translator")
    before = sorted(tmp_path.iterdir())
    for arguments, sentence in (
        ([translator, photo], "has no latents to be found"),
        ([tiny_model_dir, tmp_path / "nowhere.png"], "no image or folder"),
        ([tiny_model_dir, photo, "--label", "cat"], "trained without labels"),
        ([conditional_model_dir, photo, "--label", "cta"], "did you mean cat"),
        ([tiny_model_dir, photo, "--features", "timm:resnet8"], "did you mean timm:resnet"),
        ([tiny_model_dir, photo, "--features", "foo"], "more; or none, for pixels alone"),
    ):
        assert sentence in cli("project", *arguments, "--steps", 1, "--out", tmp_path / "out").sentence()
        assert sorted(tmp_path.iterdir()) == before


def test_latents_of_another_model_are_refused(cli, tiny_model, tiny_model_dir, conditional_model_dir, photo, tmp_path):
    cli("project", tiny_model_dir, photo, "--steps", 1, "--features", "none", "--out", tmp_path / "out")
    latent, weights = tmp_path / "out/photo.safetensors", tiny_model_dir / "model.safetensors"
    for arguments, sentence in (
        ([conditional_model_dir, "--latent", latent], "holds latents of a dcgan model, and this is a sngan-projection"),
        ([tiny_model_dir, "--latent", weights], "holds no latents"),
        ([tiny_model_dir, "--latent", tmp_path / "nowhere"], "does not exist"),
        ([tiny_model_dir, "--latent", latent, "--style-mix", 2], "without -n, --label, --captions or --latent"),
        ([tiny_model_dir, "--latent", latent, "-n", 3], "without -n, --label"),
        ([tiny_model_dir, "--latent", latent, "--truncation", 0.5], "or --truncation"),
        ([tiny_model_dir, "--latent", latent, "--interpolate", 3, "--out", "walk.gif"], "without -n, --label"),
    ):
        arguments = arguments if "--out" in arguments else [*arguments, "--out", tmp_path / "x.png"]
        assert sentence in cli("sample", *arguments).sentence()
    latents, labels = read_latents([latent, latent], tiny_model)
    assert latents.shape == (2, 100) and labels.tolist() == [0, 0]
    with pytest.raises(GanzooError, match=r"this model's are \(n, 100\)"):
        tiny_model.render(latents[:, :50])
    with pytest.raises(GanzooError, match=r"images of shape \(1, 3, 16, 16\) .* this model's are \(n, 1, 16, 16\)$"):
        project(tiny_model, torch.zeros(1, 3, 16, 16))


def test_latents_of_other_weights_are_noted(cli, tiny_model, tiny_model_dir, photo, tmp_path):
    cli("project", tiny_model_dir, photo, "--steps", 1, "--features", "none", "--out", tmp_path / "out")
    next(tiny_model.game.parameters()).data += 1
    other, latent = save(tiny_model, tmp_path / "other"), tmp_path / "out/photo.safetensors"
    for model, notes in ((tiny_model_dir, 0), (other, 1)):
        done = cli("sample", model, "--latent", latent, "--latent", latent, "--out", tmp_path / "again.png")
        assert done.code == 0 and done.err.count("found with another dcgan model's weights") == notes


def test_latents_are_as_good_after_saving(tiny_model, photo, tmp_path, cli, tiny_model_dir):
    cli("project", tiny_model_dir, photo, "--steps", 1, "--features", "none", "--out", tmp_path / "out")
    rendered = load(tiny_model_dir).render(*read_latents([tmp_path / "out/photo.safetensors"], tiny_model))
    sheet = np.asarray(Image.open(tmp_path / "out/photo.png").convert("L"))
    assert np.array_equal(np.asarray(to_images(rendered)[0]), sheet[2:18, 20:36])
