"""``ganzoo export``"""

from __future__ import annotations

from importlib.util import find_spec

import click

from ganzoo.cli._output import print_note


@click.command()
@click.argument("model")
@click.option("--out", required=True, metavar="DIR", help="The new model directory; empty or not there yet.")
@click.option("--onnx", is_flag=True, help="Also write model.onnx (needs the extra torch-ganzoo[onnx]).")
@click.option("--full", is_flag=True, help="With the discriminator, from a run's last checkpoint.")
@click.option("--half", is_flag=True, help="Weights as float16: half the size; they load as float32.")
@click.option("--known-failure", "failures", multiple=True, metavar="TEXT", help="A sentence for the card; repeatable.")
@click.option(
    "--data-licence", default="", metavar="TEXT", help="The terms of training data of your own, for the card."
)
@click.option("--data-about", default="", metavar="TEXT", help="What such data show and where they are from.")
def command(
    model: str,
    out: str,
    onnx: bool,
    full: bool,
    half: bool,
    failures: tuple[str, ...],
    data_licence: str,
    data_about: str,
) -> None:
    """Write MODEL, a run's folder, a model directory or a name, as a directory that `ganzoo.load` reads.

    \b
    ganzoo export runs/dcgan-cats-1 --out cats-model
    ganzoo export runs/dcgan-cats-1 --out cats-model --onnx --full
    ganzoo export runs/dcgan-cats-1 --out cats-model --half --known-failure "Ears are missing."
    """
    from ganzoo.export import export_model

    written = export_model(
        model,
        out,
        full=full,
        onnx=onnx,
        half=half,
        known_failures=failures,
        data_licence=data_licence,
        data_about=data_about,
    )
    click.echo(written)
    if onnx and not find_spec("onnxruntime"):
        print_note("without onnxruntime, the images of model.onnx were not compared with torch's")
