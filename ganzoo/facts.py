"""What a model directory's ``config.json`` says, checked before anything relies on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganzoo.config import sentence
from ganzoo.foreign import parse_json


class Told(BaseModel):
    """Facts, any of which may be null, missing or joined by others; those named here have these types."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Data(Told):
    """What a model was trained on, or scored against."""

    name: str | None = None
    label: str | None = None
    dataset: str | None = None
    split: str | None = None
    count: int | None = None
    classes: list[str] | None = None
    licence: str | None = None
    fingerprint: str | None = None


class Run(Told):
    """What was asked for."""

    command: str | None = None
    preset: str | None = None
    precision: str | None = None
    fit: str | None = None


class Weights(Told):
    """How many numbers a model is."""

    parameters: int
    dtype: str


Value = Annotated[float, Field(allow_inf_nan=True)]


class Score(Told):
    """A score's record."""

    title: str
    value: Value
    protocol: str
    deviation: Value | None = None
    subject: str | None = None
    best: str | None = None
    protocol_id: str | None = None
    fake: Data | None = None
    real: Data | None = None
    notes: list[str] | None = None


class Facts(Told):
    """What a model card is made of, see :func:`ganzoo.report.card.model_card`."""

    data: Data | None = None
    run: Run | None = None
    steps: int | None = None
    images_seen: int | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    hardware: str | None = None
    versions: dict[str, str] | None = None
    weights: Weights | None = None
    scores: list[Score] | None = None
    known_failures: list[str] | None = None


def stored(folder: Path) -> dict[str, Any]:
    """What ``config.json`` in a model directory says, with a mapping of ``facts``; that alone where there is no file.

    Raises ValueError for what is no JSON or not of the types that facts have.
    """
    file = folder / "config.json"
    found = parse_json(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not isinstance(found, dict):
        raise ValueError("it is no mapping")
    facts = {} if found.get("facts") is None else found["facts"]
    try:
        Facts.model_validate(facts)
    except ValidationError as error:
        raise ValueError(sentence(error)) from error
    return found | {"facts": facts}
