"""Results side by side: a table for each suite and data set, of scores that may be compared and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, stdev

from ganzoo.benchmark.results import Result, Score, Words, read_words
from ganzoo.benchmark.suite import read_suite, suite_files
from ganzoo.config import Strict
from ganzoo.errors import GanzooError
from ganzoo.metrics.judge import trained_elsewhere
from ganzoo.variants import parse_yaml
from ganzoo.words import duration

LOOKED_AT = "†"
OTHER_DATA = "‡"
UNVERIFIED = "¶"
DIRECTIONS = {"a": "BtoA", "b": "AtoB"}  # by the side they lead to
MEANING = {
    LOOKED_AT: "trained on the features of a network that scores it: not ranked by what that one sees",
    OTHER_DATA: "trained on other data than the scores' reference: not ranked",
    UNVERIFIED: "scored with a network whose weights are not the official ones, or could not be compared with them",
}


class Reported(Strict):
    """A figure from the literature, with the protocol that it was measured by."""

    variant: str
    dataset: str
    metric: str
    value: str
    source: str
    url: str
    protocol: str


@dataclass(frozen=True)
class Metric:
    """A column. best: lower or higher."""

    name: str
    title: str
    best: str


@dataclass(frozen=True)
class Value:
    """A mean over seeds, with the standard deviation where there are several."""

    mean: float
    deviation: float | None
    count: int


@dataclass(frozen=True)
class Row:
    """A model, or the data in its place, over its seeds. results: with the folders they were read from."""

    name: str
    title: str
    kind: str
    results: list[tuple[Path, Result]]
    last: dict[str, Value]
    best: dict[str, Value]
    marks: str
    reported: list[Reported]

    def ranked(self, metric: Metric) -> bool:
        """Whether it may be the best at a metric."""
        scores = [result.scores[metric.name] for _, result in self.results if metric.name in result.scores]
        looked_at = any(score.trained_on_extractor for score in scores)
        return self.kind == "model" and OTHER_DATA not in self.marks and not looked_at

    @property
    def variant(self) -> str | None:
        return self.results[0][1].variant

    @property
    def diverged(self) -> int:
        """How many of its seeds have."""
        return sum(result.outcome == "diverged" for _, result in self.results)


@dataclass(frozen=True)
class Table:
    """Rows that may be compared, the best of the first metric on top, calibration below.

    direction: of the translations, where there is a table for each.
    """

    suite: str
    title: str
    about: str
    dataset: str
    direction: str
    caption: str
    metrics: list[Metric]
    rows: list[Row]

    @property
    def data(self) -> str:
        """What it is of, in words."""
        return f"{self.dataset} {self.direction}".strip()

    def winner(self, metric: Metric, best: bool = False) -> str | None:
        """The name of the row that is best at a metric among those that are ranked."""
        means = {
            row.name: found.mean
            for row in self.rows
            if row.ranked(metric) and (found := _values(row, best).get(metric.name))
        }
        return (min if metric.best == "lower" else max)(means, key=lambda name: means[name], default=None)

    @property
    def marks(self) -> str:
        """Those that occur, in the order of MEANING."""
        return "".join(mark for mark in MEANING if any(mark in row.marks for row in self.rows))

    @property
    def sources(self) -> list[Reported]:
        """The literature's figures that rows carry, in order; a note's number is its position."""
        return list(dict.fromkeys(figure for row in self.rows for figure in row.reported))


def tables(results: Iterable[tuple[Path, Result]]) -> list[Table]:
    """A table for each suite and data set, and each direction where data are translated in both.

    Raises GanzooError where scores in one were made by different protocols.
    """
    groups: dict[tuple[str, str], dict[str, list[tuple[Path, Result]]]] = {}
    for path, result in results:
        sides = groups.setdefault((result.suite, result.dataset), {})
        sides.setdefault(_side(result), []).append((path, result))
    for sides in groups.values():
        if len(sides) > 1 and (diverged := sides.pop("", None)):
            sides[min(sides)] += diverged
    return [
        _table(suite, dataset, DIRECTIONS.get(side, "") if len(sides) > 1 else "", group)
        for (suite, dataset), sides in sorted(groups.items())
        for side, group in sorted(sides.items())
    ]


def _side(result: Result) -> str:
    """Which side of its data it makes; of none that is known where it makes images of nothing, or diverged."""
    return next((str(score.real["side"]) for score in result.scores.values() if score.real.get("side")), "")


def _values(row: Row, best: bool) -> dict[str, Value]:
    return row.best if best else row.last


def _table(suite: str, dataset: str, direction: str, results: Sequence[tuple[Path, Result]]) -> Table:
    grouped: dict[str, list[tuple[Path, Result]]] = {}
    for path, result in _distinct(results):
        grouped.setdefault(result.row, []).append((path, result))
    metrics = _metrics([each for row in grouped.values() for each in row])
    rows = [_row(name, each) for name, each in grouped.items()]
    words = read_words(suite, dict.fromkeys(path.parent for path, _ in results))
    if words is None and suite in suite_files():
        known = read_suite(suite)
        words = Words(title=known.title, about=known.about)
    return Table(
        suite,
        words.title if words else suite,
        words.about if words else "",
        dataset,
        direction,
        _caption([result for _, result in results]),
        metrics,
        sorted(rows, key=lambda row: _place(row, metrics)),
    )


def _place(row: Row, metrics: Sequence[Metric]) -> tuple[bool, bool, float]:
    """Models first, those that could be scored first of all, the best on top."""
    value = row.last.get(metrics[0].name) if metrics else None
    sign = 1 if metrics and metrics[0].best == "lower" else -1
    return row.kind == "data", value is None, sign * value.mean if value else 0.0


def _distinct(results: Sequence[tuple[Path, Result]]) -> Iterator[tuple[Path, Result]]:
    """Each row and seed once; refuses two trainings of one name, which are no two seeds, and data that differ."""
    known: dict[str, tuple[Path, Result]] = {}
    for path, result in results:
        first, other = known.setdefault(result.name, (path, result))
        if first == path:
            yield path, result
        elif result.kind == "model" or result.scores != other.scores:
            raise GanzooError(f"{path} and {first} are both {result.row} with seed {result.seed}; name one of them")


def _metrics(results: Sequence[tuple[Path, Result]]) -> list[Metric]:
    """The columns; refuses scores of one metric that were made by different protocols."""
    metrics: dict[str, Metric] = {}
    made: dict[str, tuple[Path, Score]] = {}
    for path, result in sorted(results, key=lambda each: each[1].kind == "data"):
        for name, score in [*result.scores.items(), *result.best.items()]:
            metrics.setdefault(name, Metric(name, score.title, score.best))
            first, other = made.setdefault(name, (path, score))
            # Halves of the data are compared with less of it, which their row says.
            fields = ("extractor", "protocol") if result.kind == "data" else ("protocol_id",)
            if any(getattr(other, field) != getattr(score, field) for field in fields):
                raise GanzooError(
                    f"{path} was scored by protocol {score.protocol} ({score.protocol_id}) and {first} by "
                    f"{other.protocol} ({other.protocol_id}): such {score.title} values cannot stand in one table; "
                    "name the results of one protocol only, or score the others again"
                )
    return list(metrics.values())


def _row(name: str, results: list[tuple[Path, Result]]) -> Row:
    first = results[0][1]
    return Row(
        name,
        first.title if first.kind == "data" or name == first.variant else f"{first.title} ({name})",
        first.kind,
        results,
        _means([result.scores for _, result in results]),
        _means([result.best for _, result in results]),
        _marks([result for _, result in results]),
        [each for each in reported() if each.variant == first.variant and _is(first.dataset, each.dataset)],
    )


def _means(scores: Sequence[dict[str, Score]]) -> dict[str, Value]:
    names = dict.fromkeys(name for each in scores for name in each)
    return {name: mean([each[name].value for each in scores if name in each]) for name in names}


def mean(values: Sequence[float]) -> Value:
    """The mean of some values and, of two or more, their standard deviation (n - 1)."""
    return Value(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


def _marks(results: Sequence[Result]) -> str:
    scores = [score for result in results for score in result.scores.values()]
    holds = {
        LOOKED_AT: any(score.trained_on_extractor for score in scores),
        OTHER_DATA: any(_on_other_data(score) for score in scores),
        UNVERIFIED: any(not score.verified for score in scores),
    }
    return "".join(mark for mark, true in holds.items() if true)


def _on_other_data(score: Score) -> bool:
    """Whether a model was trained on other data than it is compared with; originals of its own images are not meant."""
    return trained_elsewhere(score.fake, score.real) and "small" not in score.real


@cache
def reported() -> tuple[Reported, ...]:
    """The literature's figures."""
    listed = parse_yaml(Path(__file__).with_name("reported.yaml").read_text(encoding="utf-8"))
    return tuple(Reported.model_validate(entry) for entry in listed)


