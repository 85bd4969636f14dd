"""A page for each variant: paper, game, losses, networks, settings, deviations, results and pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any

import equations
import torch
from diagrams import diagram

from ganzoo.benchmark.formats import measured
from ganzoo.benchmark.results import ENDING, read_results
from ganzoo.benchmark.tables import Table, reported, tables
from ganzoo.config import Config, flatten, resolve
from ganzoo.games.base import Game, create_game
from ganzoo.listing import describe, entries
from ganzoo.registry import GAMES, NETWORKS
from ganzoo.variants import list_variants, read_variant
from ganzoo.weights import bundled_models

DOCS = Path(__file__).parents[1]
RESULTS = DOCS.parent / "benchmarks" / "results"
SEED = "-seed-0"
DATA = {"classes": [str(i) for i in range(10)], "image_channels": 3}
# Weights that are not needed to count parameters, and slow to make or not at hand.
WITHOUT = {"feature_weights": "random", "spectral_norm": False}
INDEX = """\
# Variants

Each is a YAML file whose defaults are its paper's: networks, losses, rates, batch, length. Where ganzoo differs from
the paper, the page says so under *Deviations*. Sizes are those of the defaults.

| name | what | year | parameters: making, judging | labels |
|---|---|---|---|---|
"""


def pages() -> dict[str, str]:
    """The pages by their paths, an overview first."""
    each = {f"variants/{name}.md": page(name) for name in list_variants()}
    return {"variants/index.md": INDEX + "".join(map(_row, list_variants()))} | each


def page(name: str) -> str:
    """A variant's page."""
    config = configuration(name)
    sections = [_head(name, config), *_shown(name), "## The game", *_game(name, config)]
    sections += ["## What is minimised", *_losses(config), "## Networks", _networks(name, config)]
    sections += ["## Settings", *_settings(name), *_deviations(config), *_results(name)]
    return "\n\n".join(sections) + "\n"


def configuration(name: str) -> Config:
    """A variant's defaults on labelled colour images."""
    return resolve(name, dataset=DATA | {"captions": ["a red seven"]}).config


@cache
def built(name: str) -> Game:
    """A variant's game with networks that have sizes but no content."""
    variant = read_variant(name)
    kind = variant["game"] if isinstance(variant["game"], str) else variant["game"]["name"]
    overrides = {f"game.{key}": value for key, value in _taken(GAMES.get(kind))}
    for player, network in variant["networks"].items():
        component = network if isinstance(network, str) else network["name"]
        overrides |= {f"networks.{player}.{key}": value for key, value in _taken(NETWORKS.get(component))}
    config = resolve(name, dataset=DATA | {"captions": ["a red seven"]}, overrides=overrides).config
    with torch.device("meta"):
        return create_game(config)


def _taken(constructor: Any) -> Iterator[tuple[str, Any]]:
    keywords = signature(constructor).parameters
    return ((key, value) for key, value in WITHOUT.items() if key in keywords)


def _row(name: str) -> str:
    game, paper = built(name), read_variant(name).get("paper") or {}
    making, judging = (
        sum(_count(game, network) for network in configuration(name).networks if chosen(network))
        for chosen in (lambda network: network in game.sampled, lambda network: network not in game.sampled)
    )
    title, labels = read_variant(name)["title"], "yes" if configuration(name).conditional else ""
    sizes = f"{_millions(making)}, {_millions(judging)}"
    return f"| [`{name}`]({name}.md) | {title} | {paper.get('year', '')} | {sizes} | {labels} |\n"


def _head(name: str, config: Config) -> str:
    lines = [f"# {config.title}"]
    if paper := config.paper:
        source = f"{paper.authors} {paper.year or ''}".strip()
        lines.append(f"{source}: [{paper.url.removeprefix('https://')}]({paper.url}). {paper.section}.")
    lines.append(f"```sh\nganzoo info {name} --preset cpu\nganzoo train {name} --dataset DATASET --preset cpu\n```")
    return "\n\n".join(lines)


def _shown(name: str) -> Iterator[str]:
    """Pictures of what the variant made, the bundled models' first, those of benchmarks last."""
    made = [model for model, folder in bundled_models().items() if _variant_of(folder) == name]
    figures = [_figure(f"../models/{model}.png", f'<a href="../models/{model}.html">{model}</a>') for model in made]
    for file in sorted((DOCS / "images").glob(f"{name}-*.png")):
        if _belongs(file.stem, name):
            data = file.stem.removeprefix(f"{name}-")
            figures.append(_figure(f"../images/{file.name}", f"trained on <code>{data}</code>"))
    for path, file in pictures().items():
        result = _result_of(file)
        if result["variant"] == name:
            caption = f"<code>{file.stem.removesuffix(SEED)}</code> of the suite <code>{result['suite']}</code>"
            figures.append(_figure(f"../{path}", caption))
    if figures:
        yield f'<div class="gallery">{"".join(figures)}</div>'


def pictures() -> dict[str, Path]:
    """What rows of benchmarks made, the first seed of each, by their paths."""
    files = [file for file in sorted(RESULTS.glob(f"*/*{SEED}.png")) if file.with_suffix(ENDING).is_file()]
    return {f"variants/{file.parent.name}-{file.name}": file for file in files}


