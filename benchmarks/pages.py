"""The pages that show the committed results: ``python -m benchmarks.pages`` writes them anew."""

from __future__ import annotations

from pathlib import Path

from ganzoo.benchmark.formats import markdown
from ganzoo.benchmark.results import ENDING, read_results
from ganzoo.benchmark.tables import Reported, reported, tables

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PLACES = (ROOT / "benchmarks" / "TABLES.md", ROOT / "docs" / "benchmarks.md")
HEADER = """\
# Benchmarks

<!-- Written by `python -m benchmarks.pages` from benchmarks/results; edits here are lost. -->

What `ganzoo bench run` measured: each table holds scores of one protocol, the last checkpoint's first, with mean and
standard deviation over seeds, and below them what real images score in a model's place. The budgets are small and the
same for all rows of a table: these are not the papers' figures, which stand in a column of their own with their
sources. How to run suites and what the files mean: [benchmarking](BENCHMARKING).
"""
LITERATURE = """
## Figures from the literature

Each has its own protocol, which is why they differ from each other, and from what is measured here.

| closest variant | data | figure | source | protocol |
|---|---|---:|---|---|
"""


def page(place: Path) -> str:
    """A page's text."""
    guide = {"docs": "benchmarking.md", "benchmarks": "../docs/benchmarking.md"}[place.parent.name]
    found = tables(read_results([RESULTS])) if any(RESULTS.rglob(f"*{ENDING}")) else []
    body = markdown(found) if found else "No results are committed yet.\n"
    return HEADER.replace("BENCHMARKING", guide) + "\n" + body + LITERATURE + "".join(map(_line, reported()))


def _line(figure: Reported) -> str:
    return (
        f"| `{figure.variant}` | {figure.dataset} | {figure.metric} {figure.value} | [{figure.source}]({figure.url}) "
        f"| {figure.protocol} |\n"
    )


if __name__ == "__main__":
    for place in PLACES:
        place.write_text(page(place), encoding="utf-8")
        print(place)
