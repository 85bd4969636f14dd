"""Somebody's images through a model that translates: files in, files out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import torch
from PIL import Image

from ganzoo.data.decode import MAX_PIXELS, Geometry, Unreadable, decode, to_eight_bits
from ganzoo.data.layout import EXTENSIONS
from ganzoo.data.loader import to_float
from ganzoo.errors import GanzooError
from ganzoo.games.translation import ImageToImageGame
from ganzoo.writing import new_folder
from ganzoo.zoo import Model, to_images


def translate_files(
    model: Model,
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    direction: str | None = None,
    seed: int = 0,
    resolution: int | None = None,
    fit: str = "crop",
    compare: bool = False,
    note: Callable[[str], None] | None = None,
) -> Path:
    """Write the translation of each image file, or of those in folders, as ``<name>.png`` into a new folder.

    Images of a size that the generator takes keep it; others are brought to the model's own by ``fit`` (crop, pad,
    stretch), all of them to a square of ``resolution`` if it is given. compare: input and output side by side.
    note: told what a person might not expect.
    """
    if resolution and resolution**2 > MAX_PIXELS:
        raise GanzooError(f"--resolution {resolution} makes more than {MAX_PIXELS:,} pixels; give a smaller one")
    files, game, copied, strange = list(image_files(sources)), model.game, False, set[tuple[int, int]]()
    # Before any image is read: a model that does not translate says so.
    model.translate(torch.zeros(1, model.config.image_channels, *usual_size(model)), direction=direction)
    assert isinstance(game, ImageToImageGame)
    with new_folder(out) as folder:
        for name, file in zip(png_names(files), files, strict=True):
            image = read_image(file)
            size = _size(model, image, resolution)
            strange |= {size} - {usual_size(model)}
            given = as_input(model, image, size, fit)
            copied |= image.mode == "L" and len(given[0]) > 1
            made = model.translate(given, direction=direction, seed=seed)
            sheet = torch.cat([game.beside(given), made], 3) if compare else made
            to_images(sheet)[0].save(folder / name)
    if copied and note:
        note("gray images were copied to the channels of this colour model, which learned from colour")
    if strange and resolution is None and game.scale == 1 and note:
        height, width = usual_size(model)
        others = ", ".join(f"{each[1]}x{each[0]}" for each in sorted(strange)[:3])
        advice = f"; --resolution {height} brings them to what it knows" if height == width else ""
        note(f"this model learned from images of {width}x{height} and may make nothing sensible of {others}{advice}")
    return Path(out)


def image_files(sources: Sequence[str | Path]) -> Iterator[Path]:
    """Image files, and those of folders; raises GanzooError where there are none."""
    for source in map(Path, sources):
        if not source.exists():
            raise GanzooError(f"there is no image or folder {source}")
        found = (
            [source] if source.is_file() else [f for f in sorted(source.iterdir()) if f.suffix.lower() in EXTENSIONS]
        )
        if not found:
            raise GanzooError(f"there are no images in {source}")
        yield from found


def png_names(files: Sequence[Path]) -> list[str]:
    """File names for the results, numbered where several would be the same."""
    stems = Counter(file.stem for file in files)
    taken = {stem for stem, times in stems.items() if times == 1}
    numbers = {stem: count(1) for stem in stems}
    names = []
    for stem in (file.stem for file in files):
        name = stem if stems[stem] == 1 else next(f"{stem}-{i}" for i in numbers[stem] if f"{stem}-{i}" not in taken)
        taken.add(name)
        names.append(f"{name}.png")
    return names


def read_image(file: Path) -> Image.Image:
    """An image file in 8 bits, gray or colour; raises GanzooError if it cannot be read."""
    try:
        return to_eight_bits(decode(file.read_bytes()))
    except Unreadable as error:
        raise GanzooError(f"{file} cannot be read: {error}") from error


def as_input(model: Model, image: Image.Image, size: tuple[int, int], fit: str = "crop") -> torch.Tensor:
    """An image brought to a size (height, width) and to the model's channels, (1, C, H, W) in [-1, 1].

    Gray is copied to all channels, and colour made gray.
    """
    pixels = Geometry(*size, model.config.image_channels, fit).image(image)
    return to_float(torch.from_numpy(pixels.copy())[None])


def usual_size(model: Model) -> tuple[int, int]:
    """Height and width of the images it was trained to translate."""
    height, width = (side // getattr(model.game, "scale", 1) for side in model.config.size)
    return height, width


def _size(model: Model, image: Image.Image, resolution: int | None) -> tuple[int, int]:
    game = model.game
    if resolution is None and isinstance(game, ImageToImageGame) and game.admits(image.height, image.width):
        return image.height, image.width
    return (resolution, resolution) if resolution else usual_size(model)
