"""What a variant may say, and how its values meet a data set, a machine and a user's wishes.

Merge order: variant ← preset of the data set's family ← machine preset ← the user's overrides. Every
value's origin is kept, so ``ganzoo info`` can say where each came from.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ganzoo.annealing import at, burnt_in, is_range, value_of
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.variants import one_line, parse_yaml, read_variant

UNBOUNDED = 2**40
"""The number of steps while --minutes is still measuring the rate."""


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Component(Strict):
    """A registered name with the keywords of its constructor; a bare name stands for itself."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def options(self) -> dict[str, Any]:
        """The constructor's keywords."""
        return dict(self.model_extra or {})


class Paper(Strict):
    """Where a variant is defined."""

    url: str
    section: str = ""
    authors: str = ""
    year: int | None = None


class Latent(Strict):
    """The generator's input: ``size`` numbers, normal(0, 1), uniform in [-1, 1) or normal cut off at ``bound``."""

    size: int = Field(gt=0)
    distribution: Literal["normal", "uniform", "truncated-normal"] = "normal"
    bound: float = Field(2.0, gt=0)


def _positive(given: Any) -> Any:
    value = value_of(given)
    if min(at(value, 0), at(value, 1)) <= 0:
        raise ValueError("it should be greater than 0")
    return value


class Optimizer(Component):
    """A torch optimizer and its keywords, which may be ranges. weight_clip: bound on each weight, after a step."""

    lr: Annotated[Any, BeforeValidator(_positive)]
    weight_clip: float | None = Field(None, gt=0)


class Schedule(Strict):
    """How long and in what rhythm a game is played. ema: decay per step of the averaged generator, 0 = none.

    ema_ramp: whether the decay rises from 0 in the first steps; "burn-in": its half-life does, with the burn-in.
    burn_in: share of the steps in which ranges, {from: 2, to: 0.2}, go from their start to their end.
    lr_steps: for lr_decay "steps", pairs of a share of the steps and the rate's factor from there on.
    eval_every: steps between scores of ``eval_samples`` images through ``eval_extractor``; or evaluations: how
    many there are over the whole length, however long it becomes.
    """

    steps: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    discriminator_steps: int = Field(1, gt=0)
    lr_decay: Literal["none", "linear", "exponential", "steps"] = "none"
    lr_steps: list[tuple[float, float]] = []
    lr_decay_start: float = Field(0.0, ge=0, lt=1)
    lr_final: float = Field(0.0, ge=0, le=1)
    ema: float = Field(0.999, ge=0, lt=1)
    ema_ramp: Literal[True, False, "burn-in"] = True
    burn_in: float = Field(1.0, gt=0, le=1)
    clip_gradients: float | None = Field(None, gt=0)
    log_every: int = Field(50, gt=0)
    sample_every: int = Field(1000, gt=0)
    checkpoint_every: int = Field(1000, gt=0)
    eval_every: int | None = Field(None, gt=0)
    evaluations: int | None = Field(None, gt=0)
    eval_samples: int = Field(5000, ge=2)
    eval_extractor: str | None = None

    def burnt_in(self, step: int) -> float:
        """How far the burn-in has come in a step, from 0 to 1."""
        return burnt_in(step, self.burn_in * self.steps)


class Config(Strict):
    """A variant merged with everything that decides what is built and how it trains.

    resolution: height of the images, and their width, unless ``width`` says otherwise in games between images.
    mirror: flip half of the images. jitter: enlarge images by this factor and cut the old size out at random.
    direction: from which side of its data a game translates to which; None for games that do not translate.
    captions: examples of the texts a model draws, the data's longest among them.
    """

    name: str = Field(pattern=r"^[^/\\]+$")  # folders are called by it
    title: str
    paper: Paper | None = None
    game: Component
    networks: dict[str, Component]
    loss: Component
    penalties: list[Component] = []
    augment: Component | None = None
    latent: Latent | None = None
    conditional: bool = False
    optimizers: dict[str, Optimizer]
    schedule: Schedule
    resolution: int = Field(gt=0)
    width: int | None = Field(None, gt=0)
    image_channels: int = Field(3, ge=1, le=4)
    classes: list[str] = []
    captions: list[str] = []
    mirror: bool = False
    jitter: float = Field(1.0, ge=1, le=2)
    direction: Literal["AtoB", "BtoA"] | None = None
    deviations: list[str] = []

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.resolution, self.width or self.resolution

    @property
    def num_classes(self) -> int:
        """Number of labels the networks see, 0 for an unconditional variant."""
        return len(self.classes) if self.conditional else 0


@dataclass(frozen=True)
class Resolved:
    """A configuration with the origin of each of its values, by dotted key."""

    config: Config
    origins: dict[str, str]

    def origin(self, key: str) -> str:
        """Where a value came from; "default" where nobody gave one. ``loss: hinge`` gives ``loss.name``."""
        return self.origins.get(key) or self.origins.get(key.removesuffix(".name"), "default")


