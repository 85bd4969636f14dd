"""What commands print: aligned tables for people, JSON for programs, progress while it takes long."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click


def print_json(value: Any) -> None:
    """Print ``value`` as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header, columns as wide as their widest cell."""
    cells = [[str(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_note(text: str) -> None:
    """Print what a person might not expect, on standard error."""
    click.echo(f"note: {text}", err=True)


@contextmanager
def progress_shown() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, a line per stage elsewhere; both on standard error."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total or None)
            bar.update(tasks[stage], completed=done)

        yield progress


def _plain_lines() -> Callable[[str, int, int], None]:
    announced = set()

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in announced:
            announced.add(stage)
            click.echo(f"{stage}: {total:,} {'bytes' if stage.startswith('downloading') else 'images'}", err=True)

    return progress
