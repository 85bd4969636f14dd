import re
import subprocess
import sys

import pytest

from ganzoo.errors import UnknownName
from ganzoo.registry import DATASETS

NAMED = ["mnist-10k", "mnist", "fashion-mnist", "cifar10", "cifar100", "stl10", "celeba"]
NAMED += ["lsun-bedroom", "imagenet32", "ffhq", "afhq"]


def test_every_promised_dataset_is_registered_under_its_own_name():
    assert set(NAMED) <= set(DATASETS.names())
    assert all(DATASETS.get(name).name == name for name in NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_entries_say_what_a_user_must_know(name):
    dataset = DATASETS.get(name)
    assert dataset.licence and dataset.accepts and dataset.homepage.startswith("http")
    assert dataset.kind == ("labelled" if dataset.classes else "images")
    assert len(set(dataset.classes)) == len(dataset.classes)
    assert dataset.sources
    for source in dataset.sources:
        assert all(mirror.startswith(("http://", "https://")) for mirror in source.mirrors)
        assert source.sha256 is None or re.fullmatch("[0-9a-f]{64}", source.sha256)
        assert dataset.bundled or dataset.manual or (source.mirrors and source.size and source.sha256)


def test_families_share_presets():
    families = {name: DATASETS.get(name).family for name in NAMED}
    assert families["mnist"] == families["mnist-10k"] == families["fashion-mnist"] == "mnist"
    assert families["cifar10"] == families["cifar100"] == "cifar"


def test_class_counts():
    assert [len(DATASETS.get(name).classes) for name in ("mnist", "cifar10", "cifar100", "imagenet32")] == [
        10,
        10,
        100,
        1000,
    ]
    assert list(DATASETS.get("cifar100").classes) == sorted(DATASETS.get("cifar100").classes)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownName, match="cifar10"):
        DATASETS.get("cifar-10")


def test_listing_imports_nothing_heavy():
    code = (
        "import sys; from ganzoo.data.catalogue import catalogue; catalogue();"
        "print([m for m in ('torch', 'numpy', 'PIL', 'rich') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
