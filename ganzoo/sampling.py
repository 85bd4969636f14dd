"""Samples of a model as pictures: a grid, a folder of images, or a walk through the latents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.writing import new_file, new_folder, require_empty
from ganzoo.zoo import Model, save_grid, to_images, weights_file

FRAMES = 16
FRAME_MILLISECONDS = 60
SMALLEST_WALK = 128


def save_samples(
    model: Model,
    out: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    labels: Sequence[str | int] = (),
    captions: Sequence[str] = (),
    truncation: float = 1.0,
    points: int | None = None,
    mixed: int | None = None,
) -> Path:
    """Write samples of a model where ``out`` says how, and return where.

    ``.png``: a grid of ``n`` (64), replacing an older file. A folder, which must be empty or new:
    ``00000.png``, … one file per sample. ``.gif``: a closed walk through ``points`` (8) samples, 16 frames each.
    mixed: a table of that many samples' styles with as many others', as a ``.png``.
    labels: class names or numbers, taken in turn; drawn if left out, in a grid with a column for each.
    captions: texts for a text-to-image model, in a grid with a row of ``n`` / captions (8) for each.
    """
    form = _form(out)
    _refuse_mixture(form, n, points)
    options: dict[str, Any] = {"seed": seed, "truncation": truncation}
    if mixed is not None:
        if form != ".png" or n is not None or labels or captions:
            raise GanzooError(
                "--style-mix makes one table of drawn samples; let --out end in .png, without -n, --label or --captions"
            )
        return save_grid(model.style_mix(mixed, **options), out, columns=mixed + 1)
    if form == ".gif":
        points = 8 if points is None else points
        options["captions"] = _in_turn(captions, points, times=FRAMES)
        label = _in_turn(labels, points, times=FRAMES)
        return _save_walk(model.interpolate(points, FRAMES, label=label, **options), Path(out))
    n = (8 * len(captions) or 64) if n is None else n
    options["label"] = _in_turn(labels, n)
    options["captions"] = _in_rows(captions, n)
    if form == ".png":
        columns = n // len(captions) if captions else len(labels) if len(labels) > 1 else None
        return save_grid(model.sample(n, **options), out, columns=columns)
    require_empty(Path(out))
    return _save_folder(model.batches(n, **options), Path(out))


def default_out(name_or_path: str | Path, seed: int, *, walk: bool) -> Path:
    """``<model>-seed<seed>.png`` (``.gif`` for a walk) in the current folder."""
    place = weights_file(name_or_path).absolute()
    folder = place.parent.parent if place.parent.name == "model" else place.parent
    name = folder.name if place.stem == "model" else place.stem
    return Path(f"{name}-seed{seed}{'.gif' if walk else '.png'}")


def _form(out: str | Path) -> str:
    suffix = "" if str(out).endswith(("/", "\\")) or Path(out).is_dir() else Path(out).suffix.lower()
    if suffix not in ("", ".png", ".gif"):
        raise GanzooError(f"--out {out}: end it in .png for a grid, .gif for a walk, or / for a folder of images")
    return suffix


def _refuse_mixture(form: str, n: int | None, points: int | None) -> None:
    if points is not None and form != ".gif":
        raise GanzooError("an interpolation is a moving picture; let --out end in .gif")
    if n is not None and form == ".gif":
        raise GanzooError("a .gif walks through samples; say how many with --interpolate instead of -n")


def _in_turn(labels: Sequence[Any], n: int, times: int = 1) -> list[Any] | None:
    """``n`` labels, the given ones in turn, each ``times`` times."""
    if not labels:
        return None
    return list(chain.from_iterable([label] * times for label in islice(cycle(labels), max(n, 0))))


def _in_rows(captions: Sequence[str], n: int) -> list[str] | None:
    """``n`` captions, as many of each."""
    if not captions:
        return None
    if n % len(captions):
        raise GanzooError(f"{n} images are no whole rows of {len(captions)} captions; give a multiple with -n")
    return [caption for caption in captions for _ in range(n // len(captions))]


def _save_folder(batches: Iterable[Tensor], folder: Path) -> Path:
    with new_folder(folder) as temporary:
        for i, image in enumerate(chain.from_iterable(to_images(batch) for batch in batches)):
            image.save(temporary / f"{i:05d}.png")
    return folder


def _save_walk(images: Tensor, path: Path) -> Path:
    factor = -(-SMALLEST_WALK // images.shape[-1])
    first, *rest = [
        frame.resize((frame.width * factor, frame.height * factor), Image.Resampling.NEAREST)
        for frame in to_images(images)
    ]
    with new_file(path) as temporary:
        first.save(temporary, format="GIF", save_all=True, append_images=rest, duration=FRAME_MILLISECONDS, loop=0)
    return path
