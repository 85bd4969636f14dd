"""Classification accuracy score: how well generated images teach a classifier that is then asked about real ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo import random
from ganzoo.errors import GanzooError
from ganzoo.metrics.samples import Images, like, of_pack
from ganzoo.metrics.scores import Case, Score
from ganzoo.registry import METRICS

STEPS, BATCH, WIDTH = 1500, 64, 32
Labelled = tuple[Tensor, Tensor]
"""uint8 images (N, C, H, W) and class numbers (N,)."""


@METRICS.register("cas")
def classification_accuracy(case: Case) -> list[Score]:
    """Accuracy on the real test split of a small classifier trained on generated images. Ravuri and Vinyals 2019.

    parts: the same after training on as many real images, and on both together; ``gain``, how much more that is, is
    what ``ganzoo augment`` is worth. The classifier is a small CNN trained for 1,500 steps, not the paper's ResNet-50.
    """
    if case.images.labels is None or case.reference is None or case.reference.labels is None:
        raise GanzooError("cas teaches a classifier, which takes labels on both sides; leave it out")
    if not set(case.images.classes) <= set(case.reference.classes):
        raise GanzooError(f"what is scored has classes that {case.reference.label} does not have; leave cas out")
    if "test" not in case.reference.info["source"]["splits"]:
        raise GanzooError(f"cas asks about a test split, which {case.reference.label} does not have; leave it out")
    test = of_pack(like(case.reference, "test"))
    train = case.reference if case.reference.split == "train" else like(case.reference, "train")
    generated = _held(case.images, case.reference.classes)
    real = _held(of_pack(train, min(case.images.count, train.count)), case.reference.classes)
    both = torch.cat([generated[0], real[0]]), torch.cat([generated[1], real[1]])
    taught = {"generated": generated, "real": real, "both": both}
    asked = _held(test, case.reference.classes)
    parts = {name: taught_accuracy(data, asked, device=case.device, steps=STEPS) for name, data in taught.items()}
    parts["gain"] = parts["both"] - parts["real"]
    return [Score("cas", "CAS", "higher", parts["generated"], parts=parts, through="")]


def taught_accuracy(
    taught: Labelled, asked: Labelled, *, device: torch.device | str = "cpu", steps: int = STEPS
) -> float:
    """The share of images ``asked`` that a classifier names right after training on those ``taught``."""
    (images, labels), (test_images, test_labels) = taught, asked
    network = _classifier(images.shape[1], int(max(labels.max(), test_labels.max())) + 1)
    teach(network, images, labels, device=device, steps=steps)
    with torch.inference_mode():
        answers = torch.cat([network(_floats(part, device)).argmax(1).cpu() for part in test_images.split(500)])
    return float((answers == test_labels).double().mean())


def teach(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    device: torch.device | str = "cpu",
    steps: int = STEPS,
    batch: int = BATCH,
) -> nn.Module:
    """Train a network to name the labels of uint8 images (N, C, H, W), one of each or of each pixel."""
    network.to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    rhythm = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    draw = random.generator(0, "batches of a taught classifier")
    for _ in range(steps):
        rows = torch.randint(len(images), (batch,), generator=draw)
        loss = cross_entropy(network(_floats(images[rows], device)), labels[rows].to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rhythm.step()
    return network.eval()


def _classifier(channels: int, classes: int) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in ((channels, WIDTH), (WIDTH, 2 * WIDTH), (2 * WIDTH, 4 * WIDTH)):
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    with random.torchs_own(seed=0):
        head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16 * WIDTH, classes)]
        network = nn.Sequential(*layers, *head)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.reset_parameters()
    return network


def _held(images: Images, classes: Sequence[str]) -> Labelled:
    """All pixels, and labels as positions in ``classes``."""
    assert images.labels is not None
    numbers = torch.tensor([classes.index(name) for name in images.classes])
    return torch.cat(list(images.batches(500))), numbers[images.labels]


def _floats(images: Tensor, device: torch.device | str) -> Tensor:
    return images.to(device).float() / 127.5 - 1
