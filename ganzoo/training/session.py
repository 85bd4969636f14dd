"""A training run: set up, play, record, survive, report, export."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote
from typing import Any

import torch
import yaml

from ganzoo import __version__
from ganzoo.best import Contest
from ganzoo.config import UNBOUNDED, Resolved, resolve
from ganzoo.data.loader import Loader, to_float
from ganzoo.data.prepare import require_dataset
from ganzoo.errors import Diverged, GanzooError
from ganzoo.games.base import Batch, Game, create_game
from ganzoo.games.translation import from_images
from ganzoo.machine import Settings, check_precision, hardware, make_deterministic, threads_may_starve
from ganzoo.memory import keep_freed_memory
from ganzoo.report.card import model_card
from ganzoo.report.html import write_report
from ganzoo.tensors import save_tensors
from ganzoo.training import distributed
from ganzoo.training.checkpoint import CHECKPOINT, Checkpoint, initialise, read_checkpoint
from ganzoo.training.clock import Clock
from ganzoo.training.interrupt import OUT_OF_TIME, Interrupted, signals, stop_if
from ganzoo.training.logging import Recorder
from ganzoo.training.plan import Plan, Request, command, open_data, refuse_contradictions, with_steps
from ganzoo.training.trainer import Hook, Trainer
from ganzoo.words import plural
from ganzoo.writing import require_empty
from ganzoo.zoo import Model, save, save_grid


class Session:
    """One process's work on a run. checkpoint: the tensors and header to go on from."""

    def __init__(
        self,
        run: Path,
        plan: Plan,
        device: torch.device,
        *,
        compile: bool = False,
        quiet: bool = False,
        checkpoint: Checkpoint | None = None,
    ):
        self.run, self.plan = run, plan
        request, config = plan.request, plan.config
        if request.deterministic:
            make_deterministic()
        keep_freed_memory()
        settings = Settings(
            seed=request.seed or 0,
            device=str(device),
            precision=check_precision(request.precision or "fp32", device),
            accumulate=request.accumulate or 1,
            compile=compile,
        )
        game = create_game(config, seed=settings.seed)
        game.check(plan.dataset)
        averaged = create_game(config, networks=game.sampled)
        if request.init_from and checkpoint is None:
            initialise(game, Path(request.init_from), config.image_channels)
        loader = Loader(
            plan.dataset,
            game.fields,
            config.schedule.batch_size,
            seed=settings.seed,
            device=device,
            mirror=config.mirror,
            jitter=config.jitter,
            independent=game.independent,
        )
        averaged.shown = _examples(plan, game, device)
        self.trainer = Trainer(game, averaged, config, loader, settings)
        if checkpoint is not None:
            self.trainer.restore(checkpoint[0], checkpoint[1]["trainer"])
        self.contest = None
        if config.schedule.eval_every and distributed.rank() == 0:
            data = plan.held_out if from_images(config.game.name) else plan.dataset
            self.contest = Contest(run, Model(config, averaged), data, device, step=self.trainer.step)
        spent = checkpoint[1] if checkpoint else {}
        self.clock = Clock(spent.get("seconds", 0.0), spent.get("cpu_seconds", 0.0))
        self.recorder = Recorder(run, self.trainer, self.clock, quiet=quiet, advice=_advice(request))

    @classmethod
    def start(cls, plan: Plan, out: str | Path | None, device: torch.device, **options: Any) -> Session:
        """A new run in a folder that is empty or not there yet."""
        run = Path(out).expanduser() if out else _numbered(plan)
        if distributed.rank() == 0:
            resumable = (run / CHECKPOINT).is_file()
            require_empty(run, f", or go on with it by --resume {quote(str(run))}" if resumable else "")
        session = cls(run, plan, device, **options)
        if distributed.rank() == 0:
            run.mkdir(parents=True, exist_ok=True)
            session.write_config()
        distributed.barrier()
        return session

    @classmethod
    def resume(cls, run: Path, request: Request, device: torch.device, **options: Any) -> Session:
        """The run as its last checkpoint left it."""
        tensors, header = read_checkpoint(run)
        stored = Request(**header["run"])
        refuse_contradictions(request, stored, header["config"]["schedule"])
        resolved = Resolved(resolve(header["config"]).config, dict.fromkeys(stored.values(), "command line"))
        if request.steps:
            resolved = with_steps(resolved, request.steps)
        config = resolved.config
        stored = replace(stored, dataset=_where_now(stored, request, str(header.get("source") or "")))
        dataset = open_data(stored, config, channels=config.image_channels)
        if dataset.fingerprint != header["data"]["fingerprint"]:
            raise GanzooError(f"{stored.dataset} is no longer what {run} was trained on; restore it or start a new run")
        return cls(run, Plan(stored, resolved, dataset), device, checkpoint=(tensors, header), **options)

    def play(self, stop_at: int | None, hooks: Sequence[Hook]) -> None:
        """Train to the end, or to ``stop_at``, or until a signal; leave a checkpoint, a report and a model."""
        trainer, recorder = self.trainer, self.recorder
        until = min(stop_at or UNBOUNDED, trainer.config.schedule.steps)
        recorder.say(f"{self._title()} -> {self.run}")
        skipped = self.plan.dataset.info.get("skipped") or {"count": 0}
        if skipped["count"]:
            recorder.say(
                f"{plural(skipped['count'], 'unreadable image')} left out, e.g. {skipped['files'][0]}; "
                "`ganzoo data check` lists them"
            )
        if threads_may_starve(trainer.device):
            recorder.say(
                "other work keeps this machine busy; with OMP_WAIT_POLICY=PASSIVE in front, the same command may be "
                "several times faster"
            )
        if trainer.step >= until:  # killed before its model was exported, perhaps: that is done again
            higher = "--stop-at" if until < trainer.config.schedule.steps else "--steps"
            recorder.say(f"it has already played {trainer.step} steps of {until}; raise {higher} to go on")
        try:
            with signals(trainer):
                self._train(stop_at, hooks)
            self.checkpoint()
        except Diverged as error:
            self._keep_evidence(error)
            raise
        if distributed.rank() == 0:
            self._finish()
        if trainer.interrupted not in (0, OUT_OF_TIME):
            raise Interrupted(self.run, trainer.step, trainer.interrupted)
        recorder.say(f"samples {self.run}/model/samples.png\nreport  {self.run}/report.html\nmodel   {self.run}/model")

    def _train(self, stop_at: int | None, hooks: Sequence[Hook]) -> None:
        trainer, seconds = self.trainer, self.plan.request.seconds
        self.checkpoint()
        deadline = []
        if seconds and trainer.config.schedule.steps == UNBOUNDED:
            deadline = [Hook(1, lambda trainer: stop_if(self._spent() > seconds, trainer), at_end=False)]
            self._fix_length(seconds, stop_at or UNBOUNDED)
        until = min(stop_at or UNBOUNDED, trainer.config.schedule.steps)
        with self.recorder.live(until):
            trainer.run(until, [*self._hooks(), *deadline, *hooks])
        if trainer.interrupted == OUT_OF_TIME:
            self.recorder.say(
                f"time is up after {trainer.step} of {until} steps, since the machine became slower; "
                f"go on with: ganzoo train --resume {quote(str(self.run))}"
            )

    def checkpoint(self, trainer: Trainer | None = None) -> None:
        """Save everything, if all losses were finite so far."""
        self.trainer.check_finite(weights=True)
        if distributed.rank() == 0:
            tensors, state = self.trainer.state()
            save_tensors(self.run / CHECKPOINT, tensors, self._header() | {"trainer": state})
        distributed.barrier()

    def write_config(self) -> None:
        """``config.yaml``: the merged configuration, the request and the data."""
        header = {key: value for key, value in self._header().items() if key not in ("seconds", "cpu_seconds")}
        (self.run / "config.yaml").write_text(
            yaml.safe_dump(header, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )

    def _hooks(self) -> list[Hook]:
        schedule, hooks = self.trainer.config.schedule, []
        if distributed.rank() == 0:
            hooks += [Hook(1, self.recorder.announce), Hook(schedule.sample_every, self._sample)]
        hooks += [
            Hook(schedule.log_every, self.recorder.record),
            Hook(schedule.checkpoint_every, self.checkpoint, at_end=False),
        ]
        return [*hooks, Hook(schedule.eval_every, self._score)] if schedule.eval_every else hooks

    def _spent(self) -> float:
        """Seconds of the kind that the training's length was given in."""
        return self.clock.wall if self.plan.request.minutes else self.clock.cpu

    def _sample(self, trainer: Trainer) -> None:
        path, game = self.run / "samples" / f"step-{trainer.step:08d}.png", trainer.averaged
        self.recorder.safely("samples", lambda: _save_preview(game, path))

    def _score(self, trainer: Trainer) -> None:
        with self.clock.paused():
            if self.contest:
                record = self.contest.enter(Model(trainer.config, trainer.averaged, facts=self._facts()))
                self.recorder.say(f"step {trainer.step}: {record['title']} {record['value']:.4g}")
            distributed.barrier()

    def _fix_length(self, seconds: float, stop_at: int) -> None:
        """Measure the rate before step ``stop_at``, then let the schedules span what fits into the time."""
        trainer = self.trainer
        trainer.run(min(trainer.step + 2, stop_at - 1), [])
        marked, first = self._spent(), trainer.step
        enough = marked + 0.03 * seconds
        while True:
            trainer.run(trainer.step + 1, [])
            over = trainer.interrupted or trainer.step >= stop_at or self._spent() > enough
            if distributed.highest(int(over), trainer.device):
                break
        rate = (trainer.step - first) / (self._spent() - marked)
        # A tenth is left for samples, checkpoints and a machine that gets busier.
        left = 0.9 * (seconds - self._spent())
        steps = distributed.highest(trainer.step + max(1, int(rate * left)), trainer.device)
        self.plan = replace(self.plan, resolved=with_steps(self.plan.resolved, steps))
        trainer.follow(self.plan.config)
        trainer.log.clear()  # of steps that may belong to a later phase
        self.recorder.say(f"{seconds / 60:g} minutes are {steps} steps here ({rate:.1f} steps a second)")
        if distributed.rank() == 0:
            self.write_config()

    def _finish(self) -> None:
        scores = self.contest.latest(self.trainer.step) if self.contest else []
        model = Model(self.trainer.config, self.trainer.averaged, facts=self._facts() | {"scores": scores})
        self._sample(self.trainer)
        model.card = model_card(self.trainer.config, model.facts)
        save(model, self.run / "model")
        write_report(self.run)

    def _keep_evidence(self, error: Diverged) -> None:
        """The batches of the first step whose losses were not finite, beside the last good checkpoint."""
        if distributed.rank() == 0:
            batches = {
                f"{number}/{field}": values
                for number in range(self.trainer.batches.per_step)
                for field, values in self.trainer.batches.data(error.step, number).items()
            }
            save_tensors(self.run / f"diverged-step-{error.step:08d}.safetensors", batches, {"step": error.step})
            write_report(self.run)

    def _header(self) -> dict[str, Any]:
        return {
            "format": 1,
            "ganzoo": __version__,
            "config": self.plan.config.model_dump(mode="json"),
            "run": asdict(self.plan.request),
            "data": self._data(),
            "source": self.plan.dataset.info["source"]["path"],
            "seconds": self.clock.wall,
            "cpu_seconds": self.clock.cpu,
        }

    def _data(self) -> dict[str, Any]:
        return {"name": self.plan.dataset.name} | {
            key: self.plan.dataset.info.get(key)
            for key in (
                "label",
                "family",
                "split",
                "count",
                "classes",
                "resolution",
                "channels",
                "licence",
                "fingerprint",
            )
        }

    def _facts(self) -> dict[str, Any]:
        """What the model card tells."""
        step, seen = self.trainer.step, self.trainer.step * self.trainer.batches.per_step
        return {
            "run": asdict(self.plan.request) | {"command": command(self.plan.request)},
            "data": self._data(),
            "steps": step,
            "images_seen": seen * self.trainer.loader.batch_size,
            "seconds": round(self.clock.wall, 1),
            "cpu_seconds": round(self.clock.cpu, 1),
            "hardware": hardware(self.trainer.device),
            "versions": {"ganzoo": __version__, "torch": torch.__version__, "python": platform.python_version()},
        }

    def _title(self) -> str:
        data, config = self.plan.dataset, self.trainer.config
        begun = f" from step {self.trainer.step}" if self.trainer.step else ""
        size = "×".join(map(str, (*config.size, config.image_channels)))
        return f"{config.name} on {data.label} ({data.count} images, {size}) on {self.trainer.device}{begun}"


def _where_now(stored: Request, request: Request, source: str) -> str:
    """Where a run's data are: where one says, else where they were, also seen from another folder than it began in."""
    if request.dataset:
        return request.dataset
    before = stored.dataset or ""
    try:
        require_dataset(before)
    except GanzooError:
        return source if source and Path(source).exists() else before
    return before


def _examples(plan: Plan, game: Game, device: torch.device) -> Batch | None:
    """The same few held-out images, for the previews of games that need some."""
    if not game.examples or distributed.rank() != 0:
        return None
    dataset = plan.held_out
    fields = {field: getattr(dataset, field) for field in game.fields}
    n = min(game.examples, *map(len, fields.values()))
    return {
        field: to_float(values[torch.linspace(0, len(values) - 1, n).long()]).to(device)
        for field, values in fields.items()
    }


def _numbered(plan: Plan) -> Path:
    stem = f"{plan.config.name}-{plan.dataset.name}"
    number = 1
    while Path("runs", f"{stem}-{number}").exists():
        number += 1
    return Path("runs", f"{stem}-{number}")


def _save_preview(game: Game, path: Path) -> None:
    preview = game.preview()
    if preview is not None:
        save_grid(preview, path, columns=game.columns)


def _advice(request: Request) -> str:
    if request.preset:
        return ""
    return f"this is a paper-scale run; for a CPU try: {command(replace(request, preset='cpu'))}"
