"""Scores that look at more than two sets of features: translations, latents, what a classifier learns."""

from __future__ import annotations

import pytest
from small import small_model
from tiny import configure, two_sided

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.metrics import accuracy
from ganzoo.metrics.accuracy import taught_accuracy
from ganzoo.zoo import Model

FAST = {"extractor": "mnist-classifier", "device": "cpu"}


@pytest.fixture
def translator():
    config = configure("pix2pix", direction="AtoB")
    return Model(config, create_game(config, networks=["generator"]))


def test_translations_are_compared_with_their_targets(translator, tmp_path):
    pairs = two_sided(tmp_path / "pairs", "pairs")
    psnr, ssim = ganzoo.evaluate(translator, pairs, ["psnr", "ssim"], extractor="none is loaded", device="cpu")
    assert (psnr["title"], ssim["title"]) == ("PSNR", "SSIM") and 0 < psnr["value"] < 20 and abs(ssim["value"]) < 1
    assert psnr["fake"]["count"] == 3 and psnr["real"]["split"] == "test" and psnr["real"]["side"] == "b"
    # A generator that inverts, as the pairs do, is perfect.
    translator.game.translate = lambda images, **options: -images
    perfect = ganzoo.evaluate(translator, pairs, ["psnr", "kid"], split="train", **FAST)
    assert perfect[0]["value"] > 45 and perfect[1]["value"] < 1e-3
    translator.game.translate = lambda images, **options: images
    assert ganzoo.evaluate(translator, pairs, ["kid"], split="train", **FAST)[0]["value"] > perfect[1]["value"]


def test_translators_have_protocols_of_their_own_and_a_floor_of_the_side_they_make(translator, tmp_path):
    pairs = two_sided(tmp_path / "pairs", "pairs")
    with pytest.raises(GanzooError, match="pix2pix translates images, of which --protocol says nothing"):
        ganzoo.evaluate(translator, pairs, protocol="gz-mnist-10k", device="cpu")
    subjects = [each["subject"] for each in ganzoo.evaluate(translator, pairs, ["kid"], real_floor=True, **FAST)]
    assert subjects == ["model", "real train images"]  # half of three images is too few


def test_translations_that_are_not_numbers_are_refused(translator, tmp_path):
    translator.game.translate = lambda images, **options: images * float("nan")
    with pytest.raises(GanzooError, match="not numbers; pix2pix has diverged"):
        ganzoo.evaluate(translator, two_sided(tmp_path / "pairs", "pairs"), ["psnr"], device="cpu")


def test_images_that_are_not_square_are_compared_as_they_are(tmp_path):
    config = configure("pix2pix", direction="AtoB", width=64)
    model = Model(config, create_game(config, networks=["generator"]))
    pairs = two_sided(tmp_path / "pairs", "pairs", size=64)
    record = ganzoo.evaluate(model, pairs, ["psnr", "kid"], real_floor=True, **FAST)[0]
    assert record["real"]["resolution"] == [32, 64]


def test_unpaired_translations_have_no_targets(tmp_path):
    config = configure("cyclegan", direction="BtoA")
    model = Model(config, create_game(config))
    unpaired = two_sided(tmp_path / "unpaired", "unpaired")
    record = ganzoo.evaluate(model, unpaired, ["kid"], **FAST)[0]
    assert record["real"]["side"] == "a" and record["fake"]["direction"] == "BtoA"
    with pytest.raises(GanzooError, match="takes a translator and pairs"):
        ganzoo.evaluate(model, unpaired, ["psnr"], **FAST)


def test_a_longer_path_is_longer(few_digits, monkeypatch):
    model = small_model("dcgan", image_channels=1)
    options = {"n": 4, "device": "cpu"}
    length = ganzoo.evaluate(model, few_digits, ["ppl"], **options)[0]
    assert length["title"] == "PPL[efficientnet-lite0]" and length["value"] > 0
    calm = small_model("dcgan", image_channels=1)
    truncated = calm.game.truncated
    calm.game.truncated = lambda z, labels, by: truncated(z / 100, labels, by)
    assert ganzoo.evaluate(calm, few_digits, ["ppl"], **options)[0]["value"] < length["value"] / 10
    with pytest.raises(GanzooError, match="walks through a model's latents"):
        ganzoo.evaluate(few_digits / "test", few_digits, ["ppl"], **FAST)
    assert ganzoo.evaluate(model, few_digits, ["ppl"], **options | {"n": 2})[0]["value"] > 0
    next(model.game.parameters()).fill_(float("nan"))
    with pytest.raises(GanzooError, match=r"PPL is not a number; .* has diverged"):
        ganzoo.evaluate(model, few_digits, ["ppl"], **options)


def test_a_classifier_learns_from_good_images_only(digits):
    pixels, labels = digits.images.permute(0, 3, 1, 2)[:1200], digits.labels[:1200]
    asked = pixels[1000:], labels[1000:]
    good = taught_accuracy((pixels[:1000], labels[:1000]), asked, steps=30)
    mixed_up = taught_accuracy((pixels[:1000], labels[:1000].roll(1)), asked, steps=30)
    assert good > 0.7 > 0.3 > mixed_up


def test_generated_images_are_worth_what_they_teach(few_digits, tiny_model, monkeypatch):
    monkeypatch.setattr(accuracy, "STEPS", 5)
    record = ganzoo.evaluate(few_digits / "train", few_digits, ["cas"], **FAST)[0]
    assert record["title"] == "CAS" and set(record["parts"]) == {"generated", "real", "both", "gain"}
    assert record["value"] == record["parts"]["generated"]
    with pytest.raises(GanzooError, match="labels on both sides"):
        ganzoo.evaluate(tiny_model, few_digits, ["cas"], n=10, **FAST)
    with pytest.raises(GanzooError, match="cas asks about a test split, which train does not have"):
        ganzoo.evaluate(few_digits / "test", few_digits / "train", ["cas"], **FAST)


def test_no_classifier_is_asked_about_what_taught_it(few_digits, monkeypatch):
    """Also where generated images are compared with the test split."""
    taught: dict[str, list[int]] = {}

    def accuracy_of(images, asked, **options):
        taught[str(len(taught))] = [len(images[0]), len(asked[0])]
        return 0.5

    monkeypatch.setattr(accuracy, "taught_accuracy", accuracy_of)
    ganzoo.evaluate(few_digits / "train", few_digits, ["cas"], split="test", **FAST)
    assert list(taught.values()) == [[240, 60], [240, 60], [480, 60]]  # generated, real, both


def test_a_perceptual_distance_is_small_for_the_same(translator, tmp_path):
    pairs = two_sided(tmp_path / "pairs", "pairs", test=2)
    far = ganzoo.evaluate(translator, pairs, ["perceptual"], device="cpu")[0]
    translator.game.translate = lambda images, **options: -images
    near = ganzoo.evaluate(translator, pairs, ["perceptual"], device="cpu")[0]
    assert near["value"] < far["value"] / 10 and near["title"] == "perceptual distance[efficientnet-lite0]"
