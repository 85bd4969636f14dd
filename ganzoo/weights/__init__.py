"""The models that come with ganzoo, a model directory each; finding them imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = "model.safetensors"


def index_file() -> Path:
    """The index of models, see :mod:`ganzoo.index`."""
    return Path(__file__).with_name("index.json")


def is_bundled(folder: Path) -> bool:
    """Whether a model directory lies where bundled ones do."""
    return folder.absolute().parent == Path(__file__).absolute().parent


def bundled_models() -> dict[str, Path]:
    """Each bundled model's directory by name."""
    return {file.parent.name: file.parent for file in sorted(Path(__file__).parent.glob(f"*/{WEIGHTS}"))}
