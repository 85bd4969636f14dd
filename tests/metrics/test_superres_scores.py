"""Scores against the bicubic filter."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from tiny import configure

from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.games.superres import enlarged, reduced
from ganzoo.metrics.images import luma, psnr
from ganzoo.metrics.superres import read_pairs, score_superres
from ganzoo.zoo import Model, to_images


@pytest.fixture
def model():
    config = configure("srgan", image_channels=3)
    return Model(config, create_game(config, networks=["generator"]))


@pytest.fixture
def pairs():
    random = torch.Generator().manual_seed(0)
    smooth = [enlarged(2 * torch.rand(1, 3, 8, side, generator=random) - 1, 4) for side in (8, 12)]
    return [(reduced(large, 4), large) for large in smooth]


def test_bicubic_is_scored_beside_the_model(model, pairs):
    scores = score_superres(model, pairs, lambda images: [images])
    assert set(scores) == {"model", "bicubic"}
    assert all(set(row) == {"psnr", "ssim", "perceptual_distance"} for row in scores.values())
    inner = slice(4, -4)
    each = [psnr(*(luma(x)[:, :, inner, inner] for x in (enlarged(small, 4), large))) for small, large in pairs]
    assert scores["bicubic"]["psnr"] == pytest.approx(torch.cat(each).mean().item(), abs=0.05)
    assert scores["bicubic"]["ssim"] > 0.8 > scores["model"]["ssim"]
    assert set(score_superres(model, pairs)["model"]) == {"psnr", "ssim"}


def test_pairs_are_read_from_folders(model, pairs, tmp_path):
    for number, pair in enumerate(pairs):
        for prefix, images in zip(("LR_x4", "HR_x4"), pair, strict=True):
            (tmp_path / prefix).mkdir(exist_ok=True)
            to_images(images)[0].save(tmp_path / prefix / f"{number}.png")
    read = list(read_pairs(tmp_path))
    assert [(small.shape, large.shape) for small, large in read] == [(s.shape, b.shape) for s, b in pairs]
    assert score_superres(model, read)["bicubic"]["psnr"] == pytest.approx(
        score_superres(model, pairs)["bicubic"]["psnr"], abs=0.1
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "LR_x4" / "more.png")
    with pytest.raises(GanzooError, match="3 small images for 2 large ones"):
        list(read_pairs(tmp_path))


def test_what_cannot_be_scored_is_refused(model, pairs, tiny_model, tmp_path):
    with pytest.raises(GanzooError, match="does not enlarge"):
        score_superres(tiny_model, pairs)
    with pytest.raises(GanzooError, match="enlarges 4 times"):
        score_superres(model, [(large, large) for _, large in pairs])
    with pytest.raises(GanzooError, match="no pairs"):
        score_superres(model, [])
    with pytest.raises(GanzooError, match="0 folders LR"):
        list(read_pairs(tmp_path))
