"""Enlarged images against their originals, as papers on super-resolution compare them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.decode import Geometry, Unreadable, decode
from ganzoo.data.files import Files, open_files
from ganzoo.data.layout import EXTENSIONS
from ganzoo.data.loader import to_float
from ganzoo.data.packed import PackedDataset
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.games.superres import reduced
from ganzoo.metrics.images import finite_psnr, luma, ssim
from ganzoo.metrics.samples import BATCH, Images, of_pack, rounded, weights_of
from ganzoo.metrics.scores import Case, Score
from ganzoo.metrics.translation import mean_score
from ganzoo.registry import METRICS
from ganzoo.zoo import Model, to_uint8

SMALL, LARGE = "LR", "HR"
Measure = Callable[[Tensor, Tensor], Tensor]


@METRICS.register("psnr-y")
def luma_signal_to_noise_ratio(case: Case) -> list[Score]:
    """Mean peak signal-to-noise ratio in decibels of enlarged images' brightness. Ledig et al. 2017, section 3.1.

    Images and brightness in steps of 8 bits; a border of as many pixels as the scale is left out. Equal images count
    as 100 decibels.
    """
    return [mean_score(case, "psnr-y", "PSNR-Y", "higher", _of_luma(case, finite_psnr))]


@METRICS.register("ssim-y")
def luma_structural_similarity(case: Case) -> list[Score]:
    """Mean structural similarity of enlarged images' brightness. Wang et al. 2004; Ledig et al. 2017, section 3.1."""
    return [mean_score(case, "ssim-y", "SSIM-Y", "higher", _of_luma(case, ssim))]


@dataclass(frozen=True)
class Pairs:
    """Small images and their originals, uint8 (n, C, H, W) in batches that are cut alike, each of one size.

    facts: what a record says of the originals.
    """

    count: int
    small: Callable[[], Iterable[Tensor]]
    large: Callable[[], Iterable[Tensor]]
    facts: dict[str, Any]

    def originals(self) -> Images:
        """The large images."""
        return Images(self.count, lambda size: _cut(self.large(), size), facts=self.facts)

    def enlarged(self, enlarge: Callable[[Tensor], Tensor], facts: dict[str, Any]) -> Images:
        """What becomes of the small ones, beside the originals. enlarge: of images in [-1, 1]."""
        made: list[Tensor] = []

        def batches(size: int) -> Iterator[Tensor]:
            if not made:  # once, since it takes long
                maker = facts.get("variant", "the filter")
                made.extend(rounded(enlarge(_floats(small)), maker).cpu() for small in self.small())
            return _cut(made, size)

        facts = {"count": self.count, "scale": self.facts["scale"]} | facts
        return Images(self.count, batches, facts=facts, targets=lambda size: _cut(self.large(), size))


def pairs_of_pack(dataset: PackedDataset, scale: int, count: int | None = None) -> Pairs:
    """The images of a prepared data set, made small by the bicubic filter: all, or ``count`` drawn with a seed."""
    large = of_pack(dataset, None if count is None else min(count, dataset.count))

    def small() -> Iterator[Tensor]:
        return (to_uint8(reduced(_floats(part), scale)) for part in large.batches(BATCH))

    return Pairs(large.count, small, lambda: large.batches(BATCH), large.facts | {"scale": scale, "small": "bicubic"})


def of_enlargements(model: Model, pairs: Pairs) -> Images:
    """What a model makes of small images, beside the originals."""
    return pairs.enlarged(model.translate, {"variant": model.config.name, "weights": weights_of(model)})


def has_pairs(path: str | Path) -> bool:
    """Whether a folder or archive holds small images and their originals, in folders ``LR*`` and ``HR*``."""
    return Path(path).exists() and bool(_sets(open_files(Path(path))))


def pairs_of_files(
    path: str | Path, scale: int, channels: int, *, split: str | None = None, count: int | None = None
) -> Pairs:
    """Pairs from ``LR*`` and ``HR*``, by the order of their names: all, or the first ``count``.

    split: the folder that holds both, where there are several such. Raises GanzooError for what does not belong
    together.
    """
    files = open_files(Path(path))
    sets = _sets(files)
    if split is None and len(sets) > 1:
        raise GanzooError(f"{path} holds {' and '.join(sorted(sets))}; say which one to score by --split")
    chosen = next(iter(sets)) if split is None else split
    if chosen not in sets:
        raise UnknownName(f"set in {path}", chosen, sets)
    small, large = (sets[chosen].get(name, []) for name in (SMALL, LARGE))
    if len(small) != len(large):
        raise GanzooError(f"{path} has {len(small)} small images for {len(large)} large ones")
    names = list(zip(small, large, strict=True))[:count]

    def images(place: int) -> Iterator[Tensor]:
        for pair in names:
            both = [_read(files, name, channels) for name in pair]
            _require_scale(both[0], both[1], scale)
            yield both[place]

    label = chosen or Path(path).stem
    facts = {"dataset": label, "split": "all", "count": len(names)}
    facts |= {"resolution": None, "channels": channels, "fingerprint": _fingerprint(files, names)}
    return Pairs(len(names), lambda: images(0), lambda: images(1), facts | {"scale": scale, "small": "given"})


def _sets(files: Files) -> dict[str, dict[str, list[str]]]:
    """The names of small and of large images by the folder that holds both."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in sorted(files.sizes):
        path = PurePosixPath(name)
        side = path.parent.name[:2]
        if path.suffix.lower() in EXTENSIONS and side in (SMALL, LARGE):
            found.setdefault(path.parent.parent.name, {}).setdefault(side, []).append(name)
    return found


def _read(files: Files, name: str, channels: int) -> Tensor:
    try:
        image = decode(files.read(name))
    except Unreadable as error:
        raise GanzooError(f"{name} in {files.path} cannot be read: {error}") from error
    pixels = Geometry(image.height, image.width, channels).image(image)
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]


def _fingerprint(files: Files, names: Iterable[tuple[str, str]]) -> str:
    digest = hashlib.sha256()
    for pair in names:
        for name in pair:
            digest.update(hashlib.sha256(files.read(name)).digest())
    return digest.hexdigest()


def _of_luma(case: Case, measure: Measure) -> Measure:
    scale = case.images.facts.get("scale")
    if not scale:
        raise GanzooError("psnr-y and ssim-y compare enlarged images with their originals; they take an enlarger")

    def measured(images: Tensor, targets: Tensor) -> Tensor:
        if min(images.shape[2:]) <= 2 * scale:
            raise GanzooError(
                f"an image of {images.shape[3]}x{images.shape[2]} is nothing but the border of {scale} pixels that "
                "psnr-y and ssim-y leave out; give larger ones"
            )
        return measure(*(luma(each[:, :, scale:-scale, scale:-scale]) for each in (images, targets)))

    return measured


def _require_scale(small: Tensor, large: Tensor, scale: int) -> None:
    if [side * scale for side in small.shape[2:]] != list(large.shape[2:]):
        raise GanzooError(
            f"an image of {small.shape[3]}x{small.shape[2]} is not the small one of {large.shape[3]}x{large.shape[2]} "
            f"for a model that enlarges {scale} times"
        )


def _cut(batches: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    return (part for batch in batches for part in batch.split(size))


def _floats(images: Tensor) -> Tensor:
    return to_float(images.permute(0, 2, 3, 1))
