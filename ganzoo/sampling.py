"""Samples of a model as pictures: a grid, a folder of images, or a walk through the latents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from itertools import chain, cycle, islice, pairwise
from pathlib import Path
from typing import Any, BinaryIO

import torch
from PIL import Image
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.latents import read_latents
from ganzoo.writing import new_file, new_folder
from ganzoo.zoo import Model, save_grid, to_images, weights_file

FRAMES = 16
"""From one sample to the next."""
FRAMES_PER_SECOND = 16
FASTEST_GIF = 50
"""Viewers slow down what is faster."""
SMALLEST_WALK = 128
MOST_PIXELS = 400_000_000
"""Of a picture's, or of all frames of a moving one."""
MOVING = (".gif", ".mp4")


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
    fps: int | None = None,
    mixed: int | None = None,
    latents: Sequence[str | Path] = (),
    note: Callable[[str], None] | None = None,
) -> Path:
    """Write samples of a model where ``out`` says how, and return where.

    ``.png``: a grid of ``n`` (64), replacing an older file. A folder, which must be empty or new:
    ``00000.png``, … one file per sample. ``.gif`` or ``.mp4``: a closed walk through ``points`` (8) samples, 16
    frames each, ``fps`` (16) of them a second.
    mixed: a table of that many samples' styles with as many others', as a ``.png``. latents: files of them, whose
    images are made instead of samples.
    labels: class names or numbers, taken in turn; drawn if left out, in a grid with a column for each.
    captions: texts for a text-to-image model, in a grid with a row of ``n`` / captions (8) for each.
    note: told what a person might not expect.
    """
    form = _form(out)
    _refuse_mixture(form, n, points, fps)
    options: dict[str, Any] = {"seed": seed, "truncation": truncation}
    if mixed is not None:
        if form != ".png" or n is not None or labels or captions or latents:
            raise GanzooError(
                "--style-mix makes one table of drawn samples; let --out end in .png, without -n, --label, --captions "
                "or --latent"
            )
        _require_pixels((mixed + 1) ** 2, model, "mix fewer styles")
        return save_grid(model.style_mix(mixed, **options), out, columns=mixed + 1)
    if latents:
        if form in MOVING or n is not None or labels or captions or truncation != 1:
            raise GanzooError(
                "--latent makes the images of its files; let --out be a .png or a folder, without -n, --label, "
                "--captions or --truncation"
            )
        return _save_images([model.render(*read_latents(latents, model, note))], Path(out), form)
    if form in MOVING:
        points = 8 if points is None else points
        _require_pixels(points * FRAMES, model, "walk through fewer samples")
        options["captions"] = _in_turn(captions, points, times=FRAMES)
        label = _in_turn(labels, points, times=FRAMES)
        walk = model.interpolate(points, FRAMES, label=label, **options)
        return _save_walk(walk, Path(out), form, fps or FRAMES_PER_SECOND)
    n = (8 * len(captions) or 64) if n is None else n
    if form == ".png":
        _require_pixels(n, model, "let --out end in / for a folder of images")
    batches = model.batches(n, label=_in_turn(labels, n), captions=_in_rows(captions, n), **options)
    columns = n // len(captions) if captions else len(labels) if len(labels) > 1 else None
    return _save_images(batches, Path(out), form, columns=columns)


def write_images(batches: Iterable[Tensor], folder: Path) -> None:
    """Images in [-1, 1] as ``00000.png``, ``00001.png``, …, a batch at a time."""
    for i, image in enumerate(chain.from_iterable(map(to_images, batches))):
        image.save(folder / f"{i:05d}.png")


def default_out(name_or_path: str | Path, seed: int, *, walk: bool) -> Path:
    """``<model>-seed<seed>.png`` (``.gif`` for a walk) in the current folder."""
    return Path(f"{plain_name(name_or_path)}-seed{seed}{'.gif' if walk else '.png'}")


def plain_name(name_or_path: str | Path) -> str:
    """What files of a model are called by: its run's or folder's name, or its own."""
    place = weights_file(name_or_path).absolute()
    folder = place.parent.parent if place.parent.name == "model" else place.parent
    return folder.name if place.stem == "model" else place.stem


def _form(out: str | Path) -> str:
    suffix = "" if str(out).endswith(("/", "\\")) or Path(out).is_dir() else Path(out).suffix.lower()
    if suffix not in ("", ".png", *MOVING):
        raise GanzooError(
            f"--out {out}: end it in .png for a grid, .gif or .mp4 for a walk, or / for a folder of images"
        )
    if suffix == ".mp4" and find_spec("av") is None:
        raise GanzooError(
            "writing an .mp4 needs PyAV; install it by: pip install 'torch-ganzoo[video]', or let --out end in .gif"
        )
    return suffix


def _refuse_mixture(form: str, n: int | None, points: int | None, fps: int | None) -> None:
    if (points or fps) and form not in MOVING:
        raise GanzooError("--interpolate and --fps make a moving picture; let --out end in .gif or .mp4")
    if form == ".gif" and (fps or 0) > FASTEST_GIF:
        raise GanzooError(f"a .gif shows at most {FASTEST_GIF} frames a second; give fewer, or let --out end in .mp4")
    if n is not None and form in MOVING:
        raise GanzooError(f"a {form} walks through samples; say how many with --interpolate instead of -n")


def _require_pixels(n: int, model: Model, otherwise: str) -> None:
    height, width = model.config.size
    if n * height * width > MOST_PIXELS:
        raise GanzooError(f"{n:,} images of {width}x{height} are too many for one picture; {otherwise}")


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


def _save_images(batches: Iterable[Tensor], path: Path, form: str, columns: int | None = None) -> Path:
    if form == ".png":
        return save_grid(torch.cat(list(batches)), path, columns=columns)
    with new_folder(path) as folder:
        write_images(batches, folder)
    return path


def _save_walk(images: Tensor, path: Path, form: str, fps: int) -> Path:
    write = _write_mp4 if form == ".mp4" else write_gif
    with new_file(path) as temporary:
        write(images, temporary, fps)
    return path


def write_gif(images: Tensor, file: Path | BinaryIO, fps: int = FRAMES_PER_SECOND) -> None:
    """Write frames (n, C, H, W) in [-1, 1] as a GIF that begins anew at its end."""
    frames = [_enlarged(frame) for frame in to_images(images)]
    # A GIF counts whole hundredths of a second, so that not all frames are shown for the same time.
    ends = [round(100 * i / fps) for i in range(len(frames) + 1)]
    durations = [10 * (end - begin) for begin, end in pairwise(ends)]
    frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)


def _enlarged(frame: Image.Image) -> Image.Image:
    """A frame in whole multiples of its pixels, and with even sides, which video codecs demand."""
    factor = -(-SMALLEST_WALK // frame.width)
    factor += factor * frame.width % 2 or factor * frame.height % 2
    return frame.resize((frame.width * factor, frame.height * factor), Image.Resampling.NEAREST)


def _write_mp4(images: Tensor, path: Path, fps: int) -> None:
    import av

    frames = [_enlarged(frame) for frame in to_images(images)]
    with av.open(str(path), "w", format="mp4") as file:
        stream: Any = file.add_stream("libx264", rate=fps, options={"crf": "18"})
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"  # what every player shows
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_image(frame.convert("RGB"))))
        file.mux(stream.encode())
