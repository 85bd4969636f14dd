"""The models that come with ganzoo: each works offline, is small, and tells what it is."""

from __future__ import annotations

import json
import socket

import pytest
import torch

import ganzoo
from ganzoo.checksum import checksum
from ganzoo.games.translation import from_images
from ganzoo.index import BUNDLED, described, read_index
from ganzoo.tensors import read_tensors
from ganzoo.weights import WEIGHTS, bundled_models

MODELS = bundled_models()
SECTIONS = ("Use", "Training", "Data", "Licence", "Differences from the paper", "Scores", "Limits", "Known failures")
MOST_BYTES, MOST_BYTES_TOGETHER = 10_000_000, 80_000_000
each = pytest.mark.parametrize("name", MODELS)


@each
def test_it_loads_and_makes_images_without_a_network(name, monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *args, **options: pytest.fail("opened a socket"))
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    model = ganzoo.load(name)
    made = model.translate(_given(model.config)) if from_images(model.config.game.name) else model.sample(2, seed=1)
    assert made.isfinite().all() and made.std() > 0.01 and made.abs().max() <= 1


def _given(config):
    scale = config.game.options.get("scale", 1)
    torch.manual_seed(0)
    return torch.rand(1, config.image_channels, *(side // scale for side in config.size)) * 2 - 1


@each
def test_it_is_small_and_half_precision(name):
    files = {file.name: file for file in MODELS[name].iterdir()}
    assert {WEIGHTS, "config.json", "README.md", "samples.png"} <= files.keys()
    assert sum(file.stat().st_size for file in files.values()) <= MOST_BYTES
    assert ganzoo.load(name).facts["weights"]["dtype"] == "float16"


@each
def test_what_people_read_is_what_the_weights_say(name):
    _, header = read_tensors(MODELS[name] / WEIGHTS)
    said = json.loads((MODELS[name] / "config.json").read_text(encoding="utf-8"))
    assert {key: said[key] for key in header} == header


@each
def test_its_card_tells_everything(name):
    model = ganzoo.load(name)
    for section in SECTIONS:
        assert f"\n## {section}\n" in model.card, section
    assert "None measured." not in model.card and "None recorded." not in model.card
    assert f'ganzoo.load("{name}")' in model.card
    for row in ("licence", "hardware", "steps", "time", "images seen"):
        assert f"\n| {row} | " in model.card, row
    assert "ganzoo train " in model.card
    of_real = [score for score in model.facts["scores"] if "real" in score["subject"]]
    assert of_real or from_images(model.config.game.name), (
        "ganzoo eval … --real-floor --card adds what real images reach"
    )


def test_the_index_is_of_these_models():
    entries = {name: entry for name, entry in read_index().items() if entry["source"] == BUNDLED}
    expected = {
        name: described(folder, BUNDLED) | {"sha256": checksum(folder / WEIGHTS)} for name, folder in MODELS.items()
    }
    assert entries == json.loads(json.dumps(expected)), "run: python -m ganzoo.index"


def test_all_together_are_small():
    size = sum(file.stat().st_size for folder in MODELS.values() for file in folder.rglob("*"))
    assert size <= MOST_BYTES_TOGETHER
