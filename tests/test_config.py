"""Variants merged with presets and wishes."""

import pytest

from ganzoo.config import Config, flatten, parse_overrides, resolve
from ganzoo.errors import GanzooError
from ganzoo.registry import DATASETS
from ganzoo.variants import list_variants, parse_yaml, read_variant, read_yaml, variant_files

FAMILIES = [None, *sorted({DATASETS.get(name).family for name in DATASETS.names()})]
VARIANT = {
    "name": "toy",
    "title": "Toy",
    "paper": {"url": "https://example.org"},
    "game": "image",
    "networks": {"generator": {"name": "dcgan-generator", "channels": 8, "kernel_size": 4}},
    "loss": "hinge",
    "latent": {"size": 4},
    "resolution": 32,
    "optimizers": {"generator": {"name": "adam", "lr": 0.1, "betas": [0.5, 0.9]}},
    "schedule": {"steps": 10, "batch_size": 4, "log_every": 1},
    "presets": {"cifar": {"resolution": 64, "schedule": {"steps": 20, "batch_size": 8}}},
    "machine_presets": {"cpu": {"schedule": {"steps": 30}, "networks": {"generator": {"channels": 2}}}},
}


@pytest.mark.parametrize("preset", [None, "cpu"])
@pytest.mark.parametrize("variant", list_variants())
def test_every_variant_resolves_for_every_family(variant, preset):
    for family in FAMILIES:
        resolved = resolve(variant, family=family, preset=preset)
        assert resolved.config.name == variant and resolved.config.schedule.steps > 0
        known = dict(flatten(resolved.config.model_dump()))
        assert set(resolved.origins) <= {*known, *(key.removesuffix(".name") for key in known)}


@pytest.mark.parametrize("variant", list_variants())
def test_presets_are_for_families_that_exist(variant):
    assert set(read_variant(variant).get("presets") or {}) <= set(FAMILIES)
    assert "cpu" in read_variant(variant)["machine_presets"]
    assert variant == read_variant(variant)["name"] == variant_files()[variant].stem


@pytest.mark.parametrize("variant", list_variants())
def test_resolved_configuration_is_read_back_as_it_was(variant):
    config = resolve(variant, dataset={"classes": ["a", "b"], "image_channels": 1}).config
    assert resolve(config.model_dump(mode="json")).config == config


def test_later_layers_win_and_every_value_knows_its_origin():
    resolved = resolve(
        VARIANT,
        family="cifar",
        preset="cpu",
        dataset={"image_channels": 1, "classes": ["a"]},
        overrides={"schedule.log_every": 5, "image_channels": 3},
    )
    config = resolved.config
    assert (config.schedule.steps, resolved.origin("schedule.steps")) == (30, "preset cpu")
    assert (config.schedule.batch_size, resolved.origin("schedule.batch_size")) == (8, "preset cifar")
    assert (config.schedule.log_every, resolved.origin("schedule.log_every")) == (5, "command line")
    assert (config.image_channels, resolved.origin("image_channels")) == (3, "command line")
    assert (config.classes, resolved.origin("classes")) == (["a"], "data set")
    assert (config.resolution, resolved.origin("resolution")) == (64, "preset cifar")
    assert (config.optimizers["generator"].lr, resolved.origin("optimizers.generator.lr")) == (0.1, "variant toy")
    assert (config.loss.name, resolved.origin("loss.name")) == ("hinge", "variant toy")
    assert (config.schedule.ema_ramp, resolved.origin("schedule.ema_ramp")) == (True, "default")
    assert resolved.origin("latent.distribution") == "default"


def test_unknown_family_changes_nothing_and_resolving_leaves_its_input_alone():
    before = repr(VARIANT)
    assert resolve(VARIANT, family="nobodys").config == resolve(VARIANT).config
    resolve(VARIANT, preset="cpu", overrides={"networks.generator.channels": 9})
    assert repr(VARIANT) == before


def test_presets_themselves_are_no_part_of_the_configuration():
    assert not {"presets", "machine_presets"} & set(resolve(VARIANT).config.model_dump())


def test_another_component_takes_none_of_the_old_ones_keywords():
    for wish in ({"networks.generator.name": "mlp-generator"}, {"networks.generator": "mlp-generator"}):
        resolved = resolve(VARIANT, overrides=wish)
        assert resolved.config.networks["generator"].options == {}
        assert resolved.origin("networks.generator.name") == "command line"
        assert "networks.generator.channels" not in resolved.origins
    same = resolve(VARIANT, overrides={"networks.generator.name": "dcgan-generator"})
    assert same.config.networks["generator"].options == {"channels": 8, "kernel_size": 4}


def test_bare_names_and_mappings_are_the_same():
    for loss in ("hinge", {"name": "hinge"}):
        assert resolve(VARIANT | {"loss": loss}).config.loss.name == "hinge"
    config = resolve(
        VARIANT, overrides={"game.class_weight": 2, "penalties": ["r1", {"name": "r2", "weight": 3}]}
    ).config
    assert (config.game.name, config.game.options) == ("image", {"class_weight": 2})
    assert [(p.name, p.options) for p in config.penalties] == [("r1", {}), ("r2", {"weight": 3})]


def test_labels_count_only_where_the_variant_uses_them():
    assert resolve(VARIANT, dataset={"classes": ["a", "b"]}).config.num_classes == 0
    assert resolve(VARIANT | {"conditional": True}, dataset={"classes": ["a", "b"]}).config.num_classes == 2


