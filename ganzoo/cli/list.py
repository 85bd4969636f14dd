"""``ganzoo list``"""

from __future__ import annotations

import click

from ganzoo.cli._output import print_json, print_table

KINDS = (
    "variants", "models", "datasets", "losses", "penalties", "augments", "networks", "games", "extractors", "metrics",
    "protocols",
)  # fmt: skip


@click.command()
@click.argument("pattern", default="*")
@click.option("--kind", type=click.Choice(KINDS), default="variants", show_default=True, help="What to list.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(pattern: str, kind: str, as_json: bool) -> None:
    """List what there is by name; PATTERN is a shell pattern.

    \b
    ganzoo list
    ganzoo list 'wgan*'
    ganzoo list --kind losses
    """
    from ganzoo.listing import entries

    rows = entries(kind, pattern)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(list(rows[0]), [["" if cell is None else cell for cell in row.values()] for row in rows])
    else:
        click.echo(f"there are no {kind} yet")
