import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ganzoo.cli.data import command


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GANZOO_OFFLINE", "1")


@pytest.fixture
def photos(tmp_path):
    for label, shade in (("cat", 50), ("dog", 200)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for index in range(2):
            Image.fromarray(np.full((8, 8, 3), shade + index, np.uint8)).save(
                tmp_path / "photos" / label / f"{index}.png"
            )
    return str(tmp_path / "photos")


def run(*arguments):
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_shows_what_is_prepared():
    assert "bundled" in run("list")
    run("prepare", "mnist-10k")
    rows = {row["name"]: row for row in json.loads(run("list", "--json"))}
    assert rows["mnist-10k"]["state"] == "mnist-10k at 28" and len(rows["mnist-10k"]["prepared"]) == 1
    assert rows["cifar10"]["state"] == "downloads" and rows["ffhq"]["state"] == "by hand"


def test_prepare_a_folder(photos):
    output = run("prepare", photos)
    assert "photos train: 4 images 8x8x3, 2 classes" in output and f"--dataset {photos}" in output
    (pack,) = json.loads(run("prepare", photos, "--resolution", "4", "--channels", "1", "--json"))
    assert (pack["resolution"], pack["channels"], pack["class_counts"]) == ([4, 4], 1, {"cat": 2, "dog": 2})
    assert photos in run("list") and "photos train" in run("info", photos)


def test_info_gives_licence_sources_and_fingerprints():
    run("prepare", "mnist-10k")
    text = run("info", "mnist-10k")
    facts = json.loads(run("info", "mnist-10k", "--json"))
    assert facts["packs"][0]["fingerprint"][:16] in text and "licence" in text
    assert json.loads(run("info", "cifar10", "--json"))["sources"][0]["size"] == 170_052_171


def test_check_speaks(photos):
    output = run("check", photos)
    assert "4 images among 4 files" in output and "training will learn from 4 images" in output
    assert json.loads(run("check", photos, "--json"))["classes"] == {"cat": 2, "dog": 2}


@pytest.mark.parametrize("words", [("list",), ("prepare",), ("check",), ("info",)])
def test_every_help_has_an_example(words):
    assert f"ganzoo data {words[0]}" in run(*words, "--help")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("prepare", "cifr10"), "did you mean cifar10"),
        (("prepare", "cifar10"), "GANZOO_OFFLINE"),
        (("prepare", "./nowhere"), "there is no file or folder"),
        (("info", "cifr10"), "did you mean cifar10"),
    ],
)
def test_mistakes_are_one_line_and_exit_1(arguments, says):
    done = subprocess.run([sys.executable, "-m", "ganzoo", "data", *arguments], capture_output=True, text=True)
    assert done.returncode == 1 and says in done.stderr and done.stderr.count("\n") == 1
