"""A short run enlarges better than a bicubic filter."""

from __future__ import annotations

import pytest
import torch
from tiny import Images, trainer_for

from ganzoo.config import resolve
from ganzoo.data.loader import to_float
from ganzoo.data.prepare import open_dataset
from ganzoo.games.superres import enlarged, reduced
from ganzoo.metrics.features import load_extractor
from ganzoo.metrics.images import perceptual_distance, psnr
from ganzoo.nets.pretrained import Features
from ganzoo.zoo import to_uint8

HELD_OUT = 200


@pytest.mark.slow
def test_srgan_beats_the_bicubic_filters_perceptual_distance():
    digits = open_dataset("mnist-10k", resolution=28)
    facts = {"image_channels": 1, "classes": list(digits.classes)}
    config = resolve("srgan", family="mnist", preset="cpu", dataset=facts, overrides={"schedule.steps": 600}).config
    trainer = trainer_for(config, dataset=Images(digits.images[:-HELD_OUT], digits.labels[:-HELD_OUT]))
    trainer.run(600, [])
    large = to_float(digits.images[-HELD_OUT:])
    small, features = reduced(large, 4), Features("efficientnet-lite0")
    made, bicubic = trainer.averaged.translate(small), enlarged(small, 4)
    scores = [
        [measure(images).mean().item() for images in (made, bicubic)]
        for measure in (lambda x: perceptual_distance(features, x, large), lambda x: psnr(x, large))
    ]
    judge = load_extractor("mnist-classifier")  # which no loss asked
    seen = [judge(to_uint8(images))[0] for images in (made, bicubic, large)]
    scores.append([(each - seen[2]).square().sum(1).mean().item() for each in seen[:2]])
    print(f"perceptual distance {scores[0]}, PSNR {scores[1]}, a classifier's {scores[2]} of srgan and bicubic")
    assert scores[0][0] < 0.7 * scores[0][1]
    assert scores[2][0] < 0.3 * scores[2][1]
    assert torch.isfinite(made).all()
