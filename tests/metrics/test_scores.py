"""Scores mean what they should: known answers, and worse images score worse."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import avg_pool2d

from ganzoo.errors import GanzooError
from ganzoo.metrics.features import load_extractor
from ganzoo.metrics.frechet import Moments
from ganzoo.metrics.look import Look, look
from ganzoo.metrics.protocol import Protocol
from ganzoo.metrics.samples import Images, of_pack
from ganzoo.metrics.scores import Case
from ganzoo.registry import METRICS

PROTOCOL = Protocol(kid_subset_size=100, kid_subsets=50)


def of_features(features: torch.Tensor, labels: torch.Tensor | None = None, logits: torch.Tensor | None = None) -> Look:
    moments = Moments()
    moments.add(features)
    return Look(len(features), moments.gaussian(), features.float(), logits, labels)


def normal(n: int, d: int = 16, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


def case(real: Look, fake: Look) -> Case:
    facts = [{"labels": each.labels, "count": each.count, "classes": ("cat", "dog")} for each in (fake, real)]
    images, reference = (SimpleNamespace(**each) for each in facts)
    return Case(PROTOCOL, images, reference, lambda: real, lambda: fake)


def score(metric: str, real: Look, fake: Look) -> dict[str, float]:
    return {each.name: each.value for each in METRICS.get(metric)(case(real, fake))}


def test_kid_is_unbiased():
    values = [
        score("kid", of_features(normal(100, seed=2 * i)), of_features(normal(100, seed=2 * i + 1)))["kid"]
        for i in range(25)
    ]
    spread = torch.tensor(values).std() / len(values) ** 0.5
    assert abs(sum(values) / len(values)) < 3 * spread and min(values) < 0
    assert score("kid", of_features(normal(200)), of_features(normal(200, seed=1, shift=0.5)))["kid"] > 10 * spread


def test_kid_of_small_sets_takes_all_of_them():
    value = METRICS.get("kid")(case(of_features(normal(30)), of_features(normal(20, seed=1))))[0]
    assert value.deviation is not None and abs(value.value) < 1


def test_precision_and_recall_of_constructed_sets():
    left, right = normal(60, 2, shift=-50), normal(60, 2, seed=1, shift=50)
    both, near = of_features(torch.cat([left, right])), of_features(left)
    assert score("prc", both, near) == {"precision": 1.0, "recall": 0.5}
    assert score("prc", near, both) == {"precision": 0.5, "recall": 1.0}
    assert score("prc", of_features(left), of_features(right)) == {"precision": 0.0, "recall": 0.0}
    with pytest.raises(GanzooError, match="more than 3 images"):
        score("prc", of_features(left[:3]), near)


def test_the_inception_score_of_known_answers():
    sure = torch.eye(10).repeat(20, 1) * 100
    real = of_features(normal(20))
    assert score("is", real, of_features(normal(200), logits=sure))["is"] == pytest.approx(10, rel=0.2)
    unsure = torch.zeros(200, 10)
    assert score("is", real, of_features(normal(200), logits=unsure))["is"] == pytest.approx(1)
    with pytest.raises(GanzooError, match="has no classes"):
        score("is", real, of_features(normal(200)))
    with pytest.raises(GanzooError, match="too few"):
        score("is", real, of_features(normal(5), logits=unsure[:5]))


def test_classes_are_compared_one_by_one():
    labels = torch.arange(100) % 2
    real = of_features(normal(100), labels)
    swapped = of_features(normal(100, seed=1) + 3 * labels[:, None], labels)
    parts = METRICS.get("class-fid")(case(real, swapped))[0].parts
    assert parts["dog"] > parts["cat"] + 100
    with pytest.raises(GanzooError, match="has no labels"):
        score("class-fid", real, of_features(normal(100)))
    with pytest.raises(GanzooError, match="class dog has fewer than 2 images"):
        score("class-fid", real, of_features(normal(3), torch.tensor([0, 0, 1])))


def test_worse_digits_score_worse(digits):
    """FID rises with blur, with noise and with fewer classes; KID too."""
    extractor = load_extractor("mnist-classifier")
    real = of_pack(digits, 300)
    reference = look(real, extractor)
    held_out = torch.cat(list(of_pack(digits, 300, skip=300).batches(300)))
    labels = of_pack(digits, 300, skip=300).labels

    def distance(images: torch.Tensor, metric: str = "fid") -> float:
        fake = look(Images(len(images), lambda size: iter(images.split(size))), extractor)
        return score(metric, reference, fake)[metric]

    def blurred(width: int) -> torch.Tensor:
        return avg_pool2d(held_out.float(), width, 1, width // 2, count_include_pad=False).round().byte()

    def noisy(strength: float) -> torch.Tensor:
        grain = torch.randn(held_out.shape, generator=torch.Generator().manual_seed(0)) * strength
        return (held_out.float() + grain).clamp(0, 255).byte()

    ladders = {
        "blur": [held_out, *map(blurred, (3, 5, 7))],
        "noise": [held_out, *map(noisy, (15, 45, 90))],
        "fewer classes": [held_out[labels < most] for most in (10, 7, 4, 1)],
    }
    for name, steps in ladders.items():
        for metric in ("fid", "kid"):
            values = [distance(images, metric) for images in steps]
            assert values == sorted(values), (name, metric, values)
