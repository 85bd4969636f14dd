"""ganzoo bench: run suites, make tables of their results, repeat rows."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click

EXECUTORS = ("local", "slurm", "submitit")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType):
    """``30m``, ``2h``, ``90s``, ``1d`` as seconds."""

    name = "duration"

    def convert(self, value, parameter, context):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(value))
        if not match:
            self.fail(f"'{value}' is no duration; write e.g. 90s, 30m or 2h", parameter, context)
        return float(match[1]) * SECONDS[match[2]]


out = click.option("--out", metavar="DIR", help="Where results go; runs/bench-<suite> if left out.")


@click.group(name="bench")
def command() -> None:
    """Compare models: run suites, make tables of their results, repeat rows.

    \b
    ganzoo bench run smoke
    ganzoo bench table runs/bench-smoke
    ganzoo bench table runs/bench-smoke --format html --out leaderboard.html
    """


@command.command()
@click.argument("suite")
@click.option("--only", metavar="PATTERN", help="Only rows or jobs called so, e.g. 'wgan*' or gan-seed-0.")
@click.option("--budget", type=Duration(), metavar="TIME", help="Stop after e.g. 30m; run it again to go on.")
@click.option("--jobs", "at_once", type=click.IntRange(1), help="Processes at once: 1, on a cluster all.")
@click.option("--executor", type=click.Choice(EXECUTORS), default="local", show_default=True, help="Who runs them.")
@click.option(
    "--cluster-option", "options", multiple=True, metavar="OPTION", help="Of sbatch, or submitit's key=value."
)
@click.option("--dry-run", is_flag=True, help="Show the jobs (slurm: write the script) and stop.")
@out
def run(
    suite: str,
    only: str | None,
    budget: float | None,
    at_once: int | None,
    executor: str,
    options: tuple[str, ...],
    dry_run: bool,
    out: str | None,
) -> None:
    """Train and score what SUITE lists: a name that comes with ganzoo, or a YAML file.

    Rows that have a result are skipped and ones that were killed go on, so the same command continues a suite; several
    may work on one folder. Each row has a process, a log and a lock of its own.

    \b
    ganzoo bench run smoke
    ganzoo bench run mnist --only 'wgan*' --budget 30m
    ganzoo bench run cifar10-gpu --executor slurm --cluster-option=--partition=gpu --cluster-option=--time=24:00:00
    """
    from ganzoo.benchmark.cluster import submit_sbatch, submit_submitit, write_sbatch
    from ganzoo.benchmark.outdated import outdated
    from ganzoo.benchmark.runner import BUSY, job_command, run_jobs
    from ganzoo.benchmark.suite import jobs, read_suite
    from ganzoo.benchmark.work import retell

    if budget is not None and executor != "local":
        raise click.UsageError("--budget is of --executor local; give a cluster its own, e.g. --time=24:00:00")
    read = read_suite(suite)
    suite = str(Path(suite).absolute()) if Path(suite).is_file() else suite
    chosen, folder = jobs(read, only), Path(out or f"runs/bench-{read.name}")
    for sentence in outdated(chosen, folder):
        click.echo(sentence, err=True)
    if not dry_run:
        retell(read, chosen, folder)
    if executor == "slurm":
        script = write_sbatch(chosen, suite, folder, at_once=at_once, options=options)
        click.echo(script or "all jobs have their results")
        if script and not dry_run:
            click.echo(submit_sbatch(script))
    elif dry_run:
        for job in chosen:
            click.echo(shlex.join(job_command(job, suite, folder)))
    elif executor == "submitit":
        click.echo(submit_submitit(chosen, suite, folder, at_once=at_once, options=options))
    else:
        left = run_jobs(chosen, suite, folder, at_once=at_once or 1, seconds=budget, say=click.echo)
        table = shlex.join(["ganzoo", "bench", "table", str(folder)])
        click.echo(f"{left.jobs} without a result yet" if left.jobs else f"table  {table}")
        if left.busy:
            click.echo(f"other processes are at {left.busy} of them; run this again when they are done")
        if left.failed or (left.jobs > left.busy and budget is None):
            sys.exit(1)
        sys.exit(BUSY if left.busy and budget is None else 0)


@command.command()
@click.argument("suite")
@click.argument("name")
@click.option("--out", required=True, metavar="DIR", help="Where results go.")
def job(suite: str, name: str, out: str) -> None:
    """Do one job of SUITE in this process: what `bench run` starts for each.

    \b
    ganzoo bench job smoke gan-seed-0 --out runs/bench-smoke
    """
    import os

    from ganzoo.benchmark.runner import BUSY
    from ganzoo.benchmark.suite import find_job, read_suite
    from ganzoo.benchmark.work import work

    path = work(find_job(read_suite(suite), name), Path(out))
    if path:
        click.echo(path)
    elif os.environ.get("RANK", "0") == "0":
        sys.exit(BUSY)


@command.command()
@click.argument("results", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["md", "latex", "csv", "html"]), default="md", show_default=True)
@click.option("--out", metavar="FILE", help="Write a file instead of printing.")
def table(results: tuple[str, ...], form: str, out: str | None) -> None:
    """Tables of the RESULTS in files and folders: one for each suite and data set.

    Scores that were made by different protocols are refused, since they say nothing about each other.

    \b
    ganzoo bench table runs/bench-mnist
    ganzoo bench table runs/bench-mnist --format latex
    ganzoo bench table runs/bench-mnist --format html --out leaderboard.html
    """
    from ganzoo.benchmark.formats import as_csv, latex, markdown
    from ganzoo.benchmark.leaderboard import html
    from ganzoo.benchmark.results import read_results
    from ganzoo.benchmark.tables import tables
    from ganzoo.writing import new_file

    text = {"md": markdown, "latex": latex, "csv": as_csv, "html": html}[form](tables(read_results(results)))
    if out is None:
        click.echo(text, nl=False)
        return
    with new_file(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    click.echo(out)


@command.command()
@click.argument("row")
@click.option("--results", default="benchmarks/results", show_default=True, metavar="DIR", help="Where the row is.")
@click.option("--out", metavar="DIR", help="The new run's folder; runs/reproduce-<row> if left out.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
def reproduce(row: str, results: str, out: str | None, device: str) -> None:
    """Train and score ROW again, and say whether it lands within what its seeds make expect.

    ROW is a row's name, with its suite where several have one, and with -seed-N for another than the first.
    Exits 1 if it does not.

    \b
    ganzoo bench reproduce mnist/wgan-gp
    ganzoo bench reproduce gan-seed-1 --results runs/bench-smoke
    """
    from ganzoo.benchmark.reproduce import reproduce as repeat

    verdict = repeat(row, results, Path(out or f"runs/reproduce-{row.replace('/', '-')}"), device=device)
    click.echo(verdict)
    sys.exit(0 if verdict.reproduced else 1)
