"""The package's own words: its Python interface, its commands, and every component by name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click
import equations

import ganzoo
from ganzoo.cli import ganzoo as command_line
from ganzoo.config import Component
from ganzoo.listing import describe, entries

PYTHON = """\
# Python

`import ganzoo` gives these names, and imports torch when one of them needs it. Images are float tensors (N, C, H, W) in
[-1, 1] wherever nothing else is said.
"""
COMMANDS = """\
# Commands

Every command says what is wrong in one sentence and ends with code 1; `-h` shows what stands here.
"""
COMPONENTS = {
    "losses": "Adversarial losses are pairs of functions of logits. Chosen by `-o loss=NAME`.",
    "penalties": "Penalties smooth the discriminator. Chosen by `-o 'penalties=[{name: NAME, weight: 10}]'`.",
    "augments": "Augmentations change what the discriminator sees, real and generated alike: `-o augment=NAME`.",
    "games": "A game says which networks play, in which turns, and what each minimises.",
    "networks": "Networks by name, with the options that `-o networks.generator.OPTION=VALUE` sets.",
    "datasets": "Named data sets. `ganzoo data info NAME` tells licences, sources and checksums.",
    "extractors": "The networks that [scores](../scores.md) look through.",
}
ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")


def pages() -> dict[str, str]:
    """The pages by their paths."""
    kinds = {f"reference/{kind}.md": _kind(kind, text) for kind, text in COMPONENTS.items()}
    return {"reference/python.md": python(), "reference/commands.md": commands()} | kinds


def python() -> str:
    """What ``import ganzoo`` offers, with signatures and docstrings."""
    parts = [PYTHON]
    for name in ganzoo.__all__:
        thing = getattr(ganzoo, name)
        parts += [f"## {name}", *_documented(f"ganzoo.{name}", thing)]
        if inspect.isclass(thing) and not issubclass(thing, Exception):
            for method, function in _methods(thing):
                parts += [f"### {name}.{method}", *_documented(f"{name.lower()}.{method}", function)]
    return "\n\n".join(parts) + "\n"


def commands() -> str:
    """Each command's help."""
    parts = [COMMANDS]
    for name, command in _commands(command_line):
        with click.Context(command, info_name=f"ganzoo {name}", max_content_width=100, terminal_width=100) as context:
            parts += [f"## ganzoo {name}", f"```text\n{command.get_help(context)}\n```"]
    return "\n\n".join(parts) + "\n"


def markdown(doc: str) -> str:
    """A docstring as Markdown: names as code, brackets as they are."""
    pieces = re.split(r"(``.+?``)", ROLE.sub(r"``\1``", doc))
    return "".join(
        f"`{each[2:-2]}`" if each.startswith("``") else re.sub(r"([\[\]<*_])", r"\\\1", each) for each in pieces
    )


def _commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")
        elif command:
            yield f"{prefix}{name}", command


def _methods(thing: type) -> list[tuple[str, Any]]:
    return [(name, each) for name, each in vars(thing).items() if not name.startswith("_") and inspect.getdoc(each)]


def _documented(name: str, thing: Any) -> Iterator[str]:
    if callable(thing) and not (inspect.isclass(thing) and issubclass(thing, Exception)):
        yield f"```python\n{_call(name, thing)}\n```"
    yield markdown(inspect.getdoc(thing) or "")


def _call(name: str, thing: Any) -> str:
    """A signature, an argument to a line where there are several."""
    found = inspect.signature(thing)
    given, starred = [], False
    for each in found.parameters.values():
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and not starred:
            given, starred = [*given, "*"], True
        starred = starred or each.kind is each.VAR_POSITIONAL
        given.append(_argument(each))
    end = "" if inspect.isclass(thing) else f" -> {found.return_annotation}"
    body = f"\n    {(',' + chr(10) + '    ').join(given)},\n" if len(", ".join(given)) > 70 else ", ".join(given)
    return f"{name}({body}){end}"


def _argument(parameter: inspect.Parameter) -> str:
    text = f"{'**' if parameter.kind is parameter.VAR_KEYWORD else ''}{parameter.name}: {parameter.annotation}"
    return text if parameter.default is parameter.empty else f"{text} = {parameter.default!r}"


def _kind(kind: str, text: str) -> str:
    if kind == "datasets":
        body = _datasets()
    else:
        body = "\n\n".join(part for row in entries(kind) for part in _component(kind, row["name"]))
    return f"# {kind.capitalize()}\n\n{text}\n\n{body}\n"


def _component(kind: str, name: str) -> Iterator[str]:
    facts = describe(name, kind=kind)
    yield f"## {name}"
    if kind == "losses":
        yield from (f"$$\n{player} = {term}\n$$" for player, term in equations.adversarial(name))
    elif kind == "penalties":
        term, where = equations.penalty(Component(name=name))
        yield f"$$\n{term}\n$$\n\n{where}" if term else ""
    yield markdown(facts["doc"])
    options = {key: value for key, value in facts["options"].items() if key not in ("config", "networks")}
    if options:
        yield "Options: " + ", ".join(f"`{key}`{_default(value)}" for key, value in options.items()) + "."


def _default(value: object) -> str:
    return "" if value == "required" else f" = `{value}`"


def _datasets() -> str:
    lines = ["| name | what | images | pixels | classes |", "|---|---|---|---|---|"]
    for row in entries("datasets"):
        images = f"{row['images']:,}" if row["images"] else ""
        lines.append(f"| `{row['name']}` | {row['title']} | {images} | {row['resolution']} | {row['classes'] or ''} |")
    return "\n".join(lines)
