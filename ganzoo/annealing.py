"""Values that change while a training burns in: ``{from: 2, to: 0.2}`` in place of a number in a configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

ENDS = ("from", "to")
Value = float | Mapping[str, float]


def is_range(value: object) -> bool:
    """Whether a value of a configuration is one that changes."""
    return isinstance(value, Mapping) and value.keys() == set(ENDS)


def value_of(given: Any) -> Value:
    """A number or a range as a configuration gives it; raises ValueError for anything else."""
    try:
        return {end: float(given[end]) for end in ENDS} if is_range(given) else float(given)
    except (TypeError, ValueError) as error:
        raise ValueError("give a number, or {from: 2, to: 0.2} for one that changes") from error


def burnt_in(step: float, length: float) -> float:
    """How far a burn-in of ``length`` steps has come: from 0 along half a cosine to 1, where it stays."""
    return 0.5 - 0.5 * math.cos(math.pi * min(1.0, step / length))


def at(value: Any, share: float) -> Any:
    """What a value is when a share of the burn-in is over; a list's are its elements', and a number stays."""
    if is_range(value):
        return (1 - share) * value["from"] + share * value["to"]
    return tuple(at(each, share) for each in value) if isinstance(value, list | tuple) else value
