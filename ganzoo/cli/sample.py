"""``ganzoo sample``"""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.argument("model")
@click.option("-n", type=click.IntRange(1), help="How many images: 64 if left out.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same images.")
@click.option("--label", "labels", multiple=True, metavar="NAME", help="A class; several are taken in turn.")
@click.option("--captions", multiple=True, metavar="TEXT", help="What to draw; several make a row of images each.")
@click.option("--truncation", type=click.FloatRange(0), default=1.0, show_default=True, help="Below 1: more typical.")
@click.option("--out", metavar="FILE|DIR", help="grid.png, walk.gif, walk.mp4 or a folder; <model>-seed<seed>.png.")
@click.option("--interpolate", type=click.IntRange(2), metavar="N", help="A walk through N samples: a .gif or .mp4.")
@click.option("--fps", type=click.IntRange(1, 60), help="Frames a second of a walk: 16 if left out.")
@click.option("--style-mix", type=click.IntRange(1), metavar="N", help="A table of N samples' styles with N others'.")
@click.option(
    "--latent", "latents", multiple=True, metavar="FILE", help="Its image; `ganzoo project` writes such files."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
def command(
    model: str,
    n: int | None,
    seed: int,
    labels: tuple[str, ...],
    captions: tuple[str, ...],
    truncation: float,
    out: str | None,
    interpolate: int | None,
    fps: int | None,
    style_mix: int | None,
    latents: tuple[str, ...],
    device: str,
) -> None:
    """Make images with MODEL, a run's folder, a model directory or a name of `ganzoo list --kind models`.

    \b
    ganzoo sample runs/wgan-gp-mnist-10k-1 -n 64 --out grid.png
    ganzoo sample runs/cgan-mnist-10k-1 --label 3 --label 7 --out threes-and-sevens.png
    ganzoo sample runs/dcgan-cats-1 -n 5000 --seed 1 --out cats/
    ganzoo sample runs/stackgan-digits-1 --captions "a red seven on the left" --captions "a blue two at the top"
    ganzoo sample runs/dcgan-cats-1 --interpolate 8 --out walk.gif
    ganzoo sample runs/dcgan-cats-1 --interpolate 20 --fps 24 --out walk.mp4
    ganzoo sample runs/stylegan2-faces-1 --style-mix 6 --truncation 0.7 --out table.png
    ganzoo sample runs/stylegan2-faces-1 --latent projected/me.safetensors --out me.png
    """
    from ganzoo.cli._output import print_note
    from ganzoo.machine import pick_device
    from ganzoo.sampling import default_out, save_samples
    from ganzoo.zoo import load

    loaded = load(model).to(pick_device(device))
    place = out or default_out(model, seed, walk=interpolate is not None)
    options: dict[str, Any] = {"labels": labels, "truncation": truncation, "points": interpolate, "mixed": style_mix}
    options |= {"captions": captions, "fps": fps, "latents": latents, "note": print_note}
    written = save_samples(loaded, place, n=n, seed=seed, **options)
    click.echo(written)
