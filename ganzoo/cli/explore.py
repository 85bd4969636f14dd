"""``ganzoo explore``"""

from __future__ import annotations

import click


@click.command()
@click.argument("model", required=False)
@click.option("--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="0: any free one.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
def command(model: str | None, port: int, browser: bool, device: str) -> None:
    """Play with MODEL on a page in the browser: seeds, labels, latents, walks, images to translate.

    Without MODEL the page offers the models that come with ganzoo and the runs below ./runs. It is served to this
    machine alone, loads nothing from elsewhere, and ends with Ctrl-C. Needs torch-ganzoo[explore].

    \b
    ganzoo explore runs/stylegan2-faces-1
    ganzoo explore --port 8000 --no-browser
    """
    from ganzoo.exploring import models_here
    from ganzoo.machine import pick_device
    from ganzoo.serving import serve

    names = [model] if model else models_here()
    serve(names, port, device=pick_device(device), browser=browser, announce=click.echo)
