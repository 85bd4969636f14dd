"""Any image → uint8 pixels of one geometry, by stated policies.

EXIF rotation is applied; transparency is composited on white; palettes, CMYK and other colour spaces become
RGB; 16-bit gray is scaled (not clipped) to 8; the first frame of an animation counts. Gray ↔ colour: replicated,
or ITU-R 601 luma. Resizing is Lanczos with antialiasing; ``crop`` keeps the centre, ``pad`` adds black, ``stretch``
distorts.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

FITS = ("crop", "pad", "stretch", "tile")
GRAY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
MAX_PIXELS = 100_000_000
_ORIENTATION = 0x0112


class Unreadable(Exception):
    """An image that cannot be decoded, and why."""


@dataclass(frozen=True)
class Look:
    """What an image's header says: (height, width) as displayed, PIL mode, format, lossy, EXIF-rotated."""

    size: tuple[int, int]
    mode: str
    format: str
    lossy: bool
    rotated: bool

    @property
    def gray(self) -> bool:
        return self.mode.removesuffix("+alpha") in GRAY_MODES


@dataclass(frozen=True)
class Geometry:
    """The size and channels every packed image gets, and how others are made to fit.

    fit: crop, pad and stretch scale an image to the size; tile cuts it into as many of it as it holds, unscaled.
    panels: pictures side by side in an image; each is made to fit by itself.
    """

    height: int
    width: int
    channels: int
    fit: str = "crop"
    panels: int = 1

    def pieces(self, image: Image.Image) -> np.ndarray:
        """One image of any size and mode → what is packed of it, (n, H, W · panels, C) uint8; raises Unreadable."""
        return self._tiles(image) if self.fit == "tile" else self.image(image)[None]

    def image(self, image: Image.Image) -> np.ndarray:
        """One image of any size and mode → (H, W · panels, C) uint8."""
        return self.joined([self.panel(part) for part in _cut(to_eight_bits(image), self.panels)])

    def panel(self, image: Image.Image) -> np.ndarray:
        """One picture → (H, W, C) uint8."""
        return self._pixels(_fitted(self._coloured(image), self.height, self.width, self.fit))

    def joined(self, panels: Sequence[np.ndarray]) -> np.ndarray:
        """Pictures of one size side by side."""
        return panels[0] if len(panels) == 1 else np.concatenate(panels, axis=1)

    def images(self, images: np.ndarray) -> np.ndarray:
        """(n, h, w, c) uint8 → (n · pieces, H, W · panels, C) uint8."""
        if images.shape[1:] == (self.height, self.width * self.panels, self.channels):
            return images
        flat = images[..., 0] if images.shape[-1] == 1 else images
        return np.concatenate([self.pieces(Image.fromarray(pixels)) for pixels in flat])

    def chunk(self, images: np.ndarray, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Images of one size and their labels, at this geometry."""
        made = self.images(images)
        return made, None if labels is None else np.repeat(labels, len(made) // len(images), axis=0)

    def _tiles(self, image: Image.Image) -> np.ndarray:
        """The grid of tiles in an image's middle."""
        pixels = self._pixels(self._coloured(image))
        rows, columns = pixels.shape[0] // self.height, pixels.shape[1] // self.width
        if not rows * columns:
            raise Unreadable(f"{image.width}x{image.height} is less than a tile of {self.width}x{self.height}")
        top, left = (pixels.shape[0] - rows * self.height) // 2, (pixels.shape[1] - columns * self.width) // 2
        grid = pixels[top : top + rows * self.height, left : left + columns * self.width]
        cut = grid.reshape(rows, self.height, columns, self.width, self.channels)
        return cut.swapaxes(1, 2).reshape(-1, self.height, self.width, self.channels)

    def _coloured(self, image: Image.Image) -> Image.Image:
        return to_eight_bits(image).convert("L" if self.channels == 1 else "RGB")

    def _pixels(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image).reshape(image.height, image.width, self.channels)


def look(file: BinaryIO) -> Look:
    """Read an image's header only."""
    with _opened(file) as image:
        orientation = image.getexif().get(_ORIENTATION, 1) if _has_cheap_exif(image) else 1
        width, height = image.size
        size = (width, height) if orientation >= 5 else (height, width)
        return Look(size, _mode(image), image.format or "?", _is_lossy(image, file), orientation != 1)


def decode(data: bytes) -> Image.Image:
    """Decode a whole image, turned as its EXIF data says; raises Unreadable."""
    with _opened(io.BytesIO(data)) as image:
        try:
            image.load()
            return ImageOps.exif_transpose(image)
        except Exception as error:  # PIL's decoders raise nearly anything on damaged data
            raise Unreadable(str(error) or type(error).__name__) from error


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Any PIL mode → L or RGB."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_scaled(np.asarray(image)))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _on_white(image)
    return image.convert("L" if image.mode == "1" else "RGB")


def _opened(file: BinaryIO) -> Image.Image:
    try:
        image = Image.open(file)
    except Exception as error:  # as above
        reason = "not an image PIL can read" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise Unreadable(reason or type(error).__name__) from error
    if image.width * image.height > MAX_PIXELS:
        raise Unreadable(f"{image.width}x{image.height} is more than {MAX_PIXELS:,} pixels")
    return image


def _cut(image: Image.Image, panels: int) -> list[Image.Image]:
    """An image's pictures from left to right."""
    width = image.width // panels
    return [image.crop((i * width, 0, (i + 1) * width, image.height)) for i in range(panels)] if panels > 1 else [image]


def _on_white(image: Image.Image) -> Image.Image:
    gray = image.mode in ("L", "LA", "La", "1")
    image = image.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if gray else "RGB")


