"""``ganzoo project``"""

from __future__ import annotations

import click


@click.command()
@click.argument("model")
@click.argument("images", nargs=-1, required=True)
@click.option("--out", metavar="DIR", help="A new or empty folder for the results: <model>-projected/ if left out.")
@click.option("--label", metavar="NAME", help="The class to make; found with the latent if left out.")
@click.option("--steps", type=click.IntRange(1), default=500, show_default=True, help="Steps of the search.")
@click.option("--starts", type=click.IntRange(1), default=4, show_default=True, help="Latents improved at once.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed finds the same latent.")
@click.option("--features", metavar="NAME", help="efficientnet-lite0 (if installed), timm:<model> or none.")
@click.option("--fit", type=click.Choice(["crop", "pad", "stretch"]), default="crop", help="How images become square.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
def command(
    model: str,
    images: tuple[str, ...],
    out: str | None,
    label: str | None,
    steps: int,
    starts: int,
    seed: int,
    features: str | None,
    fit: str,
    device: str,
) -> None:
    """Find the latents of which MODEL makes what is most like IMAGES, files or folders of them.

    Each result is a sheet, the image beside its projection, and a file for `ganzoo sample --latent`.

    \b
    ganzoo project runs/stylegan2-faces-1 me.jpg
    ganzoo project runs/wgan-gp-mnist-10k-1 digits/ --features none --steps 200 --out projected/
    ganzoo sample runs/stylegan2-faces-1 --latent stylegan2-faces-1-projected/me.safetensors --out again.png
    """
    from ganzoo.machine import pick_device
    from ganzoo.progress import progress_shown
    from ganzoo.projecting import default_features, project_files
    from ganzoo.sampling import plain_name
    from ganzoo.zoo import load

    place = out or f"{plain_name(model)}-projected"
    loaded, features = load(model).to(pick_device(device)), features or default_features()
    search = {"label": label, "steps": steps, "starts": starts, "seed": seed, "features": features}
    with progress_shown() as progress:
        errors = project_files(loaded, images, place, fit=fit, progress=progress, **search)
    for name, error in errors.items():
        click.echo(f"{place.rstrip('/')}/{name}  off by {127.5 * error:.1f} of 255 levels")
    cure = "; pip install 'torch-ganzoo[offline]' adds features" if default_features() == "none" else ""
    click.echo(f"compared by pixels alone{cure}" if features == "none" else f"compared by pixels and {features}")
