"""How long a training takes, by the wall and of the processor."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Seconds that a training has taken, on top of those of earlier processes; pauses do not count."""

    def __init__(self, wall: float = 0.0, cpu: float = 0.0):
        self._set(wall, cpu)

    @property
    def wall(self) -> float:
        """Seconds that passed."""
        return self._wall + time.monotonic()

    @property
    def cpu(self) -> float:
        """Seconds of processor time, all threads and finished children together."""
        return self._cpu + processor_seconds()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside is no part of the training."""
        wall, cpu = self.wall, self.cpu
        try:
            yield
        finally:
            self._set(wall, cpu)

    def _set(self, wall: float, cpu: float) -> None:
        self._wall, self._cpu = wall - time.monotonic(), cpu - processor_seconds()


def processor_seconds() -> float:
    """Processor time of this process, with its finished children's."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system
