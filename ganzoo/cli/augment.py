"""``ganzoo augment``"""

from __future__ import annotations

import click


@click.command()
@click.argument("model")
@click.option("--out", required=True, metavar="DIR", help="A new or empty folder, which gets a folder per class.")
@click.option("--per-class", type=click.IntRange(1), default=500, show_default=True, help="Images of each class.")
@click.option("--label", "labels", multiple=True, metavar="NAME", help="Only this class; may be repeated.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same images.")
@click.option("--truncation", type=click.FloatRange(0), default=1.0, show_default=True, help="Below 1: more typical.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
def command(
    model: str, out: str, per_class: int, labels: tuple[str, ...], seed: int, truncation: float, device: str
) -> None:
    """Make a labelled data set with MODEL, a conditional one: class folders of images, its card beside them.

    \b
    ganzoo augment runs/sngan-projection-cifar10-1 --per-class 500 --out synthetic/
    ganzoo augment runs/cgan-mnist-10k-1 --label 3 --label 7 --seed 1 --out threes-and-sevens/
    ganzoo train acgan --dataset synthetic/
    """
    from ganzoo.augmenting import augment
    from ganzoo.machine import pick_device
    from ganzoo.progress import progress_shown
    from ganzoo.zoo import load

    loaded = load(model).to(pick_device(device))
    with progress_shown() as progress:
        made = augment(
            loaded, out, per_class=per_class, labels=labels, seed=seed, truncation=truncation, progress=progress
        )
    click.echo(made)
