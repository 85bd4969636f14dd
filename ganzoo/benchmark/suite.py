"""What is compared with what: a suite's YAML, checked, and the jobs it comes to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError, field_validator, model_validator

from ganzoo.benchmark.results import Expected
from ganzoo.config import Strict
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.games.base import Game
from ganzoo.games.image import ImageGame
from ganzoo.games.superres import SuperresGame
from ganzoo.games.translation import ImageToImageGame, TranslationGame, from_images
from ganzoo.machine import check_precision
from ganzoo.metrics.evaluate import default_extractor
from ganzoo.metrics.features import maker_of
from ganzoo.metrics.judge import OF_MODELS
from ganzoo.metrics.protocol import PROTOCOLS, choose
from ganzoo.registry import GAMES, METRICS
from ganzoo.training.plan import Request, merge
from ganzoo.variants import list_variants, read_variant, read_yaml
from ganzoo.words import duration, plural

TAKES: dict[str, tuple[type[Game], str]] = {
    **dict.fromkeys(("ppl", "cas", "class-fid", "label-accuracy"), (ImageGame, "make images from noise")),
    **dict.fromkeys(("psnr", "ssim", "perceptual"), (ImageToImageGame, "make images from images")),
    **dict.fromkeys(("psnr-y", "ssim-y"), (SuperresGame, "enlarge")),
    "segmentation": (TranslationGame, "translate between two sides"),
}
"""Metrics that take models of one kind, and what those do; the others take any."""


class Budget(Strict):
    """What a training may use: processor seconds, or steps; neither means the variant's own schedule."""

    cpu_seconds: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> Budget:
        if self.cpu_seconds and self.steps:
            raise ValueError("cpu_seconds and steps both fix the length; give one of them")
        return self

    def __str__(self) -> str:
        if self.cpu_seconds:
            return f"{duration(self.cpu_seconds)} of processor time"
        return plural(self.steps, "step") if self.steps else "the variant's own schedule"


class Tested(Strict):
    """What models are scored on, where that is not what they train on."""

    dataset: str
    split: str | None = None


class Scoring(Strict):
    """What is measured, the first metric being the one that ranks, and how: a protocol by name or one's own values.

    sets: what is scored on instead of the training's data; each metric is then one of each of them.
    """

    metrics: list[str] = Field(default=["fid"], min_length=1)
    protocol: str | None = None
    extractor: str | None = None
    n: int | None = Field(default=None, gt=0)
    split: str | None = None
    sets: list[Tested] | None = Field(default=None, min_length=1)

    def options(self) -> dict[str, Any]:
        """The keywords of ``ganzoo.evaluate``."""
        return {key: value for key, value in self.model_dump().items() if value is not None}

    @field_validator("protocol")
    @classmethod
    def _frozen(cls, name: str | None) -> str | None:
        if name is not None and name not in PROTOCOLS:
            raise UnknownName("protocol", name, PROTOCOLS)
        return name

    @field_validator("extractor")
    @classmethod
    def _seen(cls, name: str | None) -> str | None:
        if name is not None:
            maker_of(name)
        return name

    @field_validator("metrics")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in METRICS.names():
                raise UnknownName("metric", name, METRICS.names())
        return names


