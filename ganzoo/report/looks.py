"""How a model shows itself: a table in terminals, samples and a table in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from ganzoo.pictures import to_images
from ganzoo.report.card import in_short
from ganzoo.report.embedded import data_uri, png
from ganzoo.report.template import render

if TYPE_CHECKING:
    from ganzoo.model import Model

ROWS, COLUMNS, SIDE = 2, 8, 64


def in_terminal(model: Model) -> Any:
    """What rich prints of a model: a table of its card's facts."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(repr(model), "bold"), show_header=False, title_justify="left", box=None)
    for name, value in in_short(model.config, model.facts):
        table.add_row(Text(name, "dim"), Text(value))
    return table


def in_notebook(model: Model) -> str:
    """What a notebook shows of a model: samples of seed 0, where it makes them from noise, and its card's facts."""
    return render("model.html", title=repr(model), samples=_samples(model), facts=in_short(model.config, model.facts))


def _samples(model: Model) -> str:
    """A PNG as a data URI: samples, or where a model makes images from images the picture that came with it."""
    columns = model.game.columns or COLUMNS
    preview = model.game.preview(ROWS * columns)
    if preview is not None:
        return data_uri(_grid(preview.float().cpu(), columns, SIDE // model.config.resolution))
    return data_uri(model.picture.read_bytes()) if model.picture else ""


def _grid(images: Tensor, columns: int, scale: int) -> bytes:
    from PIL import Image
    from torchvision.utils import make_grid

    (grid,) = to_images(make_grid(images, nrow=columns, padding=1, pad_value=1)[None])
    larger = grid.resize((grid.width * max(scale, 1), grid.height * max(scale, 1)), Image.Resampling.NEAREST)
    return png(larger)
