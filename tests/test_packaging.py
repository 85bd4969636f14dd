"""What is shipped: the wheel and the sdist hold everything and work away from the checkout."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from ganzoo.variants import list_variants
from ganzoo.weights import bundled_models

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs a checkout")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the sdist, ``checkout.whl`` built from the checkout and ``sdist.whl`` built from the sdist."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    _build(ROOT, folder, "sdist", "wheel")
    (wheel,) = folder.glob("*.whl")
    wheel.rename(folder / "checkout.whl")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    _build(source, folder, "wheel")
    (wheel,) = folder.glob("torch*.whl")
    wheel.rename(folder / "sdist.whl")
    return folder


def _build(source, out, *targets):
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    for target in targets:
        command += ["-t", target]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def _contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_holds_every_file_of_the_package_and_every_variant(built):
    shipped = _contents(built / "checkout.whl")
    package = [file for file in (ROOT / "ganzoo").rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    for file in package:
        assert file.relative_to(ROOT).as_posix() in shipped, file
    for file in (ROOT / "zoo_configs").glob("*.yaml"):
        assert shipped[f"ganzoo/zoo_configs/{file.name}"] == file.read_bytes()
    for file in (ROOT / "benchmarks" / "suites").glob("*.yaml"):
        assert shipped[f"ganzoo/benchmark/suites/{file.name}"] == file.read_bytes()
    assert any(name.startswith("ganzoo/data/mnist-10k/") for name in shipped)
    assert any(name.startswith("ganzoo/report/") and not name.endswith(".py") for name in shipped)
    assert not [name for name in shipped if "__pycache__" in name or name.startswith("tests")]


def test_wheel_says_what_it_needs(built):
    shipped = _contents(built / "checkout.whl")
    metadata = next(text for name, text in shipped.items() if name.endswith("/METADATA")).decode()
    assert "Name: torch-ganzoo\n" in metadata and "Provides-Extra: onnx" in metadata and "License-File" in metadata
    entry_points = next(text for name, text in shipped.items() if name.endswith("/entry_points.txt")).decode()
    assert "ganzoo = ganzoo.cli:main" in entry_points


def test_sdist_builds_the_same_wheel(built):
    from_checkout, from_sdist = _contents(built / "checkout.whl"), _contents(built / "sdist.whl")
    assert from_checkout.keys() == from_sdist.keys()
    assert [name for name in from_checkout if from_checkout[name] != from_sdist[name]] == []


def test_sdist_holds_tests_and_licence(built):
    (source,) = (built / "unpacked").iterdir()
    for name in ("tests/test_packaging.py", "LICENSE", "README.md", "Makefile", "zoo_configs/dcgan.yaml"):
        assert (source / name).is_file(), name


def test_wheel_works_away_from_the_checkout(built, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(built / "checkout.whl") as archive:
        archive.extractall(site)
    script = (
        "import ganzoo, json\n"
        "from ganzoo.data.prepare import open_dataset\n"
        "game = ganzoo.create('dcgan', resolution=32, networks__generator__channels=8)\n"
        "data = open_dataset('mnist-10k', resolution=32)\n"
        "from ganzoo.weights import bundled_models\n"
        "models = {name: ganzoo.load(name).config.name for name in bundled_models()}\n"
        "models['cgan-mnist sampled'] = list(ganzoo.load('cgan-mnist').sample(2, label=7).shape)\n"
        "print(json.dumps([ganzoo.__file__, ganzoo.list_variants(), list(game.sample(1).shape), len(data), models]))\n"
    )
    out = _run(site, tmp_path, "-c", script)
    place, variants, shape, count, models = json.loads(out)
    assert Path(place).is_relative_to(site) and variants == list_variants()
    assert models.keys() == {*bundled_models(), "cgan-mnist sampled"} and models["cgan-mnist"] == "cgan"
    assert models["cgan-mnist sampled"] == [2, 1, 28, 28]
    assert shape == [1, 3, 32, 32] and count == 10_000
    assert "wgan-gp" in _run(site, tmp_path, "-m", "ganzoo", "list")


def _run(site, cwd, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