def resolve(
    variant: str | Path | Mapping[str, Any],
    *,
    family: str | None = None,
    preset: str | None = None,
    dataset: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Resolved:
    """Merge a variant with the presets for a data set's family and a machine, the data's facts and overrides.

    dataset: values the data decides (image_channels, classes). overrides: dotted keys to values.
    Raises GanzooError naming the key that is wrong and the ones that are allowed.
    """
    layers = dict(read_variant(str(variant)) if isinstance(variant, str | Path) else variant)
    given = "a configuration without a name" if isinstance(variant, Mapping) else variant
    name = f"{layers.get('name', given)!s:.200}"
    presets, machines = layers.pop("presets", None) or {}, layers.pop("machine_presets", None) or {}
    if preset is not None and preset not in machines:
        raise UnknownName(f"preset of {name}", preset, machines)
    merge = _Merge()
    merge.add(layers, f"variant {name}")
    merge.add(dict(dataset or {}), "data set")
    merge.add(presets.get(family) or {}, f"preset {family}")
    merge.add(machines.get(preset) or {}, f"preset {preset}")
    for key, value in (overrides or {}).items():
        merge.add({key: value}, "command line")
    return Resolved(_validate(merge.values, name), merge.origins)


def parse_overrides(items: Iterable[str]) -> dict[str, Any]:
    """``["schedule.batch_size=128"]`` -> ``{"schedule.batch_size": 128}``; values are YAML."""
    parsed = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise GanzooError(f"override '{item}' is not of the form key=value, e.g. schedule.batch_size=128")
        try:
            parsed[key.strip()] = parse_yaml(text)
        except yaml.YAMLError as error:
            raise GanzooError(f"override '{item}': the value is not valid YAML ({one_line(error)})") from error
    return parsed


def flatten(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested mappings; lists, ranges and empty mappings are values."""
    if isinstance(values, Mapping) and (values or not prefix) and not is_range(values):
        for key, value in values.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, values


def settings(config: Config) -> dict[str, Any]:
    """What decides how a variant plays, by dotted key: all but its name and its prose."""
    values = config.model_dump(mode="json", exclude={"name", "title", "paper", "deviations"})
    return dict(flatten(values))


def changes(before: Config, after: Config) -> dict[str, dict[str, Any]]:
    """The settings that differ, by dotted key, each ``{"from": …, "to": …}``; None where there is none."""
    one, other = settings(before), settings(after)
    keys = [key for key in dict.fromkeys([*one, *other]) if one.get(key) != other.get(key)]
    return {key: {"from": one.get(key), "to": other.get(key)} for key in keys}


class _Merge:
    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}

    def add(self, layer: Mapping[str, Any], origin: str) -> None:
        # A component's name first: another component takes none of the old one's keywords.
        for key, value in sorted(flatten(layer), key=lambda item: not item[0].endswith(".name")):
            self._set(key, value, origin)

    def _set(self, key: str, value: Any, origin: str) -> None:
        *path, last = key.split(".")
        place = self.values
        for part in path:
            below = place.setdefault(part, {})
            # `loss: hinge` and `loss: {name: hinge}` are the same.
            if isinstance(below, str):
                below = place[part] = {"name": below}
            if not isinstance(below, dict):
                raise GanzooError(f"'{key}' cannot be set: '{part}' holds {below!r}, which has no keys of its own")
            place = below
        if path and last == "name" and place.get("name") not in (None, value):
            place.clear()
            self._forget(".".join(path))
        if isinstance(place.get(last), dict):
            self._forget(key)
        place[last] = value
        self.origins[key] = origin

    def _forget(self, key: str) -> None:
        for old in [old for old in self.origins if old.startswith(f"{key}.")]:
            del self.origins[old]


def _validate(values: Mapping[str, Any], name: str) -> Config:
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise GanzooError(f"{name}: {sentence(error)}") from error


def sentence(error: ValidationError) -> str:
    """The first thing that is wrong, in words."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *parents, last = first["loc"]
        place = f" of {'.'.join(map(str, parents))}:" if parents else ""
        return str(UnknownName(f"key{place}", str(last), _allowed(parents)))
    if first["type"] == "missing":
        return f"'{key}' is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"'{key}' is {reprlib.repr(first['input'])}: {message[0].lower()}{message[1:]}"


def _allowed(parents: list[Any]) -> list[str]:
    """The keys of the model at a place in the schema."""
    model: Any = Config
    for part in parents:
        annotation = model.model_fields[part].annotation if part in getattr(model, "model_fields", {}) else model
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), model)
    return sorted(getattr(model, "model_fields", {}))
