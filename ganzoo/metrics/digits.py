"""The classifier of handwritten digits that scores look through where Inception has never seen any."""

from __future__ import annotations

from torch import Tensor, nn


class DigitClassifier(nn.Module):
    """A small CNN: gray digits (N, 1, 28, 28) in [0, 1] -> features (N, 128) and class logits (N, 10).

    The features are those before the last activation: they are dense and none of them dies.
    Trained by ``python -m benchmarks.mnist_classifier``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            *_convolution(1, 16),
            *_convolution(16, 32, stride=2),
            *_convolution(32, 32),
            *_convolution(32, 64, stride=2),
            *_convolution(64, 64),
            *_convolution(64, 32, kernel_size=1),
        )
        self.features = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 7 * 7, 128, bias=False), nn.BatchNorm1d(128)
        )
        self.classes = nn.Sequential(nn.ReLU(), nn.Linear(128, 10))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(self.maps(images))
        return features, self.classes(features)


def _convolution(inputs: int, outputs: int, kernel_size: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel_size, stride, padding=kernel_size // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
