"""What a benchmark found: one JSON file for each row and seed, with all that it takes to judge and to repeat it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from ganzoo.errors import GanzooError
from ganzoo.writing import new_file

ENDING = ".result.json"
SUITE_ENDING = ".suite.json"


class Score(BaseModel):
    """One value with what it takes to compare it: a record of ``ganzoo.evaluate``, the rest of which is kept too."""

    model_config = ConfigDict(extra="allow", frozen=True)
    metric: str
    title: str
    best: Literal["lower", "higher"]
    value: FiniteFloat
    protocol: str
    protocol_id: str
    extractor: dict[str, Any] | None = None
    real: dict[str, Any] = {}
    fake: dict[str, Any] = {}
    verified: bool = True
    trained_on_extractor: bool = False


class Expected(BaseModel):
    """Where a row's first score should land, and who says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    low: FiniteFloat
    high: FiniteFloat
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Expected:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}; exchange them")
        return self


class Words(BaseModel):
    """What a suite says of itself to the readers of its tables."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    title: str
    about: str


class Result(BaseModel):
    """The keys of a result file. They are frozen: a file that has others, or lacks one, is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    format: Literal[1] = Field(default=1, description="version of these keys")
    suite: str = Field(description="the suite it belongs to")
    row: str = Field(description="the row's name, unique within the suite; seeds share it")
    kind: Literal["model", "data"] = Field(description="`data`: calibration, real images in a model's place")
    variant: str | None = Field(default=None, description="the variant, null for `data`")
    title: str = Field(description="the row's name for people")
    dataset: str = Field(description="the data set's label: `cifar10-jpeg` for lossy copies of `cifar10`")
    seed: int = Field(default=0, description="the training's seed")
    protocol: str = Field(description="by which the scores were made")
    outcome: Literal["finished", "diverged"] = Field(default="finished", description="or `diverged`: no model")
    scores: dict[str, Score] = Field(description="the last checkpoint's, by metric: records of `ganzoo.evaluate`")
    best: dict[str, Score] = Field(default={}, description="of the checkpoint that scored best while training")
    best_step: int | None = Field(default=None, description="that checkpoint's step")
    steps: int | None = Field(default=None, description="steps played")
    planned_steps: int | None = Field(default=None, description="steps the schedules span")
    images_seen: int | None = Field(default=None, description="real images used, repetitions counted")
    cpu_seconds: FiniteFloat = Field(
        default=0.0, description="the training's processor time, over all threads and resumptions"
    )
    wall_seconds: FiniteFloat = Field(default=0.0, description="the same by the wall's clock")
    budget: str = Field(description="what each row of the suite was given, in words")
    scoring: dict[str, Any] = Field(default={}, description="the options of `ganzoo.evaluate` that scored it")
    request: dict[str, Any] = Field(default={}, description="its options: `ganzoo.train(**request)` repeats it")
    command: str = Field(default="", description="the same as a command line")
    config_hash: str | None = Field(default=None, description="sha256 of the merged configuration")
    weights_sha256: str | None = Field(default=None, description="of the scored `model.safetensors`")
    commit: str | None = Field(description="of ganzoo's checkout, `-dirty` where files were changed")
    versions: dict[str, str] = Field(default={}, description="of ganzoo, torch and python")
    hardware: str = Field(default="", description="the processor")
    date: str = Field(description="when it was scored, UTC")
    expected: Expected | None = Field(
        default=None, description="the band the first score should land in, and its source"
    )
    curves: list[dict[str, Any]] = Field(default=[], description="the training's log, thinned")
    grid: str | None = Field(
        default=None, pattern=r"^[^/\\]+$", description="file name of a grid of samples, beside the result"
    )

    @model_validator(mode="after")
    def _whole(self) -> Result:
        if not all(isinstance(entry.get("step"), int) for entry in self.curves):
            raise ValueError("an entry of curves has no step")
        if self.outcome == "finished" and not self.scores:
            raise ValueError("it finished and has no scores")
        return self

    @property
    def name(self) -> str:
        """Its file's name without the ending: row and seed."""
        return f"{self.row}-seed-{self.seed}"


def write_result(result: Result, folder: Path) -> Path:
    """Write ``<row>-seed-<seed>.result.json``, whole or not at all."""
    path = folder / f"{result.name}{ENDING}"
    with new_file(path) as temporary:
        # Not sorted: the first score is the one that ranks.
        text = json.dumps(result.model_dump(mode="json"), indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def write_words(suite: str, words: Words, folder: Path) -> None:
    """Write ``<suite>.suite.json`` beside a suite's results: tables may be made where its YAML is not."""
    text = json.dumps({"title": words.title, "about": words.about}, indent=1, ensure_ascii=False)
    with new_file(folder / f"{suite}{SUITE_ENDING}") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_words(suite: str, folders: Iterable[Path]) -> Words | None:
    """A suite's words from the first folder that has them."""
    for file in (folder / f"{suite}{SUITE_ENDING}" for folder in folders):
        if file.is_file():
            try:
                return Words.model_validate_json(file.read_bytes())
            except ValidationError as error:
                raise GanzooError(f"{file} holds no title and about of a suite; remove it") from error
    return None


def read_result(path: Path) -> Result:
    """A result from its file; raises GanzooError naming the key that is wrong."""
    try:
        return Result.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise GanzooError(f"{path} is no benchmark result: {key}: {first['msg']}; run the row again") from error


def read_results(places: Iterable[str | Path]) -> list[tuple[Path, Result]]:
    """The results in files and folders, those below included, by path; raises GanzooError if there are none."""
    files: list[Path] = []
    for place in map(Path, places):
        if not place.exists():
            raise GanzooError(f"{place} does not exist; give a folder of results or a {ENDING} file")
        files += [place] if place.is_file() else sorted(place.rglob(f"*{ENDING}"))
    if not files:
        raise GanzooError(f"there are no {ENDING} files in these folders; make some by `ganzoo bench run smoke`")
    once: dict[Path, Path] = {}
    for file in files:
        once.setdefault(file.resolve(), file)
    return [(file, read_result(file)) for file in once.values()]
