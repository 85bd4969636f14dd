"""A page for each bundled model: its card, and a gallery of all of them."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from ganzoo.listing import entries
from ganzoo.weights import bundled_models

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
HEAD = """\
# Models

They come with ganzoo and need no network: `ganzoo.load("NAME").images(16)`, or `ganzoo sample NAME --out grid.png`.
Pictures are what the first seed gives, not chosen.
"""


def pages() -> dict[str, str]:
    """The cards by their paths, an overview first; nothing where no models are bundled."""
    cards = {f"models/{name}.md": _card(name, folder) for name, folder in bundled_models().items()}
    return {"models/index.md": f"{HEAD}\n{gallery(below='')}\n"} | cards if cards else {}


def pictures() -> dict[str, Path]:
    """The samples' pictures by their paths."""
    return {f"models/{name}.png": folder / "samples.png" for name, folder in bundled_models().items()}


def gallery(below: str = "models/") -> str:
    """All models' samples, as a page sees them from where ``below`` leads to the models' folder."""
    figures = [_figure(below, *entries("models", name)) for name in bundled_models()]
    return f'<div class="gallery">{"".join(figures)}</div>' if figures else ""


def _figure(below: str, row: dict[str, Any]) -> str:
    place = f"{below}{row['name']}"
    facts = "<br>".join(filter(None, (f"{row['data']}, {row['resolution']}", escape(row["score"]), row["size"])))
    picture = f'<a href="{place}.html"><img src="{place}.png" alt="samples"></a>'
    return f"<figure>{picture}<figcaption><code>{row['name']}</code><br>{facts}</figcaption></figure>"


def _card(name: str, folder: Path) -> str:
    text = FRONT_MATTER.sub("", (folder / "README.md").read_text(encoding="utf-8"))
    return text.replace("(samples.png)", f"({name}.png)").replace("path/to/this/folder", name)
