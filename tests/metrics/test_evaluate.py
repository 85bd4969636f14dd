"""Evaluation end to end: records that say how they were made, yardsticks, one line for mistakes."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace

import pytest
import torch

import ganzoo
from ganzoo.config import resolve
from ganzoo.data.prepare import open_dataset
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.metrics import evaluate as evaluating
from ganzoo.metrics.judge import Judge, trained_elsewhere
from ganzoo.metrics.protocol import PROTOCOLS, choose
from ganzoo.metrics.samples import of_folder, of_pack
from ganzoo.metrics.seen import trained_on_features
from ganzoo.sampling import save_samples

FAST = {"extractor": "mnist-classifier", "device": "cpu"}


def test_a_record_says_how_a_score_was_made(tiny_model_dir, few_digits):
    record = ganzoo.evaluate(tiny_model_dir, few_digits, n=40, seed=2, **FAST)[0]
    assert record["metric"] == "fid" and record["title"] == "FID[mnist-classifier]" and record["value"] > 1
    assert record["real"]["dataset"] == "digits" and record["real"]["count"] == 240
    assert record["real"]["resolution"] == [16, 16] and len(record["real"]["fingerprint"]) == 64
    assert record["fake"]["count"] == 40 and record["fake"]["seed"] == 2 and record["fake"]["variant"] == "dcgan"
    assert len(record["extractor"]["weights_sha256"]) == 64 and record["extractor"]["resize"]
    assert record["versions"]["torch-fidelity"] and record["dtype"] and record["device"] and record["verified"]
    assert any("40 images: few" in note for note in record["notes"])
    assert not record["trained_on_extractor"]
    test = ganzoo.evaluate(tiny_model_dir, few_digits, n=40, seed=2, split="test", **FAST)[0]
    assert test["real"]["count"] == 60 and test["protocol_id"] != record["protocol_id"]


def test_all_scores_of_a_folder_equal_those_of_the_model(tiny_model, few_digits, tmp_path):
    metrics = ["fid", "is", "kid", "prc"]
    folder = save_samples(tiny_model, tmp_path / "samples", n=50)
    from_files = ganzoo.evaluate(folder, few_digits, metrics, **FAST)
    from_model = ganzoo.evaluate(tiny_model, few_digits, metrics, n=50, **FAST)
    assert [record["metric"] for record in from_files] == ["fid", "is", "kid", "precision", "recall"]
    assert [record["value"] for record in from_files] == [record["value"] for record in from_model]
    assert [record["protocol_id"] for record in from_files] == [record["protocol_id"] for record in from_model]


def test_conditional_models_are_scored(conditional_model, few_digits):
    drawn = ganzoo.evaluate(conditional_model, few_digits, n=20, **FAST)[0]
    balanced = ganzoo.evaluate(conditional_model, few_digits, n=20, labels="balanced", **FAST)[0]
    assert (drawn["fake"]["labels"], balanced["fake"]["labels"]) == ("uniform", "balanced")
    assert drawn["protocol_id"] != balanced["protocol_id"]


def test_classes_are_named(few_digits, tmp_path):
    record = ganzoo.evaluate(few_digits / "test", few_digits, ["class-fid"], **FAST)[0]
    shutil.copytree(few_digits / "test", tmp_path / "few")
    shutil.rmtree(tmp_path / "few" / "3")
    with pytest.raises(GanzooError, match=r"1 of the data set.s 10 classes are not there, e\.g\. 3"):
        ganzoo.evaluate(tmp_path / "few", few_digits, ["class-fid"], **FAST)
    assert set(record["parts"]) == set("0123456789") and min(record["parts"].values()) > 0


def test_the_data_is_its_own_yardstick(tiny_model, few_digits):
    model, test, halves = ganzoo.evaluate(tiny_model, few_digits, n=100, real_floor=True, **FAST)
    assert (test["subject"], test["fake"]["count"]) == ("real test images", 60)
    assert (halves["subject"], halves["fake"]["count"]) == ("other half of the real images", 100)
    assert halves["real"]["count"] == 120
    assert max(test["value"], halves["value"]) < model["value"]


def test_a_second_evaluation_touches_no_real_image(tiny_model, few_digits):
    options = FAST | {"n": 20, "metrics": ["fid", "kid"], "real_floor": True}
    first = ganzoo.evaluate(tiny_model, few_digits, **options)
    stages = []
    second = ganzoo.evaluate(tiny_model, few_digits, progress=lambda stage, *_: stages.append(stage), **options)
    assert set(stages) == {"looking at the model"}
    values = [[each["value"] for each in records] for records in (first, second)]
    assert len(values[0]) == 6 and values[0] == pytest.approx(values[1], rel=1e-6)


def test_no_more_images_are_looked_at_than_scores_need(tiny_model, few_digits, monkeypatch):
    """KID, precision and recall compare the first images of either side alone; FID knows all of them."""
    monkeypatch.setattr(evaluating, "choose", lambda *given, **wishes: replace(choose(*given, **wishes), compared=20))

    def looked_at(*metrics):
        stages = {}

        def progress(stage, done, of):
            stages[stage] = of

        records = ganzoo.evaluate(tiny_model, few_digits, metrics, n=30, progress=progress, **FAST)
        assert {(record["real"]["count"], record["fake"]["count"]) for record in records} == {(240, 30)}
        return list(stages.values()), records[0]["value"]

    few, apart = looked_at("kid")
    assert few == [20, 20] and looked_at("prc")[0] == [20]
    both, together = looked_at("kid", "fid")
    assert both == [240, 30] and together == apart
    assert looked_at("kid") == ([20], apart)


def test_what_is_refused_is_refused_before_anything_is_looked_at(tiny_model, few_digits):
    seen = []
    with pytest.raises(GanzooError, match="takes a translator and pairs"):
        ganzoo.evaluate(tiny_model, few_digits, ["fid", "psnr"], n=4, progress=lambda *each: seen.append(each), **FAST)
    assert not seen


def test_cas_is_refused_before_class_fid_looks(few_digits):
    seen = []
    with pytest.raises(GanzooError, match="cas asks about a test split"):
        ganzoo.evaluate(
            few_digits / "test", few_digits / "train", ["class-fid", "cas"], progress=lambda *e: seen.append(e), **FAST
        )
    assert not seen


def test_subsets_that_are_everything_have_no_deviation(tiny_model, few_digits):
    one, several = (ganzoo.evaluate(tiny_model, few_digits, "kid", n=n, **FAST)[0] for n in (240, 100))
    assert one["deviation"] is None and several["deviation"] > 1e-9


def test_no_socket_is_opened(tiny_model, few_digits, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("a socket was opened")

    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    monkeypatch.setattr(socket, "socket", refuse)
    assert ganzoo.evaluate(tiny_model, few_digits, n=4, **FAST)
    with pytest.raises(GanzooError, match="GANZOO_OFFLINE forbids"):
        ganzoo.evaluate(tiny_model, few_digits, n=4, extractor="inception")


def test_the_generators_weights_and_mode_are_left_alone(tiny_model, few_digits):
    before = {name: value.clone() for name, value in tiny_model.game.state_dict().items()}
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    ganzoo.evaluate(tiny_model, few_digits, n=4, **FAST)
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in tiny_model.game.state_dict().items())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"metrics": ["fud"]}, "unknown metric 'fud'; did you mean fid"),
        ({"dataset": "mnist-10q"}, "unknown dataset"),
        ({"n": 1}, "at least 2 images"),
        ({"split": "val"}, "no split 'val'"),
        ({"protocol": "gz-lite-10k", "n": None}, "says extractor efficientnet-lite0, not mnist-classifier"),
        ({"protocol": "gz-mnist-10k"}, "says count 10000, not 20"),
    ],
)
def test_mistakes_are_one_sentence(tiny_model, few_digits, options, reason):
    dataset = options.pop("dataset", few_digits)
    with pytest.raises(GanzooError, match=reason):
        ganzoo.evaluate(tiny_model, dataset, **({"n": 20} | FAST | options))


def test_last_weights_are_no_average(tiny_model, few_digits):
    config = tiny_model.config.model_copy(update={"schedule": tiny_model.config.schedule.model_copy()})
    raw = ganzoo.Model(config, tiny_model.game, facts={"raw": True})
    ids = [ganzoo.evaluate(each, few_digits, n=4, **FAST)[0]["protocol_id"] for each in (tiny_model, raw)]
    assert len(set(ids)) == 2
    with pytest.raises(GanzooError, match="says weights average where the variant has one, not last"):
        ganzoo.evaluate(raw, "mnist-10k", protocol="gz-mnist-10k", device="cpu")


def test_fewer_images_than_a_protocol_takes_are_another_id_and_noted(few_digits):
    reference = open_dataset(few_digits)
    judge = Judge(reference, PROTOCOLS["gz-mnist-10k"])
    some, fewer = (judge.records(of_pack(reference, n), subject="some")[0] for n in (60, 40))
    assert some["protocol_id"] != fewer["protocol_id"]
    assert "40 images where gz-mnist-10k takes 10,000" in fewer["notes"]


def test_who_trained_on_features_may_not_be_ranked_by_them():
    config = resolve("dcgan").config
    assert not trained_on_features(config, "efficientnet-lite0")
    options = {"networks.discriminator.features": "timm:tf_efficientnet_lite0.in1k"}
    marked = resolve("dcgan", overrides=options).config
    assert trained_on_features(marked, "efficientnet-lite0") and trained_on_features(
        marked, "timm:tf_efficientnet_lite0"
    )
    assert not trained_on_features(marked, "timm:resnet18")


def test_a_protocol_says_how_many_images_a_folder_must_hold(few_digits):
    with pytest.raises(GanzooError, match="holds 60 images, not 10,000"):
        ganzoo.evaluate(few_digits / "test", few_digits, protocol="gz-mnist-10k", device="cpu")


def test_folders_are_compared_at_their_own_size(pngs, noise):
    wide, other = (pngs(noise(6, seed=seed)[:, :, :16], name) for seed, name in enumerate(("wide", "other")))
    record = ganzoo.evaluate(wide, other, ["kid"], **FAST)[0]
    assert record["real"]["resolution"] == record["fake"]["resolution"] == [16, 32]
    for folder in (wide, other):
        shutil.copy(pngs(noise(1, size=24), f"more-{folder.name}") / "00000.png", folder / "larger.png")
    with pytest.raises(GanzooError, match=r"wide and .*other both hold images of several sizes; resize either"):
        ganzoo.evaluate(wide, other, **FAST)
    square = pngs(noise(6), "square")
    assert ganzoo.evaluate(wide, square, ["kid"], **FAST)[0]["real"]["resolution"] == [32, 32]


def test_other_images_of_the_same_name_are_other_data(tiny_model, few_digits, tmp_path):
    def notes(**changes):
        data = {"label": "digits", "split": "train", "resolution": [16, 16], "fingerprint": "another"} | changes
        model = ganzoo.Model(tiny_model.config, tiny_model.game, facts={"data": data})
        record = ganzoo.evaluate(model, few_digits, n=4, **FAST)[0]
        assert trained_elsewhere(record["fake"], record["real"]) == any("trained on" in n for n in record["notes"])
        return [note for note in record["notes"] if "trained on" in note]

    assert notes() == ["trained on digits, compared with other images that are called digits"]
    assert notes(label="faces") == ["trained on faces, compared with digits"]
    reference = open_dataset(few_digits, resolution=16, channels=1)
    for same in ({"fingerprint": reference.fingerprint}, {"split": "test"}, {"resolution": [32, 32]}):
        assert notes(**same) == []


def test_labels_are_of_conditional_models(tiny_model, few_digits):
    for what in (tiny_model, few_digits / "test"):
        with pytest.raises(GanzooError, match="draws no labels, as conditional models do; leave --labels out"):
            ganzoo.evaluate(what, few_digits, labels="balanced", **FAST)


def test_unknown_models_are_named():
    with pytest.raises(UnknownName, match="unknown model or path"):
        ganzoo.evaluate("runs/nothing-here", "mnist-10k", **FAST)


def test_a_gray_folder_is_compared_with_colour_as_it_is(pngs, noise):
    """Whether its files have one channel or three equal ones."""
    colour, gray = pngs(noise(20), "colour"), noise(20, channels=1, seed=1)
    for folder in (pngs(gray, "gray"), pngs(gray.expand(-1, 3, -1, -1), "three")):
        reference = evaluating._reference(colour, "train", None, of_folder(folder))
        assert reference.images.shape[-1] == 3
