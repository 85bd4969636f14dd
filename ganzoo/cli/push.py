"""``ganzoo push``"""

from __future__ import annotations

import click


@click.command()
@click.argument("model")
@click.argument("name", metavar="hf-hub:ORG/NAME")
@click.option("--private", is_flag=True, help="If it is made now, for you and your organisation only.")
def command(model: str, name: str, private: bool) -> None:
    """Upload MODEL, a run's folder, a model directory or a name, to the Hugging Face hub, with its card.

    \b
    ganzoo push cats-model hf-hub:me/dcgan-cats
    """
    from ganzoo.hub import push

    click.echo(push(model, name, private=private))
