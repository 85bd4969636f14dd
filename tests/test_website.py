"""What the site says of the package by itself; mkdocs, which `make docs` runs, is not needed for that."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

from ganzoo.listing import KINDS
from ganzoo.registry import ADVERSARIAL, GAMES, PENALTIES

WEBSITE = Path(__file__).parents[1] / "docs" / "website"


@pytest.fixture
def website(monkeypatch):
    monkeypatch.syspath_prepend(str(WEBSITE))
    return import_module


@pytest.mark.parametrize("name", ["cgan", "cyclegan", "r3gan", "stackgan"])
def test_a_variant_has_a_page(website, name):
    text = website("variant_pages").page(name)
    config = website("variant_pages").configuration(name)
    assert config.paper.url in text and "<svg" in text and r"\mathcal{L}_D = " in text
    assert all(line in text for line in config.deviations)
    assert all(f"`{network.name}`" in text for network in config.networks.values())


def test_a_page_shows_weights_turns_and_presets(website):
    text = website("variant_pages").page("wgan-gp")
    assert r"10 \cdot \mathbb{E}_{\hat{x}}" in text and "the discriminator moves 5 times" in text
    assert "| `schedule.steps` | `100000` | `3000` | variant wgan-gp |" in text
    assert "1.2 M" in text and "mimicry" in text


def test_a_page_shows_what_benchmarks_made_of_its_variant_only(website, monkeypatch, tmp_path):
    pages = website("variant_pages")
    for row, variant in {"deep-seed-0": "wgan", "wgan-gp-seed-0": "wgan-gp", "deep-seed-1": "wgan"}.items():
        place = tmp_path / "results" / "digits"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{row}.png").touch()
        (place / f"{row}.result.json").write_text(json.dumps({"variant": variant, "suite": "digits"}))
    (place / "other-seed-0.png").touch()
    monkeypatch.setattr(pages, "RESULTS", tmp_path / "results")
    shown = "".join(pages._shown("wgan"))
    assert shown.count("digits-") == 1 and 'src="../variants/digits-deep-seed-0.png"' in shown
    assert "<code>deep</code> of the suite <code>digits</code>" in shown
    assert pages.pictures()["variants/digits-deep-seed-0.png"] == place / "deep-seed-0.png"


def test_formulas_belong_to_names_that_there_are(website):
    equations = website("equations")
    assert set(equations.LOSSES) <= set(ADVERSARIAL.names())
    assert set(equations.PENALTY_TERMS) <= set(PENALTIES.names())
    assert {*equations.GAME_TERMS, *equations.NOTATION, *equations.FACTORS} <= set(GAMES.names())


def test_the_interface_is_described(website):
    pages = website("reference_pages").pages()
    assert "model.sample(" in pages["reference/python.md"] and "Raises GanzooError" in pages["reference/python.md"]
    assert "Usage: ganzoo data prepare" in pages["reference/commands.md"]
    assert set(KINDS) - {"variants", "models"} == {Path(each).stem for each in pages} - {"python", "commands"}


def test_bundled_models_have_pages(website, monkeypatch, tmp_path):
    models = website("model_pages")
    (tmp_path / "README.md").write_text("---\nlicense: other\n---\n\n# Tiny\n\n![samples](samples.png)\n")
    monkeypatch.setattr(models, "bundled_models", lambda: {"tiny": tmp_path})
    row = {"name": "tiny", "data": "noise", "resolution": "16×16×1", "score": "", "size": "0.1 MB"}
    monkeypatch.setattr(models, "entries", lambda kind, pattern: [row])
    pages = models.pages()
    assert 'src="tiny.png"' in pages["models/index.md"] and 'src="models/tiny.png"' in models.gallery()
    assert pages["models/tiny.md"] == "\n# Tiny\n\n![samples](tiny.png)\n"
