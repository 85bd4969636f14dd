"""The page of ``ganzoo explore``: a model's controls and what comes of them. Needs gradio."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import torch

from ganzoo.errors import GanzooError
from ganzoo.exploring import SLIDERS, Explorer, Wish
from ganzoo.report.embedded import data_uri
from ganzoo.report.figure import Picture, complaint, figure, png_uri, sheet
from ganzoo.report.template import render

STYLE = Path(__file__).with_name("explore.css")
FONT = ("system-ui", "-apple-system", "Segoe UI", "Helvetica Neue", "Arial", "sans-serif")
COUNTS = (1, 4, 9, 16, 25, 36, 64)
ANY = ("any class", "")
FEW = 12
STOPS = 9
"""Pictures of the way from one seed to another."""
WAYS = {"AtoB": "A → B", "BtoA": "B → A"}
CLICK = "Click an image to save it"
INVITATION = '<div class="invitation">Give it an image, and see what it makes of it.</div>'
BEFORE = {False: "What it is given", True: "Enlarged by a bicubic filter"}
LIVE: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "api_visibility": "private"}


def page(name: str, device: str | torch.device = "cpu", choice: Sequence[str] = ()) -> gr.Blocks:
    """A model's page, with links to the pages of a choice of models.

    Raises GanzooError if the model cannot be loaded; where there are others, the page says so instead.
    """
    with gr.Blocks(title=f"{name} · ganzoo", analytics_enabled=False, fill_width=True) as blocks:
        if choice:
            gr.HTML(render("choice.html", chosen=name, choice=choice), elem_classes="choice", js_on_load=None)
        try:
            _model(Explorer(name, device))
        except GanzooError as error:
            if not choice:
                raise
            gr.HTML(complaint(str(error)))
    return blocks


def theme() -> gr.themes.Base:
    """The system's fonts: none is loaded. Colours are in STYLE."""
    return gr.themes.Base(primary_hue="blue", neutral_hue="zinc", font=FONT, font_mono=("ui-monospace", "monospace"))


def _model(explorer: Explorer) -> None:
    """All that can be done with a model."""
    gr.HTML(f"<h1>{escape(explorer.title)}</h1><p>{escape(explorer.summary)}</p>", elem_classes="title")
    with gr.Tabs():
        if explorer.translates:
            with gr.Tab("Enlarge" if explorer.enlarges else "Translate"):
                _translation(explorer)
        else:
            with gr.Tab("Images"):
                _images(explorer)
            with gr.Tab("Between two") as tab:
                _between(explorer, tab)
            if explorer.mixes:
                with gr.Tab("Styles") as tab:
                    _mixtures(explorer, tab)
        with gr.Tab("Model card"):
            gr.Markdown(explorer.card, elem_classes="card")


def _images(explorer: Explorer) -> None:
    """Samples of a seed, moved along the main directions."""
    with gr.Row(elem_classes="stage"):
        shown = _shown()
        with gr.Column(elem_classes="controls"):
            seed = _seed("Seed")
            wanted = _conditions(explorer)
            count = gr.Radio(COUNTS, value=16, label="Images")
            truncation = _truncation()
            gr.HTML("<p>Along the directions of the latents in which its images change most:</p>", elem_classes="note")
            moves = [gr.Slider(-3, 3, 0, step=0.1, label=f"Direction {i + 1}") for i in range(SLIDERS)]
            still = gr.Button("Back to the middle", size="sm")
    still.click(lambda: [0] * SLIDERS, None, moves, **LIVE)

    def draw(seed: float, count: int, truncation: float, *rest: Any) -> str:
        given, moved = rest[: len(wanted)], rest[len(wanted) :]
        return _grid(explorer, _wish(seed, truncation, zip(wanted, given, strict=True), count=count, moves=moved))

    controls = [seed, count, truncation, *wanted.values(), *moves]
    shown.value = _explained(draw)(*[control.value for control in controls])
    _whenever(controls, draw, shown)


def _between(explorer: Explorer, tab: gr.Tab) -> None:
    """The way from one seed's image to another's."""
    with gr.Row(elem_classes="stage"):
        shown = _shown()
        with gr.Column(elem_classes="controls"):
            share = gr.Slider(0, 1, 0.5, step=0.01, label="How far")
            seed, other = _seed("From seed", 0), _seed("To seed", 1)
            wanted = _conditions(explorer)
            truncation = _truncation()

    def draw(share: float, seed: float, other: float, truncation: float, *given: Any) -> str:
        return _way(explorer, _wish(seed, truncation, zip(wanted, given, strict=True)), int(other or 0), share)

    controls = [share, seed, other, truncation, *wanted.values()]
    _whenever(controls, draw, shown, tab.select)


def _mixtures(explorer: Explorer, tab: gr.Tab) -> None:
    """A table of styles."""
    with gr.Row(elem_classes="stage"):
        shown = _shown()
        with gr.Column(elem_classes="controls"):
            seed = _seed("Seed")
            count = gr.Radio((2, 3, 4, 6), value=4, label="Rows and columns")
            truncation = _truncation()

    def draw(seed: float, count: int, truncation: float) -> str:
        return _table(explorer, int(seed or 0), count, truncation)

    controls = [seed, count, truncation]
    _whenever(controls, draw, shown, tab.select)


