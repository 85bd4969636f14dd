"""What there is to play with in a model, and what comes of it; no page yet."""

import io
import shutil

import pytest
import torch
from PIL import Image
from small import small_model
from tiny import configure

from ganzoo.directions import main_directions
from ganzoo.errors import GanzooError
from ganzoo.exploring import FRAMES, LONGEST_SIDE, SLIDERS, Explorer, Wish, models_here
from ganzoo.games.base import create_game
from ganzoo.zoo import Model, load, save, to_images


@pytest.fixture(scope="module")
def styled():
    """A tiny model with styles."""
    config = configure("stylegan2", 16)
    return Model(config, create_game(config, networks=["generator"]))


@pytest.fixture(scope="module")
def styled_dir(styled, tmp_path_factory):
    return save(styled, tmp_path_factory.mktemp("styled") / "styled")


def explorer_for(variant, folder, **overrides):
    """The explorer of a tiny untrained model."""
    config = configure(variant, **overrides)
    game = create_game(config)
    return Explorer(str(save(Model(config, create_game(config, networks=game.sampled)), folder / variant)))


def pixels(images):
    return [list(image.tobytes()) for image in images]


def photo(folder, size=(50, 40)):
    file = folder / "photo.jpg"
    Image.linear_gradient("L").resize(size).convert("RGB").save(file)
    return file


def test_unmoved_images_are_those_that_a_seed_means(styled_dir):
    explorer = Explorer(str(styled_dir))
    expected = load(styled_dir).sample(4, seed=7, truncation=0.7)
    assert pixels(explorer.images(Wish(7, 4, truncation=0.7))) == pixels(to_images(expected))


def test_a_move_changes_images_and_the_way_back_leads_to_them(styled_dir):
    explorer = Explorer(str(styled_dir))
    still, moved = explorer.images(Wish(1, 2)), explorer.images(Wish(1, 2, moves=(2, 0, 0, 0, 0)))
    assert pixels(still) != pixels(moved)
    assert pixels(explorer.images(Wish(1, 2, moves=(0.0,) * SLIDERS))) == pixels(still)


@pytest.mark.parametrize("variant", ["dcgan", "stylegan2"])
def test_main_directions_change_images_more_than_others_and_are_repeatable(variant, styled):
    game = (small_model("dcgan") if variant == "dcgan" else styled).game
    directions = main_directions(game, 3)
    assert torch.equal(directions, main_directions(game, 3))
    still = game.sample(16)
    change = [(game.sample(16, shift=step) - still).square().mean() for step in directions]
    latents, _ = game.latents(64, seed=5)
    others = [(game.sample(16, shift=step) - still).square().mean() for step in latents - latents.mean(0)]
    # A latent's own distance from the mean is √size deviations long, and each of the directions one.
    assert change[0] > torch.stack(others).mean() / latents.shape[1] and change[0] >= change[2]


def test_a_shift_of_nothing_changes_nothing(conditional_model):
    game = conditional_model.game
    shift = torch.zeros(game.latent.size)
    assert torch.allclose(game.sample(3, seed=2, shift=shift), game.sample(3, seed=2), atol=1e-5)


def test_labels_and_texts_are_what_was_asked_for(conditional_model_dir, tmp_path):
    explorer = Explorer(str(conditional_model_dir))
    assert explorer.labels == ["cat", "dog", "owl"] and not explorer.captions and not explorer.translates
    expected = explorer.model.sample(2, seed=1, label="dog")
    assert pixels(explorer.images(Wish(1, 2, label="dog"))) == pixels(to_images(expected))
    words = explorer_for("stackgan", tmp_path)
    assert words.model.reads and not words.labels
    expected = words.model.sample(2, seed=1, captions="a five")
    assert pixels(words.images(Wish(1, 2, caption="a five"))) == pixels(to_images(expected))
    assert words.on_the_way(Wish(1), 2, [0.5]) and len(words.images(Wish(1, 2, moves=(1.0,)))) == 2
    with pytest.raises(GanzooError, match="shorten it"):
        words.images(Wish(caption="a very " * 100))


