"""One job of a suite: train, score, write the result. It goes on where a killed one was, and never starts twice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ganzoo
from ganzoo.benchmark.lock import locked
from ganzoo.benchmark.results import ENDING, Result, Score, Words, read_result, write_result, write_words
from ganzoo.benchmark.suite import Cell, Job, Suite
from ganzoo.best import BEST
from ganzoo.checksum import checksum
from ganzoo.errors import Diverged, GanzooError
from ganzoo.games.base import create_game
from ganzoo.machine import pick_device
from ganzoo.metrics.evaluate import enlargements
from ganzoo.metrics.judge import Judge
from ganzoo.metrics.protocol import choose
from ganzoo.metrics.samples import sides_of
from ganzoo.report.curves import thinned
from ganzoo.report.record import read_run
from ganzoo.training.checkpoint import CHECKPOINT, read_checkpoint
from ganzoo.training.logging import SCORES, read_metrics
from ganzoo.training.plan import Request, command, merge, open_data
from ganzoo.zoo import Model, weights_file

MOST_ENTRIES = 60
Evaluate = Callable[..., list[dict[str, Any]]]


def result_file(job: Job, out: Path) -> Path:
    """Where a job's result is or will be."""
    return out / f"{job.name}{ENDING}"


def job_folder(job: Job, out: Path) -> Path:
    """What a job leaves while it is done: its run, its log, its lock."""
    return out / "jobs" / job.name


def has_result(job: Job, out: Path) -> bool:
    """Whether a job is done; raises GanzooError where its result is of a suite that said otherwise."""
    file = result_file(job, out)
    if not file.is_file():
        return False
    result, cell = read_result(file), job.cell
    asked: dict[str, Any] = {"suite": job.suite.name}
    found: dict[str, Any] = {"suite": result.suite, "scoring": result.scoring}
    if result.kind == "data":  # whichever row of these data came first asked for it
        cells = [each for each in job.suite.cells if each.dataset == cell.dataset]
        cell = next((each for each in cells if each.scoring.options() == result.scoring), cell)
        sizes = [list(merge(each.request(0)).config.size) for each in cells]
        seen = next((score.real.get("resolution") for score in result.scores.values()), None)
        found["resolution"] = seen
        asked["resolution"] = seen if seen is None or seen in sizes else sizes[0]
    else:
        asked |= {"budget": str(cell.budget)} | _unmeasured(options(cell.request(job.seed or 0)))
        found |= {"budget": result.budget} | _unmeasured(result.request)
    asked["scoring"] = cell.scoring.options()
    _refuse_changed(file, asked, found)
    return True


def retell(suite: Suite, jobs: Iterable[Job], out: Path) -> None:
    """Bring what results say and nobody measured up to date: the suite's words, and where rows should land."""
    write_words(suite.name, Words(title=suite.title, about=suite.about), out)
    for job in jobs:
        if job.seed is not None and has_result(job, out):
            result = read_result(result_file(job, out))
            if result.expected != job.cell.expected:
                write_result(result.model_copy(update={"expected": job.cell.expected}), out)


def work(job: Job, out: Path) -> Path | None:
    """Do a job, or the rest of it, and return its result's file; None where another process is at it.

    Under ``torchrun`` all processes train and the first one scores.
    """
    first = os.environ.get("RANK", "0") == "0"
    if has_result(job, out):
        return result_file(job, out)
    folder = job_folder(job, out)
    if not first:
        _trained(job, folder / "run")
        return None
    with locked(folder) as mine:
        if not mine:
            if "WORLD_SIZE" in os.environ:  # the other ranks would wait for this one
                raise GanzooError(f"{job.name} is being done by another process; wait for it")
            return None
        for result in _calibrations(job) if job.seed is None else [_row(job, folder, out)]:
            path = write_result(result, out)
        return path


def _row(job: Job, folder: Path, out: Path) -> Result:
    run = folder / "run"
    finished = _trained(job, run)
    scores = _scored(run, job.cell) if finished else {}
    samples = run / "model" / "samples.png"
    if samples.is_file():
        shutil.copyfile(samples, out / f"{job.name}.png")
    facts = _common(job, scores) | _run_facts(run)
    return Result(
        **(facts | _best(run, job.cell, scores, facts["steps"])),
        row=job.row,
        kind="model",
        expected=job.cell.expected,
        scoring=job.cell.scoring.options(),
        outcome="finished" if finished else "diverged",
        scores=scores,
        grid=f"{job.name}.png" if samples.is_file() else None,
    )