def _scaled(values: np.ndarray) -> np.ndarray:
    """Integers of 16 bits (or more), or floats in [0, 1] or [0, 255], → uint8."""
    if not np.isfinite(values).all():
        raise Unreadable("some of its pixels are not finite numbers")
    largest = float(values.max(initial=0))
    ranges = (65535.0,) if values.dtype.kind in "iub" else (1.0, 255.0)
    top = next((top for top in ranges if largest <= top), largest)
    return np.rint(values.clip(0, top) * (255.0 / top)).astype(np.uint8)


def _fitted(image: Image.Image, height: int, width: int, fit: str) -> Image.Image:
    if image.size == (width, height):
        return image
    if fit == "pad":
        return _padded(image, height, width)
    box = _centre(image.size, width / height) if fit == "crop" else None
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box)


def _padded(image: Image.Image, height: int, width: int) -> Image.Image:
    """The whole image in the middle of black; unlike PIL's, a line of one pixel at least."""
    factor = min(width / image.width, height / image.height)
    inner = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    padded = Image.new(image.mode, (width, height))
    corner = round((width - inner[0]) / 2), round((height - inner[1]) / 2)
    padded.paste(image.resize(inner, Image.Resampling.LANCZOS), corner)
    return padded


def _centre(size: tuple[int, int], aspect: float) -> tuple[int, int, int, int]:
    """The largest centred box of the given aspect ratio, in whole pixels."""
    width = max(1, min(size[0], round(size[1] * aspect)))
    height = max(1, min(size[1], round(size[0] / aspect)))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


def _has_cheap_exif(image: Image.Image) -> bool:
    """PNG needs the whole image decoded to look for EXIF after the pixels."""
    return image.format in ("JPEG", "MPO", "WEBP", "TIFF") or "exif" in image.info


def _mode(image: Image.Image) -> str:
    return f"{image.mode}+alpha" if "transparency" in image.info else image.mode


def _is_lossy(image: Image.Image, file: BinaryIO) -> bool:
    if image.format != "WEBP":
        return image.format in ("JPEG", "MPO", "JPEG2000", "AVIF")
    file.seek(0)
    return b"VP8L" not in file.read(64)
