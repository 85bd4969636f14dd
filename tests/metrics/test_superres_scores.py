"""Enlarged images against their originals, beside the bicubic filter."""

from __future__ import annotations

import zipfile

import pytest
import torch
from PIL import Image
from tiny import configure

import ganzoo
from ganzoo.config import resolve
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.games.superres import enlarged, reduced
from ganzoo.metrics.images import luma, psnr
from ganzoo.zoo import Model, to_images

FAST = {"device": "cpu", "extractor": "mnist-classifier"}


@pytest.fixture
def model():
    config = configure("srgan", image_channels=3)
    return Model(config, create_game(config, networks=["generator"]))


@pytest.fixture
def pairs():
    random = torch.Generator().manual_seed(0)
    smooth = [enlarged(2 * torch.rand(1, 3, 8, side, generator=random) - 1, 4) for side in (8, 12)]
    return [(reduced(large, 4), large) for large in smooth]


@pytest.fixture
def folder(pairs, tmp_path):
    """The pairs as ``mine/LR_x4`` and ``mine/HR_x4``."""
    for number, pair in enumerate(pairs):
        for prefix, images in zip(("LR_x4", "HR_x4"), pair, strict=True):
            place = tmp_path / "mine" / prefix
            place.mkdir(parents=True, exist_ok=True)
            to_images(images)[0].save(place / f"{number}.png")
    return tmp_path / "mine"


def test_equal_images_leave_scores_finite(model, folder):
    plain = to_images(torch.zeros(1, 3, 32, 32))[0]
    for place, side in (("LR_x4", 8), ("HR_x4", 32)):
        plain.resize((side, side)).save(folder / place / "plain.png")
    bicubic = values(ganzoo.evaluate(model, folder, ["psnr-y"], device="cpu"), "bicubic")
    assert 40 < bicubic["psnr-y"] < 100


def test_images_that_are_all_border_are_refused(model, tmp_path):
    for place, side in (("LR_x4", 2), ("HR_x4", 8)):
        (tmp_path / place).mkdir()
        to_images(torch.zeros(1, 3, side, side))[0].save(tmp_path / place / "tiny.png")
    with pytest.raises(GanzooError, match="8x8 is nothing but the border of 4 pixels"):
        ganzoo.evaluate(model, tmp_path, ["psnr-y"], device="cpu")


def values(records, subject):
    return {record["metric"]: record["value"] for record in records if record["subject"] == subject}


def test_bicubic_is_scored_beside_the_model(model, pairs, folder):
    records = ganzoo.evaluate(model, folder, device="cpu")
    assert [(record["subject"], record["metric"]) for record in records] == [
        (subject, metric) for subject in ("model", "bicubic") for metric in ("psnr-y", "ssim-y", "perceptual")
    ]
    inner = slice(4, -4)
    each = [psnr(*(luma(x)[:, :, inner, inner] for x in (enlarged(small, 4), large))) for small, large in pairs]
    bicubic = values(records, "bicubic")
    assert bicubic["psnr-y"] == pytest.approx(torch.cat(each).mean().item(), abs=0.1)
    assert bicubic["ssim-y"] > 0.8 > values(records, "model")["ssim-y"]


def test_records_say_what_was_compared(model, folder):
    psnr_y, _, perceptual, *rest = ganzoo.evaluate(model, folder, device="cpu")
    assert psnr_y["title"] == "PSNR-Y" and psnr_y["real"]["small"] == "given" and psnr_y["fake"]["scale"] == 4
    assert psnr_y["real"]["dataset"] == "mine" and psnr_y["real"]["count"] == 2
    # A bicubic row is made by the same protocol, or it could not stand beside the model's.
    assert [each["protocol_id"] for each in (psnr_y, perceptual)] == [rest[0]["protocol_id"], rest[2]["protocol_id"]]
    (some := folder.parent / "some").mkdir()
    for side in folder.iterdir():
        side.rename(some / side.name)
    assert ganzoo.evaluate(model, some, ["psnr-y"], device="cpu")[0]["protocol_id"] != psnr_y["protocol_id"]


def test_whom_an_extractor_taught_is_not_ranked_by_it(model, folder):
    records = ganzoo.evaluate(Model(resolve("srgan").config, model.game), folder, device="cpu")
    told = {(record["subject"], record["metric"]): record["trained_on_extractor"] for record in records}
    assert [key for key, marked in told.items() if marked] == [("model", "perceptual")]


def test_a_data_set_is_made_small(model, few_digits):
    config = configure("srgan", image_channels=1, resolution=28)
    gray = Model(config, create_game(config, networks=["generator"]))
    records = ganzoo.evaluate(gray, few_digits, ["psnr-y", "psnr", "fid"], n=30, **FAST)
    assert records[0]["real"]["small"] == "bicubic" and records[0]["real"]["split"] == "test"
    assert [record["fake"]["count"] for record in records] == [30] * 6
    made, plain = values(records, "model"), values(records, "bicubic")
    assert set(made) == set(plain) == {"psnr-y", "psnr", "fid"} and plain["fid"] < made["fid"]


def test_sets_of_an_archive_are_splits(model, folder):
    archive = folder.parent / "sets.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*.png")):
            for name in ("Set5", "Set14"):
                file.write(path, f"{name}/{path.relative_to(folder)}")
    record = ganzoo.evaluate(model, archive, ["psnr-y"], split="Set14", device="cpu")[0]
    assert record["real"]["dataset"] == "Set14"
    with pytest.raises(GanzooError, match=r"holds Set14 and Set5; say which one to score by --split"):
        ganzoo.evaluate(model, archive, ["psnr-y"], device="cpu")
    with pytest.raises(GanzooError, match=r"unknown set in .*'Set15'; did you mean"):
        ganzoo.evaluate(model, archive, ["psnr-y"], split="Set15", device="cpu")


def test_what_cannot_be_scored_is_refused(model, tiny_model, folder, few_digits):
    with pytest.raises(GanzooError, match="they take an enlarger"):
        ganzoo.evaluate(tiny_model, few_digits, ["psnr-y"], n=2, **FAST)
    with pytest.raises(GanzooError, match="enlarges images, of which --protocol says nothing"):
        ganzoo.evaluate(model, folder, protocol="gz-lite-10k", device="cpu")
    with pytest.raises(GanzooError, match="no labels"):
        ganzoo.evaluate(model, folder, ["class-fid"], **FAST)
    model.game.translate = lambda images, **options: enlarged(images, 4) * torch.nan
    with pytest.raises(GanzooError, match="not numbers; srgan has diverged"):
        ganzoo.evaluate(model, folder, device="cpu")
    Image.new("RGB", (8, 8)).save(folder / "LR_x4" / "more.png")
    with pytest.raises(GanzooError, match="3 small images for 2 large ones"):
        ganzoo.evaluate(model, folder, device="cpu")
    (folder / "LR_x4" / "more.png").rename(folder / "HR_x4" / "more.png")
    Image.new("RGB", (8, 8)).save(folder / "LR_x4" / "more.png")
    with pytest.raises(GanzooError, match="enlarges 4 times"):
        ganzoo.evaluate(model, folder, device="cpu")
