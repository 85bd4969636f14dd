"""Tables as one HTML page that needs nothing else: sortable, with sample grids and curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ganzoo.benchmark.formats import columns, notes
from ganzoo.benchmark.results import Result
from ganzoo.benchmark.tables import Row, Table
from ganzoo.report.curves import Chart, charts
from ganzoo.report.html import as_data_uri
from ganzoo.report.record import Record
from ganzoo.report.template import render
from ganzoo.variants import list_variants, read_variant

GRID_SIDE = 420
THUMB_SCALE = 2.5
# Of a run's charts, those that tell models apart.
SHOWN = ("Generator loss", "Discriminator loss", "Discriminator accuracy", "Critic gap", "Diversity", "Scores")


def html(tables: Sequence[Table]) -> str:
    """A page of tables."""
    return render(
        "leaderboard.html", title=" · ".join(dict.fromkeys(t.title for t in tables)), tables=list(_tables(tables))
    )


def _tables(tables: Sequence[Table]) -> Iterator[dict[str, Any]]:
    for number, table in enumerate(tables):
        shown = columns(table)
        yield {
            "title": table.title,
            "dataset": table.data,
            "about": table.about,
            "caption": table.caption,
            "notes": list(notes(table)),
            "headings": [column.heading for column in shown],
            "rows": [
                {"id": f"row-{number}-{place}", "cells": [column.cell(row) for column in shown]} | _facts(row)
                for place, row in enumerate(table.rows)
            ],
        }


def _facts(row: Row) -> dict[str, Any]:
    """The rest of a row, told by its first seed."""
    path, result = row.results[0]
    grid = path.with_name(result.grid) if result.grid else None
    return {
        "kind": row.kind,
        "variant": row.variant,
        "image": as_data_uri(grid, GRID_SIDE) if grid and grid.is_file() else None,
        "scale": round(56 * THUMB_SCALE),
        "details": row.kind == "model",
        "charts": _charts(result, path.parent),
        "command": result.command,
    }


def _charts(result: Result, folder: Path) -> list[Chart]:
    config = read_variant(result.variant) if result.variant in list_variants() else {}
    record = Record(folder, config, result.request, {}, result.curves, [], None)
    return [chart for chart in charts(record) if chart.title in SHOWN]
