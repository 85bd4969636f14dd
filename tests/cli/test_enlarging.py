"""Super-resolution from the command line: training on photographs, enlarging files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import ENLARGING, tiny

import ganzoo
from ganzoo.games.superres import enlarged
from ganzoo.zoo import load, to_uint8


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of colour images larger than the patches."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(4):
        pixels = random.integers(0, 256, (50, 70, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def command(variant, data, out, *more):
    narrow = [word for key, value in tiny(variant).items() for word in ("-o", f"{key}={value}")]
    flags = ["--resolution", 16, "--steps", 4, "-o", "game.pretrain=0.5", "-o", "schedule.log_every=1"]
    return ["train", variant, "--dataset", data, *narrow, *flags, "--device", "cpu", "--out", out, *more]


def opened(path):
    return torch.from_numpy(np.array(Image.open(path)))


def as_floats(pixels):
    return pixels.permute(2, 0, 1)[None] / 127.5 - 1


@pytest.mark.parametrize("variant", ENLARGING)
def test_a_run_learns_from_tiles_through_both_phases(variant, photos, cli, tmp_path):
    run = tmp_path / "run"
    result = cli(*command(variant, photos, run))
    assert result.code == 0, result.err
    assert "48 images, 16×16×3" in result.out and "pre-training" in result.out
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [entry["phase"] == "pre-training" for entry in entries] == [True, True, False, False]
    assert "generator/perceptual" not in entries[1] and entries[2]["generator/perceptual"] > 0
    assert opened(run / "model" / "samples.png").shape == (8 * 18 + 2, 3 * 18 + 2, 3), "bicubic, result, original"
    card = (run / "model" / "README.md").read_text()
    assert "×4 enlarger" in card and "(16, 3, 4, 4) -> (16, 3, 16, 16)" in card
    assert "ganzoo translate" in card and "ganzoo sample" not in card
    assert "ganzoo translate" in (run / "report.html").read_text()
    assert {name.partition(".")[0] for name in ganzoo.load(run).game.state_dict()} == {"generator"}


@pytest.fixture(scope="module")
def model(photos, tmp_path_factory):
    """A run, hardly trained."""
    overrides = tiny("srgan") | {"resolution": 16, "schedule.steps": 1}
    out = tmp_path_factory.mktemp("model") / "run"
    return ganzoo.train("srgan", dataset=photos, overrides=overrides, out=out, device="cpu", quiet=True)


def test_files_of_any_size_become_four_times_as_large(model, photos, cli, tmp_path):
    Image.new("L", (7, 11), 90).save(tmp_path / "gray.png")
    assert cli("translate", model, photos / "0.png", tmp_path / "gray.png", "--out", tmp_path / "out").code == 0
    assert opened(tmp_path / "out" / "gray.png").shape == (44, 28, 3), "gray is copied to colour"
    given = as_floats(opened(photos / "0.png"))
    expected = to_uint8(load(model).translate(given))[0].permute(1, 2, 0)
    assert expected.shape == (200, 280, 3) and torch.equal(opened(tmp_path / "out" / "0.png"), expected)


def test_comparing_shows_the_bicubic_enlargement_beside_it(model, photos, cli, tmp_path):
    for options in ([], ["--compare"]):
        assert cli("translate", model, photos / "1.png", "--out", tmp_path / str(len(options)), *options).code == 0
    plain, sheet = opened(tmp_path / "0" / "1.png"), opened(tmp_path / "1" / "1.png")
    bicubic = to_uint8(enlarged(as_floats(opened(photos / "1.png")), 4))[0].permute(1, 2, 0)
    assert torch.equal(sheet, torch.cat([bicubic, plain], 1))


def test_mistakes_are_one_sentence(model, photos, cli, tmp_path):
    out = tmp_path / "out"
    for arguments, sentence in (
        (["translate", model, photos, "--direction", "AtoB"], "leave --direction out"),
        (["sample", model], "ganzoo translate"),
        (["train", "srgan", "--dataset", photos, "--resolution", 30], "28 or 32"),
        (["train", "srgan", "--dataset", photos, "--resolution", 64], "smaller than a tile of 64x64"),
        (["train", "srgan", "--dataset", "mnist-10k", "--resolution", 32], "smaller than a tile of 32x32"),
        (["train", "srgan", "--dataset", photos, "--direction", "AtoB"], "leave the direction out"),
        (["train", "srgan", "--dataset", "facades"], "pairs of images"),
        (["train", "srgan", "--dataset", photos, "-o", "game.scale=3", "--resolution", 33], "give 2, 4, 8"),
    ):
        said = cli(*arguments, "--out", out).sentence()
        assert sentence in said and not out.exists(), said
