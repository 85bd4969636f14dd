"""``ganzoo augment``: a conditional model's images as a labelled data set."""

import numpy as np
from PIL import Image
from small import small_model

import ganzoo
from ganzoo.augmenting import _folder_names, augment
from ganzoo.random import derive
from ganzoo.report.card import model_card
from ganzoo.zoo import load, save


def files(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.png"))}


def test_folders_hold_as_many_images_of_each_class(cli, conditional_model_dir, conditional_model, tmp_path):
    result = cli("augment", conditional_model_dir, "--per-class", 3, "--seed", 5, "--out", tmp_path / "out")
    assert result.code == 0 and result.out == f"{tmp_path / 'out'}\n"
    assert list(files(tmp_path / "out")) == [f"{name}/0000{i}.png" for name in ("cat", "dog", "owl") for i in range(3)]
    expected = conditional_model.images(3, seed=derive(5, "augment", 2), label="owl")
    for i, image in enumerate(expected):
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"out/owl/0000{i}.png")), np.asarray(image))


def test_card_and_origin_lie_beside_the_classes(conditional_model, tmp_path):
    out = augment(conditional_model, tmp_path / "out", per_class=2, seed=7, truncation=0.5)
    assert sorted(place.name for place in out.iterdir()) == ["MODEL.md", "README.md", "cat", "dog", "owl"]
    assert (out / "MODEL.md").read_text() == conditional_model.card
    told = (out / "README.md").read_text()
    assert "6 images, 2 of each class" in told and "seed 7 and truncation 0.5" in told


def test_the_card_shows_no_picture_that_is_not_there(conditional_model, tmp_path):
    conditional_model.card = model_card(conditional_model.config, {})
    card = (augment(conditional_model, tmp_path / "out", per_class=1) / "MODEL.md").read_text()
    assert "samples.png" in conditional_model.card and "](samples.png)" not in card and "## Training" in card


def test_an_image_does_not_depend_on_how_many_and_which_others_are_made(conditional_model, tmp_path):
    many = files(augment(conditional_model, tmp_path / "many", per_class=5, batch_size=5))
    few = files(augment(conditional_model, tmp_path / "few", per_class=2, labels=["owl", 0, "owl"], batch_size=1))
    assert sorted(few) == ["cat/00000.png", "cat/00001.png", "owl/00000.png", "owl/00001.png"]
    for name in few:
        one, other = (np.asarray(Image.open(tmp_path / run / name), int) for run in ("few", "many"))
        assert np.abs(one - other).max() <= 1
    assert many["cat/00000.png"] != many["dog/00000.png"]
    assert files(augment(conditional_model, tmp_path / "other", per_class=2, seed=1)) != few


def test_what_is_made_can_be_trained_on(conditional_model, tmp_path):
    data = augment(conditional_model, tmp_path / "synthetic", per_class=4)
    small = {"networks.generator.channels": 4, "networks.discriminator.channels": 4, "schedule.batch_size": 4}
    options = {"resolution": 16, "steps": 1, "overrides": small, "quiet": True, "device": "cpu"}
    model = load(ganzoo.train("sngan-projection", dataset=data, out=tmp_path / "run", **options))
    assert model.classes == ["cat", "dog", "owl"] and model.facts["data"]["count"] == 12


def test_class_names_become_folders_that_are_safe_and_different():
    names = ["T-shirt/top", "../evil", "train", "Test", ".", "a:b", "a-b", "dog"]
    folders = ["T-shirt-top", "-evil", "train_", "Test_", "4", "5 a-b", "6 a-b", "dog"]
    assert _folder_names(names) == folders


def test_mistakes_are_one_sentence_and_write_nothing(cli, tiny_model_dir, conditional_model_dir, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.png").touch()
    for arguments, sentence in (
        ([tiny_model_dir, "--out", tmp_path / "out"], "trained without labels, so there are no classes"),
        ([tiny_model_dir, "--out", tmp_path / "out", "--label", "cat"], "trained without labels"),
        ([conditional_model_dir, "--out", tmp_path / "out", "--label", "cta"], "did you mean cat"),
        ([conditional_model_dir, "--out", tmp_path / "full"], "is not empty"),
    ):
        assert sentence in cli("augment", *arguments).sentence()
    assert cli("augment", conditional_model_dir, "--out", tmp_path / "out", "--per-class", 0).code == 2
    assert sorted(place.name for place in tmp_path.iterdir()) == ["full"]


def test_a_hostile_models_classes_stay_inside_the_folder(tmp_path):
    model = small_model("sngan-projection", classes=["../../a", "/b"])
    save(model, tmp_path / "model")
    out = augment(load(tmp_path / "model"), tmp_path / "out", per_class=1)
    assert sorted(place.name for place in out.iterdir() if place.is_dir()) == ["-..-a", "-b"]
    assert sorted(place.name for place in tmp_path.iterdir()) == ["model", "out"]
