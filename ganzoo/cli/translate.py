"""``ganzoo translate``"""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.argument("model")
@click.argument("images", nargs=-1, required=True)
@click.option("--out", required=True, metavar="DIR", help="A new or empty folder for the results.")
@click.option("--direction", type=click.Choice(["AtoB", "BtoA"]), help="What the model was trained for if left out.")
@click.option("--compare", is_flag=True, help="Write input (enlarged, if need be) and output side by side.")
@click.option("--seed", type=int, default=0, show_default=True, help="Other details, where the generator has noise.")
@click.option("--resolution", type=click.IntRange(1), help="Square size; default: each image's own, if the model can.")
@click.option("--fit", type=click.Choice(["crop", "pad", "stretch"]), default="crop", help="How others become square.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
def command(
    model: str,
    images: tuple[str, ...],
    out: str,
    direction: str | None,
    compare: bool,
    seed: int,
    resolution: int | None,
    fit: str,
    device: str,
) -> None:
    """Translate IMAGES, files or folders of them, with MODEL, e.g. a run of pix2pix, cyclegan or srgan.

    \b
    ganzoo translate runs/pix2pix-facades-1 labels.png --out photos/
    ganzoo translate runs/cyclegan-horse2zebra-1 zebras/ --direction BtoA --compare --out horses/
    ganzoo translate runs/srgan-photos-1 small.png --out large/
    """
    from ganzoo.cli._output import print_note
    from ganzoo.machine import pick_device
    from ganzoo.translating import translate_files
    from ganzoo.zoo import load

    loaded = load(model).to(pick_device(device))
    options: dict[str, Any] = {"resolution": resolution, "fit": fit, "compare": compare, "note": print_note}
    click.echo(translate_files(loaded, images, out, direction=direction, seed=seed, **options))
