"""Digits in colours at places, with captions: what a text-to-image model can be tested on without any download."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from ganzoo.data.datasets import DIGITS, Dataset
from ganzoo.data.decode import Geometry
from ganzoo.data.files import Files
from ganzoo.data.official import read_idx
from ganzoo.data.packed import Chunk
from ganzoo.data.source import Split
from ganzoo.registry import DATASETS
from ganzoo.text import encode

SIZE = 64
CHUNK = 1000
DIGIT_SIZE = 52  # of which MNIST's margin is a seventh on each side
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLOURS = {
    "red": (255, 40, 40),
    "green": (40, 220, 40),
    "blue": (70, 90, 255),
    "yellow": (255, 225, 30),
    "purple": (190, 60, 230),
    "white": (255, 255, 255),
}
# What a place is called, and where the middle of a digit at it is, in pixels from the middle of the image.
PLACES = {
    "left": ("on the left", (-12, 0)),
    "right": ("on the right", (12, 0)),
    "top": ("at the top", (0, -12)),
    "bottom": ("at the bottom", (0, 12)),
    "centre": ("in the centre", (0, 0)),
}
PHRASES = (
    "a {colour} {word} {place}",
    "the digit {digit} in {colour}, {place}",
    "{place} there is a {colour} {word}",
    "{colour} {word}, {place}",
    "{place}: a {digit} in {colour}",
    "the number {word}, {colour}, {place}",
)


def read_captioned_digits(files: Files, dataset: Dataset) -> list[Split]:
    """One split: each of the bundled digits once, in a colour and at a place that its number decides."""
    (digits,) = read_idx(files, DATASETS.get("mnist-10k"))

    def read(geometry: Geometry, skipped: list[str]) -> Iterator[Chunk]:
        pixels, labels = (np.concatenate(parts) for parts in zip(*digits.chunks(Geometry(28, 28, 1)), strict=True))
        rows = scenes(digits.count)
        texts = captions(labels, rows)
        for start in range(0, digits.count, CHUNK):
            part = slice(start, start + CHUNK)
            drawn = [draw(digit[..., 0], *row) for digit, row in zip(pixels[part], rows[part], strict=True)]
            yield geometry.images(np.stack(drawn)), texts[part]

    return [Split("train", digits.count, 3, (SIZE, SIZE), read, kind="captions")]


def scenes(count: int) -> np.ndarray:
    """(count, 4): each digit's colour and place by number, and how far it lies beside the place, in pixels."""
    # Numpy promises that this generator's stream never changes.
    random = np.random.RandomState(0)
    return np.stack([random.randint(*limits, count) for limits in ((0, 6), (0, 5), (-2, 3), (-2, 3))], 1)


def draw(digit: np.ndarray, colour: int, place: int, right: int, down: int) -> np.ndarray:
    """A gray digit (28, 28) uint8 in colour on black, (64, 64, 3) uint8."""
    x, y = list(PLACES.values())[place][1]
    corner = (SIZE - DIGIT_SIZE) // 2
    gray = Image.new("L", (SIZE, SIZE))
    large = Image.fromarray(digit).resize((DIGIT_SIZE, DIGIT_SIZE), Image.Resampling.BILINEAR)
    gray.paste(large, (corner + x + right, corner + y + down))
    shade = np.asarray(gray)[..., None] / 255 * np.array(list(COLOURS.values())[colour])
    return shade.round().astype(np.uint8)


def captions(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Every phrase for each image, (n, phrases, longest) uint8."""
    texts = [caption(phrase, digit, *row[:2]) for digit, row in zip(labels, rows, strict=True) for phrase in PHRASES]
    return encode(texts).reshape(len(labels), len(PHRASES), -1)


def caption(phrase: str, digit: int, colour: int, place: int) -> str:
    """One phrase about a digit."""
    words = {"digit": DIGITS[digit], "word": WORDS[digit]}
    return phrase.format(colour=list(COLOURS)[colour], place=list(PLACES.values())[place][0], **words)
