"""``ganzoo list``"""

import json

import pytest

import ganzoo
import ganzoo.listing
import ganzoo.weights
from ganzoo.cli.list import KINDS
from ganzoo.registry import ADVERSARIAL, DATASETS, EXTRACTORS, GAMES, METRICS, NETWORKS, PENALTIES


def test_lists_every_variant_with_title_and_year(cli):
    result = cli("list")
    rows = result.out.splitlines()[1:]
    assert result.code == 0
    assert [row.split()[0] for row in rows] == ganzoo.list_variants()
    assert any("WGAN with gradient penalty" in row and "2017" in row for row in rows)


def test_pattern_is_a_shell_pattern(cli):
    names = [row["name"] for row in json.loads(cli("list", "wgan*", "--json").out)]
    assert names == ganzoo.list_variants("wgan*") and "wgan-gp" in names and "dcgan" not in names


@pytest.mark.parametrize(
    "kind, registry",
    [
        ("datasets", DATASETS),
        ("losses", ADVERSARIAL),
        ("penalties", PENALTIES),
        ("networks", NETWORKS),
        ("games", GAMES),
        ("extractors", EXTRACTORS),
        ("metrics", METRICS),
    ],
)
def test_every_component_is_listed_with_a_description(cli, kind, registry):
    rows = json.loads(cli("list", "--kind", kind, "--json").out)
    assert [row["name"] for row in rows] == registry.names() and rows
    for row in rows:
        description = row.get("description", row.get("title"))
        assert len(description) > 10 and ":func:" not in description and "``" not in description, row


def test_protocols_say_what_they_compare(cli):
    out = cli("list", "gz-lite-10k", "--kind", "protocols").out
    assert "10,000 images against 10,000 of the train split, seen through efficientnet-lite0" in out
    assert "kid_subset_size: 1000" in cli("info", "gz-lite-10k").out
    told = cli("info", "class-fid").out
    assert "kind: metric" in told and "biased upwards where classes are small" in told and "options" not in told


def test_descriptions_read_from_source_are_the_docstrings(cli):
    rows = {row["name"]: row["description"] for row in json.loads(cli("list", "--kind", "losses", "--json").out)}
    for name, description in rows.items():
        assert ADVERSARIAL.get(name).__doc__.partition("\n")[0].replace("``", "") == description


def test_kinds_offered_are_the_kinds_there_are():
    assert list(KINDS) == list(ganzoo.listing.KINDS)


def test_kind_without_members_says_so(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(ganzoo.weights, "__file__", str(tmp_path / "__init__.py"))
    result = cli("list", "--kind", "models")
    assert result.code == 0 and result.out == "there are no models yet\n"


def test_bundled_models_are_listed_and_loaded_by_name(cli, tiny_model_dir, monkeypatch):
    monkeypatch.setattr(ganzoo.weights, "__file__", str(tiny_model_dir.parent / "__init__.py"))
    assert [row["name"] for row in json.loads(cli("list", "--kind", "models", "--json").out)] == ["tiny"]
    assert ganzoo.list_models("t*") == ["tiny"] and ganzoo.list_models("x*") == []
    assert ganzoo.load("tiny").config.name == "dcgan"
    assert "did you mean tiny" in cli("sample", "tinny").sentence()


@pytest.mark.parametrize("pattern", ["wgn-gp", "wgn*", "dcgam"])
def test_unmatched_pattern_names_the_nearest(cli, pattern):
    sentence = cli("list", pattern).sentence()
    assert pattern in sentence and "did you mean" in sentence


def test_unknown_kind_is_a_usage_error(cli):
    result = cli("list", "--kind", "lossess")
    assert result.code == 2 and "losses" in result.err
