"""Where images to be scored come from: a model, a folder or archive, or a prepared data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo import random
from ganzoo.data.decode import Unreadable, decode, to_eight_bits
from ganzoo.data.files import is_archive_name, open_files
from ganzoo.data.images import survey
from ganzoo.data.layout import find_layout, image_paths
from ganzoo.data.loader import to_float
from ganzoo.data.packed import PackedDataset
from ganzoo.data.prepare import open_dataset
from ganzoo.errors import GanzooError
from ganzoo.games.translation import TranslationGame
from ganzoo.lookup import own_weights
from ganzoo.metrics.protocol import Protocol
from ganzoo.zoo import Model, load, to_uint8

BATCH = 16
MOST_IN_ORDER = Protocol.compared  # what scores that compare images look at
TWO_SIDED = ("pairs", "unpaired")
Batches = Callable[[int], Iterator[Tensor]]


@dataclass(frozen=True)
class Images:
    """``count`` images that are streamed as often as asked for.

    batches: batch size -> uint8 (n, C, H, W), always in the same order. labels: (count,) numbers of ``classes``.
    targets: likewise, what the images should be, where that is known. facts: what a record says of them. notes: what
    a person should know of them.
    """

    count: int
    batches: Batches
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    targets: Batches | None = None

    def first(self, count: int) -> Images:
        """The first ``count`` of them, as a record would describe them; no others are made or read."""
        if count >= self.count:
            return self

        def batches(size: int) -> Iterator[Tensor]:
            left = count
            for batch in self.batches(size):
                yield batch[:left]
                left -= len(batch)
                if left <= 0:
                    return

        labels = None if self.labels is None else self.labels[:count]
        return replace(self, count=count, batches=batches, labels=labels, facts=self.facts | {"count": count})


def of_pack(
    dataset: PackedDataset, count: int | None = None, *, seed: int = 0, skip: int = 0, side: str = ""
) -> Images:
    """Images of a prepared data set: all of them, or ``count`` drawn with a seed after ``skip`` others.

    side: ``a`` or ``b`` of data with two sides.
    """
    if side and dataset.kind not in TWO_SIDED:
        raise GanzooError(f"{dataset.label} has no two sides to translate between")
    pixels = getattr(dataset, f"images_{side}") if side else dataset.images
    left = len(pixels) - skip
    count = left if count is None else count
    if not 0 < count <= left:
        raise GanzooError(
            f"{dataset.label} {dataset.split} has {left:,} images to take from, not {count:,}; give a smaller -n"
        )
    # A smaller draw is the beginning of a larger one.
    order = torch.randperm(len(pixels), generator=random.generator(seed, "images of a data set"))
    chosen = order[skip : skip + count]

    def batches(size: int) -> Iterator[Tensor]:
        for rows in chosen.split(size):
            yield pixels[rows].permute(0, 3, 1, 2)

    labels = dataset.labels[chosen] if dataset.labels is not None and not side else None
    facts: dict[str, Any] = {"dataset": dataset.label, "split": dataset.split, "fingerprint": dataset.fingerprint}
    facts |= {"resolution": list(dataset.resolution), "channels": dataset.channels, "count": count, "skipped": skip}
    facts |= {"seed": seed} | ({"side": side} if side else {})
    return Images(count, batches, labels, dataset.classes if labels is not None else (), facts)


def of_model(model: Model, count: int, like: PackedDataset, *, seed: int = 0, labels: str = "data") -> Images:
    """Samples of a model. labels: ``data`` draws a conditional model's labels as often as ``like`` has them,
    ``balanced`` takes the classes in turn.
    """
    numbers, policy = _labels(model, count, like, seed, labels)

    def batches(size: int) -> Iterator[Tensor]:
        label = None if numbers is None else numbers.tolist()
        for images in model.batches(count, seed=seed, label=label, batch_size=size):
            yield rounded(images, model.config.name)

    facts: dict[str, Any] = {"variant": model.config.name, "count": count, "seed": seed, "labels": policy}
    facts |= {"weights": weights_of(model)}
    return Images(count, batches, numbers, tuple(model.classes), facts)


def of_translations(model: Model, dataset: PackedDataset, count: int | None = None, *, seed: int = 0) -> Images:
    """A model's translations of the first images of a data set with two sides; of pairs, the other is the target."""
    given, wanted = (getattr(dataset, f"images_{side}") for side in sides(model))
    chosen = given[: len(given) if count is None else min(count, len(given))]
    made: list[Tensor] = []

    def batches(size: int) -> Iterator[Tensor]:
        if not made:  # once, since it takes long
            made.append(_translated(model, chosen, seed))
        yield from made[0].split(size)

    known = wanted[: len(chosen)].permute(0, 3, 1, 2)
    targets = (lambda size: iter(known.split(size))) if dataset.kind == "pairs" else None
    facts: dict[str, Any] = {"variant": model.config.name, "count": len(chosen), "seed": seed}
    facts |= {"direction": model.config.direction, "translated": dataset.fingerprint}
    facts |= {"labels": "none", "weights": weights_of(model)}
    return Images(len(chosen), batches, facts=facts, targets=targets)


def rounded(images: Tensor, maker: str) -> Tensor:
    """Images in [-1, 1] as uint8; raises GanzooError where they are not numbers. maker: the model's name."""
    if not bool(images.isfinite().all()):
        raise GanzooError(f"the model's images hold values that are not numbers; {maker} has diverged")
    return to_uint8(images)


