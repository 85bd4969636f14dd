"""How a model shows itself: a table in terminals, samples and a table in notebooks."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from ganzoo.report.card import in_short
from ganzoo.report.template import render

if TYPE_CHECKING:
    from ganzoo.model import Model

SAMPLES, COLUMNS, SIDE = 16, 8, 64


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
    """A PNG as base64; empty for a model that needs images to make images from."""
    from PIL import Image
    from torchvision.utils import make_grid

    from ganzoo.pictures import to_images

    preview = model.game.preview(SAMPLES)
    if preview is None:
        return ""
    (grid,) = to_images(make_grid(preview.float().cpu(), nrow=COLUMNS, padding=1, pad_value=1)[None])
    scale = max(1, SIDE // model.config.resolution)
    larger = grid.resize((grid.width * scale, grid.height * scale), Image.Resampling.NEAREST)
    file = io.BytesIO()
    larger.save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
