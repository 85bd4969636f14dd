"""A page for each bundled model: its card, and a gallery of all of them."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from variant_pages import RESULTS

from ganzoo.benchmark.results import read_results
from ganzoo.listing import entries
from ganzoo.weights import bundled_models
from ganzoo.words import number

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
HEAD = """\
# Models

They come with ganzoo and need no network: `ganzoo.load("NAME").images(16)`, or `ganzoo sample NAME --out grid.png`.
Pictures are what the first seed gives, not chosen.
"""
CHOSEN = """\
## How they were chosen

By measuring what learns most in the same processor time, and by eye. FID[efficientnet-lite0] after eight minutes on one
thread, as far from the papers' budgets as from real images; the tables under [benchmarks](../benchmarks.md) have more:

{tried}

What was made of it:

- **Faces and CIFAR-10:** two things mattered most on so short a training. Transposed convolutions draw a grid; maps
  enlarged by nearest neighbours, or filtered as in StyleGAN2, do not. And DCGAN's critic without batch norm, held by
  R1, is cheap and keeps teaching, where with batch norm a longer training gained nothing and StyleGAN2's own critic is
  too slow for a processor. `dcgan-…` and `stylegan2-…` have both. With labels BigGAN learns more in as many minutes:
  `biggan-cifar10` leads by FID and by recall. The other models of these data are the best setting found for their own
  method, and show how far it comes.
- **Digits:** the `cpu` presets, trained longer; `dcgan-mnist` and `acgan-mnist` with the critic that won on faces.
- **Translators:** critics with a norm were soon right about every image and taught nothing; without a norm, and with
  R1, the same minutes went much further. That is the `cpu` preset of `pix2pix` and `cyclegan` now.
- **Enlarger:** longer play made it worse: it learns the streaks of forests and draws them elsewhere. See the suite
  `superres`.
"""
SETTINGS = "*-settings"


def pages() -> dict[str, str]:
    """The cards by their paths, an overview first; nothing where no models are bundled."""
    cards = {f"models/{name}.md": _card(name, folder) for name, folder in bundled_models().items()}
    overview = f"{HEAD}\n{gallery(below='')}\n\n{CHOSEN.format(tried=_tried())}"
    return {"models/index.md": overview} | cards if cards else {}


def pictures() -> dict[str, Path]:
    """The samples' pictures by their paths."""
    return {f"models/{name}.png": folder / "samples.png" for name, folder in bundled_models().items()}


def gallery(below: str = "models/") -> str:
    """All models' samples, as a page sees them from where ``below`` leads to the models' folder."""
    figures = [_figure(below, *entries("models", name)) for name in bundled_models()]
    return f'<div class="gallery">{"".join(figures)}</div>' if figures else ""


def _tried() -> str:
    """A line for each suite by which settings were chosen: its rows from the best to the worst."""
    lines = []
    for folder in sorted(RESULTS.glob(SETTINGS)):
        results = sorted((result for _, result in read_results([folder])), key=lambda each: each.scores["fid"].value)
        rows = [f"`{each.row}` {number(each.scores['fid'].value)}" for each in results]
        lines.append(f"- `{folder.name}`: {', '.join(rows)}")
    return "\n".join(lines)


def _figure(below: str, row: dict[str, Any]) -> str:
    place = f"{below}{row['name']}"
    facts = "<br>".join(filter(None, (f"{row['data']}, {row['resolution']}", escape(row["score"]), row["size"])))
    picture = f'<a href="{place}.html"><img src="{place}.png" alt="samples"></a>'
    return f"<figure>{picture}<figcaption><code>{row['name']}</code><br>{facts}</figcaption></figure>"


def _card(name: str, folder: Path) -> str:
    text = FRONT_MATTER.sub("", (folder / "README.md").read_text(encoding="utf-8"))
    return text.replace("(samples.png)", f"({name}.png)").replace("path/to/this/folder", name)
