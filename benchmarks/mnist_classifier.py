"""Train the bundled digit classifier that the extractor ``mnist-classifier`` looks through.

    python -m benchmarks.mnist_classifier [--epochs 8] [--out ganzoo/metrics/mnist-classifier.safetensors]

Trains on MNIST's 60,000 training digits, each shifted, turned and scaled a little; prints the accuracy of the
weights as written (half precision) on the 10,000 test digits, which training never sees.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ganzoo.data.loader import Loader
from ganzoo.data.packed import PackedDataset
from ganzoo.data.prepare import open_dataset
from ganzoo.metrics.digits import DigitClassifier
from ganzoo.tensors import read_tensors, save_tensors

BATCH = 128
DECAY = 0.998


def train(dataset: PackedDataset, epochs: float, seed: int = 0) -> DigitClassifier:
    """The classifier with averaged weights; the learning rate rises and falls once."""
    torch.manual_seed(seed)
    network = DigitClassifier().to(memory_format=torch.channels_last)
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(DECAY), use_buffers=True)
    loader = Loader(dataset, ("images", "labels"), BATCH, seed=seed)
    steps = math.ceil(epochs * dataset.count / BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    rhythm = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps, pct_start=0.2)
    for step in range(steps):
        batch = loader.batch(step)
        loss = cross_entropy(network(varied(batch["images"]))[1], batch["labels"], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rhythm.step()
        averaged.update_parameters(network)
        if step % 100 == 0:
            print(f"step {step} of {steps}: loss {loss:.4f}", flush=True)
    trained: DigitClassifier = averaged.module
    return trained


def varied(images: Tensor) -> Tensor:
    """Digits in [-1, 1] -> in [0, 1], shifted by up to 3 pixels, turned by 12 degrees and scaled by 12 percent."""
    n = len(images)
    angle, scale = (2 * torch.rand(n) - 1) * math.radians(12), 1 + 0.12 * (2 * torch.rand(n) - 1)
    shift = (2 * torch.rand(n, 2) - 1) * 3 / 14
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(n, 2, 2) * scale.view(n, 1, 1)
    grid = affine_grid(torch.cat([turn, shift[..., None]], 2), list(images.shape), align_corners=False)
    return grid_sample((images + 1) / 2, grid, align_corners=False)


@torch.inference_mode()
def accuracy(network: DigitClassifier, dataset: PackedDataset) -> float:
    """The share of digits it names right."""
    images, labels = dataset.images.permute(0, 3, 1, 2), dataset.labels
    assert labels is not None
    right = [
        (network(x / 255)[1].argmax(1) == y).sum() for x, y in zip(images.split(500), labels.split(500), strict=True)
    ]
    return float(sum(right)) / dataset.count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=float, default=8)
    parser.add_argument("--out", type=Path, default=Path("ganzoo/metrics/mnist-classifier.safetensors"))
    options = parser.parse_args()
    network = train(open_dataset("mnist"), options.epochs)
    half = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    save_tensors(options.out, half, {"trained_on": "mnist train, 60,000 digits", "epochs": options.epochs})
    written = DigitClassifier().eval()
    tensors = read_tensors(options.out)[0]
    written.load_state_dict({n: t.float() if t.is_floating_point() else t for n, t in tensors.items()})
    share = accuracy(written, open_dataset("mnist", split="test"))
    print(f"{options.out}: {share:.2%} of the test digits are right")


if __name__ == "__main__":
    main()
