"""``ganzoo cache``"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from ganzoo.cli._output import print_json, print_table
from ganzoo.errors import GanzooError

pattern = click.argument("name", default="*")


@click.group(name="cache")
def command() -> None:
    """What ganzoo keeps: prepared data, downloads, statistics, weights, models from the hub.

    \b
    ganzoo cache list
    ganzoo cache verify
    ganzoo cache clear 'mnist*'
    """


@command.command(name="list")
@pattern
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(name: str, as_json: bool) -> None:
    """Sizes and last uses; NAME is a shell pattern.

    \b
    ganzoo cache list
    """
    from ganzoo.cache import kept
    from ganzoo.home import ganzoo_home

    items = kept(name)
    if as_json:
        return print_json([asdict(item) | {"path": str(item.path)} for item in items])
    rows = [(i.kind, i.name, _size(i.bytes), f"{datetime.fromtimestamp(i.used):%Y-%m-%d %H:%M}") for i in items]
    if rows:
        print_table(("KIND", "NAME", "SIZE", "LAST USED"), rows)
    click.echo(f"{_size(sum(item.bytes for item in items))} in {ganzoo_home()}")


@command.command()
@pattern
def verify(name: str) -> None:
    """Read everything and compare it with its checksums; exit code 1 if something is damaged.

    \b
    ganzoo cache verify
    """
    from ganzoo.cache import kept, what_is_wrong

    items = kept(name)
    wrong = {item: what_is_wrong(item) for item in items}
    print_table(("KIND", "NAME", "STATE"), [(item.kind, item.name, wrong[item] or "good") for item in items])
    if bad := [item.name for item in items if wrong[item]]:
        raise GanzooError(f"{len(bad)} of {len(items)} are damaged; run: ganzoo cache clear {bad[0]}")


@command.command()
@pattern
@click.option("--yes", is_flag=True, help="Needed to remove everything.")
def clear(name: str, yes: bool) -> None:
    """Remove what NAME, a shell pattern, names.

    \b
    ganzoo cache clear 'mnist*'
    """
    from ganzoo import cache

    items = cache.kept(name)
    if items and name == "*" and not yes:
        size = _size(sum(item.bytes for item in items))
        raise GanzooError(f"this would remove all {len(items)} items, {size}; add --yes, or name some of them")
    for item in items:
        cache.clear(item)
        click.echo(f"removed {item.kind} {item.name} ({_size(item.bytes)})")


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
