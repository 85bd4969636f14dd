"""What ends a training early: signals and the clock."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.training.trainer import Trainer

OUT_OF_TIME = 1000
"""Stands beside the signals' numbers: --minutes or --cpu-minutes are over."""


class Interrupted(GanzooError):
    """A signal ended the run after a step; everything is saved."""

    def __init__(self, run: Path, step: int, number: int):
        super().__init__(f"stopped after step {step}, all saved; go on with: ganzoo train --resume {quote(str(run))}")
        self.exit_code = 128 + number


@contextmanager
def signals(trainer: Trainer) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends training after the current step, a second one at once."""

    def stop(number: int, frame: Any) -> None:
        if trainer.interrupted:
            raise KeyboardInterrupt
        trainer.interrupted = number

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread, which is where signals arrive
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_if(over: bool, trainer: Trainer) -> None:
    """Stop the training if its time is over."""
    if over:
        trainer.interrupted = trainer.interrupted or OUT_OF_TIME
