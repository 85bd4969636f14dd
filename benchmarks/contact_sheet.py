"""All bundled models on one picture: ``python -m benchmarks.contact_sheet`` draws docs/images/zoo.png anew."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from ganzoo.index import known_model
from ganzoo.weights import bundled_models
from ganzoo.words import duration, number

PLACE = Path(__file__).parents[1] / "docs" / "images" / "zoo.png"
COLUMNS, INCHES = 5, 3.2
BESIDE = {"real": "real data", "bicubic": "bicubic filter"}


def sheet() -> Figure:
    """Each model's uncurated grid, below its name what it scores beside real data, its size and its training."""
    models = bundled_models()
    columns = min(COLUMNS, len(models))
    rows = math.ceil(len(models) / columns)
    figure = Figure(figsize=(columns * INCHES, rows * (INCHES + 0.3)), dpi=110, layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for place in places:
        place.axis("off")
    for place, (name, folder) in zip(places, models.items(), strict=False):
        with Image.open(folder / "samples.png") as picture:
            place.imshow(picture.convert("RGB"), interpolation="antialiased")
        place.set_aspect("equal", adjustable="datalim")  # tall pictures in the middle of a square like the others'
        place.set_box_aspect(1)
        place.set_title(name, fontsize=11, fontweight="bold")
        place.text(0.5, -0.02, told(name, folder), transform=place.transAxes, ha="center", va="top", fontsize=7.5)
    return figure


def told(name: str, folder: Path) -> str:
    """A model's score, size and training in two lines."""
    entry, facts = known_model(name), json.loads((folder / "config.json").read_text(encoding="utf-8"))["facts"]
    spent = f"{facts['steps']:,} steps in {duration(facts['cpu_seconds'])} of processor time"
    return f"{_score(entry['score'])}\n{entry['bytes'] / 1e6:.1f} MB, {spent}"


def _score(score: dict[str, Any] | None) -> str:
    if not score:
        return "not scored"
    beside = (f", {name} {number(score[key])}" for key, name in BESIDE.items() if score.get(key) is not None)
    return f"{score['title']} {number(score['value'])}{''.join(beside)}"


if __name__ == "__main__":
    sheet().savefig(PLACE)
    print(PLACE)
