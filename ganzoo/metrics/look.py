"""A set of images as an extractor sees it, and the memory of how it saw reference data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.home import ganzoo_home
from ganzoo.memory import keep_freed_memory
from ganzoo.metrics.features import Extractor
from ganzoo.metrics.frechet import Gaussian, Moments
from ganzoo.metrics.samples import Images
from ganzoo.progress import Progress
from ganzoo.tensors import read_tensors, save_tensors

FORMAT = 1


@dataclass(frozen=True)
class Look:
    """What an extractor saw of ``count`` images.

    gaussian: of the features of all of them. features: (n, d) of the first, float32. logits: (count, k) of all, where
    they were asked for. labels: (n,) of the first, where there are any. classes: what the logits are of, if known.
    """

    count: int
    gaussian: Gaussian
    features: Tensor
    logits: Tensor | None = None
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()


def look(
    images: Images,
    extractor: Extractor,
    *,
    kept: int = 10_000,
    logits: bool = False,
    stage: str = "",
    progress: Progress | None = None,
) -> Look:
    """See images through an extractor; the features of the first ``kept`` are kept, of the others only moments."""
    moments, features, class_logits = Moments(), [], []
    device = next(extractor.parameters()).device
    keep_freed_memory()
    for batch in images.batches(extractor.batch_size(device)):
        seen, classes = extractor(batch.to(device))
        if not bool(seen.isfinite().all()):
            raise GanzooError(f"{extractor.name} sees values that are not numbers in {stage or 'these images'}")
        features.append(seen[: max(0, kept - moments.count)].cpu())
        if logits and classes is not None:
            class_logits.append(classes.cpu())
        moments.add(seen)
        if progress:
            progress(stage, moments.count, images.count)
    labels = None if images.labels is None else images.labels[:kept]
    all_logits = torch.cat(class_logits) if class_logits else None
    return Look(moments.count, moments.gaussian(), torch.cat(features), all_logits, labels, extractor.classes)


def remembered(images: Images, extractor: Extractor, *, kept: int = 10_000, progress: Progress | None = None) -> Look:
    """The look at reference images: from the cache if these very images were seen through this extractor before."""
    file = cache_file(images, extractor, kept)
    if file.is_file():
        try:
            tensors, header = read_tensors(file)
            gaussian = Gaussian(tensors["mean"], tensors["factor"])
            return Look(header["count"], gaussian, tensors["features"], None, tensors.get("labels"))
        except (GanzooError, KeyError):  # damaged: made again
            file.unlink()
    stage = f"looking at {images.facts['dataset']} {images.facts['split']}"
    seen = look(images, extractor, kept=kept, stage=stage, progress=progress)
    tensors = {"mean": seen.gaussian.mean, "factor": seen.gaussian.factor, "features": seen.features}
    tensors |= {} if seen.labels is None else {"labels": seen.labels}
    save_tensors(file, tensors, {"count": seen.count, "of": images.facts, "extractor": _identity(extractor)})
    return seen


def cache_file(images: Images, extractor: Extractor, kept: int = 10_000) -> Path:
    """Where the statistics of reference images lie: named by their content, the draw, the extractor and its weights."""
    key = json.dumps([FORMAT, kept, images.facts, _identity(extractor)], sort_keys=True)
    name = f"{images.facts['dataset']}-{images.facts['split']}-{images.count}-{extractor.name.replace(':', '-')}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return ganzoo_home() / "statistics" / f"{name}-{digest}.safetensors"


def _identity(extractor: Extractor) -> list[str]:
    return [extractor.name, extractor.sha256, extractor.resize]
