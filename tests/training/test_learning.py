"""The learning gate: after the demo's training the samples are digits, and of all kinds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import ganzoo
from ganzoo.data.loader import to_float
from ganzoo.data.prepare import open_dataset
from ganzoo.training.health import measure

SAMPLES = 1000
# What the demo's 4 minutes are on 2 idle cores; by steps, a busy machine only takes longer.
STEPS = 3100


@pytest.fixture
def two_threads():
    """As many as the demo has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_the_demo_learns_to_write_digits(prepared, two_threads, tmp_path):
    run = ganzoo.train("wgan-gp", dataset="mnist-10k", preset="cpu", steps=STEPS, out=tmp_path / "run", device="cpu")
    samples = ganzoo.load(run).sample(SAMPLES, seed=0)
    confidence, guess = torch.cat([judge.softmax(1) for judge in judgements(samples)]).max(1)
    counts = torch.bincount(guess, minlength=10)
    print(f"mean confidence {confidence.mean():.3f}, classes {counts.tolist()}")
    assert (counts >= SAMPLES // 100).sum() >= 8, counts
    assert confidence.mean() >= 0.8, confidence.mean()


@pytest.mark.slow
def test_a_short_stylegan2_keeps_its_variety(prepared, tmp_path):
    """Runs with a weak R1 and no R2 made one shape of nearly all latents by then."""
    run = ganzoo.train("stylegan2", dataset="mnist-10k", preset="cpu", steps=600, out=tmp_path / "run", device="cpu")
    digits = to_float(open_dataset("mnist-10k", resolution=32).images[:64])
    diversity = measure(digits, ganzoo.load(run).sample(64, seed=0))["diversity"].item()
    assert diversity > 0.5, diversity


@torch.no_grad()
def judgements(samples: Tensor) -> list[Tensor]:
    classifier = trained_classifier()
    return [classifier(batch) for batch in samples.split(250)]


@torch.enable_grad()
def trained_classifier() -> nn.Module:
    """A small network that reads 96 % of the digits it was not shown."""
    digits = open_dataset("mnist-10k", resolution=28)
    images, labels = to_float(digits.images), digits.labels
    torch.manual_seed(0)
    classifier = nn.Sequential(
        nn.Conv2d(1, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(1024, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(classifier.parameters(), 2e-3)
    for _ in range(10):
        for index in torch.randperm(9000).split(100):
            optimizer.zero_grad()
            cross_entropy(classifier(images[index]), labels[index]).backward()
            optimizer.step()
    classifier.eval()
    with torch.no_grad():
        right = (classifier(images[9000:]).argmax(1) == labels[9000:]).float().mean()
    assert right > 0.96, right
    return classifier
