"""What was asked of a training, and what it comes to: variant, presets, data and wishes merged and checked."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, partial
from inspect import signature
from pathlib import Path
from typing import Any

import torch
import yaml

from ganzoo.config import UNBOUNDED, Component, Config, Resolved, resolve
from ganzoo.data.packed import PackedDataset
from ganzoo.data.prepare import open_dataset
from ganzoo.errors import GanzooError
from ganzoo.games.base import create_game
from ganzoo.progress import Progress
from ganzoo.registry import ADVERSARIAL, DATASETS, GAMES, NETWORKS, Registry
from ganzoo.training import distributed
from ganzoo.zoo import require_classes

# What leaving a flag out means, where that is not the configuration's to say.
DEFAULTS = {"seed": 0, "precision": "fp32", "accumulate": 1, "deterministic": False, "fit": "crop"}


@dataclass(frozen=True)
class Request:
    """What was asked of a training; None where nothing was said."""

    variant: str | Mapping[str, Any] | None = None
    dataset: str | None = None
    preset: str | None = None
    steps: int | None = None
    minutes: float | None = None
    cpu_minutes: float | None = None
    batch_size: int | None = None
    resolution: int | None = None
    width: int | None = None
    seed: int | None = None
    precision: str | None = None
    accumulate: int | None = None
    deterministic: bool | None = None
    fit: str | None = None
    direction: str | None = None
    init_from: str | None = None
    overrides: Mapping[str, Any] | None = None
    eval_every: int | None = None

    @property
    def seconds(self) -> float:
        """The training's length where it is given as time, else 0."""
        return 60 * (self.minutes or self.cpu_minutes or 0)

    def values(self) -> dict[str, Any]:
        """The configuration's overrides."""
        named = {
            "schedule.steps": self.steps,
            "schedule.batch_size": self.batch_size,
            "resolution": self.resolution,
            "width": self.width,
            "direction": self.direction,
            "schedule.eval_every": self.eval_every,
        }
        given = {key: value for key, value in named.items() if value is not None}
        for key, value in (self.overrides or {}).items():
            if given.get(key, value) != value:
                raise GanzooError(f"-o {key}={value} contradicts the flag that says {given[key]}; give one of them")
        return given | dict(self.overrides or {})


@dataclass(frozen=True)
class Plan:
    """A training that is fully decided."""

    request: Request
    resolved: Resolved
    dataset: PackedDataset

    @property
    def config(self) -> Config:
        return self.resolved.config

    @cached_property
    def held_out(self) -> PackedDataset:
        """The test split of its data, else val or train."""
        known = self.dataset.info["source"]["splits"]
        split = next(name for name in ("test", "val", *known) if name in known)
        return open_data(self.request, self.config, channels=self.config.image_channels, split=split)


def plan(request: Request, progress: Progress | None = None) -> Plan:
    """Decide everything a training needs, preparing the data; raises GanzooError for what cannot be done."""
    if not request.variant:
        raise GanzooError(
            "no variant was named; see `ganzoo list` and try e.g. `ganzoo train wgan-gp --dataset mnist-10k`"
        )
    if not request.dataset:
        raise GanzooError(
            "no data set was named; add --dataset with a name of `ganzoo data list` or a folder of images"
        )
    lengths = [name for name in ("steps", "minutes", "cpu_minutes") if getattr(request, name)]
    if len(lengths) > 1:
        raise GanzooError(f"{' and '.join(map(_flag, lengths))} both fix the length; give one of them")
    config = merge(request).config
    if config.direction and not GAMES.get(config.game.name).directions:
        raise GanzooError(f"{config.name} does not translate between two sides; leave the direction out")
    if config.width and not GAMES.get(config.game.name).directions:
        raise GanzooError(f"{config.name} makes square images; leave the width out")
    channels = config.image_channels if "image_channels" in request.values() else None
    with distributed.first_process_first():
        dataset = open_data(request, config, channels=channels, progress=progress, before=partial(_rehearse, request))
    facts = {"image_channels": dataset.channels, "classes": list(dataset.classes)}
    if "captions" in GAMES.get(config.game.name).fields:
        facts["captions"] = dataset.example_captions()
    resolved = merge(request, facts)
    resolved = with_steps(resolved, UNBOUNDED if request.seconds else resolved.config.schedule.steps)
    require_classes(resolved.config)
    _check_batch(resolved.config, request.accumulate or 1)
    return Plan(request, resolved, dataset)


def merge(request: Request, facts: Mapping[str, Any] | None = None) -> Resolved:
    """The configuration that a request comes to. facts: what its data decide, once they are known."""
    return resolve(
        request.variant or "",
        family=family(request.dataset or ""),
        preset=request.preset,
        dataset=facts,
        overrides=request.values(),
    )


def open_data(
    request: Request, config: Config, *, channels: int | None, split: str = "train", **options: Any
) -> PackedDataset:
    """A split of the data a training asks for, as its game needs them. options: of :func:`open_dataset`."""
    game = GAMES.get(config.game.name)
    return open_dataset(
        request.dataset or "",
        resolution=config.resolution,
        width=config.width,
        channels=channels,
        fit=request.fit or game.fit,
        split=split,
        kinds=game.kinds,
        **options,
    )


