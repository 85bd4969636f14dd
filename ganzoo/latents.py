"""Latents in files: what ``ganzoo project`` writes and ``ganzoo sample --latent`` renders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ganzoo import __version__
from ganzoo.checksum import checksum_of
from ganzoo.errors import GanzooError
from ganzoo.model import Model
from ganzoo.tensors import read_tensors, save_tensors

KEY = "latents_of"


def save_latents(path: str | Path, latents: Tensor, labels: Tensor, model: Model) -> Path:
    """Write latents (n, …) and labels (n,) of a model."""
    header = {"format": 1, "ganzoo": __version__, KEY: model.config.name, "weights": checksum_of(model.game)}
    save_tensors(Path(path), {"latents": latents, "labels": labels}, header)
    return Path(path)


def read_latents(
    paths: Sequence[str | Path], model: Model, note: Callable[[str], None] | None = None
) -> tuple[Tensor, Tensor]:
    """The latents and labels of files, one after the other; raises GanzooError for files of another variant.

    note: told of files whose latents were found with other weights than the model's.
    """
    found, strange, variant, weights = [], [], model.config.name, checksum_of(model.game)
    for path in map(Path, paths):
        tensors, header = read_tensors(path)
        if KEY not in header or tensors.keys() != {"latents", "labels"}:
            raise GanzooError(f"{path} holds no latents; `ganzoo project MODEL IMAGE` writes files of them")
        if header[KEY] != variant:
            raise GanzooError(f"{path} holds latents of a {header[KEY]} model, and this is a {variant}")
        found.append((tensors["latents"], tensors["labels"]))
        strange += [str(path)] if header.get("weights", weights) != weights else []
    if len({latents.shape[1:] for latents, _ in found}) > 1:
        raise GanzooError("the files hold latents of different sizes; give those of one model")
    if strange and note:
        note(f"{', '.join(strange)}: found with another {variant} model's weights, so this one's images are others")
    latents, labels = zip(*found, strict=True)
    return torch.cat(latents), torch.cat(labels)
