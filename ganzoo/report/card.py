"""The model card: what a model is, what it was trained on and how, and what may be done with it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from ganzoo.config import Config, Paper
from ganzoo.games.translation import from_images
from ganzoo.registry import GAMES
from ganzoo.report.template import render
from ganzoo.words import duration, number, plural

WEIGHTS_LICENCE = "Apache-2.0"
# Words by which a licence text restricts what a model of the data may be used for.
RESTRICTED = ("non-commercial", "noncommercial", "research", "by-nc", "educational")
MOST_CLASSES = 20
PLACE = "path/to/this/folder"
BETTER = {"lower": " ↓", "higher": " ↑"}
Rows = Iterator[tuple[str, str]]


def model_card(config: Config, facts: Mapping[str, Any], *, name: str = PLACE) -> str:
    """A model's README.md, with the front matter that model hubs read.

    facts: ``data``, ``run`` (with ``command``), ``steps``, ``images_seen``, ``seconds``, ``cpu_seconds``,
    ``hardware``, ``versions``, ``weights`` (``parameters``, ``dtype``), ``scores`` (records with ``metric``,
    ``value``, ``protocol``), ``known_failures`` (sentences); any may be missing. name: what loads it.
    """
    facts = {key: value for key, value in facts.items() if value is not None}
    data, run = facts.get("data") or {}, facts.get("run") or {}
    wish = _wish(config)
    return render(
        "card.md",
        front_matter=yaml.safe_dump(_front_matter(config, data), sort_keys=False, allow_unicode=True).strip(),
        title=f"{config.title}, trained on {_data_name(data)}",
        summary=_summary(config, data),
        place=name,
        shown=_shown(config),
        wish_option="".join(f", {name}={json.dumps(value)}" for name, value in wish.items()),
        wish_flag="".join(f" --{name} {shlex.quote(value)}" for name, value in wish.items()),
        translates=from_images(config.game.name),
        given=_shape(config, _scale(config)),
        shape=_shape(config),
        classes=_listing(config.classes) if config.conditional else "",
        training=_table(_training(config, facts, run)),
        commands=list(_commands(config, facts, run)),
        data=_table(_data(data)),
        licence=_licence(data),
        deviations=config.deviations,
        **_scores(facts.get("scores") or ()),
        limits=list(_limits(config, facts, run)),
        failures=list(facts.get("known_failures") or ()),
    )


def in_short(config: Config, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The card's main facts, as names and values."""
    data, short = facts.get("data") or {}, {"images seen", "steps", "time", "hardware", "weights"}
    rows = [("method", config.title), ("trained on", _data_name(data) if data else "")]
    rows += [row for row in _training(config, facts, facts.get("run") or {}) if row[0] in short]
    rows += [(str(score["title"]), f"{_value(score)} ({score['protocol']})") for score in _own(facts)]
    rows += [("labels", _listing(config.classes) if config.conditional else ""), ("licence", _licence(data))]
    return [(name, value) for name, value in rows if value]


