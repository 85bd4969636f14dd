"""A home in which the bundled digits are prepared, and folders of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, backends

from ganzoo.data.packed import PackedDataset
from ganzoo.data.prepare import open_dataset


@pytest.fixture(autouse=True)
def home(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the empty home of other tests."""
    monkeypatch.setenv("GANZOO_HOME", str(prepared))
    monkeypatch.setattr("os.fsync", lambda handle: None)
    return prepared


@pytest.fixture
def rounds() -> Callable[[], bool]:
    """Whether convolutions on CUDA would use TF32 now."""
    newer = hasattr(backends, "fp32_precision")
    return lambda: backends.cudnn.conv.fp32_precision == "tf32" if newer else backends.cudnn.allow_tf32


@pytest.fixture
def digits() -> PackedDataset:
    """The bundled digits, 28 × 28."""
    return open_dataset("mnist-10k")


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 of the bundled digits in class folders below train (240) and test (60)."""
    folder = tmp_path_factory.mktemp("few") / "digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_HOME", str(tmp_path_factory.mktemp("home")))
        digits = open_dataset("mnist-10k")
    for number, label in enumerate(digits.labels[:300].tolist()):
        place = folder / ("test" if number % 5 == 0 else "train") / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.images[number, :, :, 0].numpy()).save(place / f"{number}.png")
    return folder


@pytest.fixture
def pngs(tmp_path: Path) -> Callable[..., Path]:
    """Write uint8 images (N, C, H, W) as numbered PNGs: ``pngs(images, "name")``."""

    def write(images: Tensor, name: str = "samples", suffix: str = ".png") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for number, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
            pixels = image[:, :, 0] if image.shape[2] == 1 else image
            Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{number:05d}{suffix}")
        return folder

    return write


@pytest.fixture
def noise() -> Callable[..., Tensor]:
    """Random uint8 images: ``noise(n, channels, size)``."""

    def make(n: int, channels: int = 3, size: int = 32, seed: int = 0) -> Tensor:
        draw = torch.Generator().manual_seed(seed)
        return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=draw)

    return make
