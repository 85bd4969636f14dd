"""Scores while a run trains: the best model is kept, and training does not notice."""

from __future__ import annotations

import json

import pytest
from tiny import same, tiny, two_sided

import ganzoo
from ganzoo.best import BEST
from ganzoo.errors import GanzooError
from ganzoo.tensors import read_tensors
from ganzoo.training.checkpoint import CHECKPOINT, raw_model
from ganzoo.training.logging import SCORES
from ganzoo.zoo import load

WISHES = {
    "schedule.eval_samples": 10,
    "schedule.eval_extractor": "mnist-classifier",
    "schedule.ema": 0.9,
    "resolution": 32,
    "image_channels": 1,
}


@pytest.fixture
def train(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.training.session.write_report", lambda run: None)
    monkeypatch.setattr("os.fsync", lambda handle: None)
    data = two_sided(tmp_path / "data", "unpaired") / "trainA"

    def run(name: str = "run", variant: str = "sngan", **options):
        if "resume" in options:
            return ganzoo.train(device="cpu", quiet=True, **options)
        options = {"dataset": data, "overrides": tiny(variant) | WISHES, "out": tmp_path / name} | options
        return ganzoo.train(variant, device="cpu", quiet=True, **options)

    return run


def entries(run):
    return [json.loads(line) for line in (run / SCORES).read_text().splitlines()]


def test_training_does_not_notice_that_it_is_scored(train, tmp_path):
    scored, plain = train("scored", steps=4, eval_every=2), train("plain", steps=4)
    assert same(read_tensors(scored / CHECKPOINT)[0], read_tensors(plain / CHECKPOINT)[0])
    assert [entry["step"] for entry in entries(scored)] == [2, 4]
    assert not (plain / SCORES).exists() and not (plain / BEST).exists()
    best = min(entries(scored), key=lambda entry: entry["value"])
    kept = load(scored / BEST)
    assert kept.facts["steps"] == best["step"] and kept.facts["scores"][0]["value"] == best["value"]
    assert "FID[mnist-classifier]" in kept.card
    last = load(scored).facts["scores"][0]
    assert last["value"] == entries(scored)[-1]["value"] and last["fake"]["count"] == 10
    # What was scored is what is loaded.
    again = ganzoo.evaluate(scored, tmp_path / "data" / "trainA", n=10, extractor="mnist-classifier", device="cpu")
    assert again[0]["value"] == pytest.approx(last["value"], rel=1e-4)


@pytest.mark.parametrize(
    ("variant", "kind", "direction", "side"), [("pix2pix", "pairs", "BtoA", "a"), ("cyclegan", "unpaired", "AtoB", "b")]
)
def test_translators_are_tried_on_the_test_images(train, tmp_path, variant, kind, direction, side):
    data = two_sided(tmp_path / kind, kind)
    options = {"variant": variant, "dataset": data, "steps": 2, "direction": direction}
    run, plain = train("scored", eval_every=1, **options), train("plain", **options)
    assert same(read_tensors(run / CHECKPOINT)[0], read_tensors(plain / CHECKPOINT)[0])
    best = min(entries(run), key=lambda entry: entry["value"])
    kept = load(run / BEST)
    assert kept.facts["steps"] == best["step"] and len(entries(run)) == 2
    record = kept.facts["scores"][0]
    assert record["title"] == "FID[mnist-classifier]" and record["fake"]["count"] == record["real"]["count"] == 3
    assert record["real"]["split"] == "test" and record["real"]["side"] == side
    again = ganzoo.evaluate(run / BEST, data, extractor="mnist-classifier", device="cpu")
    assert again[0]["value"] == pytest.approx(best["value"], rel=1e-4)


def test_enlargers_are_tried_on_images_made_small(train, tmp_path):
    wishes = tiny("srgan") | WISHES | {"image_channels": 3, "game.features": "efficientnet-lite0"}
    options = {"variant": "srgan", "steps": 2, "overrides": wishes}
    run, plain = train("scored", eval_every=1, **options), train("plain", **options)
    assert same(read_tensors(run / CHECKPOINT)[0], read_tensors(plain / CHECKPOINT)[0])
    best = min(entries(run), key=lambda entry: entry["value"])
    assert load(run / BEST).facts["steps"] == best["step"]
    record = best["record"]
    assert record["title"] == "perceptual distance[efficientnet-lite0]" and record["fake"]["count"] == 10
    again = ganzoo.evaluate(run / BEST, tmp_path / "data" / "trainA", ["perceptual"], n=10, split="train", device="cpu")
    assert again[0]["value"] == pytest.approx(best["value"], rel=1e-4)


def test_a_resumed_run_goes_on_with_its_scores(train, tmp_path):
    train(steps=4, eval_every=1, stop_at=2)
    train(resume=tmp_path / "run")
    assert [entry["step"] for entry in entries(tmp_path / "run")] == [1, 2, 3, 4]


def test_raw_weights_are_those_of_the_last_step(train):
    run = train(steps=3)
    tensors, _ = read_tensors(run / CHECKPOINT)
    state = raw_model(run).game.state_dict()
    assert same(state, {name: tensors[f"game/{name}"] for name in state})
    assert not same(state, load(run).game.state_dict())
    assert raw_model(run).config.schedule.ema == 0


def test_what_cannot_be_scored_is_said_before_training(train, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    wishes = tiny("sngan") | WISHES | {"schedule.eval_extractor": "inception"}
    with pytest.raises(GanzooError, match="GANZOO_OFFLINE forbids downloading weights-inception"):
        train(steps=2, eval_every=1, overrides=wishes)
    assert not (tmp_path / "run").exists()
