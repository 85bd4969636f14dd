"""``ganzoo info``"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from ganzoo.cli._output import print_json, print_table
from ganzoo.cli.list import KINDS

WIDEST = 72


@click.command()
@click.argument("name")
@click.option("--dataset", metavar="NAME|PATH", help="Show a variant as this data set sets it up.")
@click.option("--preset", metavar="NAME", help="Show a variant as this machine preset sets it up, e.g. cpu.")
@click.option("-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a configuration value.")
@click.option("--kind", type=click.Choice(KINDS), help="Which one, where several things have the same name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str, overrides: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Tell what is known of NAME: a variant, loss, penalty, network, data set, model or a run's folder.

    \b
    ganzoo info wgan-gp --dataset cifar10
    ganzoo info dcgan --preset cpu -o schedule.batch_size=64
    ganzoo info hinge
    ganzoo info runs/wgan-gp-mnist-10k-1
    """
    from ganzoo.listing import describe

    if overrides:
        from ganzoo.config import parse_overrides

        options["overrides"] = parse_overrides(overrides)
    facts = describe(name, **options)
    if as_json:
        print_json(facts)
    else:
        _show(facts)


def _show(facts: dict[str, Any]) -> None:
    also, configuration = facts.pop("also"), facts.pop("configuration", {})
    presets = facts.pop("machine_presets", {})
    texts = {key: facts.pop(key) for key in ("doc", "card") if key in facts}
    if texts.get("card"):  # which has the scores in a table
        facts["facts"] = {key: value for key, value in facts["facts"].items() if key != "scores"}
    _print_facts(facts)
    for text in texts.values():
        click.echo(f"\n{text}".rstrip())
    if configuration:
        click.echo()
        print_table(
            ("key", "value", "origin"), [(k, _short(v["value"]), v["origin"]) for k, v in configuration.items()]
        )
    for preset, changes in presets.items():
        click.echo(f"\n--preset {preset} changes:")
        print_table(("key", "from", "to"), [(k, _short(v["from"]), _short(v["to"])) for k, v in changes.items()])
    for kind in also:
        click.echo(f"\nalso among the {kind}: ganzoo info {facts['name']} --kind {kind}")


def _print_facts(facts: Mapping[str, Any], indent: str = "", *, empty: bool = False) -> None:
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            click.echo(f"{indent}{key}:")
            _print_facts(value, f"{indent}  ", empty=key == "options")
        elif isinstance(value, list | tuple) and len(str(_text(value))) > WIDEST:
            click.echo(f"{indent}{key}:")
            for item in value:
                click.echo(f"{indent}  - {_text(item)}")
        elif empty or value not in (None, "", [], (), {}):
            click.echo(f"{indent}{key}: {_text(value)}")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 2]} …"
