"""What others wrote: JSON nested too deeply to be read, texts that command a terminal."""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 64
# Control characters but for tabs and new lines, and those that turn the direction of writing.
COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def parse_json(text: str) -> Any:
    """What a JSON text says, :func:`printable`; raises ValueError for what is no JSON or nested too deeply."""
    try:
        return printable(json.loads(text))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def printable(value: Any, levels: int = DEEPEST) -> Any:
    """A text, or a value with all texts in it, with a blank for each character that a terminal would act upon."""
    if levels == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        return COMMANDS.sub(" ", value)
    if isinstance(value, list):
        return [printable(each, levels - 1) for each in value]
    if isinstance(value, dict):
        return {printable(key): printable(each, levels - 1) for key, each in value.items()}
    return value
