"""``ganzoo eval``"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from ganzoo.cli._output import print_json, print_note, print_table
from ganzoo.progress import progress_shown


@click.command()
@click.argument("model")
@click.option("--dataset", required=True, metavar="NAME|PATH", help="The real images to compare with.")
@click.option(
    "--metrics",
    default="",
    metavar="A,B",
    help="Of `ganzoo list --kind metrics`; fid if left out, for enlargers psnr-y, ssim-y and perceptual.",
)
@click.option("--protocol", metavar="NAME", help="A frozen way to score: `ganzoo list --kind protocols`.")
@click.option("--extractor", metavar="NAME", help="What images are seen through: `ganzoo list --kind extractors`.")
@click.option("--weights", metavar="FILE", help="The extractor's weights, where they cannot be downloaded.")
@click.option("-n", type=click.IntRange(2), help="How many images are scored: 10000, or all of a folder.")
@click.option("--split", help="Of the data set: train if left out.")
@click.option("--labels", type=click.Choice(["data", "balanced"]), help="How a conditional model's labels are drawn.")
@click.option("--raw", is_flag=True, help="Score a run's last weights instead of their average.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same images.")
@click.option("--real-floor", is_flag=True, help="Also score the data's own test split and one half of it.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--card", is_flag=True, help="Also write the scores into MODEL's card and config.json.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole records as JSON.")
def command(model: str, dataset: str, metrics: str, raw: bool, card: bool, as_json: bool, **options: Any) -> None:
    """Score MODEL, a run's folder, a model directory, a name or a folder of generated images, against real images.

    \b
    ganzoo eval runs/wgan-gp-mnist-1 --dataset mnist --protocol gz-mnist-10k
    ganzoo eval runs/sngan-cifar10-1 --dataset cifar10 --metrics fid,is,kid,prc --real-floor
    ganzoo eval cats-model --dataset ~/cats --extractor efficientnet-lite0 --real-floor --card
    ganzoo eval samples/ --dataset ~/cats --extractor efficientnet-lite0 -n 5000
    ganzoo eval runs/srgan-photos-1 --dataset Set5/
    """
    from ganzoo.export import record_scores, require_card
    from ganzoo.metrics.evaluate import evaluate
    from ganzoo.training.checkpoint import raw_model

    if card:
        require_card(model, raw=raw)
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    with progress_shown() as progress:
        records = evaluate(raw_model(model) if raw else model, dataset, names or None, progress=progress, **options)
    if card:
        record_scores(model, records)
    if as_json:
        return print_json(records)
    print_table(("SCORE", "VALUE", "OF", "IMAGES", "PROTOCOL"), [row for record in records for row in _rows(record)])
    for note in dict.fromkeys(note for record in records for note in record["notes"]):
        print_note(note)


def _rows(record: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """A score and, below it, its parts."""
    yield record["title"], _value(record), record["subject"], record["fake"]["count"], record["protocol_id"]
    for name, value in record["parts"].items():
        yield f"  {name}", f"{value:.5g}", "", "", ""


def _value(record: dict[str, Any]) -> str:
    deviation = "" if record["deviation"] is None else f" ± {record['deviation']:.3g}"
    return f"{record['value']:.5g}{deviation}"
