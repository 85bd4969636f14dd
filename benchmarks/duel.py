"""Two ways to do the same work, timed alternately, so that what else the machine does hits both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Step = Callable[[], object]
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass
class Duel:
    """A peer's training step and ganzoo's with the same networks; ``images``: real images either one takes in."""

    name: str
    what: str
    images: int
    peer: Step
    ganzoo: Step
    pairs: list[tuple[float, float]] = field(default_factory=list)

    def fight(self, pairs: int, seconds: float, clock: str = "wall") -> Duel:
        """Time ``pairs`` times a block of peer steps and one of ganzoo steps, each of about ``seconds``."""
        now = CLOCKS[clock]
        steps = [_steps_in(step, seconds, now) for step in (self.peer, self.ganzoo)]
        for number in range(pairs):
            # Who goes first alternates: a clock that drifts then favours nobody.
            order = (0, 1) if number % 2 == 0 else (1, 0)
            times = {side: _time((self.peer, self.ganzoo)[side], steps[side], now) for side in order}
            self.pairs.append((times[0], times[1]))
        return self

    def result(self) -> dict[str, object]:
        """Images per second of both sides and ganzoo's advantage: median, least and most of the pairs."""
        ratios = [peer / ganzoo for peer, ganzoo in self.pairs]
        peer, ganzoo = (self.images / statistics.median(times) for times in zip(*self.pairs, strict=True))
        return {
            "peer": self.name,
            "what": self.what,
            "peer_images_per_second": round(peer, 2),
            "ganzoo_images_per_second": round(ganzoo, 2),
            "ratio": round(statistics.median(ratios), 3),
            "least": round(min(ratios), 3),
            "most": round(max(ratios), 3),
            "pairs": len(ratios),
        }


def _steps_in(step: Step, seconds: float, now: Callable[[], float]) -> int:
    """How many steps a block takes; the first call, which allocates and picks kernels, does not count."""
    step()
    return max(1, round(seconds / _time(step, 1, now)))


def _time(step: Step, steps: int, now: Callable[[], float]) -> float:
    """Seconds a step takes."""
    began = now()
    for _ in range(steps):
        step()
    return (now() - began) / steps