def _best(run: Path, cell: Cell, scores: dict[str, Score], last: int) -> dict[str, Any]:
    """The scores of the checkpoint that did best while training, by the same protocol as the last one's."""
    entries = read_metrics(run, name=SCORES)
    if not scores or not entries:
        return {}
    step = min(entries, key=lambda entry: entry["value"])["step"]
    best = scores if step == last else _scored(run / BEST, cell)
    # A run that its time ended was not scored at its end while it trained: the last one may be better after all.
    return better({"best": best, "best_step": step}, {"best": scores, "best_step": last})


def better(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Which of two checkpoints' scores have the lower FID, by which checkpoints are chosen; the first if none has."""
    return min(one, other, key=lambda each: each["best"]["fid"].value if "fid" in each["best"] else 0.0)


def _scored(model: Path, cell: Cell) -> dict[str, Score]:
    return scored(model, cell.dataset, cell.scoring.options(), cell.device)


def _calibrations(job: Job) -> list[Result]:
    return [_bicubic(job)] if job.cell.enlarges else _floor(job)


def _bicubic(job: Job) -> Result:
    """What the bicubic filter scores in the place of models that enlarge."""
    cell = job.cell
    request = cell.request(0)
    reference = open_data(request, merge(request).config, channels=None)
    config = merge(request, {"image_channels": reference.channels}).config
    model = Model(config, create_game(config, networks=["generator"]))

    def evaluate(dataset: str, **options: Any) -> list[dict[str, Any]]:
        return enlargements(model, dataset, bicubic_alone=True, device=cell.device, **options)

    scores = score_sets(evaluate, cell.dataset, cell.scoring.options())
    return _real(job, "bicubic", scores).model_copy(update={"dataset": reference.label})


def _floor(job: Job) -> list[Result]:
    """The data's own scores: its test split, where it has one, against the reference, and half against half.

    The last one, the halves where there are images enough, has the job's own name: its file tells that it is done.
    """
    cell = job.cell
    request, scoring = cell.request(0), cell.scoring
    config = merge(request).config
    side = sides_of(config.direction)[1] if config.direction else ""
    split = scoring.split or ("test" if side else None)
    protocol = choose(scoring.protocol, extractor=cell.extractor, count=scoring.n, split=split)
    reference = open_data(request, config, channels=None, split=protocol.split)
    records = Judge(reference, protocol, scoring.metrics, side=side, device=pick_device(cell.device)).floor()
    subjects = list(dict.fromkeys(record["subject"] for record in records))
    if not subjects:
        raise GanzooError(f"{reference.label} has too few images to compare some of them with others; give at least 4")
    # "real test images" are of the row real-test-…
    rows = [*(job.row.replace("halves", subject.split()[1]) for subject in subjects[:-1]), job.row]
    return [_real(job, subject, _by_metric(records, subject), row) for subject, row in zip(subjects, rows, strict=True)]


def _real(job: Job, subject: str, scores: dict[str, Score], row: str = "") -> Result:
    return Result(
        **_common(job, scores),
        row=row or job.row,
        kind="data",
        title=subject,
        scores=scores,
        scoring=job.cell.scoring.options(),
    )


def _trained(job: Job, run: Path) -> bool:
    """Train to the end, going on with what is there; False if it diverged."""
    done, request = run.parent / "trained", job.cell.request(job.seed or 0)
    if (run / CHECKPOINT).is_file():
        _refuse_changed(run, asdict(request), read_checkpoint(run)[1]["run"])
    if done.is_file():
        return done.read_text() == "finished"
    try:
        if (run / CHECKPOINT).is_file():
            ganzoo.train(resume=run, device=job.cell.device)
        else:
            shutil.rmtree(run, ignore_errors=True)  # killed before its first checkpoint
            ganzoo.train(**options(request), device=job.cell.device, out=run)
        outcome = "finished"
    except Diverged as error:
        print(f"diverged: {error}", flush=True)
        outcome = "diverged"
    if os.environ.get("RANK", "0") == "0":
        done.write_text(outcome)
    return outcome == "finished"


def _unmeasured(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request without its length, which a result has in the steps that it came to."""
    return {key: value for key, value in request.items() if key not in ("steps", "minutes", "cpu_minutes")}


def _refuse_changed(place: Path, asked: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    if changed := sorted(key for key in {*asked, *found} if asked.get(key) != found.get(key)):
        raise GanzooError(
            f"{place} was made when the suite said otherwise of its {', '.join(changed)}; "
            "move it away, or give another --out"
        )


def options(request: Request) -> dict[str, Any]:
    """A request as keywords of ``ganzoo.train``, those that say nothing left out."""
    return {key: value for key, value in asdict(request).items() if value is not None}


def scored(model: Path, dataset: str, scoring: Mapping[str, Any], device: str) -> dict[str, Score]:
    """A model's score records as :func:`score_sets` names them."""

    def evaluate(dataset: str, **options: Any) -> list[dict[str, Any]]:
        records = ganzoo.evaluate(model, dataset, device=device, **options)
        return [record for record in records if record["subject"] == "model"]

    return score_sets(evaluate, dataset, scoring)


def score_sets(evaluate: Evaluate, dataset: str, scoring: Mapping[str, Any]) -> dict[str, Score]:
    """Scores by metric on a data set, or by metric and set on those that ``scoring`` names. evaluate: of a data set."""
    options = {key: value for key, value in scoring.items() if key != "sets"}
    if not scoring.get("sets"):
        return _by_metric(evaluate(dataset, **options))
    scores: dict[str, Score] = {}
    for each in scoring["sets"]:
        given = {key: value for key, value in each.items() if key != "dataset" and value is not None}
        for record in evaluate(each["dataset"], **options, **given):
            name = record["real"]["dataset"]
            told = {"metric": f"{record['metric']}@{name}", "title": f"{record['title']} {name}"}
            scores[told["metric"]] = Score.model_validate(record | told)
    return scores


def _by_metric(records: Sequence[Mapping[str, Any]], subject: str | None = None) -> dict[str, Score]:
    kept = [record for record in records if subject in (None, record["subject"])]
    return {record["metric"]: Score.model_validate(record) for record in kept}


def _common(job: Job, scores: Mapping[str, Score]) -> dict[str, Any]:
    score = next(iter(scores.values()), None)
    return {
        "suite": job.suite.name,
        "dataset": score.real["dataset"] if score else job.cell.dataset,
        "protocol": score.protocol if score else job.cell.scoring.protocol or "custom",
        "budget": str(job.cell.budget),
        "commit": _commit(),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M"),
    }


def config_hash(config: Mapping[str, Any]) -> str:
    """What a run's merged configuration is told by; a changed variant or preset changes it."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _run_facts(run: Path) -> dict[str, Any]:
    """What a run's files tell of it."""
    _, header = read_checkpoint(run)
    config, stored = header["config"], Request(**header["run"])
    facts = json.loads((run / "model" / "config.json").read_text())["facts"] if (run / "model").is_dir() else {}
    weights = weights_file(run) if (run / "model").is_dir() else None
    # Processor minutes are measured: what repeats the training is the number of steps they came to.
    step, planned = header["trainer"]["step"], config["schedule"]["steps"]
    request = asdict(stored) | {"steps": planned, "minutes": None, "cpu_minutes": None}
    return {
        "variant": config["name"],
        "title": config["title"],
        "dataset": header["data"]["label"],
        "seed": stored.seed or 0,
        "steps": step,
        "planned_steps": planned,
        "images_seen": facts.get("images_seen"),
        "cpu_seconds": round(header["cpu_seconds"], 1),
        "wall_seconds": round(header["seconds"], 1),
        "request": {key: value for key, value in request.items() if value is not None},
        "command": command(Request(**request)) + (f" --stop-at {step}" if step < planned else ""),
        "config_hash": config_hash(config),
        "weights_sha256": checksum(weights) if weights else None,
        "versions": facts.get("versions", {}),
        "hardware": facts.get("hardware", ""),
        "curves": _curves(run),
    }


def _curves(run: Path) -> list[dict[str, Any]]:
    """The log, thinned, with the scores that were taken while training."""
    record = read_run(run)
    return sorted([*record.scores, *thinned(record.history, MOST_ENTRIES)], key=lambda entry: entry["step"])


def _commit() -> str | None:
    """The checkout that ganzoo is run from, None where it is installed."""
    place = Path(ganzoo.__file__).parents[1]
    if not (place / ".git").exists() or shutil.which("git") is None:
        return None
    said = subprocess.run(
        ["git", "-C", str(place), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
        capture_output=True,
        text=True,
    )
    return said.stdout.strip() or None
