"""A model that enlarges images, against the bicubic filter, on small images whose originals are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from ganzoo.data.decode import Geometry, Unreadable, decode
from ganzoo.data.layout import EXTENSIONS
from ganzoo.data.loader import to_float
from ganzoo.errors import GanzooError
from ganzoo.games.superres import SuperresGame
from ganzoo.metrics.images import luma, perceptual_distance, psnr, ssim
from ganzoo.zoo import Model, to_uint8

FeatureMaps = Callable[[Tensor], Sequence[Tensor]]
Scores = dict[str, float]


def score_superres(
    model: Model, pairs: Iterable[tuple[Tensor, Tensor]], features: FeatureMaps | None = None
) -> dict[str, Scores]:
    """Mean scores of ``model`` and of ``bicubic`` enlargement: psnr and ssim of the luma, and with ``features``
    perceptual_distance.

    pairs: a small image and its original, (1, C, H, W) in [-1, 1], e.g. of :func:`read_pairs`. As in the papers, a
    border of as many pixels as the scale is left out, and images and luma are rounded to 8 bits. features: images ->
    maps, see :func:`ganzoo.metrics.images.perceptual_distance`; those a model has trained on favour it. Raises
    GanzooError for a model that does not enlarge and for pairs of another scale.
    """
    game = model.game
    if not isinstance(game, SuperresGame):
        raise GanzooError(f"{model.config.name} does not enlarge images; take an srgan or esrgan model")
    rows: dict[str, list[Scores]] = {"model": [], "bicubic": []}
    for small, large in pairs:
        _require_scale(small, large, game.scale)
        for name, enlarged in (("model", model.translate(small)), ("bicubic", game.beside(small))):
            rows[name].append(_scores(_rounded(enlarged), large, game.scale, features))
    if not rows["model"]:
        raise GanzooError("there are no pairs of images to score")
    return {name: {key: fmean(row[key] for row in each) for key in each[0]} for name, each in rows.items()}


def read_pairs(folder: str | Path, channels: int = 3) -> Iterator[tuple[Tensor, Tensor]]:
    """The images of a folder's ``LR*`` and ``HR*`` subfolders, in the order of their names, as float tensors."""
    small, large = (_files(Path(folder), prefix) for prefix in ("LR", "HR"))
    if len(small) != len(large):
        raise GanzooError(f"{folder} has {len(small)} small images for {len(large)} large ones")
    for files in zip(small, large, strict=True):
        first, second = (_read(file, channels) for file in files)
        yield first, second


def _files(folder: Path, prefix: str) -> list[Path]:
    places = sorted(place for place in folder.glob(f"{prefix}*") if place.is_dir()) if folder.is_dir() else []
    if len(places) != 1:
        raise GanzooError(f"{folder} has {len(places)} folders {prefix}*; expected one beside the other of LR* and HR*")
    return sorted(file for file in places[0].iterdir() if file.suffix.lower() in EXTENSIONS)


def _read(file: Path, channels: int) -> Tensor:
    try:
        image = decode(file.read_bytes())
    except Unreadable as error:
        raise GanzooError(f"{file} cannot be read: {error}") from error
    pixels = Geometry(image.height, image.width, channels).image(image)
    return to_float(torch.from_numpy(pixels.copy())[None])


def _scores(enlarged: Tensor, large: Tensor, border: int, features: FeatureMaps | None) -> Scores:
    inner = [luma(each[:, :, border:-border, border:-border]) for each in (enlarged, large)]
    scores = {"psnr": psnr(*inner), "ssim": ssim(*inner)}
    if features:
        scores["perceptual_distance"] = perceptual_distance(features, enlarged, large)
    return {name: float(value) for name, value in scores.items()}


def _rounded(images: Tensor) -> Tensor:
    return to_uint8(images).float() / 127.5 - 1


def _require_scale(small: Tensor, large: Tensor, scale: int) -> None:
    if [side * scale for side in small.shape[2:]] != list(large.shape[2:]):
        raise GanzooError(
            f"an image of {small.shape[3]}x{small.shape[2]} is not the small one of {large.shape[3]}x{large.shape[2]} "
            f"for a model that enlarges {scale} times"
        )