def sides(model: Model) -> tuple[str, str]:
    """From which side of its data a model translates to which; raises GanzooError for models that do something else."""
    if not isinstance(model.game, TranslationGame):
        raise GanzooError(f"{model.config.name} does not translate between two sides of data; it is scored otherwise")
    return sides_of(model.config.direction)


def sides_of(direction: str | None) -> tuple[str, str]:
    """The sides a direction leads from and to."""
    return ("b", "a") if direction == "BtoA" else ("a", "b")


def like(pack: PackedDataset, split: str) -> PackedDataset:
    """Another split of a prepared data set at the same size."""
    info = pack.info
    name = info["label"] if info["registered"] else info["source"]["path"]
    height, width = pack.resolution
    return open_dataset(
        name, resolution=height, width=width, channels=pack.channels, fit=info["fit"], split=split, kinds=(pack.kind,)
    )


def of_folder(path: str | Path, count: int | None = None) -> Images:
    """The image files of a folder, zip or tar, in the order of their names.

    Class folders are labels. Where they are, or where only the first images count, the order is one drawn once and
    for all, since names may say what is in an image: so the first are of all.
    """
    files = open_files(Path(path))
    layout = find_layout(files)
    items = [item for part in layout.splits.values() for item in part]
    if count is not None and count > len(items):
        raise GanzooError(
            f"{path} holds {len(items):,} images, not {count:,}; make more, or score fewer by -n and without a protocol"
        )
    if layout.classes or len(items) > min(count or MOST_IN_ORDER, MOST_IN_ORDER):
        order = torch.randperm(len(items), generator=random.generator(0, "images of a folder"))
        items = [items[number] for number in order]
    items = items[:count]
    seen = survey(files, [name for name, _ in items])
    others = len(files.sizes) - len(image_paths(files))
    notes = (*layout.notes, *_odd(path, others, seen.lossy, seen.lossy_format))

    def batches(size: int) -> Iterator[Tensor]:
        waiting: list[np.ndarray] = []
        for name, _ in items:
            pixels = _pixels(path, name, files.read(name))
            if waiting and (len(waiting) == size or waiting[0].shape != pixels.shape):
                yield torch.from_numpy(np.stack(waiting))
                waiting = []
            waiting.append(pixels)
        yield torch.from_numpy(np.stack(waiting))

    known = [label for _, label in items if label is not None]
    labels = torch.tensor(known) if len(known) == len(items) else None
    size = list(seen.size) if seen.size else None
    facts: dict[str, Any] = {"folder": str(path), "count": len(items), "resolution": size, "channels": seen.channels}
    facts |= {"labels": "folders" if labels is not None else "none"} | ({"jpeg": seen.lossy} if seen.lossy else {})
    return Images(len(items), batches, labels, layout.classes, facts, notes)


@contextmanager
def lent(model: Model, device: torch.device) -> Iterator[None]:
    """A model on a device for a while; it may be somebody's."""
    home = next(model.game.parameters()).device
    model.to(device)
    try:
        yield
    finally:
        model.to(home)


def weights_of(model: Model) -> str:
    """Which of a training's weights a model has: their average or the last."""
    return "average" if model.config.schedule.ema else "last"


def open_model(source: str | Path | Model) -> Model | None:
    """The model at a path or of a name; None for a folder or archive of images."""
    if isinstance(source, Model):
        return source
    path = Path(source)
    # A run without a model has a configuration.
    images = path.is_dir() and not own_weights(path) and not (path / "config.yaml").is_file()
    if images or (path.is_file() and is_archive_name(path.name)):
        return None
    return load(source)


def _labels(model: Model, count: int, like: PackedDataset, seed: int, policy: str) -> tuple[Tensor | None, str]:
    """Class numbers for a conditional model, and the policy they were drawn by."""
    if not model.classes:
        return None, "none"
    if policy == "balanced":
        return torch.arange(count) % len(model.classes), policy
    counts = like.info.get("class_counts") or {}
    shares = torch.tensor([float(counts.get(name, 0)) for name in model.classes])
    known = bool(shares.sum())
    draw = random.generator(seed, "labels of scored samples")
    chances = shares if known else torch.ones(len(model.classes))
    return torch.multinomial(chances, count, replacement=True, generator=draw), policy if known else "uniform"


def _translated(model: Model, images: Tensor, seed: int) -> Tensor:
    parts = enumerate(images.split(BATCH))
    done = [model.game.translate(to_float(part), seed=seed, start=i * BATCH) for i, part in parts]
    return torch.cat([rounded(part, model.config.name).cpu() for part in done])


def _pixels(path: str | Path, name: str, data: bytes) -> np.ndarray:
    """(C, H, W) uint8 of an image file, gray or colour as it is."""
    try:
        image = np.asarray(to_eight_bits(decode(data)))
    except (Unreadable, OSError) as error:
        raise GanzooError(f"'{name}' in {path} cannot be read: {error}; remove or replace it") from error
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)


def _odd(path: str | Path, others: int, lossy: int, form: str) -> Iterator[str]:
    if others:
        yield f"{others:,} files in {path} are not images and were left out"
    if lossy:
        yield f"{lossy:,} images in {path} are {form.upper()}: their losses change every score; save samples as PNG"