def _translation(explorer: Explorer) -> None:
    """An image beside what the model makes of it."""
    directed = len(explorer.ways) > 1
    with gr.Row(elem_classes="stage"):
        shown = _shown(INVITATION)
        with gr.Column(elem_classes="controls"):
            image = gr.Image(type="filepath", sources=["upload", "clipboard"], label="Your image", height=220)
            ways = [(WAYS[way], way) for way in explorer.ways]
            way = gr.Radio(ways, value=explorer.model.config.direction, label="Direction", visible=directed)
            fit = gr.Radio(["crop", "pad", "stretch"], value="crop", label="Fit", visible=not explorer.enlarges)
            seed = _seed("Seed", visible=explorer.varies)

    def draw(image: str | None, way: str | None, fit: str, seed: float) -> str:
        return _pair(explorer, image, way, fit, int(seed or 0)) if image else INVITATION

    controls = [image, way, fit, seed]
    _whenever(controls, draw, shown)


def _shown(value: str = "") -> gr.HTML:
    """The place of the pictures."""
    return gr.HTML(value, elem_classes="shown", js_on_load=None)


def _seed(label: str, value: int = 0, visible: bool = True) -> gr.Number:
    """A number with a button that draws another one."""
    with gr.Row(elem_classes="seed", visible=visible):
        number = gr.Number(value, label=label, precision=0, min_width=80)
        another = gr.Button("Another", size="sm", min_width=80)
    another.click(lambda: secrets.randbelow(10_000), None, number, **LIVE)
    return number


def _truncation() -> gr.Slider:
    return gr.Slider(0.1, 1, 1, step=0.05, label="Truncation", info="Lower: more typical and less varied")


def _conditions(explorer: Explorer) -> dict[str, Any]:
    """What may be said of labels and texts."""
    if explorer.labels:
        kind = gr.Radio if len(explorer.labels) <= FEW else gr.Dropdown
        return {"label": kind([ANY, *explorer.labels], value="", label="Label")}
    if explorer.captions:
        text = gr.Textbox(explorer.captions[0], label="Text", lines=2)
        gr.Examples([[caption] for caption in explorer.captions], text, label="For example")
        return {"caption": text}
    return {}


def _wish(seed: float, truncation: float, given: Iterable[tuple[str, str]], **more: Any) -> Wish:
    conditions: dict[str, Any] = {name: value or None for name, value in given}
    return Wish(int(seed or 0), truncation=truncation, **conditions, **more)


def _whenever(controls: Sequence[Any], draw: Callable[..., str], shown: gr.HTML, *more: Any) -> None:
    """Draw again at every change of a control and at more events, as soon as the last drawing is done."""
    gr.on([*more, *[control.change for control in controls]], _explained(draw), list(controls), shown, **LIVE)


def _explained(draw: Callable[..., str]) -> Callable[..., str]:
    """What cannot be drawn is explained in its place."""

    def explained(*values: Any) -> str:
        try:
            return draw(*values)
        except GanzooError as error:
            return complaint(str(error))

    return explained


def _grid(explorer: Explorer, wish: Wish) -> str:
    images, columns = explorer.images(wish), math.ceil(wish.count**0.5)
    asked = wish.label or wish.caption
    name = f"{explorer.slug}-seed{wish.seed}"
    pictures = [
        Picture(png_uri(image), f"{name}-{i:02d}.png", f"image {i} of seed {wish.seed}{f', {asked}' if asked else ''}")
        for i, image in enumerate(images)
    ]
    whole = Picture(png_uri(sheet(images, columns)), f"{name}.png", "Save all as one picture")
    return figure(pictures, columns, CLICK, whole=whole, side=images[0].width)


def _way(explorer: Explorer, wish: Wish, other: int, share: float) -> str:
    stops = [i / (STOPS - 1) for i in range(STOPS)]
    current, *strip = explorer.on_the_way(wish, other, [share, *stops])
    nearest = round(share * (STOPS - 1))
    pictures = [
        Picture(png_uri(image), f"{explorer.slug}-{i}.png", f"{stop:.0%} of the way", current=i == nearest)
        for i, (stop, image) in enumerate(zip(stops, strip, strict=True))
    ]
    name = f"{explorer.slug}-seeds-{wish.seed}-{other}"
    large = Picture(png_uri(current), f"{name}.png", f"{share:.0%} of the way")
    film = Picture(data_uri(explorer.film(wish, other), "image/gif"), f"{name}.gif", "Save there and back as a GIF")
    return figure([large, *pictures], STOPS, f"{share:.0%} of the way", whole=film, kind="way", side=current.width)


def _table(explorer: Explorer, seed: int, count: int, truncation: float) -> str:
    images, columns = explorer.mixtures(count, seed, truncation), count + 1
    name = f"{explorer.slug}-styles-seed{seed}"
    pictures = [
        Picture(png_uri(image) if i else "", f"{name}-{i:02d}.png", f"row {i // columns}, column {i % columns}")
        for i, image in enumerate(images)
    ]
    whole = Picture(png_uri(sheet(images, columns)), f"{name}.png", "Save as one picture")
    text = "Coarse styles from the left column, fine ones from the top row"
    return figure(pictures, columns, text, whole=whole, kind="table", side=images[0].width)


def _pair(explorer: Explorer, file: str, way: str | None, fit: str, seed: int) -> str:
    before, after = explorer.translation(file, way=way, fit=fit, seed=seed)
    name = f"{explorer.slug}-{Path(file).stem}"
    pictures = [
        Picture(png_uri(before), f"{name}-before.png", "the given image", BEFORE[explorer.enlarges]),
        Picture(png_uri(after), f"{name}.png", "what the model makes of it", "What the model makes of it"),
    ]
    whole = Picture(png_uri(sheet([before, after], 2)), f"{name}-compared.png", "Save both as one picture")
    return figure(pictures, 2, f"{after.width} × {after.height} pixels", whole=whole, kind="pair", side=after.width)
