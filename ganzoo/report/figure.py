"""Pictures for a page, as HTML that holds them: a click saves one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from ganzoo.report.embedded import data_uri, png
from ganzoo.report.template import render

SMALL = 96
"""Up to here pixels are shown as squares."""


@dataclass(frozen=True)
class Picture:
    """An image on the page. file: what it is saved as. current: whether it is marked among others."""

    uri: str
    file: str
    alt: str
    caption: str = ""
    current: bool = False


def figure(
    pictures: Sequence[Picture], columns: int, caption: str, *, whole: Picture | None = None, kind: str = "", side: int
) -> str:
    """Pictures in rows of ``columns``; ``whole`` saves them as one, ``side`` is their size in pixels."""
    given = {"pictures": pictures, "columns": columns, "caption": caption, "whole": whole, "kind": kind}
    return render("figure.html", **given, small=side <= SMALL, problem="")


def complaint(problem: str) -> str:
    """What is shown where there can be no pictures."""
    return render("figure.html", problem=problem)


def png_uri(image: Image.Image) -> str:
    """An image as a data URI, made fast."""
    return data_uri(png(image, compress_level=1))


def sheet(images: Sequence[Image.Image], columns: int, gap: int = 2) -> Image.Image:
    """Images of one size as one, in rows."""
    width, height = images[0].size
    rows = -(-len(images) // columns)
    whole = Image.new(images[0].mode, (columns * (width + gap) - gap, rows * (height + gap) - gap))
    for number, image in enumerate(images):
        whole.paste(image, (number % columns * (width + gap), number // columns * (height + gap)))
    return whole
