"""Names for components."""

from pathlib import Path

import pytest

from ganzoo import registry as registries
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.registry import ADVERSARIAL, DATASETS, GAMES, NETWORKS, PENALTIES, Registry

PACKAGES = [ADVERSARIAL, PENALTIES, NETWORKS, GAMES, DATASETS]


@pytest.mark.parametrize("registry", PACKAGES, ids=lambda registry: registry.kind)
def test_every_name_found_in_the_source_is_registered(registry):
    assert registry.names()
    for name in registry.names():
        assert registry.get(name) is registry.get(name)


@pytest.mark.parametrize(
    "registry, name, nearest",
    [
        (ADVERSARIAL, "hinje", "hinge"),
        (ADVERSARIAL, "wassertein", "wasserstein"),
        (PENALTIES, "gradient_penalty", "gradient-penalty"),
        (NETWORKS, "dcgan-generatr", "dcgan-generator"),
        (DATASETS, "cifar-10", "cifar10"),
    ],
)
def test_unknown_name_names_the_nearest(registry, name, nearest):
    with pytest.raises(UnknownName) as error:
        registry.get(name)
    assert error.value.nearest[0] == nearest
    assert str(error.value).startswith(f"unknown {registry.kind} '{name}'; did you mean {nearest}")


def test_name_like_nothing_lists_what_is_known():
    with pytest.raises(UnknownName, match=r"known: .*hinge.*wasserstein"):
        ADVERSARIAL.get("qqqq")


def test_of_many_names_some_are_listed():
    said = str(UnknownName("thing", "zzz", [f"a{number:03}" for number in range(1234)]))
    assert said.endswith("a008, a009 and 1,224 more") and len(said) < 120


def test_duplicate_names_are_refused():
    registry = Registry("THINGS", "thing", "ganzoo.nowhere")
    first = registry.register("a")(type("First", (), {}))
    with pytest.raises(GanzooError, match="thing 'a' is defined twice"):
        registry.register("a")(type("Second", (), {}))
    assert registry.get("a") is first


def test_importing_a_module_again_is_no_duplicate():
    registry = Registry("THINGS", "thing", "ganzoo.nowhere")
    for _ in range(2):
        again = registry.register("a")(type("Thing", (), {"__module__": "somewhere"}))
    assert registry.get("a") is again


def test_looking_up_one_name_imports_only_its_module(python):
    done = python(
        "-c",
        "import sys\n"
        "from ganzoo.registry import NETWORKS, ADVERSARIAL\n"
        "NETWORKS.names(), ADVERSARIAL.names()\n"
        "assert 'torch' not in sys.modules\n"
        "NETWORKS.get('mlp-generator')\n"
        "print(sorted(name for name in sys.modules if name.startswith('ganzoo.nets.')))",
    )
    assert done.stdout.strip() == "['ganzoo.nets.layers', 'ganzoo.nets.mlp', 'ganzoo.nets.norms']", done.stderr


def test_names_in_the_source_are_unique():
    for registry in PACKAGES:
        texts = [file.read_text(encoding="utf-8") for file in registry.folder.glob("*.py")]
        for name in registry._builtin():
            assert sum(text.count(f'{registry.constant}.register("{name}")') for text in texts) == 1, name


def test_create_gives_keywords_and_prefers_the_configurations():
    registry = Registry("THINGS", "thing", "ganzoo.nowhere")
    registry.register("pair")(lambda left, right=2: (left, right))
    assert registry.create("pair", {"right": 5}, left=1) == (1, 5)
    assert registry.create("pair", {"left": 7}, left=1) == (7, 2)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"rihgt": 1}, "unknown keyword of thing 'pair': 'rihgt'; did you mean right"),
        ({}, "cannot be built with its defaults: .*left"),
        ({"left": "x"}, "cannot be built with left='x'"),
    ],
)
def test_create_explains_what_is_wrong(options, expected):
    registry = Registry("THINGS", "thing", "ganzoo.nowhere")
    registry.register("pair")(lambda left, right=2: int(left))
    with pytest.raises(GanzooError, match=expected):
        registry.create("pair", options)


def test_registries_have_folders_of_their_own():
    assert all(registry.folder.is_dir() for registry in PACKAGES)
    assert Path(registries.__file__).parent in NETWORKS.folder.parents
