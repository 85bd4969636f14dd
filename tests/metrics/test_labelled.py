"""Label accuracy: real digits are what they are called, and shifted labels are never right."""

from __future__ import annotations

import dataclasses

import pytest

from ganzoo.errors import GanzooError
from ganzoo.metrics.judge import Judge
from ganzoo.metrics.protocol import choose
from ganzoo.metrics.samples import of_pack


def judge(digits, extractor="mnist-classifier", weights=None):
    protocol = choose(None, extractor=extractor, count=200, split="train")
    return Judge(digits, protocol, ["label-accuracy"], weights=weights)


def test_real_digits_are_what_they_are_called(digits):
    (record,) = judge(digits).records(of_pack(digits, 200))
    assert record["title"] == "label accuracy[mnist-classifier]" and record["best"] == "higher"
    assert record["value"] > 0.97 and set(record["parts"]) == set(digits.classes)


def test_images_of_other_classes_than_asked_for_are_wrong(digits):
    images = of_pack(digits, 200)
    shifted = dataclasses.replace(images, labels=(images.labels + 1) % 10)
    (record,) = judge(digits).records(shifted)
    assert record["value"] < 0.03


def test_it_needs_labels_and_an_extractor_that_knows_the_classes(digits):
    with pytest.raises(GanzooError, match="these have none"):
        judge(digits).records(dataclasses.replace(of_pack(digits, 20), labels=None, classes=()))
    letters = dataclasses.replace(of_pack(digits, 20), classes=tuple("abcdefghij"))
    with pytest.raises(GanzooError, match="tells the 10 classes of the data apart; this one knows 0, 1, 2"):
        judge(digits).records(letters)
    with pytest.raises(GanzooError, match="tells the 10 classes of the data apart; this one knows 1000"):
        judge(digits, "efficientnet-lite0", "random").records(of_pack(digits, 4))