def test_the_way_leads_from_one_seed_to_the_other(tiny_model_dir):
    explorer = Explorer(str(tiny_model_dir))
    start, middle, end = explorer.on_the_way(Wish(3), 9, [0, 0.5, 1])
    expected = to_images(explorer.model.sample(seeds=[3, 9]))
    for image, sample in zip((start, end), expected, strict=True):
        assert Image.composite(image, sample, Image.new("L", image.size, 0)).getbbox() == sample.getbbox()
        assert max(abs(a - b) for a, b in zip(image.tobytes(), sample.tobytes(), strict=True)) <= 1
    assert pixels([middle]) not in (pixels([start]), pixels([end]))
    with Image.open(io.BytesIO(explorer.film(Wish(3), 9))) as film:
        assert film.format == "GIF" and film.n_frames <= 2 * FRAMES


def test_styles_are_mixed_where_there_are_some(styled_dir, tiny_model_dir):
    assert Explorer(str(styled_dir)).mixes and not Explorer(str(tiny_model_dir)).mixes
    assert len(Explorer(str(styled_dir)).mixtures(2, seed=0, truncation=1.0)) == 9


def test_a_translator_takes_any_image_in_the_directions_it_has(tmp_path):
    one, both = explorer_for("pix2pix", tmp_path), explorer_for("cyclegan", tmp_path)
    assert one.translates and len(one.ways) == 1 and one.varies
    assert both.ways == ["AtoB", "BtoA"] and not both.varies
    for way in both.ways:
        before, after = both.translation(photo(tmp_path), way=way)
        assert before.size == after.size == (32, 32)
    given, first = one.translation(photo(tmp_path), way=one.ways[0], fit="pad")
    _, second = one.translation(photo(tmp_path), way=one.ways[0], fit="pad", seed=1)
    assert pixels([first]) != pixels([second]) and given.size == (32, 32)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(GanzooError, match=r"text.png cannot be read"):
        one.translation(tmp_path / "text.png")


def test_an_enlarger_keeps_sizes_that_are_no_burden(tmp_path):
    explorer = explorer_for("srgan", tmp_path)
    scale = explorer.model.game.scale
    assert explorer.enlarges and not explorer.ways
    before, after = explorer.translation(photo(tmp_path, (20, 12)))
    assert before.size == after.size == (20 * scale, 12 * scale)
    _, after = explorer.translation(photo(tmp_path, (40 * LONGEST_SIDE, 20)))
    assert max(after.size) == LONGEST_SIDE * scale


def test_a_card_is_shown_without_its_head_and_without_pictures_from_anywhere(tiny_model_dir, tmp_path):
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (folder / "README.md").write_text(
        '---\nlicense: mit\n---\n\n# Faces\n\n![samples](samples.png)\n\n<img src="http://a.example/x.png">Good ones.\n'
    )
    assert Explorer(str(folder)).card == "# Faces\n\n\n\nGood ones."
    (folder / "README.md").unlink()
    assert Explorer(str(folder)).card == "This model has no card."


def test_models_here_are_the_bundled_ones_and_runs(tiny_model_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.exploring.bundled_models", dict)
    with pytest.raises(GanzooError, match="there is no model to explore: name one"):
        models_here(tmp_path)
    for place in ("dcgan-1", "bench/jobs/dcgan-seed-0/run"):
        shutil.copytree(tiny_model_dir, tmp_path / "runs" / place / "model")
    shutil.copytree(tiny_model_dir, tmp_path / "runs" / "dcgan-1" / "model-best")
    assert set(models_here(tmp_path)) == {"runs/dcgan-1", "runs/bench/jobs/dcgan-seed-0/run"}
    monkeypatch.setattr("ganzoo.exploring.bundled_models", lambda: {"dcgan-celeba": tmp_path})
    assert models_here(tmp_path)[0] == "dcgan-celeba"