def _is(label: str, dataset: str) -> bool:
    """Whether a label is a data set's or one of its copies': cifar10-jpeg is a cifar10."""
    return label == dataset or label.startswith(f"{dataset}-")


def _caption(results: Sequence[Result]) -> str:
    """The protocol and what each model was given, in a sentence or two."""
    models = [result for result in results if result.kind == "model"]
    score = next((score for result in models for score in result.scores.values()), None)
    budgets = " or ".join(dict.fromkeys(result.budget for result in models))
    parts = [f"Protocol {score.protocol} ({score.protocol_id} for {score.title}): {_how(score)}." if score else ""]
    if models:
        spent = sorted(result.cpu_seconds for result in models)
        used = " to ".join(dict.fromkeys((duration(spent[0]), duration(spent[-1]))))
        where = " or ".join(dict.fromkeys(result.hardware for result in models if result.hardware))
        on = f" ({where})" if where else ""
        parts.append(f"Each training was given {budgets} and took {used} of the processor{on}.")
    if any(result.best for result in models):
        parts.append(
            "Best is the checkpoint that scored best of fewer samples while training, scored as the last one is."
        )
    if commits := sorted({result.commit for result in models if result.commit}):
        parts.append(f"Made by ganzoo's {'commits' if commits[1:] else 'commit'} {', '.join(commits)}.")
    return " ".join(part for part in parts if part)


def _how(score: Score) -> str:
    real, fake = score.real, score.fake
    words = [f"{fake['count']:,} samples" if fake.get("count") else ""]
    if real.get("count"):
        words.append(f"{real['count']:,} images of {real.get('dataset')}'s {real.get('split')} split")
    words.append(f"seen through {score.extractor['name']}" if score.extractor else "")
    return ", ".join(word for word in words if word)
