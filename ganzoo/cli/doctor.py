"""``ganzoo doctor``"""

from __future__ import annotations

import click

from ganzoo.cli._output import print_json, print_table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Check the installation: versions, devices, folders, and combinations known to break.

    Exits with 1 if something is broken.

    \b
    ganzoo doctor
    ganzoo doctor --json > machine.json
    """
    from ganzoo.doctor import examine

    health = examine()
    if as_json:
        print_json(health.as_json())
    else:
        print_table(("what", "found"), list(health.facts.items()))
        for note in health.notes:
            click.echo(f"note: {note}")
        for trouble in health.troubles:
            click.echo(f"trouble: {trouble}")
        if not health.troubles:
            click.echo("nothing is wrong")
    context.exit(1 if health.troubles else 0)
