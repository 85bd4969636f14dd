"""Translated photographs against the label maps they were made from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import configure

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.metrics import segmentation
from ganzoo.metrics.segmentation import agreement, find_palette, labels_of
from ganzoo.zoo import Model

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8)


def label_map(seed: int) -> np.ndarray:
    """A circle and a band on a ground, 32 x 32."""
    y, x = np.mgrid[:32, :32]
    centre = np.random.default_rng(seed).integers(8, 24, 3)
    return COLOURS[
        np.where((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 60, 1, np.where(abs(x - centre[2]) < 4, 2, 0))
    ]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Label maps on the left; photographs, on the right, are their dimmed negatives with grain, as JPEG."""
    folder = tmp_path_factory.mktemp("maps") / "pairs"
    for split, seeds in {"train": range(24), "test": range(100, 106)}.items():
        (folder / split).mkdir(parents=True)
        for seed in seeds:
            grain = np.random.default_rng(seed).integers(0, 40, (32, 32, 3))
            pair = np.concatenate([label_map(seed), ((255 - label_map(seed)) // 2 + grain).astype(np.uint8)], 1)
            Image.fromarray(pair).save(folder / split / f"{seed}.jpg", quality=90)
    return folder


@pytest.fixture
def translator():
    config = configure("pix2pix", direction="AtoB", image_channels=3)
    return Model(config, create_game(config, networks=["generator"]))


def test_photographs_that_show_the_labels_agree_with_them(translator, pairs, monkeypatch):
    monkeypatch.setattr(segmentation, "STEPS", 60)

    def scores(translate):
        translator.game.translate = lambda images, **options: translate(images)
        records = ganzoo.evaluate(translator, pairs, ["segmentation"], device="cpu")
        assert [record["title"] for record in records] == ["segmentation accuracy", "segmentation IoU"]
        return [record["value"] for record in records], [record["parts"]["real"] for record in records]

    good, real = scores(lambda images: -images / 2 - 0.4)
    blank, again = scores(lambda images: 0 * images)
    assert real == again and real[0] > 0.85 and good[0] > 0.8 > blank[0] and good[1] > 2 * blank[1]


def test_palettes_are_colours_and_not_their_borders():
    maps = torch.from_numpy(np.stack([label_map(seed) for seed in range(3)])).permute(0, 3, 1, 2)
    palette = find_palette(maps)
    assert {tuple(colour) for colour in palette.int().tolist()} == {(255, 0, 0), (0, 255, 0), (0, 0, 255)}
    blurred = (maps.int() + torch.randint(-9, 9, maps.shape)).clamp(0, 255).byte()
    assert torch.equal(labels_of(blurred, palette), labels_of(maps, palette))
    with pytest.raises(GanzooError, match="no label map"):
        find_palette(torch.full((2, 3, 8, 8), 7, dtype=torch.uint8))
    gradient = torch.arange(0, 256, 2, dtype=torch.uint8).expand(2, 3, 128, 128)
    with pytest.raises(GanzooError, match="no label map"):  # colours between colours
        find_palette(gradient)


def test_agreement_of_known_answers():
    truth = torch.tensor([[[0, 0, 1, 1]]])
    assert agreement(truth, truth) == (1.0, 1.0)
    accuracy, overlap = agreement(torch.tensor([[[0, 0, 0, 1]]]), truth)
    assert accuracy == 0.75 and overlap == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_what_has_no_label_maps_is_refused(tiny_model, few_digits):
    with pytest.raises(GanzooError, match="it takes pairs"):
        ganzoo.evaluate(tiny_model, few_digits, ["segmentation"], n=4, device="cpu")
