"""``ganzoo eval`` and ``ganzoo data stats``."""

from __future__ import annotations

import json

from PIL import Image

from ganzoo.sampling import save_samples
from ganzoo.zoo import load, save


def test_a_table_for_people_and_records_for_programs(cli, tiny_model, tiny_model_dir, tmp_path):
    folder = save_samples(tiny_model, tmp_path / "real", n=30)
    words = ("eval", tiny_model_dir, "--dataset", folder, "--extractor", "mnist-classifier", "-n", 20)
    result = cli(*words, "--metrics", "fid,kid", "--real-floor")
    assert result.code == 0, result.err
    assert "FID[mnist-classifier]" in result.out and "KID[mnist-classifier]" in result.out
    assert "other half of the real images" in result.out and "note: 20 images: few" in result.err
    records = json.loads(cli(*words, "--json").out)
    assert records[0]["metric"] == "fid" and f"{records[0]['value']:.5g}" in result.out


def test_scores_go_into_the_card(cli, tiny_model, tmp_path):
    model, folder = save(tiny_model, tmp_path / "model"), save_samples(tiny_model, tmp_path / "real", n=30)
    before = (model / "model.safetensors").read_bytes()
    words = ("eval", model, "--dataset", folder, "--extractor", "mnist-classifier", "-n", 20, "--card")
    fid = json.loads(cli(*words, "--metrics", "fid", "--real-floor", "--json").out)
    cli(*words, "--metrics", "fid,prc", "--seed", 1)
    scored = load(model)
    titles = [(each["title"], each["subject"]) for each in scored.facts["scores"]]
    assert len(titles) == len(set(titles)) == 4 and (fid[1]["title"], fid[1]["subject"]) in titles
    assert "| FID[mnist-classifier] ↓ |" in scored.card and "other half of the real images" in scored.card
    assert scored.facts["scores"][1]["fake"]["seed"] == 1, "a score is measured anew"
    assert (model / "model.safetensors").read_bytes() == before


def test_a_card_is_of_the_model_that_was_scored(cli, tiny_model_dir, tmp_path):
    words = ("--dataset", "mnist-10k", "--extractor", "mnist-classifier", "--card")
    assert "export the model" in cli("eval", tiny_model_dir, *words, "--raw").sentence()
    (tmp_path / "alone.safetensors").write_bytes((tiny_model_dir / "model.safetensors").read_bytes())
    assert "export the model" in cli("eval", tmp_path / "alone.safetensors", *words).sentence()
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    assert "holds no model" in cli("eval", tmp_path, *words).sentence()


def test_mistakes_are_one_line(cli, tiny_model_dir, tmp_path):
    words = ("eval", tiny_model_dir, "--dataset", "mnist-10k", "--extractor", "mnist-classifier")
    assert "did you mean fid" in cli(*words, "--metrics", "fud").sentence()
    assert "no file or folder" in cli("eval", tiny_model_dir, "--dataset", tmp_path / "none").sentence()
    assert "unknown model or path" in cli("eval", tmp_path / "none", "--dataset", "mnist-10k").sentence()
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    few = cli("eval", tmp_path, "--dataset", "mnist-10k", "--extractor", "mnist-classifier")
    assert "at least 2 images, not 1" in few.sentence()
    assert "is no run" in cli(*words, "--raw").sentence() or "has no checkpoints" in cli(*words, "--raw").sentence()


def test_statistics_are_made_ahead_and_listed(cli, tiny_model, tmp_path):
    folder = save_samples(tiny_model, tmp_path / "real", n=30)
    made = cli("data", "stats", folder, "--extractor", "mnist-classifier")
    assert made.code == 0 and "128 features of 30 images at 16x16 through mnist-classifier" in made.out
    facts = json.loads(cli("data", "stats", folder, "--extractor", "mnist-classifier", "--json").out)
    assert facts["file"] in made.out and facts["features"] == 128
