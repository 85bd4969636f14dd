"""What happened in a run, in words, and what to try next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ganzoo.report.advice import Advice, advise
from ganzoo.report.meaning import PHASES, meaning
from ganzoo.report.record import Record, read_run
from ganzoo.training import health
from ganzoo.words import duration, number


@dataclass(frozen=True)
class Diagnosis:
    """A run in words. state: finished, unfinished, diverged or empty. latest: the last logged entry."""

    state: str
    summary: str
    phase: str
    verdicts: list[str]
    observations: list[str]
    advice: list[Advice]
    latest: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return asdict(self)


def diagnose(run: str | Path) -> Diagnosis:
    """Read a run's folder and say what it shows; raises GanzooError if it is none."""
    return judge(read_run(run))


def judge(record: Record) -> Diagnosis:
    """The diagnosis of a run that is already read."""
    troubles = health.findings(record.history)
    if record.diverged is not None:
        troubles.setdefault("divergence", f"a loss stopped being finite in step {record.diverged:,}")
    return Diagnosis(
        state=_state(record),
        summary=_summary(record),
        phase=health.phase(record.history),
        verdicts=list(troubles.values()),
        observations=list(_observations(record, troubles)),
        advice=list(advise(record, troubles)),
        latest={key: _plain(value) for key, value in record.history[-1].items()} if record.history else {},
    )


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _state(record: Record) -> str:
    if record.diverged is not None:
        return "diverged"
    if not record.history:
        return "empty"
    return "finished" if record.finished else "unfinished"


def _summary(record: Record) -> str:
    total = f" of {record.steps:,}" if record.steps else ""
    if record.diverged is not None:
        return f"Diverged in step {record.diverged:,}{total}; the last good checkpoint was kept"
    if not record.history:
        return "Nothing is logged yet"
    last = record.history[-1]
    done = "Finished" if record.finished else "Unfinished or still running"
    rate = f", {number(record.speed)} images a second" if record.speed else ""
    return f"{done}: {record.step:,}{total} steps in {duration(last.get('seconds', 0.0))}{rate}"


def _observations(record: Record, troubles: Mapping[str, str]) -> Iterator[str]:
    if not record.history:
        return
    phase = health.phase(record.history)
    yield f"The game is {'' if phase in ('starting', 'collapsing') else 'in the phase '}“{phase}”: {PHASES[phase]}."
    yield from _earlier_trouble(record, troubles)
    yield from _reading(record)
    if diversity := record.values("diversity"):
        yield f"Samples are {_late(diversity):.0%} as varied as the data."
        nearest = _late(record.values("nearest") or diversity)
        if not troubles and nearest < health.FEW_KINDS * _late(diversity):
            yield f"They may come in few kinds: a sample's nearest one is {nearest:.0%} as far as among the data."
    for player in record.players:
        if player in meaning(record.loss).chance:
            yield from _trend(f"The {player}'s loss", record.values(f"{player}/adversarial"))
        yield from _growth(player, record.values(f"{player}/gradient_norm"))
    yield from _slowdown(record.values("images_per_second"))


def _earlier_trouble(record: Record, troubles: Mapping[str, str]) -> Iterator[str]:
    for entry in reversed(record.history):
        if entry.get("verdicts") and not troubles:
            yield f"There was trouble until step {entry['step']:,}, gone since: {entry['verdicts'][0]}."
            return


def _reading(record: Record) -> Iterator[str]:
    real, fake = record.values("d_real"), record.values("d_fake")
    if real and fake:
        early, late = f"{_early(real):.2f} and {_early(fake):.2f}", f"{_late(real):.2f} and D(G(z)) {_late(fake):.2f}"
        yield f"D(x) is {late} of late; they began at {early}."
    yield from _trend("The critic's gap between real and generated images", record.values("critic_gap"))


def _trend(what: str, values: list[float]) -> Iterator[str]:
    """Where values went, measured by the medians of their first and last tenths."""
    if len(values) < 5:
        return
    early, late, middle = _early(values), _late(values), median(values)
    # Changes smaller than what it fluctuates by anyway are none.
    if abs(late - early) <= median(abs(value - middle) for value in values):
        yield f"{what} stayed near {number(late)}."
    else:
        yield f"{what} {'rose' if late > early else 'fell'} from {number(early)} to {number(late)}."


def _growth(player: str, norms: list[float]) -> Iterator[str]:
    if len(norms) >= 20 and _late(norms) > 10 * median(norms[: len(norms) // 2]) > 0:
        times = _late(norms) / median(norms[: len(norms) // 2])
        yield f"The {player}'s gradient norm has grown {times:.0f}-fold since the first half; divergence may be near."


def _slowdown(speeds: list[float]) -> Iterator[str]:
    if len(speeds) >= 20 and _late(speeds) < 0.6 * median(speeds):
        share = _late(speeds) / median(speeds)
        yield f"It has slowed down to {share:.0%} of its usual speed: the machine is busy or hot."


def _early(values: list[float]) -> float:
    return median(values[: max(1, len(values) // 10)])


def _late(values: list[float]) -> float:
    return median(values[-max(1, len(values) // 10) :])


def in_words(diagnosis: Diagnosis) -> str:
    """The diagnosis as a page of text."""
    parts = [diagnosis.summary]
    if diagnosis.verdicts:
        parts += ["", "Wrong:", *(f"  - {verdict}" for verdict in diagnosis.verdicts)]
    if diagnosis.observations:
        parts += ["", "Seen:", *(f"  - {line}" for line in diagnosis.observations)]
    if diagnosis.advice:
        width = max(len(advice.flags) for advice in diagnosis.advice)
        parts += [
            "",
            "To try (flags are for a new run):",
            *(f"  {advice.flags.ljust(width)}  {advice.why}" for advice in diagnosis.advice),
        ]
    return "\n".join(parts)