def _own(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The records of scores that are the model's and not those of real images."""
    return [record for record in facts.get("scores") or () if record.get("subject", "model") == "model"]


def research_only(licence: str) -> bool:
    """Whether a data set's licence, in words, keeps models of it from commercial use."""
    return any(word in licence.lower() for word in RESTRICTED)


def _front_matter(config: Config, data: Mapping[str, Any]) -> dict[str, Any]:
    short = _licence_in_short(data)
    licence = {"license": "apache-2.0"} if short == WEIGHTS_LICENCE else {"license": "other", "license_name": short}
    tags = ["gan", "image-generation", config.name, str(data.get("name") or ""), "pytorch"]
    return licence | {
        "library_name": "ganzoo",
        "pipeline_tag": _task(config),
        "tags": [tag for tag in dict.fromkeys(tags) if tag],
    }


def _licence_in_short(data: Mapping[str, Any]) -> str:
    """The licence of what was learned from data: Apache-2.0, ``research-only`` or ``terms-of-the-data``."""
    terms = data.get("licence")
    if not terms:
        return "terms-of-the-data"
    return "research-only" if research_only(terms) else WEIGHTS_LICENCE


def _task(config: Config) -> str:
    """What a model does, as model hubs call it."""
    if config.captions:
        return "text-to-image"
    return "image-to-image" if from_images(config.game.name) else "unconditional-image-generation"


def _wish(config: Config) -> dict[str, str]:
    """What a model can be asked for, for example."""
    if config.captions:
        return {"captions": config.captions[0]}
    return {"label": config.classes[0]} if config.conditional and config.classes else {}


def _summary(config: Config, data: Mapping[str, Any]) -> str:
    kind = {1: "gray", 3: "colour"}.get(config.image_channels, f"{config.image_channels}-channel")
    does = f"translator ({config.direction})" if config.direction else "generator"
    if _scale(config) > 1:
        does = f"×{_scale(config)} enlarger"
    if config.captions or config.conditional:
        does = f"{'text-to-image' if config.captions else 'class-conditional'} {does}"
    return (
        f"A {does} of {_size(config)} "
        f"{kind} images, trained on {_data_name(data)}. The method is {config.title}"
        f"{_source(config.paper)}; in ganzoo it is called `{config.name}`."
    )


def _source(paper: Paper | None) -> str:
    if paper is None:
        return ""
    who = " ".join(str(part) for part in (paper.authors, paper.year) if part) or paper.url
    return f" ([{who}]({paper.url}){f', {paper.section}' if paper.section else ''})"


def _scale(config: Config) -> int:
    """How many times as large as what it is given its images are."""
    return int(config.game.options.get("scale", 1))


def _shape(config: Config, scale: int = 1) -> tuple[int, ...]:
    return 16, config.image_channels, *(side // scale for side in config.size)


def _data_name(data: Mapping[str, Any]) -> str:
    return str(data.get("label") or data.get("name") or "unnamed data")


def _training(config: Config, facts: Mapping[str, Any], run: Mapping[str, Any]) -> Rows:
    if "steps" in facts:
        yield "steps", f"{facts['steps']:,} of {config.schedule.steps:,}"
    if "images_seen" in facts:
        yield "images seen", f"{facts['images_seen']:,}"
    yield "batch size", str(config.schedule.batch_size)
    if "seconds" in facts:
        yield "time", duration(facts["seconds"])
    if "cpu_seconds" in facts:
        yield "processor time", duration(facts["cpu_seconds"])
    yield "hardware", facts.get("hardware", "")
    if weights := facts.get("weights"):
        yield "weights", f"{weights['parameters']:,} parameters, {weights['dtype']}"
    yield "precision", run.get("precision") or "fp32"
    yield "seed", str(run.get("seed") or 0)
    yield "preset", run.get("preset") or "none: the variant's own values"
    yield "averaged weights", f"decay {config.schedule.ema:g}" if config.schedule.ema else "none"
    yield "software", ", ".join(f"{name} {version}" for name, version in (facts.get("versions") or {}).items())


def _data(data: Mapping[str, Any]) -> Rows:
    yield "name", _data_name(data)
    yield "what it is", data.get("about") or ""
    yield "split", data.get("split") or ""
    yield "images", f"{data['count']:,}" if data.get("count") else ""
    yield "resolution", _resolution(data.get("resolution"))
    yield "classes", _listing(data.get("classes") or ())
    yield "licence", data.get("licence") or "not stated"
    yield "fingerprint", f"`{data['fingerprint']}`" if data.get("fingerprint") else ""


def _resolution(value: Any) -> str:
    sides = value if isinstance(value, list | tuple) else (value, value)
    return " × ".join(str(side) for side in sides) if value else ""


def _licence(data: Mapping[str, Any]) -> str:
    licence = data.get("licence")
    if not licence:
        return (
            f"{WEIGHTS_LICENCE} for the weights, subject to the terms of the data, which are not recorded: "
            "make sure that you may pass on what was learned from them."
        )
    if research_only(licence):
        return (
            f"For non-commercial research only: the training data's terms are “{licence}”, "
            "and the weights and their samples may not be used beyond them."
        )
    return f"{WEIGHTS_LICENCE} for the weights, subject to the data's terms: {licence}."


def _shown(config: Config) -> str:
    legend = GAMES.get(config.game.name).legend
    row = f" Each row: {legend}." if legend else ""
    if from_images(config.game.name):
        return f"Examples that were not trained on, where the data has such, none of them chosen.{row}"
    return f"Samples of seed 0, none of them chosen.{row}"


def _commands(config: Config, facts: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[str]:
    """What was typed, and where it named a time, what plays as many steps on any machine."""
    typed = str(run.get("command") or "")
    if typed:
        yield typed
    planned, played = config.schedule.steps, facts.get("steps", config.schedule.steps)
    counted = re.sub(r"--(cpu-)?minutes \S+", f"--steps {planned}", typed)
    if counted != typed:
        yield f"# as many steps on any machine\n{counted}" + (f" --stop-at {played}" if played < planned else "")


def _scores(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A row for each score of the model, with what real images and other comparisons reached beside it."""
    rows: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for record in records:
        subject, real = record.get("subject"), record.get("real") or {}
        scored = "this model" if subject in ("model", None) else str(subject)
        data = f"{real.get('dataset', '')} {real.get('split', '')}".strip()
        key = (str(record.get("title") or record.get("metric", "")), data, str(record.get("protocol", "")))
        rows.setdefault(key, {})[scored] = record
    subjects = list(dict.fromkeys(subject for row in rows.values() for subject in row))
    notes = dict.fromkeys(
        note if record.get("subject") in ("model", None) else f"{record['subject']}: {note}"
        for record in records
        for note in record.get("notes") or ()
    )
    return {
        "header": ["score", *subjects, "images", "compared with", "protocol"],
        "scores": [
            [title + _direction(row), *(_value(row.get(subject, {})) for subject in subjects), *_how(data, name, row)]
            for (title, data, name), row in rows.items()
        ],
        "notes": list(notes),
    }


def _direction(row: Mapping[str, Mapping[str, Any]]) -> str:
    return BETTER.get(next(iter(row.values())).get("best", ""), "")


def _value(record: Mapping[str, Any]) -> str:
    value, deviation = record.get("value", ""), record.get("deviation")
    text = number(value) if isinstance(value, float) else str(value)
    return text if deviation is None else f"{text} ± {number(deviation)}"


def _how(data: str, protocol: str, row: Mapping[str, Mapping[str, Any]]) -> tuple[str, str, str]:
    """How many images were compared with which, and by which protocol, of which the identity says all."""
    record = row.get("this model", {})
    count, identity = (record.get("fake") or {}).get("count"), record.get("protocol_id")
    return f"{count:,}" if count else "", data, f"{protocol} (`{identity}`)" if identity else protocol


def _size(config: Config) -> str:
    return " × ".join(map(str, config.size))


def _limits(config: Config, facts: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[str]:
    data, steps = facts.get("data") or {}, facts.get("steps", config.schedule.steps)
    if from_images(config.game.name):
        yield f"It learned from images of {_size(config)} pixels and of one kind; others may come out worse."
    else:
        yield f"It makes images of {_size(config)} pixels of the kind it was trained on, nothing else."
    if run.get("preset"):
        yield f"The `{run['preset']}` preset, by which it was trained, is smaller and shorter than the paper's setting."
    if steps < config.schedule.steps:
        yield f"Training ended at step {steps:,} of {config.schedule.steps:,}, so its schedules did not run out."
    if 0 < (data.get("count") or 0) <= 10_000:
        yield f"It saw only {plural(data['count'], 'different image')}; samples may resemble single ones closely."
    if not config.conditional and len(data.get("classes") or ()) > 1:
        yield "It was trained without labels: a sample's class cannot be asked for."
    yield "Samples carry the data's biases, cover it unevenly, and show nothing and nobody real."


def _table(rows: Rows) -> list[tuple[str, str]]:
    """Rows that say something, safe inside a Markdown table."""
    return [(name, str(value).replace("|", "\\|").replace("\n", " ")) for name, value in rows if value]


def _listing(names: Iterable[str]) -> str:
    names = [str(name) for name in names]
    rest = f" and {len(names) - MOST_CLASSES} more" if len(names) > MOST_CLASSES else ""
    return ", ".join(names[:MOST_CLASSES]) + rest
