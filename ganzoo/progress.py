"""How far something is that takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

Progress = Callable[[str, int, int], None]
"""Told the stage, what is done of it, and how much there is, 0 if nobody knows."""


@contextmanager
def progress_shown(*, err: bool = True) -> Iterator[Progress]:
    """A bar on a terminal, a line per stage elsewhere; on standard error, or with all else that is said."""
    if not (sys.stderr if err else sys.stdout).isatty():
        yield _plain_lines(err)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=err), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total or None)
            bar.update(tasks[stage], completed=done)

        yield progress


def _plain_lines(err: bool) -> Progress:
    announced = set()

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in announced:
            announced.add(stage)
            click.echo(f"{stage}: {total:,} {'bytes' if stage.startswith('downloading') else 'images'}", err=err)

    return progress