class Cell(Strict):
    """A row of the table: a variant on a data set, with what is asked of it.

    name: the row's, its variant's if left out. evaluations: how often it is scored while it trains, for the best
    checkpoint. processes: under torchrun. expected: where it should land.
    """

    variant: str
    dataset: str
    name: str = Field("", pattern=r"^[\w.+-]*$")
    preset: str | None = None
    overrides: dict[str, Any] = {}
    direction: str | None = None
    resolution: int | None = None
    precision: str | None = None
    device: str = "auto"
    processes: int = Field(1, gt=0)
    seeds: list[int] = Field([0], min_length=1)
    budget: Budget = Budget()
    evaluations: int = Field(0, ge=0)
    scoring: Scoring = Scoring()
    expected: Expected | None = None

    @property
    def row(self) -> str:
        return self.name or self.variant

    @property
    def data(self) -> list[tuple[str, str | None]]:
        """The data it trains on and is scored on, with the splits that are named."""
        return [(self.dataset, self.scoring.split), *((each.dataset, None) for each in self.scoring.sets or ())]

    @property
    def enlarges(self) -> bool:
        """Whether it makes large images of small ones."""
        return from_images(self.game) and not GAMES.get(self.game).directions

    @property
    def game(self) -> str:
        """The variant's game by name."""
        game = read_variant(self.variant)["game"]
        return str(game if isinstance(game, str) else game["name"])

    @property
    def extractor(self) -> str:
        """What scores look through."""
        named = PROTOCOLS[self.scoring.protocol].extractor if self.scoring.protocol else self.scoring.extractor
        return named or default_extractor(self.dataset)

    def request(self, seed: int) -> Request:
        """What is asked of the training."""
        overrides = dict(self.overrides)
        if self.evaluations:
            overrides = {
                "schedule.evaluations": self.evaluations,
                "schedule.eval_extractor": self.extractor,
            } | overrides
        return Request(
            self.variant,
            self.dataset,
            preset=self.preset,
            steps=self.budget.steps,
            cpu_minutes=self.budget.cpu_seconds and self.budget.cpu_seconds / 60,
            resolution=self.resolution,
            precision=self.precision,
            seed=seed,
            direction=self.direction,
            overrides=overrides or None,
        )


class Suite(Strict):
    """Rows that are compared. about: what a reader of its tables must know."""

    name: str = Field(pattern=r"^[\w.-]+$")
    title: str
    about: str
    cells: list[Cell] = Field(min_length=1)


@dataclass(frozen=True)
class Job:
    """One process's work: a cell with one of its seeds, or (``seed`` None) its data themselves in a model's place."""

    suite: Suite
    cell: Cell
    seed: int | None

    @property
    def row(self) -> str:
        if self.seed is None:
            what = "bicubic" if self.cell.enlarges else "real-halves"
            words = (what, re.sub(r"[^A-Za-z0-9]+", "-", self.cell.dataset).strip("-"), self.cell.direction)
            return "-".join(filter(None, words))
        return self.cell.row

    @property
    def name(self) -> str:
        return f"{self.row}-seed-{self.seed or 0}"


def read_suite(name: str | Path) -> Suite:
    """A suite that comes with ganzoo, or a YAML file of one's own; raises GanzooError for what is wrong in it."""
    file = suite_files().get(str(name), Path(name))
    if not file.is_file():
        raise UnknownName("suite or file", str(name), suite_files())
    written = read_yaml(file)
    defaults, cells = written.pop("defaults", None) or {}, written.pop("cells", None) or []
    if not isinstance(defaults, Mapping) or not isinstance(cells, list):
        raise GanzooError(f"{file}: 'defaults' must hold keys and values, 'cells' a list; see docs/benchmarking.md")
    written["cells"] = [_merged(defaults, {"variant": cell} if isinstance(cell, str) else cell) for cell in cells]
    try:
        suite = Suite.model_validate(written)
    except ValidationError as error:
        raise GanzooError(f"{file}: {_sentence(error, written)}") from error
    _check(suite, file)
    return suite


def suite_files() -> dict[str, Path]:
    """The suites that come with ganzoo, by name."""
    shipped = Path(__file__).with_name("suites")
    folder = shipped if shipped.is_dir() else Path(__file__).parents[2] / "benchmarks" / "suites"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def jobs(suite: Suite, pattern: str | None = None) -> list[Job]:
    """A suite's jobs, the data's first, then seed by seed, so that an early end leaves whole tables.

    pattern: a shell pattern of rows or jobs, with which go their data; raises UnknownName if none is called so.
    """
    every = list(_trainings(suite))
    chosen = [job for job in every if any(fnmatchcase(name, pattern or "*") for name in (job.row, job.name))]
    if not chosen:
        raise UnknownName(f"row of {suite.name}", str(pattern), {job.row for job in every})
    return [*_calibrations(chosen), *chosen]


def find_job(suite: Suite, name: str) -> Job:
    """A suite's job by its full name; raises UnknownName."""
    every = {job.name: job for job in jobs(suite)}
    if name not in every:
        raise UnknownName(f"job of {suite.name}", name, every)
    return every[name]


