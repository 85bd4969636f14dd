"""Errors a person can cause; the command line prints them as one line and exits 1."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GanzooError(Exception):
    """Something the user can mend: the message says what, where and what to do."""

    exit_code = 1


MOST_LISTED, LISTED = 40, 10


class UnknownName(GanzooError):
    """A name no registry knows; carries the nearest known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        known = sorted(known)
        nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(nearest)}?" if nearest else f"known: {_listed(known)}"
        super().__init__(f"unknown {kind} '{name:.100}'; {hint}")
        self.nearest = nearest


class Diverged(GanzooError):
    """A loss stopped being finite; training ended with exit code 3."""

    exit_code = 3

    def __init__(self, message: str, step: int):
        super().__init__(message)
        self.step = step


def _listed(names: list[str]) -> str:
    if len(names) <= MOST_LISTED:
        return ", ".join(names) or "none"
    return f"{', '.join(names[:LISTED])} and {len(names) - LISTED:,} more"


def first_line(error: BaseException) -> str:
    """What an error of someone else's says first, its kind if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
