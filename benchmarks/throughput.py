"""How fast a variant trains here, where the time goes, and what its data costs in memory.

``python -m benchmarks.throughput wgan-gp --dataset mnist-10k --preset cpu``
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import torch

from benchmarks.trainers import trainer_of_variant
from ganzoo.config import parse_overrides
from ganzoo.memory import keep_freed_memory
from ganzoo.training.trainer import Hook, Trainer

PARTS = ("data", "generator", "discriminator", "penalty", "backward", "optimizer", "average", "logging", "rest")


@click.command()
@click.argument("variant", default="wgan-gp")
@click.option("--dataset", default="mnist-10k", help="A name or a path, as for `ganzoo train`.")
@click.option("--preset", help="A machine preset, e.g. cpu.")
@click.option("-o", "overrides", multiple=True, help="key=value, as for `ganzoo train`.")
@click.option("--seconds", default=10.0, help="Length of each of the two measurements.")
@click.option("--threads", default=2)
@click.option("--json", "as_json", is_flag=True)
def main(variant, dataset, preset, overrides, seconds, threads, as_json) -> None:
    """Print images per second, the share of time of each part of a step, and the memory of the packed data."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    trainer = trainer_of_variant(variant, dataset, preset, parse_overrides(overrides))
    report = measure(trainer, seconds)
    if as_json:
        print(json.dumps(report, indent=2))
        return
    print(f"{variant} on {dataset}, batch {trainer.loader.batch_size}: {report['images_per_second']} images/s")
    for part, share in report["shares"].items():
        print(f"  {part:14} {share:6.1%}")
    for name, kilobytes in report["data_memory_kB"].items():
        print(f"  data {name:9} {kilobytes:,} kB")


def measure(trainer: Trainer, seconds: float) -> dict[str, Any]:
    """Speed without instruments first, then the shares with them, then the data's memory after a whole epoch."""
    trainer.run(trainer.step + 1, [])
    speed = trainer.loader.batch_size * trainer.batches.per_step / _seconds_per_step(trainer, seconds, [])
    with profiled(trainer) as clock:
        logging = Hook(trainer.config.schedule.log_every, clock.timed("logging", Trainer.measure))
        _seconds_per_step(trainer, seconds, [logging], clock)
    _read_everything(trainer)
    return {
        "images_per_second": round(speed, 1),
        "shares": {part: round(clock.share(part), 4) for part in PARTS},
        "data_memory_kB": data_memory("images.npy"),
    }


class Clock:
    """Time by part; a part inside another stops the other's clock, except inside ``whole`` ones."""

    whole = ("penalty", "logging", "data")

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._stack, self._since = ["rest"], time.perf_counter()

    def share(self, part: str) -> float:
        """A part's share of all time."""
        return self.seconds[part] / sum(self.seconds.values())

    def enter(self, part: str) -> None:
        self._charge()
        self._stack.append(self._stack[-1] if self._stack[-1] in self.whole else part)

    def leave(self) -> None:
        self._charge()
        self._stack.pop()

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, on a part's account."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            self.enter(part)
            try:
                return function(*args, **kwargs)
            finally:
                self.leave()

        return run

    def reset(self) -> None:
        self.seconds.clear()
        self._since = time.perf_counter()

    def _charge(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.seconds[self._stack[-1]] += now - self._since
        self._since = now


@contextmanager
def profiled(trainer: Trainer) -> Iterator[Clock]:
    """Put a trainer's parts on a clock for a while."""
    clock, game = Clock(), trainer.game
    with ExitStack() as stack:
        for name in ("generator", "discriminator"):
            network = game.get_submodule(name)
            stack.callback(network.register_forward_pre_hook(lambda *_, part=name: clock.enter(part)).remove)
            stack.callback(network.register_forward_hook(lambda *_: clock.leave(), always_call=True).remove)
        for penalty in game.objective.penalties.values():
            stack.enter_context(patch.object(penalty, "kind", clock.timed("penalty", penalty.kind)))
        for optimizer in trainer.optimizers.values():
            stack.enter_context(patch.object(optimizer, "step", clock.timed("optimizer", optimizer.step)))
        stack.enter_context(patch.object(trainer.batches, "data", clock.timed("data", trainer.batches.data)))
        stack.enter_context(patch.object(trainer.ema, "update", clock.timed("average", trainer.ema.update)))
        stack.enter_context(patch.object(torch.Tensor, "backward", clock.timed("backward", torch.Tensor.backward)))
        clock.reset()
        yield clock


def data_memory(file: str, process: int | str = "self") -> dict[str, int]:
    """What a mapped file costs a process, in kB: resident, shared out (Pss), and copied (anonymous); Linux only.

    Pages that are merely mapped are the file's in the system's cache: every process has the same ones, and the
    system takes them back when it needs room. Only anonymous ones are a copy.
    """
    costs = {"resident": 0, "shared_out": 0, "copied": 0}
    names = {"Rss:": "resident", "Pss:": "shared_out", "Anonymous:": "copied"}
    inside = False
    path = Path(f"/proc/{process}/smaps")
    for line in path.read_text().splitlines() if path.exists() else ():
        key, *values = line.split()
        if not key.endswith(":"):
            inside = os.path.basename(line.split(maxsplit=5)[-1]) == file
        elif inside and key in names:
            costs[names[key]] += int(values[0])
    return costs


def _seconds_per_step(trainer: Trainer, seconds: float, hooks: list[Hook], clock: Clock | None = None) -> float:
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        trainer.run(trainer.step + 1, hooks)
        steps += 1
    if clock:
        clock.enter("rest")
    return (time.perf_counter() - began) / steps


def _read_everything(trainer: Trainer) -> None:
    loader = trainer.loader
    for number in range(-(-loader.count // loader.batch_size)):
        loader.batch(number)


if __name__ == "__main__":
    main()
