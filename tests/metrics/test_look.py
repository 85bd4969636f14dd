"""What an extractor saw: independent of batches, remembered by content."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from ganzoo.data.packed import PackedDataset, write_pack
from ganzoo.errors import GanzooError
from ganzoo.metrics import look as looking
from ganzoo.metrics.features import load_extractor
from ganzoo.metrics.look import cache_file, look, remembered
from ganzoo.metrics.samples import Images, of_pack


@pytest.fixture(scope="module")
def extractor():
    return load_extractor("mnist-classifier")


def some(tensor: torch.Tensor, **facts) -> Images:
    return Images(len(tensor), lambda size: iter(tensor.split(size)), facts={"dataset": "x", "split": "train"} | facts)


def packed(folder, images: torch.Tensor) -> PackedDataset:
    info = {
        "name": "own", "label": "own", "family": "own", "kind": "images", "split": "train", "classes": [],
        "source": {"signature": "", "path": "", "splits": ["train"]}, "registered": False,
    }  # fmt: skip
    pixels = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())
    return write_pack(folder, [(pixels, None)], lambda: info, replace=False)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_batches_and_order_change_nothing(extractor, noise, monkeypatch, size):
    images = noise(90, channels=1, size=28)
    whole = look(some(images), extractor, logits=True)
    monkeypatch.setattr(type(extractor), "batch_size", lambda self, device: size)
    parts = look(some(images.flip(0)), extractor, logits=True)
    spread = float(whole.features.std())
    assert torch.allclose(parts.features.flip(0), whole.features, atol=1e-4 * spread)
    assert parts.logits.shape == whole.logits.shape == (90, 10)
    assert whole.gaussian.distance(parts.gaussian) < 1e-6


@pytest.mark.parametrize("count", [2, 7, 8, 9])
def test_any_number_of_images_around_a_batch_is_seen(extractor, noise, monkeypatch, count):
    images = noise(9, channels=1, size=28)
    alone = extractor(images[:count])[0]
    monkeypatch.setattr(type(extractor), "batch_size", lambda self, device: 8)
    seen = look(some(images[:count]), extractor)
    assert seen.count == len(seen.features) == count
    assert torch.allclose(seen.features, alone, atol=1e-4 * float(alone.std()))
    assert torch.allclose(seen.gaussian.mean, alone.double().mean(0), atol=1e-4)


def test_memory_is_bounded(extractor, noise):
    images = noise(50, channels=1, size=28)
    seen = look(replace(some(images), labels=torch.arange(50)), extractor, kept=30)
    assert seen.count == 50 and len(seen.features) == len(seen.labels) == 30 and seen.logits is None


def test_a_second_look_touches_no_image(extractor, noise, tmp_path, monkeypatch):
    data = of_pack(packed(tmp_path / "pack", noise(40, channels=1, size=28)))
    first = remembered(data, extractor)
    monkeypatch.setattr(looking, "look", None)
    again = remembered(replace(data, batches=None), extractor)
    assert torch.equal(first.gaussian.factor, again.gaussian.factor) and torch.equal(first.features, again.features)
    assert again.count == 40


def test_one_changed_pixel_is_another_reference(extractor, noise, tmp_path):
    images = noise(12, channels=1, size=28)
    one = of_pack(packed(tmp_path / "one", images))
    images[3, 0, 5, 5] ^= 1
    other = of_pack(packed(tmp_path / "other", images))
    assert cache_file(one, extractor) != cache_file(other, extractor)
    assert cache_file(one, extractor) != cache_file(of_pack(packed(tmp_path / "o", images), 6), extractor)
    others = [copy(extractor) for _ in range(2)]
    others[0].sha256, others[1].resize = "other", "other"
    assert len({cache_file(one, each) for each in (extractor, *others)}) == 3


def test_a_damaged_memory_is_made_again(extractor, noise, tmp_path):
    data = of_pack(packed(tmp_path / "pack", noise(20, channels=1, size=28, seed=5)))
    first = remembered(data, extractor)
    file = cache_file(data, extractor)
    file.write_bytes(file.read_bytes()[:200])
    assert torch.equal(remembered(data, extractor).gaussian.mean, first.gaussian.mean)
    assert file.stat().st_size > 200


def test_features_that_are_not_numbers_are_refused(extractor, noise, monkeypatch):
    monkeypatch.setattr(extractor, "prepare", lambda images: images.float() * torch.nan)
    with pytest.raises(GanzooError, match="not numbers"):
        look(some(noise(2, channels=1, size=28)), extractor)
