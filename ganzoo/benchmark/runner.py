"""A suite's jobs on this machine: one process each, several at a time, within a time limit, resumable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.benchmark.suite import Job
from ganzoo.benchmark.work import has_result, job_folder, result_file
from ganzoo.data.prepare import require_dataset
from ganzoo.words import duration, plural

Say = Callable[[str], None]
POLL = 0.2
MOST_CHARACTERS = 500
BUSY = 75
"""Exit code of a job that another process is at: EX_TEMPFAIL."""
STOPPED = (128 + signal.SIGTERM, -signal.SIGTERM)
UNFINISHED = (0, BUSY, *STOPPED)
"""Exit codes of jobs that did not fail."""


@dataclass
class Running:
    """A job in a process of its own."""

    job: Job
    process: subprocess.Popen[bytes]
    began: float


@dataclass
class Left:
    """Jobs without a result in the end: all of them, those of them that failed, and those that others are at."""

    jobs: int
    failed: int
    busy: int = 0


def run_jobs(jobs: Sequence[Job], source: str, out: Path, *, at_once: int, seconds: float | None, say: Say) -> Left:
    """Do the jobs that have no result yet, and return what is left.

    source: the suite, by name or file. at_once: how many processes. seconds: when they are up, no job is begun and
    those that run are ended where they can be resumed. A job that fails is said, with the end of its log, and the
    others go on. Raises GanzooError before any is begun where data are missing.
    """
    waiting = [job for job in jobs if not has_result(job, out)]
    for job in waiting:
        for name, split in job.cell.data:
            require_dataset(name, split)
    say(f"{plural(len(jobs), 'job')}, {len(jobs) - len(waiting)} done before, {len(waiting)} to do -> {out}")
    end = time.monotonic() + seconds if seconds is not None else None
    running: list[Running] = []
    codes: list[int] = []
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        while waiting or running:
            up = end is not None and time.monotonic() > end
            if up:
                waiting.clear()
                _stop(running)
            while waiting and len(running) < at_once:
                running.append(_begin(waiting.pop(0), source, out, at_once, say))
            time.sleep(POLL)
            codes += [code for each in running if (code := _ended(each, out, say)) is not None]
            running = [each for each in running if each.process.returncode is None]
    finally:
        _stop(running)
        signal.signal(signal.SIGTERM, before)
    left = sum(not result_file(job, out).is_file() for job in jobs)
    return Left(left, sum(code not in UNFINISHED for code in codes), min(left, codes.count(BUSY)))


def log_file(job: Job, out: Path) -> Path:
    """What a job printed."""
    return job_folder(job, out) / "log.txt"


def job_command(job: Job, source: str, out: Path) -> list[str]:
    """The command that does one job."""
    start = [sys.executable, "-m"]
    if job.seed is not None and job.cell.processes > 1:
        start += ["torch.distributed.run", "--standalone", f"--nproc-per-node={job.cell.processes}", "-m"]
    return [*start, "ganzoo", "bench", "job", source, job.name, "--out", str(out)]


def _begin(job: Job, source: str, out: Path, at_once: int, say: Say) -> Running:
    log = log_file(job, out)
    log.parent.mkdir(parents=True, exist_ok=True)
    say(f"{job.name}: {'resumed' if (log.parent / 'run').exists() else 'begun'}")
    threads = max(1, (os.cpu_count() or 1) // at_once)
    environment = {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1", **os.environ}
    with log.open("ab") as file:
        process = subprocess.Popen(
            job_command(job, source, out),
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    return Running(job, process, time.monotonic())


def _ended(each: Running, out: Path, say: Say) -> int | None:
    """The exit code of a job that has ended, which is said."""
    code = each.process.poll()
    if code is None:
        return None
    took = duration(time.monotonic() - each.began)
    if result_file(each.job, out).is_file():
        say(f"{each.job.name}: done in {took}")
    elif code == BUSY:
        say(f"{each.job.name}: another process is at it")
    elif code in STOPPED:
        say(f"{each.job.name}: stopped after {took}; the same command goes on with it")
    else:
        say(f"{each.job.name}: failed with exit code {code}; see {log_file(each.job, out)}")
        if last := _last_line(log_file(each.job, out)):
            say(f"  {last}")
    return code


def _last_line(log: Path) -> str:
    """What a job said last, most likely why it failed."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip()[:MOST_CHARACTERS] for line in reversed(lines) if line.strip()), "")


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def _stop(running: Sequence[Running]) -> None:
    """End jobs as a cluster would: they save and leave."""
    for each in running:
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGTERM)
    for each in running:
        each.process.wait()
