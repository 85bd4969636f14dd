"""Tables as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ganzoo.benchmark.results import Expected
from ganzoo.benchmark.tables import MEANING, Metric, Row, Table, Value, mean
from ganzoo.words import duration, number

ARROWS = {"lower": "↓", "higher": "↑"}


@dataclass(frozen=True)
class Cell:
    """What stands in a table. order: its place when sorted. strong: the column's best. note: what is to be added."""

    text: str
    order: float | None = None
    strong: bool = False
    note: str = ""

    def written(self, strong: str, escape: Callable[[str], str] = str) -> str:
        """The cell as text. strong: a format of what stands out."""
        text = escape(self.text)
        return (strong.format(text) if self.strong else text) + escape(f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class Column:
    """A heading and what a row has under it."""

    heading: str
    cell: Callable[[Row], Cell]


def columns(table: Table) -> list[Column]:
    """A table's columns: the last checkpoint's scores first, the best one's in a column of its own."""
    shown = [Column("model", lambda row: Cell(f"{row.title}{row.marks}"))]
    shown += [_scores(table, metric) for metric in table.metrics] or [Column("scores", lambda row: Cell("diverged"))]
    if table.metrics and any(row.best for row in table.rows):
        shown.append(_best(table, table.metrics[0]))
    if table.metrics and any(_expected(row) for row in table.rows):
        shown.append(Column("expected", lambda row: Cell(_landed(row, table.metrics[0]))))
    if table.sources:
        shown.append(Column("reported", lambda row: Cell(_figures(table, row))))
    return [*shown, *_costs(table)]


def markdown(tables: Sequence[Table]) -> str:
    """Tables with their captions and notes, one after the other."""
    return "\n".join(_markdown(table) for table in tables)


def latex(tables: Sequence[Table]) -> str:
    """Tables for the package booktabs."""
    return "\n".join(_latex(table) for table in tables)


def as_csv(tables: Sequence[Table]) -> str:
    """One line for each row and metric, numbers as they are."""
    text = io.StringIO()
    lines = [line for table in tables for line in _lines(table)]
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def measured(value: Value) -> str:
    """A mean ± the deviation over seeds, both to two digits of the latter; without one, three digits of the mean."""
    if not value.deviation or not math.isfinite(value.deviation):
        return number(value.mean) if value.deviation is None else f"{number(value.mean)} ± {number(value.deviation)}"
    places = max(0, 1 - math.floor(math.log10(value.deviation)))
    sign = "−" if value.mean < 0 else ""
    return f"{sign}{abs(value.mean):,.{places}f} ± {value.deviation:,.{places}f}"


def notes(table: Table) -> Iterator[str]:
    """What the data's name, the marks and the figures' numbers mean."""
    if table.dataset.endswith("-jpeg"):
        yield f"{table.dataset} is a lossy copy: its scores cannot be compared with those against the originals."
    for mark in table.marks:
        yield f"{mark} {MEANING[mark]}"
    for place, figure in enumerate(table.sources, start=1):
        yield f"[{place}] {figure.metric} {figure.value}: {figure.source}, {figure.url}. {figure.protocol}."


def _scores(table: Table, metric: Metric) -> Column:
    winner = table.winner(metric)

    def cell(row: Row) -> Cell:
        if metric.name not in row.last:
            return Cell("diverged" if row.diverged else "–")
        value = row.last[metric.name]
        lost = f"{row.diverged} of {len(row.results)} diverged" if row.diverged else ""
        return Cell(measured(value), value.mean, row.name == winner, lost)

    return Column(f"{metric.title} {ARROWS[metric.best]}", cell)


def _best(table: Table, metric: Metric) -> Column:
    winner = table.winner(metric, best=True)

    def cell(row: Row) -> Cell:
        if metric.name not in row.best:
            return Cell("")
        value = row.best[metric.name]
        steps = sorted({result.best_step for _, result in row.results if result.best_step is not None})
        at = " … ".join(f"{step:,}" for step in dict.fromkeys((steps[0], steps[-1]))) if steps else ""
        return Cell(measured(value), value.mean, row.name == winner, f"step {at}" if at else "")

    return Column(f"best {metric.title}", cell)


def _expected(row: Row) -> Expected | None:
    return row.results[0][1].expected


def _landed(row: Row, metric: Metric) -> str:
    """The band a row should land in, and whether it did."""
    band, value = _expected(row), row.last.get(metric.name)
    if band is None:
        return ""
    inside = value is not None and band.low <= value.mean <= band.high
    return f"{number(band.low)} to {number(band.high)}: {'inside' if inside else 'OUTSIDE'}"


def _figures(table: Table, row: Row) -> str:
    return ", ".join(f"{figure.value} [{table.sources.index(figure) + 1}]" for figure in row.reported)


def _costs(table: Table) -> Iterator[Column]:
    """What the trainings took, on average."""

    def steps(row: Row) -> Cell:
        played = [result.steps for _, result in row.results if result.steps]
        return Cell(f"{round(mean(played).mean):,}", mean(played).mean) if played else Cell("")

    def spent(row: Row) -> Cell:
        if row.kind == "data":
            return Cell("")
        seconds = mean([result.cpu_seconds for _, result in row.results]).mean
        return Cell(duration(seconds), seconds)

    yield Column("steps", steps)
    yield Column("processor", spent)
    yield Column("seeds", lambda row: Cell(str(len(row.results)) if row.kind == "model" else ""))


def _markdown(table: Table) -> str:
    shown = columns(table)
    lines = [f"## {table.title}: {table.data}", ""]
    lines += [table.about.strip(), ""] if table.about else []
    lines += ["| " + " | ".join(column.heading for column in shown) + " |"]
    lines += ["|---" + "|---:" * (len(shown) - 1) + "|"]
    for row in table.rows:
        cells = [column.cell(row) for column in shown]
        lines.append("| " + " | ".join(cell.written("**{}**") for cell in cells) + " |")
    lines += ["", table.caption, ""]
    lines += [line for note in notes(table) for line in (note, "")]
    return "\n".join(lines)


def _latex(table: Table) -> str:
    shown = columns(table)
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{l{'r' * (len(shown) - 1)}}}", r"\toprule"]
    lines += [" & ".join(_tex(column.heading) for column in shown) + r" \\", r"\midrule"]
    for place, row in enumerate(table.rows):
        if place and row.kind != table.rows[place - 1].kind:
            lines.append(r"\midrule")
        cells = [column.cell(row) for column in shown]
        lines.append(" & ".join(cell.written(r"\textbf{{{}}}", _tex) for cell in cells) + r" \\")
    caption = " ".join([f"{table.title}: {table.data}.", table.about.strip(), table.caption, *notes(table)])
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", rf"\caption{{{_tex(caption)}}}", r"\end{table}", ""])


