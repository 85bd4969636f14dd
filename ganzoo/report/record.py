"""What a run's folder tells, however unfinished it is."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.training.logging import METRICS, SCORES, read_metrics
from ganzoo.variants import read_yaml


@dataclass(frozen=True)
class Record:
    """A run as its files tell it.

    samples: (step, grid) oldest first. diverged: the step of a loss not finite. scores: those taken while it trained,
    as ``step``, ``score`` and its ``title``.
    """

    folder: Path
    config: Mapping[str, Any]
    request: Mapping[str, Any]
    data: Mapping[str, Any]
    history: list[dict[str, Any]]
    samples: list[tuple[int, Path]]
    diverged: int | None
    scores: list[dict[str, Any]] = field(default_factory=list)

    @property
    def step(self) -> int:
        """The last step whose end is known: it was logged, or sampled from, as where a signal or the clock ended it."""
        logged = self.history[-1]["step"] if self.history else 0
        sampled = self.samples[-1][0] if self.samples else 0
        return max(logged, sampled, 0 if logged else self.diverged or 0)

    @property
    def steps(self) -> int | None:
        """The steps its schedules span."""
        return self.config.get("schedule", {}).get("steps")

    @property
    def loss(self) -> str:
        """The adversarial loss by name."""
        return self._name("loss")

    @property
    def game(self) -> str:
        """The game by name."""
        return self._name("game")

    def _name(self, component: str) -> str:
        value = self.config.get(component) or ""
        return str(value["name"] if isinstance(value, Mapping) else value)

    @property
    def speed(self) -> float:
        """Images a second over the whole run, pauses included; 0 if unknown."""
        last = self.history[-1] if self.history else {}
        return last.get("images_seen", 0) / last["seconds"] if last.get("seconds") else 0.0

    @property
    def players(self) -> list[str]:
        """Those who have logged losses, sorted."""
        keys = self.history[-1] if self.history else {}
        return sorted({key.partition("/")[0] for key in keys if "/" in key and not key.startswith("lr/")})

    @property
    def finished(self) -> bool:
        return self.diverged is None and self.steps is not None and self.step >= self.steps

    def values(self, key: str) -> list[float]:
        """The finite values that were logged under a key, oldest first."""
        values = (entry.get(key) for entry in self.history)
        return [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]


def read_run(folder: str | Path) -> Record:
    """Read a run's folder; raises GanzooError if it is none. Torn and foreign lines of its log are left out."""
    folder = Path(folder)
    if not (folder / "config.yaml").is_file() and not (folder / METRICS).is_file():
        raise GanzooError(
            f"{folder} is no run: expected config.yaml and {METRICS} in it, as `ganzoo train` writes them"
        )
    stored = read_yaml(folder / "config.yaml") if (folder / "config.yaml").is_file() else {}
    history = [
        entry for entry in read_metrics(folder) if isinstance(entry, dict) and isinstance(entry.get("step"), int)
    ]
    last = history[-1]["step"] if history else 0
    bad = [_step(file) for file in folder.glob("diverged-step-*.safetensors")]
    return Record(
        folder,
        config=stored.get("config") or {},
        request=stored.get("run") or {},
        data=stored.get("data") or {},
        history=history,
        samples=sorted((_step(file), file) for file in folder.glob("samples/step-*.png")),
        # A run that went on past a divergence has not diverged.
        diverged=max((step for step in bad if step >= last), default=None),
        scores=[
            {"step": entry["step"], "score": entry["value"], "title": entry["record"]["title"]}
            for entry in read_metrics(folder, name=SCORES)
        ],
    )


def _step(file: Path) -> int:
    digits = re.search(r"\d+", file.stem)
    return int(digits.group()) if digits else 0