def _result_of(picture: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(picture.with_suffix(ENDING).read_text(encoding="utf-8"))
    return result


def _belongs(stem: str, name: str) -> bool:
    """Whether a picture is this variant's and not that of one with a longer name: wgan, wgan-gp."""
    return max((each for each in list_variants() if stem.startswith(f"{each}-")), key=len) == name


def _figure(picture: str, caption: str) -> str:
    return f'<figure><img src="{picture}" alt="samples"><figcaption>{caption}</figcaption></figure>'


def _variant_of(folder: Path) -> str:
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return str(stored["config"]["name"])


def _game(name: str, config: Config) -> Iterator[str]:
    yield diagram(config)
    (entry,) = entries("games", config.game.name)
    yield f"`{config.game.name}`: {entry['description']}"
    turns = [
        f"the {turn.player} moves {_times(turn.repeat)}{'' if turn.every == 1 else f' in every {turn.every}th step'}"
        for turn in built(name).turns
    ]
    yield f"In each step {', then '.join(turns)}."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _losses(config: Config) -> Iterator[str]:
    yield f"Loss `{config.loss.name}`. {equations.MEANING}"
    yield from (_display(f"{player} = {term}") for player, term in equations.adversarial(config.loss.name))
    yield equations.factor(config)
    for component in config.penalties:
        term, where = equations.penalty(component)
        yield f"Penalty `{component.name}`, added to the discriminator's loss{_interval(component.options)}:"
        yield _display(term) if term else ""
        yield f"with {where}." if where else ""
    for player, term in equations.game_terms(config):
        yield f"The game adds to ${player}$:"
        yield _display(term)
    yield equations.NOTATION.get(config.game.name, "")
    if config.augment:
        (entry,) = entries("augments", config.augment.name)
        yield f"The discriminator sees images through the augmentation `{config.augment.name}`: {entry['description']}"


def _display(latex: str) -> str:
    return f"$$\n{latex}\n$$"


def _interval(options: dict[str, Any]) -> str:
    interval = options.get("interval", 1)
    return f" in every {interval}th step with {interval} times the weight" if interval > 1 else ""


def _networks(name: str, config: Config) -> str:
    lines = ["| player | network | parameters | what |", "|---|---|---|---|"]
    for player, component in config.networks.items():
        (entry,) = entries("networks", component.name)
        size = _millions(_count(built(name), player))
        description = entry["description"].replace("|", r"\|").replace("[", r"\[")
        lines.append(f"| {player.replace('_', ' ')} | `{component.name}` | {size} | {description} |")
    size = "{} × {}".format(*config.size)
    classes = " of ten classes" if config.conditional else ""
    return "\n".join(lines) + f"\n\nWith the defaults, for colour images of {size} pixels{classes}."


def _count(game: Game, player: str) -> int:
    return sum(parameter.numel() for parameter in game.get_submodule(player).parameters())


def _millions(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e5 else f"{count:,}"


def _settings(name: str) -> Iterator[str]:
    facts = describe(name, kind="variants")
    presets = facts["machine_presets"]
    yield (
        "Defaults are the paper's where `origin` names the variant, else ganzoo's own; machine presets (`--preset`) "
        "stand in columns of their own. Any value can be set: `-o key=value`."
    )
    rows = [
        [f"`{key}`", _value(entry["value"]), *(_changed(presets[each], key) for each in presets), entry["origin"]]
        for key, entry in facts["configuration"].items()
    ]
    added = {key: None for each in presets.values() for key in each if key not in facts["configuration"]}
    rows += [[f"`{key}`", "", *(_changed(presets[each], key) for each in presets), ""] for key in added]
    yield '??? note "All values"\n\n' + _indented(_table(["key", "default", *presets, "origin"], rows))
    if changes := list(_dataset_presets(name)):
        yield "Data sets change, without being asked:"
        yield _table(["data", "changes"], changes)


def _dataset_presets(name: str) -> Iterator[list[str]]:
    for family, preset in (read_variant(name).get("presets") or {}).items():
        yield [f"`{family}`", ", ".join(f"`{key}` {_value(value)}" for key, value in flatten(preset))]


def _changed(preset: dict[str, Any], key: str) -> str:
    return _value(preset[key]["to"]) if key in preset else ""


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if text not in ("", "null") else "none"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _deviations(config: Config) -> Iterator[str]:
    yield "## Deviations"
    yield "\n".join(f"- {line}" for line in config.deviations) or "None known."


@cache
def _tables() -> list[Table]:
    return tables(read_results([RESULTS])) if any(RESULTS.rglob(f"*{ENDING}")) else []


def _results(name: str) -> Iterator[str]:
    measurements = [
        [table.title, row.name + row.marks, *(measured(row.last[metric.name]),), metric.title, table.dataset]
        for table in _tables()
        for row in table.rows
        for metric in table.metrics
        if row.variant == name and metric.name in row.last
    ]
    literature = [
        [each.dataset, each.metric, each.value, f"[{each.source}]({each.url})", each.protocol]
        for each in reported()
        if each.variant == name
    ]
    if measurements or literature:
        yield "## Results"
    if measurements:
        yield "Measured here, at budgets that [the tables](../benchmarks.md) state:"
        yield _table(["suite", "row", "score", "metric", "data"], measurements)
    if literature:
        yield "Reported elsewhere, by protocols of their own: not comparable with ours, or with each other."
        yield _table(["data", "metric", "value", "source", "protocol"], literature)
