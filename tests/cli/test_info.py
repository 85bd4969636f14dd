"""``ganzoo info``"""

import json

import pytest

from ganzoo.export import record_scores
from ganzoo.registry import ADVERSARIAL, DATASETS, GAMES, NETWORKS, PENALTIES
from ganzoo.variants import list_variants, read_variant
from ganzoo.zoo import save


@pytest.mark.parametrize("variant", list_variants())
def test_variant_tells_paper_deviations_and_where_each_value_is_from(cli, variant):
    facts = json.loads(cli("info", variant, "--dataset", "cifar10", "--preset", "cpu", "--json").out)
    written = read_variant(variant)
    assert facts["kind"] == "variant" and facts["title"] == written["title"]
    assert facts["paper"]["url"].startswith("https://") and facts["deviations"] == written["deviations"]
    configuration = facts["configuration"]
    assert configuration["resolution"]["value"] == 32 or "cifar" not in written["presets"]
    assert configuration["image_channels"] == {"value": 3, "origin": "data set"}
    assert configuration["game.name"]["origin"] == f"variant {variant}"
    assert configuration["schedule.clip_gradients"]["origin"] == "default"
    for key, change in facts["machine_presets"]["cpu"].items():
        assert change["from"] != change["to"]
        # Another optimizer or network takes none of the old one's keywords.
        if key in configuration or change["to"] is not None:
            assert configuration[key] == {"value": change["to"], "origin": "preset cpu"}, key
    assert "schedule.steps" in facts["machine_presets"]["cpu"]


def test_text_shows_the_same(cli):
    out = cli("info", "wgan-gp", "--dataset", "mnist-10k", "-o", "schedule.batch_size=77").out
    assert "https://arxiv.org/abs/1704.00028" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["schedule.batch_size", "77", "command", "line"] in rows
    assert ["image_channels", "1", "data", "set"] in rows
    assert ["loss.name", "wasserstein", "variant", "wgan-gp"] in rows
    assert "--preset cpu changes:" in out


def test_packed_folder_decides_like_its_dataset(cli, tmp_path):
    card = {"fingerprint": "x", "family": "mnist", "channels": 1, "classes": ["a", "b"]}
    (tmp_path / "dataset.json").write_text(json.dumps(card))
    configuration = json.loads(cli("info", "dcgan", "--dataset", tmp_path, "--json").out)["configuration"]
    assert configuration["resolution"] == {"value": 32, "origin": "preset mnist"}
    assert configuration["classes"]["value"] == ["a", "b"]


def test_own_folder_takes_the_base_resolution(cli, tmp_path):
    configuration = json.loads(cli("info", "dcgan", "--dataset", tmp_path, "--json").out)["configuration"]
    assert configuration["resolution"] == {"value": 64, "origin": "variant dcgan"}


@pytest.mark.parametrize("registry", [ADVERSARIAL, PENALTIES, NETWORKS, GAMES], ids=lambda registry: registry.kind)
def test_component_tells_its_docstring_and_options(registry):
    from ganzoo.listing import KINDS, describe

    kind = next(kind for kind, known in KINDS.items() if known.singular == registry.kind)
    for name in registry.names():
        facts = describe(name, kind=kind)
        assert len(facts["doc"]) > 30 and not facts["doc"].startswith("See"), name
        json.dumps(facts)
    assert describe("gradient-penalty")["options"]["weight"] == 10.0


@pytest.mark.parametrize("name", DATASETS.names())
def test_dataset_tells_licence_and_sources(cli, name):
    facts = json.loads(cli("info", name, "--json").out)
    assert facts["kind"] == "dataset" and facts["licence"] and facts["prepared"] == []


def test_model_tells_how_it_was_made(cli, conditional_model_dir):
    facts = json.loads(cli("info", conditional_model_dir, "--json").out)
    assert facts["kind"] == "model" and facts["variant"] == "sngan-projection"
    assert facts["classes"] == ["cat", "dog", "owl"] and facts["parameters"]["generator"] > 1000
    assert facts["bytes"] == (conditional_model_dir / "model.safetensors").stat().st_size
    assert "A tiny model" in cli("info", conditional_model_dir).out


def test_scores_are_told_once(cli, tiny_model, tmp_path):
    model = save(tiny_model, tmp_path)
    record_scores(model, [{"title": "FID[x]", "value": 4.25, "protocol": "gz-x", "protocol_id": "abc"}])
    assert cli("info", model).out.count("FID[x]") == 1
    assert json.loads(cli("info", model, "--json").out)["facts"]["scores"][0]["value"] == 4.25


def test_name_of_two_kinds_shows_one_and_points_at_the_other(cli):
    out = cli("info", "dragan").out
    assert "kind: variant" in out and "ganzoo info dragan --kind penalties" in out
    assert "kind: penalty" in cli("info", "dragan", "--kind", "penalties").out


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["dcgann"], "dcgan"),
        (["hinje"], "did you mean hinge"),
        (["gradient-penality"], "did you mean gradient-penalty"),
        (["wgan-gp", "--dataset", "cifar1"], "cifar10"),
        (["wgan-gp", "--preset", "cpo"], "did you mean cpu"),
        (["wgan-gp", "-o", "schedule.step=3"], "did you mean steps"),
        (["wgan-gp", "-o", "schedule.steps"], "not of the form key=value"),
        (["hinge", "--preset", "cpu"], "hinge is a loss"),
        (["hinge", "--kind", "penalties"], "unknown penalty 'hinge'"),
        (["runs/nothing"], "there is no run or model runs/nothing"),
    ],
)
def test_mistakes_are_one_sentence(cli, arguments, expected):
    assert expected in cli("info", *arguments).sentence()


def test_folder_without_a_model_says_what_was_expected(cli, tmp_path):
    assert "model.safetensors" in cli("info", tmp_path).sentence()