def _calibrations(trainings: Iterable[Job]) -> list[Job]:
    """One for each data set, and direction it is translated in, of which real images can be asked what models are."""
    found: dict[str, Job] = {}
    for training in trainings:
        if training.cell.enlarges or not set(training.cell.scoring.metrics) <= {*OF_MODELS}:
            job = Job(training.suite, training.cell, None)
            found.setdefault(job.name, job)
    return list(found.values())


def _trainings(suite: Suite) -> Iterator[Job]:
    for position in range(max(len(cell.seeds) for cell in suite.cells)):
        for cell in suite.cells:
            if position < len(cell.seeds):
                yield Job(suite, cell, cell.seeds[position])


def _merged(defaults: Mapping[str, Any], cell: Any) -> Any:
    """A cell's own values over the suite's; mappings are merged, a budget is one value."""
    if not isinstance(cell, Mapping):
        return cell
    merged = {**defaults, **cell}
    for key in ("overrides", "scoring"):
        if isinstance(defaults.get(key), Mapping) and isinstance(cell.get(key), Mapping):
            merged[key] = {**defaults[key], **cell[key]}
    return merged


def _sentence(error: ValidationError, written: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    place = list(first["loc"])
    cell = ""
    if place[:1] == ["cells"] and len(place) > 1:
        of = written["cells"][place[1]]
        cell = f"cell {(of.get('name') or of.get('variant')) if isinstance(of, Mapping) else of!r}: "
        place = place[2:]
    key = ".".join(map(str, place))
    if first["type"] == "extra_forbidden":
        return f"{cell}unknown key '{key}'; see the keys in docs/benchmarking.md"
    return f"{cell}{f'{key!r}: ' if key else ''}{first['msg'][:1].lower()}{first['msg'][1:]}"


def _repeated(names: Sequence[str]) -> str | None:
    """The first name, by the alphabet, that is there more than once."""
    return min((name for name, times in Counter(names).items() if times > 1), default=None)


def _check(suite: Suite, file: Path) -> None:
    """Refuse rows of one name, and what no variant or preset is called, before anything is trained."""
    if row := _repeated([cell.row for cell in suite.cells]):
        raise GanzooError(f"{file}: two cells are called {row}; give one of them a name")
    if name := _repeated([job.name for job in jobs(suite)]):
        raise GanzooError(f"{file}: two jobs would be {name}; give each cell a name and seeds of its own")
    for cell in suite.cells:
        if cell.variant not in list_variants():
            raise UnknownName(f"variant in {file}:", cell.variant, list_variants())
        merge(cell.request(0))
        try:
            _check_scoring(cell)
        except GanzooError as error:
            raise GanzooError(f"{file}: cell {cell.row!r}: {error}") from error
    _check_tables(suite, file)


def _check_tables(suite: Suite, file: Path) -> None:
    """Refuse scores of one metric on the same data, which stand in one table, that could not be compared."""
    compared: dict[tuple[str, ...], tuple[Cell, dict[str, Any]]] = {}
    for cell in suite.cells:
        config = merge(cell.request(0)).config
        made = cell.scoring.model_dump(exclude={"metrics"}) | {"extractor": cell.extractor}
        made |= {} if cell.scoring.sets else {"resolution": config.size}
        for metric in cell.scoring.metrics:
            other, before = compared.setdefault((metric, cell.dataset, config.direction or ""), (cell, made))
            if differing := sorted(key for key in {*made, *before} if made.get(key) != before.get(key)):
                raise GanzooError(
                    f"{file}: {metric} of {other.row} and {cell.row} could not be compared, since they differ in "
                    f"{' and '.join(differing)}; say the same of both, e.g. in 'defaults'"
                )


def _check_scoring(cell: Cell) -> None:
    """Refuse what would be refused after the training."""
    scoring, game = cell.scoring, GAMES.get(cell.game)
    if cell.precision:
        check_precision(cell.precision, torch.device("cpu" if cell.device == "cpu" else "cuda"))
    choose(scoring.protocol, extractor=scoring.extractor, count=scoring.n, split=scoring.split)
    if scoring.protocol and from_images(cell.game):
        raise GanzooError(f"protocols are of images that are made from nothing; {cell.variant} makes them from images")
    for metric in scoring.metrics:
        kinds, does = TAKES.get(metric, (Game, ""))
        if not issubclass(game, kinds):
            raise GanzooError(f"{metric} takes models that {does}, which {cell.variant} does not; leave it out")
