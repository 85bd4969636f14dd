"""Trainings of a suite that began when their variant or preset said something else than it does now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from ganzoo.benchmark.suite import Job
from ganzoo.benchmark.work import job_folder, result_file
from ganzoo.config import Config, changes
from ganzoo.report.record import Record, read_run
from ganzoo.training.plan import Request, merge, with_steps

FACTS = ("image_channels", "classes", "captions")
"""What the data decided."""


def outdated(jobs: Iterable[Job], out: Path) -> Iterator[str]:
    """A sentence for each such job; what another machine trained cannot be told, for it left no run here."""
    for job in jobs:
        folder = job_folder(job, out)
        if job.seed is None or not (folder / "run" / "config.yaml").is_file():
            continue
        if changed := _changed(read_run(folder / "run")):
            places = [str(place) for place in (result_file(job, out), folder) if place.exists()]
            yield (
                f"{job.name} was begun when its variant or preset said otherwise of {', '.join(changed)}; "
                f"to train it anew, move away {' and '.join(places)}"
            )


def _changed(run: Record) -> list[str]:
    """Dotted keys; what this version of ganzoo does not know counts as changed."""
    try:
        before = Config.model_validate(run.config)
    except ValidationError as error:
        return sorted({".".join(map(str, each["loc"])) for each in error.errors()})
    facts = {name: getattr(before, name) for name in FACTS}
    now = with_steps(merge(Request(**run.request), facts), before.schedule.steps)
    return sorted(changes(before, now.config))