@pytest.mark.parametrize(
    "overrides, expected",
    [
        ({"scedule.steps": 3}, "unknown key 'scedule'; did you mean schedule"),
        ({"schedule.step": 3}, "unknown key of schedule: 'step'; did you mean steps"),
        ({"schedule.qqqq": 3}, "'qqqq'; known: batch_size, .*steps"),
        ({"latent.dim": 3}, "key of latent: 'dim'; known: bound, distribution, size"),
        ({"paper.jahr": 3}, "key of paper: 'jahr'; did you mean authors, year"),
        ({"qqqq": 1}, "known: .*schedule"),
        ({"schedule.steps": 0}, "'schedule.steps' is 0: .*greater than 0"),
        ({"schedule.steps": "many"}, "'schedule.steps' is 'many': .*integer"),
        (
            {"schedule.lr_decay": "cosine"},
            "'schedule.lr_decay' is 'cosine': .*'linear', 'exponential' or 'steps'",
        ),
        ({"schedule": 3}, "'schedule' is 3"),
        ({"schedule.ema": 1}, "'schedule.ema' is 1: .*less than 1"),
        ({"latent.distribution": "cauchy"}, "'latent.distribution' is 'cauchy': .*'normal', 'uniform'"),
        ({"loss": None}, "'loss' is None"),
        ({"penalties": "r1"}, "'penalties' is 'r1'"),
        ({"penalties": [{"weight": 3}]}, "'penalties.0.name' is missing"),
        ({"optimizers.generator.lr": -1}, "'optimizers.generator.lr' is -1"),
        ({"optimizers.discriminator": "adam"}, "'optimizers.discriminator.lr' is missing"),
        ({"networks.generator": 3}, "'networks.generator' is 3"),
        ({"resolution.x": 3}, "'resolution' holds 32, which has no keys of its own"),
        ({"image_channels": 9}, "'image_channels' is 9"),
        ({"a..b": 1}, "unknown key 'a'"),
    ],
)
def test_mistakes_name_the_key_and_what_is_allowed(overrides, expected):
    with pytest.raises(GanzooError, match=expected) as error:
        resolve(VARIANT, overrides=overrides)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("missing", ["title", "game", "networks", "loss", "optimizers", "schedule", "resolution"])
def test_what_is_missing_is_named(missing):
    with pytest.raises(GanzooError, match=f"toy: '{missing}' is missing"):
        resolve({key: value for key, value in VARIANT.items() if key != missing})


def test_unknown_presets_and_variants_name_the_nearest():
    with pytest.raises(GanzooError, match="unknown preset of toy 'cpus'; did you mean cpu"):
        resolve(VARIANT, preset="cpus")
    with pytest.raises(GanzooError, match="unknown variant 'wgangp'; did you mean wgan-gp"):
        resolve("wgangp")


def test_configurations_cannot_be_changed_afterwards():
    config = resolve(VARIANT).config
    assert isinstance(config, Config)
    with pytest.raises(ValueError, match="frozen"):
        config.resolution = 64


@pytest.mark.parametrize(
    "text, value",
    [
        ("2e-4", 2e-4),
        ("1.5e5", 1.5e5),
        ("-3E2", -300.0),
        ("2.0e-4", 2e-4),
        ("128", 128),
        ("true", True),
        ("null", None),
        ("", None),
        ("[0.5, 9e-1]", [0.5, 0.9]),
        ("[{name: r1, weight: 5}]", [{"name": "r1", "weight": 5}]),
        ("hinge", "hinge"),
        ("'2e-4'", "2e-4"),
        ("e5", "e5"),
    ],
)
def test_values_are_yaml(text, value):
    parsed = parse_overrides([f"key={text}"])["key"]
    assert parsed == value and type(parsed) is type(value)


def test_keys_and_values_are_split_at_the_first_sign():
    assert parse_overrides([" a.b = x=y", "c=1"]) == {"a.b": "x=y", "c": 1}


@pytest.mark.parametrize(
    "item", ["steps", "=3", " =3", "a={", "a={x: 1, x: 2}", "a={[1]: 2}", "a=!!python/name:os.system x"]
)
def test_malformed_overrides_are_one_sentence(item):
    with pytest.raises(GanzooError, match="override") as error:
        parse_overrides([item])
    assert "\n" not in str(error.value)


def test_repeated_keys_are_refused(tmp_path):
    (tmp_path / "twice.yaml").write_text("name: a\nschedule: {steps: 1}\nname: b\n")
    with pytest.raises(GanzooError, match=r"twice.yaml is not valid YAML: key 'name' is given twice .*line 1"):
        read_yaml(tmp_path / "twice.yaml")
    with pytest.raises(Exception, match="'steps' is given twice"):
        parse_yaml("schedule: {steps: 1, steps: 2}")


@pytest.mark.parametrize("text", ["- a\n- b\n", "", "text"])
def test_a_variant_must_be_a_mapping(tmp_path, text):
    (tmp_path / "list.yaml").write_text(text)
    with pytest.raises(GanzooError, match="must hold a mapping"):
        read_yaml(tmp_path / "list.yaml")


def test_a_configuration_without_a_name_is_not_printed_whole():
    with pytest.raises(GanzooError) as error:
        resolve({"title": "t" * 1_000_000})
    assert "'name' is missing" in str(error.value) and len(str(error.value)) < 400


def test_of_what_is_replaced_no_origin_is_left():
    cpu = {"loss": "hinge", "optimizers.generator": {"name": "sgd", "lr": 1.0}}
    found = resolve({**VARIANT, "machine_presets": {"cpu": cpu}}, preset="cpu")
    assert found.origin("loss.name") == "preset cpu" and found.origin("optimizers.generator.betas") == "default"