def _rehearse(request: Request) -> None:
    """Build the networks where they take no memory: what they refuse is refused before data are prepared."""
    named = request.dataset in DATASETS.names()
    classes = list(DATASETS.get(request.dataset or "").classes) if named else ["one", "other"]
    config = merge(request, {"image_channels": 3, "classes": classes}).config
    require_classes(config)
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # weights that are loaded go nowhere
        try:
            create_game(config)
        except Exception as error:
            # Somebody's own network may look at its weights, which are not there; it is built in earnest later.
            if isinstance(error, GanzooError) and error.__cause__ is None:
                raise


def with_steps(resolved: Resolved, steps: int) -> Resolved:
    """The configuration with schedules that span ``steps``; short runs log, sample and save more often."""
    schedule = resolved.config.schedule
    rhythm = {
        name: max(least, min(getattr(schedule, name), steps // times))
        for name, times, least in (("log_every", 40, 5), ("sample_every", 10, 1), ("checkpoint_every", 10, 1))
        if resolved.origins.get(f"schedule.{name}") != "command line"
    }
    if schedule.evaluations:
        rhythm["eval_every"] = -(-steps // schedule.evaluations)  # rounded up: the last one is at the end
    config = resolved.config.model_copy(update={"schedule": schedule.model_copy(update=rhythm | {"steps": steps})})
    return Resolved(config, resolved.origins)


def refuse_contradictions(request: Request, stored: Request, schedule: Mapping[str, Any]) -> None:
    """Refuse to resume a run with a flag that is not what it was started with; steps may grow, and data move."""
    for field in fields(request):
        if field.name == "dataset" and request.dataset not in DATASETS.names():  # what is in it is looked at later
            continue
        given, before = getattr(request, field.name), getattr(stored, field.name)
        if field.name == "steps" and given is not None:
            if given < schedule["steps"]:
                raise GanzooError(f"--steps {given} is below the run's {schedule['steps']}; to end early use --stop-at")
        elif given not in (None, {}) and given != (DEFAULTS.get(field.name) if before is None else before):
            raise GanzooError(
                f"{_flag(field.name)} {given} contradicts the run, which was started with "
                f"{'its default' if before is None else before}; leave it out, or start a new run with --init-from"
            )


def family(dataset: str) -> str | None:
    """The family of presets a data set belongs to, None for somebody's own images."""
    if dataset in DATASETS.names():
        return str(DATASETS.get(dataset).family)
    packed = Path(dataset, "dataset.json").is_file()
    return PackedDataset.open(dataset).family if packed else None


def command(request: Request) -> str:
    """The command line that makes a request."""
    variant = request.variant or ""
    words = ["ganzoo", "train", variant if isinstance(variant, str) else str(variant["name"])]
    for field in fields(request):
        value = getattr(request, field.name)
        if field.name not in ("variant", "overrides") and value not in (None, False):
            words += [_flag(field.name)] + ([] if value is True else [str(value)])
    for key, value in (request.overrides or {}).items():
        words += ["-o", f"{key}={yaml.safe_dump(value, default_flow_style=True).strip().removesuffix('...').strip()}"]
    return shlex.join(words)


def _check_batch(config: Config, accumulate: int) -> None:
    parts = accumulate * distributed.world_size()
    if accumulate < 1 or config.schedule.batch_size % parts:
        raise GanzooError(
            f"a batch of {config.schedule.batch_size} cannot be cut into {parts} equal parts "
            f"({distributed.world_size()} processes × {accumulate} accumulated); change --batch-size or --accumulate"
        )
    rows = config.schedule.batch_size // parts
    for name, group, key in _groups(config):
        if parts > 1 and rows % group:
            raise GanzooError(
                f"the {name} compares {group} images with each other, which pieces of {rows} images would change; "
                f"change --batch-size, --accumulate or -o {key}"
            )
    if accumulate > 1 and ADVERSARIAL.get(config.loss.name).batch_statistics:
        raise GanzooError(
            f"loss '{config.loss.name}' compares each image with its batch's mean, which --accumulate would cut into "
            "pieces; leave --accumulate out"
        )


def _groups(config: Config) -> Iterator[tuple[str, int, str]]:
    """Who compares how many images of a batch with each other, and where that is set."""
    for name, network in config.networks.items():
        yield name, _option(NETWORKS, network, "deviation_group") or 1, f"networks.{name}.deviation_group"
    if _option(GAMES, config.game, "matching"):
        yield "game", _option(GAMES, config.game, "group"), "game.group"
    if _option(GAMES, config.game, "mismatch"):
        yield "game", 2, "game.mismatch=0"


def _option(registry: Registry, component: Component, name: str) -> Any:
    """A component's option, given or by default; None if it has none such."""
    keyword = signature(registry.get(component.name)).parameters.get(name)
    return component.options.get(name, keyword and keyword.default)


def _flag(name: str) -> str:
    return "-o" if name == "overrides" else f"--{name.replace('_', '-')}"
