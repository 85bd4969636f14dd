"""The index of models."""

from __future__ import annotations

import json
import shutil

import pytest

import ganzoo
from ganzoo import weights
from ganzoo.errors import GanzooError
from ganzoo.export import export_model, record_scores
from ganzoo.index import described, read_index, write_index

SCORE = {"title": "FID[x]", "value": 4.25, "protocol": "gz-x", "subject": "model", "protocol_id": "abc"}


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """An empty place for bundled models."""
    monkeypatch.setattr(weights, "__file__", str(tmp_path / "weights" / "__init__.py"))
    return tmp_path / "weights"


@pytest.fixture
def tiny(shipped, tiny_model_dir):
    """A bundled model, made as they are made."""
    return export_model(tiny_model_dir, shipped / "tiny", half=True, known_failures=["It was never trained."])


def test_a_model_made_where_bundled_ones_lie_is_in_the_index(cli, tiny):
    record_scores("tiny", [SCORE, SCORE | {"value": 0.5, "subject": "real test images"}])
    entry = read_index()["tiny"]
    assert entry["score"] == {"title": "FID[x]", "value": 4.25, "protocol": "gz-x", "real": 0.5, "bicubic": None}
    assert entry["task"] == "noise to images" and entry["resolution"] == "16×16×1"
    assert ganzoo.list_models() == ["tiny"] and 'ganzoo.load("tiny")' in ganzoo.load("tiny").card
    (row,) = json.loads(cli("list", "--kind", "models", "--json").out)
    assert row["score"] == "FID[x] 4.25 (gz-x)" and row["weights"] == "bundled" and row["size"].endswith(" MB")
    assert cli("info", "tiny").code == 0


def test_the_score_shown_is_one_that_real_images_have_too(tiny):
    other = SCORE | {"title": "PSNR", "value": 20.0, "metric": "psnr", "protocol_id": "z"}
    record_scores("tiny", [other, SCORE, SCORE | {"value": 0.5, "subject": "real test images"}])
    shown = {"title": "FID[x]", "value": 4.25, "protocol": "gz-x", "real": 0.5, "bicubic": None}
    assert read_index()["tiny"]["score"] == shown
    record_scores("tiny", [other | {"value": 19.0, "subject": "bicubic"}])
    shown = {"title": "PSNR", "value": 20.0, "protocol": "gz-x", "real": None, "bicubic": 19.0}
    assert read_index()["tiny"]["score"] == shown


def test_a_score_gives_way_to_a_newer_one_and_never_a_named_protocol_to_a_custom_one(tiny):
    def kept():
        return [(each["protocol"], each["value"]) for each in ganzoo.load("tiny").facts["scores"]]

    custom, named = SCORE | {"protocol": "custom", "protocol_id": "x"}, SCORE | {"value": 3.5}
    record_scores("tiny", [custom])
    record_scores("tiny", [custom | {"value": 5.0, "protocol_id": "y"}])
    assert kept() == [("custom", 5.0)]
    record_scores("tiny", [SCORE])
    record_scores("tiny", [named])
    assert kept() == [("gz-x", 3.5)] and read_index()["tiny"]["score"]["value"] == 3.5
    record_scores("tiny", [custom])
    assert kept() == [("gz-x", 3.5), ("custom", 4.25)]


def test_the_index_is_the_same_whoever_writes_it(tiny):
    before = weights.index_file().read_bytes()
    assert write_index().read_bytes() == before


def test_a_bundled_model_that_changed_is_refused(tiny):
    file = tiny / weights.WEIGHTS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(GanzooError, match=r"is damaged: its sha256 is .*; install ganzoo anew") as refusal:
        ganzoo.load("tiny")
    assert "\n" not in str(refusal.value)


def test_a_bundled_model_that_is_missing_is_refused(tiny):
    shutil.rmtree(tiny)
    with pytest.raises(GanzooError, match="missing from this installation"):
        ganzoo.load("tiny")


def test_unknown_names_name_the_nearest(tiny):
    with pytest.raises(GanzooError, match="did you mean tiny"):
        ganzoo.load("tinny")


def test_a_damaged_index_says_what_to_do(cli, tiny):
    weights.index_file().write_text("{")
    assert "run: python -m ganzoo.index" in cli("list", "--kind", "models").sentence()
    assert "run: python -m ganzoo.index" in cli("sample", "tiny").sentence()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"x": ' * 100_000, "[3]", "3"])
def test_an_index_that_is_none_is_one_sentence(cli, tiny, text):
    weights.index_file().write_text(text)
    assert "index.json is damaged" in cli("list", "--kind", "models").sentence()


@pytest.mark.parametrize("text", [None, "{}"])
def test_a_model_without_its_readable_configuration_is_listed_by_its_weights(cli, shipped, tiny_model_dir, text):
    shutil.copytree(tiny_model_dir, shipped / "tiny")
    (shipped / "tiny" / "config.json").unlink()
    if text:
        (shipped / "tiny" / "config.json").write_text(text)
    (row,) = json.loads(cli("list", "--kind", "models", "--json").out)
    assert row["task"] == "noise to images" and row["resolution"] == "16×16×1" and row["score"] == ""


@pytest.mark.parametrize(
    "variant, changes, task",
    [
        ("cgan", {"classes": ["a"]}, "labels to images"),
        ("stackgan", {"captions": ["a red seven"]}, "text to images"),
        ("pix2pix", {}, "image to image"),
        ("srgan", {}, "super-resolution"),
    ],
)
def test_a_task_is_in_words(tmp_path, variant, changes, task):
    config = ganzoo.resolve(variant, overrides=changes).config.model_dump(mode="json")
    (tmp_path / "config.json").write_text(json.dumps({"config": config}))
    (tmp_path / weights.WEIGHTS).touch()
    assert described(tmp_path, "bundled")["task"] == task


def test_a_foreign_cards_licence_is_read_as_text(tmp_path, tiny_model_dir):
    shutil.copytree(tiny_model_dir, tmp_path / "tiny")
    for line, licence in (
        ("license: mit", "mit"),
        ("license: other\nlicense_name: 'my terms'", "my terms"),
        ("license: \x1b[31mred", " [31mred"),
        ("license: " + "[" * 100_000, "[" * 100_000),
        (f"license: a{' ' * 100_000}b", f"a{' ' * 100_000}b"),
        ("tags: []", ""),
    ):
        (tmp_path / "tiny" / "README.md").write_text(f"---\n{line}\n---\n\n# Tiny\n")
        assert described(tmp_path / "tiny", "bundled")["licence"] == licence


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "[" * 100_000,
        '{"facts": {"data": "x"}}',
        '{"config": 3}',
        '{"config": {"name": "x", "resolution": 1}}',
        "\x00",
    ],
)
def test_a_model_that_does_not_describe_itself_is_refused(cli, shipped, tiny_model_dir, text):
    shutil.copytree(tiny_model_dir, shipped / "tiny")
    (shipped / "tiny" / "config.json").write_text(text)
    assert "no readable model directory" in cli("list", "--kind", "models").sentence()
    assert cli("info", "wgan-gp").code == 0
