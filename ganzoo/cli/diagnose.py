"""``ganzoo diagnose``"""

from __future__ import annotations

import click

from ganzoo.cli._output import print_json


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run: str, as_json: bool) -> None:
    """Say in words what happened in RUN, a training's folder, and what to try next.

    \b
    ganzoo diagnose runs/dcgan-photos-1
    """
    from ganzoo.report.diagnose import diagnose, in_words

    diagnosis = diagnose(run)
    if as_json:
        print_json(diagnosis.as_json())
    else:
        click.echo(in_words(diagnosis))