def _tex(text: str) -> str:
    """Text as LaTeX takes it, without packages beyond booktabs."""
    special = {character: f"\\{character}" for character in "&%$#_{}"}
    special |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {"±": r"$\pm$", "↓": r"$\downarrow$", "↑": r"$\uparrow$", "−": "$-$", "–": "--", "×": r"$\times$"}
    special |= {"…": r"\dots{}", "é": r"\'e"}
    special |= {"†": r"$^\dagger$", "‡": r"$^\ddagger$", "¶": r"$^\P$", "→": r"$\to$"}
    return "".join(special.get(character, character) for character in text)


def _lines(table: Table) -> Iterator[dict[str, object]]:
    for row in table.rows:
        first = row.results[0][1]
        for metric in table.metrics or [Metric("", "", "lower")]:
            last, best = row.last.get(metric.name), row.best.get(metric.name)
            yield {
                "suite": table.suite,
                "dataset": table.data,
                "row": row.name,
                "kind": row.kind,
                "variant": row.variant or "",
                "metric": metric.title,
                "mean": last.mean if last else "",
                "deviation": "" if last is None or last.deviation is None else last.deviation,
                "best_mean": best.mean if best else "",
                "best_deviation": "" if best is None or best.deviation is None else best.deviation,
                "seeds": len(row.results),
                "diverged": row.diverged,
                "ranked": row.ranked(metric),
                "reported": "; ".join(f"{each.metric} {each.value} ({each.source})" for each in row.reported),
                "protocol": first.protocol,
                "steps": mean([result.steps or 0 for _, result in row.results]).mean,
                "cpu_seconds": mean([result.cpu_seconds for _, result in row.results]).mean,
            }
