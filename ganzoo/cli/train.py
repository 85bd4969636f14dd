"""``ganzoo train``"""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.argument("variant", required=False)
@click.option("--dataset", metavar="NAME|PATH", help="A name of `ganzoo data list`, or a folder or zip of images.")
@click.option("--preset", metavar="NAME", help="A machine preset of the variant, e.g. cpu.")
@click.option("--steps", type=click.IntRange(1), help="Total steps (the variant's, if left out).")
@click.option("--minutes", type=click.FloatRange(0.05), help="Train this long instead; the rate is measured first.")
@click.option("--cpu-minutes", type=click.FloatRange(0.05), help="The same by the processor's time, all threads'.")
@click.option("--stop-at", type=click.IntRange(1), metavar="STEP", help="Leave a resumable run early.")
@click.option("--batch-size", type=click.IntRange(1), help="Images in a global batch.")
@click.option("--resolution", type=click.IntRange(1), help="Image side in pixels.")
@click.option("--width", type=click.IntRange(1), help="Between images: their width, where --resolution is the height.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), help="fp32 if left out.")
@click.option("--compile", is_flag=True, help="torch.compile the networks' forward passes.")
@click.option("--seed", type=int, help="0 if left out.")
@click.option("--accumulate", type=click.IntRange(1), metavar="K", help="Cut each batch into K pieces to save memory.")
@click.option("--deterministic", is_flag=True, default=None, help="Deterministic algorithms only.")
@click.option(
    "--fit",
    type=click.Choice(["crop", "pad", "stretch", "tile"]),
    help="How other shapes are made to fit: crop if left out, tile (cut without scaling) for super-resolution.",
)
@click.option("--direction", type=click.Choice(["AtoB", "BtoA"]), help="From which side of the data to which.")
@click.option("--eval-every", type=click.IntRange(1), metavar="STEPS", help="Score it and keep the best model.")
@click.option("--out", metavar="DIR", help="The run's folder; runs/<variant>-<dataset>-<n> if left out.")
@click.option("--resume", metavar="RUN", help="Go on with a run exactly where its last checkpoint is.")
@click.option("--init-from", metavar="MODEL", help="Start a new run from a model's or run's weights.")
@click.option("-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a configuration value.")
@click.option("--dry-run", is_flag=True, help="Show what would be trained and stop.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def command(overrides: tuple[str, ...], dry_run: bool, **options: Any) -> None:
    """Train VARIANT, a name or a .yaml file, on a data set; the run's folder gets samples, a report and the model.

    \b
    ganzoo train wgan-gp --dataset mnist-10k --preset cpu --minutes 5
    ganzoo train dcgan --dataset ~/cats --resolution 64 --steps 20000 -o loss=hinge
    ganzoo train pix2pix --dataset facades --direction BtoA
    ganzoo train --resume runs/dcgan-cats-1
    """
    from ganzoo.config import parse_overrides

    options["overrides"] = parse_overrides(overrides) or None
    if dry_run:
        _show(options)
        return
    from ganzoo.run import train

    train(**options)


def _show(options: dict[str, Any]) -> None:
    from dataclasses import fields

    from ganzoo.config import flatten
    from ganzoo.games.base import create_game
    from ganzoo.progress import progress_shown
    from ganzoo.training.plan import Request, plan

    with progress_shown(err=False) as progress:
        decided = plan(Request(**{field.name: options[field.name] for field in fields(Request)}), progress)
    game = create_game(decided.config)
    for key, value in flatten(decided.config.model_dump(mode="json")):
        click.echo(f"{key} = {value}  ({decided.resolved.origin(key)})")
    for name in decided.config.networks:
        click.echo(f"{name}: {sum(p.numel() for p in game.get_submodule(name).parameters()):,} parameters")
    click.echo(f"data: {decided.dataset!r}")
