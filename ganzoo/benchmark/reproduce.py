"""Repeating a published row: the same training and scoring again, and whether it lands where it should."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import ganzoo
from ganzoo.benchmark.results import Expected, Result, read_results
from ganzoo.benchmark.tables import mean
from ganzoo.benchmark.work import config_hash, scored
from ganzoo.checksum import checksum
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.training.checkpoint import read_checkpoint
from ganzoo.words import number
from ganzoo.zoo import weights_file

TOLERANCE = 0.1
"""Of the value, where there are too few seeds to tell how much they differ."""
FEW_SEEDS = 3


@dataclass(frozen=True)
class Verdict:
    """What came of a repetition.

    same_weights: whether they are the published ones bit for bit. same_config: whether the variant, its preset and the
    data still come to the configuration of then. expected: where others' figures lie.
    """

    row: str
    metric: str
    then: float
    now: float
    low: float
    high: float
    band: str
    same_weights: bool
    same_config: bool
    expected: Expected | None = None

    @property
    def reproduced(self) -> bool:
        return self.low <= self.now <= self.high

    def __str__(self) -> str:
        said = "reproduced" if self.reproduced else "NOT reproduced"
        weights = "the weights are the same bit for bit" if self.same_weights else "the weights differ"
        return (
            f"{self.row}: {self.metric} is {number(self.now)}, was {number(self.then)}; {said}: expected "
            f"{number(self.low)} to {number(self.high)} ({self.band}); {weights}{self._changed}{self._beside_others}"
        )

    @property
    def _changed(self) -> str:
        return "" if self.same_config else "; the variant or its preset says something else than it did then"

    @property
    def _beside_others(self) -> str:
        if self.expected is None:
            return ""
        low, high = self.expected.low, self.expected.high
        where = "within" if low <= self.now <= high else "outside of"
        return f"; {where} the literature's {number(low)} to {number(high)} ({self.expected.source})"


def reproduce(row: str, results: str | Path, out: Path, *, device: str = "auto") -> Verdict:
    """Train and score a row again. row: ``[suite/]row[-seed-N]``, the first seed if left out.

    The band is the seeds' mean ± 3 standard deviations, or ± 10 % of the value where there are fewer than three.
    Raises GanzooError if there is no such row, or nothing to compare with.
    """
    result, seeds = _find(row, results)
    if result.outcome == "diverged":
        raise GanzooError(f"{result.name} diverged; there is no score to reproduce")
    metric, then = next(iter(result.scores.items()))
    stop_at = result.steps if (result.steps or 0) < (result.planned_steps or 0) else None
    run = ganzoo.train(**result.request, stop_at=stop_at, device=device, out=out)
    now = scored(run, result.request["dataset"], result.scoring, device)[metric]
    if now.protocol_id != then.protocol_id:
        raise GanzooError(
            f"{result.name} was scored by {then.protocol} ({then.protocol_id}), which here is {now.protocol_id}: the "
            "data or the extractor's weights are other ones; prepare the same data to compare"
        )
    low, high, band = _band(then.value, [each.scores[metric].value for each in seeds if metric in each.scores])
    digest = checksum(weights_file(run))
    same_config = config_hash(read_checkpoint(run)[1]["config"]) == result.config_hash
    same_weights = digest == result.weights_sha256
    return Verdict(
        result.name, then.title, then.value, now.value, low, high, band, same_weights, same_config, result.expected
    )


def _find(row: str, results: str | Path) -> tuple[Result, list[Result]]:
    """A row's first result, and those of all its seeds."""
    every = [result for _, result in read_results([results]) if result.kind == "model"]
    chosen = [each for each in every if row in _names(each)]
    if not chosen:
        raise UnknownName("row", row, {f"{each.suite}/{each.row}" for each in every})
    if len({(each.suite, each.row) for each in chosen}) > 1:
        suites = " or ".join(sorted({f"{each.suite}/{each.row}" for each in chosen}))
        raise GanzooError(f"several suites have a row '{row}'; say {suites}")
    first = min(chosen, key=lambda each: each.seed)
    return first, [each for each in every if (each.suite, each.row) == (first.suite, first.row)]


def _names(result: Result) -> set[str]:
    names = {result.row, result.name}
    return names | {f"{result.suite}/{name}" for name in names}


def _band(value: float, seeds: list[float]) -> tuple[float, float, str]:
    found = mean(seeds)
    if found.deviation is None or found.count < FEW_SEEDS:
        width = TOLERANCE * abs(value)
        return value - width, value + width, f"± {TOLERANCE:.0%}, for want of {FEW_SEEDS} seeds"
    width = 3 * found.deviation
    return found.mean - width, found.mean + width, f"mean ± 3 deviations of {found.count} seeds"
