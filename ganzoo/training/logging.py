"""What a run tells: ``metrics.jsonl``, a line or a progress bar, sample grids. Never a reason to stop training."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganzoo.training import distributed, health
from ganzoo.training.clock import Clock
from ganzoo.training.trainer import Trainer
from ganzoo.words import duration
from ganzoo.writing import new_file

METRICS = "metrics.jsonl"
SCORES = "scores.jsonl"
FIRST_ETA = 20
SLOW_CPU_SECONDS = 86_400


class Recorder:
    """Writes and shows what the trainer measures; on all processes but the first it only takes part in measuring.

    clock: the run's training time. advice: what to say where a CPU would need days.
    """

    def __init__(self, run: Path, trainer: Trainer, clock: Clock, *, quiet: bool = False, advice: str = ""):
        self.run, self.trainer, self.clock, self.advice = run, trainer, clock, advice
        self.writes = distributed.rank() == 0
        self.quiet = quiet or not self.writes
        self.history = read_metrics(run, trainer.step) if self.writes else []
        self._began, self._first_step = time.monotonic(), trainer.step
        self._marked = (self._began, trainer.step)
        self._bar: Any = None
        self._warned: set[str] = set()
        self._told_eta = False

    def record(self, trainer: Trainer) -> None:
        """Measure, judge, write and show one entry."""
        entry = self._position() | trainer.measure()
        if not self.writes:
            return
        self.history.append(entry)
        entry |= {"phase": health.phase(self.history), "verdicts": health.verdicts(self.history)}
        self.safely("metrics", lambda: self._append(entry))
        self.safely("progress", lambda: self._show(entry))

    def announce(self, trainer: Trainer) -> None:
        """Say early how long it will take, and move the progress bar."""
        if self._bar:
            self.safely("progress", lambda: self._bar(trainer.step, None))
        if self._told_eta or trainer.step - self._first_step < FIRST_ETA:
            return
        self._told_eta = True
        eta = self._eta()
        self.say(f"{duration(eta)} to go for {trainer.until} steps")
        if eta > SLOW_CPU_SECONDS and trainer.device.type == "cpu" and self.advice:
            self.say(self.advice)

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.quiet:
            print(text, flush=True)

    @contextmanager
    def live(self, until: int) -> Iterator[None]:
        """A progress bar to step ``until`` on a terminal, plain lines elsewhere."""
        if self.quiet or not sys.stdout.isatty():
            yield
            return
        with _bar(until) as self._bar:
            yield
        self._bar = None

    def _position(self) -> dict[str, Any]:
        step, now = self.trainer.step, time.monotonic()
        then, since = self._marked
        self._marked = now, step
        batch = self.trainer.loader.batch_size
        rates = {
            f"lr/{player}": optimizer.param_groups[0]["lr"] for player, optimizer in self.trainer.optimizers.items()
        }
        return {
            "step": step,
            "images_seen": step * batch * self.trainer.batches.per_step,
            "seconds": round(self.clock.wall, 3),
            "cpu_seconds": round(self.clock.cpu, 3),
            "images_per_second": round((step - since) * batch * self.trainer.batches.per_step / (now - then), 2),
        } | rates

    def _eta(self) -> float:
        done, left = self.trainer.step - self._first_step, self.trainer.until - self.trainer.step
        return (time.monotonic() - self._began) / max(done, 1) * left

    def _append(self, entry: dict[str, Any]) -> None:
        with (self.run / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _show(self, entry: dict[str, Any]) -> None:
        text = summary(entry)
        if self._bar:
            self._bar(entry["step"], text)
        else:
            self.say(f"step {entry['step']}/{self.trainer.until}  {text}  {duration(self._eta())} left")

    def safely(self, what: str, action: Callable[[], object]) -> None:
        """A log that fails is said once and must not end a training."""
        try:
            action()
        except Exception as error:
            if what not in self._warned:
                self._warned.add(what)
                print(f"ganzoo: {what} cannot be written ({error}); training goes on", file=sys.stderr)


def read_metrics(run: Path, until: int | None = None, name: str = METRICS) -> list[dict[str, Any]]:
    """The entries of a run up to a step; later ones and a torn last line are dropped from the file as well."""
    path = run / name
    if not path.is_file():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            wanted = until is None or entry["step"] <= until
        except (ValueError, TypeError, KeyError):
            break
        if not wanted:
            break
        entries.append(entry)
    if until is not None:
        with new_file(path) as temporary:
            temporary.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return entries


def summary(entry: dict[str, Any]) -> str:
    """An entry as one line: losses, the discriminator's reading, diversity, phase and verdicts."""
    short = {"discriminator": "D", "generator": "G"}
    # Before a game begins in earnest its generator may learn from pixels alone.
    kind = "/adversarial" if any(key.endswith("/adversarial") for key in entry) else "/pixel"
    parts = [
        f"{short.get(player, player)} {value:.3f}"
        for key, value in entry.items()
        if (player := key.partition("/")[0]) and key.endswith(kind)
    ]
    if "critic_gap" in entry:
        parts.append(f"gap {entry['critic_gap']:.3f}")
    if "d_real" in entry:
        parts.append(f"D(x) {entry['d_real']:.2f} D(G(z)) {entry['d_fake']:.2f}")
    if "diversity" in entry:
        parts.append(f"diversity {entry['diversity']:.0%}")
    parts.append(f"{entry['images_per_second']:.0f} img/s")
    return "  ".join([*parts, *(entry.get("verdicts") or [entry.get("phase", "")])])


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int, str | None], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns) as progress:
        task = progress.add_task("starting", total=total)

        def show(step: int, text: str | None) -> None:
            progress.update(task, completed=step, description=text)

        yield show
