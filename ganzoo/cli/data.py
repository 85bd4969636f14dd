"""ganzoo data: list, prepare, check and describe datasets."""

from __future__ import annotations

from shlex import quote
from typing import Any

import click

from ganzoo.cli._output import print_json, print_table
from ganzoo.progress import progress_shown

KINDS = ("images", "pairs", "unpaired", "captions")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="data")
def command() -> None:
    """Datasets: what there is, and turning images into something to train on.

    \b
    ganzoo data list
    ganzoo data prepare cifar10
    ganzoo data check photos/
    """


@command.command(name="list")
@as_json
def list_(as_json: bool) -> None:
    """The named datasets and what is prepared of them.

    \b
    ganzoo data list
    """
    from ganzoo.data.catalogue import catalogue

    rows = catalogue()
    if as_json:
        return print_json(rows)
    print_table(
        ("NAME", "KIND", "SIZE", "IMAGES", "PREPARED", "TITLE"),
        [(r["name"], r["kind"], r["size"], r["images"], r["state"], r["title"]) for r in rows],
    )


@command.command()
@click.argument("name")
@click.option("--from", "source", metavar="PATH", help="Your own copy of a named dataset: file, archive or folder.")
@click.option("--resolution", type=int, help="Square size in pixels; default: the data's own.")
@click.option(
    "--fit", type=click.Choice(("crop", "pad", "stretch", "tile")), default="crop", help="Make images square so."
)
@click.option("--channels", type=click.Choice(("1", "3")), help="Gray or colour; default: as the data is.")
@click.option("--split", help="Only this split; default: all.")
@click.option("--kind", type=click.Choice(KINDS), help="What your own images are; default: what they look like.")
@click.option("--strict", is_flag=True, help="Fail on unreadable images instead of skipping them.")
@as_json
def prepare(
    name: str,
    source: str | None,
    resolution: int | None,
    fit: str,
    channels: str | None,
    split: str | None,
    kind: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Download or read a dataset and pack it for training.

    NAME is a named dataset, or a folder, zip or tar of images (class folders become labels). Pairs are images
    side by side, or folders A/ and B/ with the same names; unpaired images lie in trainA/ and trainB/. Captions are
    in captions.jsonl or captions.csv beside the images, or in a text file for each.

    \b
    ganzoo data prepare mnist
    ganzoo data prepare celeba --from ~/img_align_celeba.zip --resolution 64
    ganzoo data prepare photos/ --resolution 128 --fit pad
    ganzoo data prepare photos/ --resolution 96 --fit tile
    ganzoo data prepare facades/ --kind pairs --resolution 256
    """
    from ganzoo.data.prepare import prepare as prepare_dataset

    with progress_shown() as progress:
        packs = prepare_dataset(
            name,
            source=source,
            resolution=resolution,
            channels=int(channels) if channels else None,
            fit=fit,
            split=split,
            strict=strict,
            kind=kind,
            progress=progress,
        )
    if as_json:
        return print_json([{**pack.info, "folder": str(pack.folder)} for pack in packs])
    for pack in packs:
        _print_pack(pack.info)
    click.echo(f"in {packs[0].folder.parent}; train on it with --dataset {quote(name)}")


@command.command()
@click.argument("path")
@click.option("--kind", type=click.Choice(KINDS), help="What they are; default: what they look like.")
@as_json
def check(path: str, kind: str | None, as_json: bool) -> None:
    """Look through images before training on them: what is there, what is odd, what training will do.

    \b
    ganzoo data check photos/
    """
    from ganzoo.data.check import check as check_images

    with progress_shown() as progress:
        report = check_images(path, progress, kind)
    if as_json:
        return print_json(report.as_dict())
    click.echo(f"{report.path}: {report.images:,} images among {report.files:,} files")
    for title in ("splits", "classes", "formats", "modes", "sizes", "aspect_ratios"):
        _print_counts(title.replace("_", " "), getattr(report, title))
    for name, reason in list(report.unreadable.items())[:10]:
        click.echo(f"unreadable: {name}: {reason}")
    for warning in report.warnings:
        click.echo(f"warning: {warning}")
    click.echo("training will " + "; ".join(report.plan))


@command.command()
@click.argument("name")
@as_json
def info(name: str, as_json: bool) -> None:
    """Where a dataset comes from, its licence, and what is prepared of it.

    \b
    ganzoo data info cifar10
    """
    from ganzoo.data.catalogue import describe

    facts = describe(name)
    if as_json:
        return print_json(facts)
    for key, value in facts.items():
        if key not in ("sources", "packs"):
            click.echo(f"{key + ':':<12} {', '.join(value) if isinstance(value, list) else value}")
    for source in facts.get("sources", []):
        size = f" {source['size']:,} bytes" if source["size"] else ""
        click.echo(f"{'source:':<12} {source['file']}{size} sha256 {source['sha256'] or 'not published'}")
        for mirror in source["mirrors"]:
            click.echo(f"{'':<12} {mirror}")
    for pack in facts["packs"]:
        _print_pack(pack)


@command.command()
@click.argument("name")
@click.option("--extractor", metavar="NAME", help="What images are seen through: `ganzoo list --kind extractors`.")
@click.option("--weights", metavar="FILE", help="The extractor's weights, where they cannot be downloaded.")
@click.option("--protocol", metavar="NAME", help="A frozen way to score, which says what to compare with.")
@click.option("--split", help="Of the data set: train if left out.")
@click.option("--resolution", type=click.IntRange(1), help="Of the images to be scored; default: the data's own.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@as_json
def stats(name: str, as_json: bool, **options: Any) -> None:
    """Make the statistics that scores compare with ahead of time; `ganzoo eval` finds them.

    \b
    ganzoo data stats mnist --protocol gz-mnist-10k --resolution 32
    ganzoo data stats cifar10 --extractor efficientnet-lite0
    """
    from ganzoo.metrics.evaluate import statistics

    with progress_shown() as progress:
        facts = statistics(name, progress=progress, **options)
    if as_json:
        return print_json(facts)
    click.echo(
        f"{facts['dataset']} {facts['split']}: {facts['features']:,} features of {facts['count']:,} images at "
        f"{'x'.join(map(str, facts['resolution']))} through {facts['extractor']}\n{facts['file']}"
    )


def _print_pack(info: dict[str, Any]) -> None:
    height, width = info["resolution"]
    labels = f", {len(info['classes'])} classes" if info["classes"] else ""
    labels += f", {info['captions']:,} captions" if info.get("captions") else ""
    skipped = f", {info['skipped']['count']:,} unreadable skipped" if info["skipped"]["count"] else ""
    click.echo(
        f"prepared:    {info['label']} {info['split']}: {info['count']:,} images {height}x{width}x{info['channels']}"
        f"{labels}{skipped}, fingerprint {info['fingerprint'][:16]}"
    )
    for file in info["skipped"]["files"][:10]:
        click.echo(f"skipped:     {file}")


def _print_counts(title: str, counts: dict[str, int]) -> None:
    if counts:
        shown = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:10])
        click.echo(f"{title}: {shown}{', …' if len(counts) > 10 else ''}")
