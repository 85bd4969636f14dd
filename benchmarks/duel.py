"""Two ways to do the same work, in processes of their own, timed alternately: a busy machine then slows both."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

Step = Callable[[], object]
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
SIDES = ("peer", "ganzoo")


@dataclass(frozen=True)
class Duel:
    """A peer's training step and ganzoo's with the same networks; ``images``: real images either one takes in."""

    name: str
    what: str
    images: int
    peer: Step
    ganzoo: Step


def alternate(commands: Sequence[Sequence[str]], pairs: int, seconds: float) -> tuple[str, str, int, list[list[float]]]:
    """Run two ``serve``-ing commands in turn, in blocks of about ``seconds``.

    Returns the name, what is done, the images of a step, and ``pairs`` pairs of seconds per step.
    """
    with ExitStack() as stack:
        sides = [stack.enter_context(_running(command)) for command in commands]
        name, what, images = sides[0].hello
        steps = [max(1, round(seconds / side.time(1))) for side in sides]
        rows = []
        for number in range(pairs):
            # Who goes first alternates: a machine that gets busier then favours nobody.
            order = (0, 1) if number % 2 == 0 else (1, 0)
            times = {side: sides[side].time(steps[side]) for side in order}
            rows.append([times[0], times[1]])
    return name, what, int(images), rows


def serve(duel: Duel, side: str, clock: str = "wall") -> None:
    """Do as many steps as each line of standard input says and answer with the seconds a step took."""
    step, now = getattr(duel, side), CLOCKS[clock]
    step()  # allocates, picks kernels
    print("\t".join((duel.name, duel.what, str(duel.images))), flush=True)
    for line in sys.stdin:
        began = now()
        for _ in range(int(line)):
            step()
        print((now() - began) / int(line), flush=True)


def result(name: str, what: str, images: int, rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Images per second of both sides and ganzoo's advantage: median, least and most of the pairs."""
    ratios = [peer / ganzoo for peer, ganzoo in rows]
    peer, ganzoo = (images / statistics.median(times) for times in zip(*rows, strict=True))
    return {
        "peer": name,
        "what": what,
        "peer_images_per_second": round(peer, 1),
        "ganzoo_images_per_second": round(ganzoo, 1),
        "ratio": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "most": round(max(ratios), 2),
        "pairs": len(ratios),
    }


class _Side:
    def __init__(self, process: subprocess.Popen[str]):
        self.process = process
        self.hello = self._answer().split("\t")

    def time(self, steps: int) -> float:
        assert self.process.stdin
        print(steps, file=self.process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(map(str, self.process.args[1:]))} ended; run it by itself to see why")
        return line.strip()


@contextmanager
def _running(command: Sequence[str]) -> Iterator[_Side]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield _Side(process)
        finally:
            process.terminate()
