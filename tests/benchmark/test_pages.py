"""The committed pages say what the committed results say."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from ganzoo.benchmark.results import Result
from ganzoo.benchmark.suite import suite_files

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="needs a checkout")


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return import_module("benchmarks.pages")


def test_the_pages_are_as_new_as_the_results(pages):
    for place in pages.PLACES:
        assert place.read_text(encoding="utf-8") == pages.page(place), "run `python -m benchmarks.pages`"


def test_a_new_result_shows(pages, monkeypatch, tmp_path):
    from made import result, stored

    monkeypatch.setattr(pages, "RESULTS", stored(tmp_path, result("wgan", fid=4.25)))
    text = pages.page(pages.PLACES[1])
    assert "**4.25**" in text and "(benchmarking.md)" in text


def test_every_key_and_suite_is_documented():
    text = (ROOT / "docs" / "benchmarking.md").read_text(encoding="utf-8")
    for name, field in Result.model_fields.items():
        assert f"| `{name}` | {field.description} |" in text
    assert all(f"`{name}`" in text for name in suite_files())
