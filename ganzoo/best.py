"""Scores while a run trains: ``scores.jsonl``, and the best model so far beside the last one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ganzoo.data.packed import PackedDataset
from ganzoo.games.superres import SuperresGame
from ganzoo.metrics.evaluate import default_extractor, made_by
from ganzoo.metrics.judge import Judge, Record
from ganzoo.metrics.protocol import Protocol, choose
from ganzoo.metrics.samples import Images, sides
from ganzoo.metrics.superres import of_enlargements, pairs_of_pack
from ganzoo.report.card import model_card
from ganzoo.training.logging import SCORES, read_metrics
from ganzoo.zoo import Model, save

BEST = "model-best"
# As many real images as the frozen protocols compare with, so that their statistics serve both.
REFERENCE = 10_000


class Contest:
    """Scores a run's model now and then and keeps the best one in ``model-best/``.

    By FID; a model that enlarges by the perceptual distance to the originals. model: as it is before training. dataset:
    what samples are compared with; for a model that makes images from images, those it is tried on. What scores will
    need is seen to at once, so that whatever is lacking is said before training starts. step: where the run goes on;
    scores of later steps are dropped.
    """

    def __init__(self, run: Path, model: Model, dataset: PackedDataset, device: torch.device, *, step: int = 0):
        schedule = model.config.schedule
        extractor = schedule.eval_extractor or default_extractor(dataset.label)
        protocol = choose(
            None, extractor=extractor, count=schedule.eval_samples, split=dataset.split, reference_count=REFERENCE
        )
        self.run = run
        self.judge, self.images_of = _trial(model, dataset, protocol, device)
        self.history = read_metrics(run, step, SCORES)

    def enter(self, model: Model) -> Record:
        """Score a model as it is after ``model.facts["steps"]`` steps; it is saved if none was better."""
        record = self.judge.records(self.images_of(model), model)[0]
        entry = {"step": model.facts["steps"], "value": record["value"], "record": record}
        if entry["value"] <= min((each["value"] for each in self.history), default=float("inf")):
            model.facts["scores"] = [record]
            model.card = model_card(model.config, model.facts)
            save(model, self.run / BEST)
        self._append(entry)
        return record

    def latest(self, step: int) -> list[Record]:
        """The record of a step, if that was scored."""
        return [entry["record"] for entry in self.history if entry["step"] == step][-1:]

    def _append(self, entry: dict[str, Any]) -> None:
        self.history.append(entry)
        with (self.run / SCORES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _trial(
    model: Model, dataset: PackedDataset, protocol: Protocol, device: torch.device
) -> tuple[Judge, Callable[[Model], Images]]:
    """A judge who has seen the data, and what makes the images of a model that are shown to him."""
    if isinstance(model.game, SuperresGame):
        pairs, first = (pairs_of_pack(dataset, model.game.scale, number) for number in (protocol.count, 1))
        judge = Judge(pairs.originals(), protocol, ("perceptual",), device=device)
        # One image's score tells what is lacking.
        judge.records(first.enlarged(model.game.beside, {"filter": "bicubic"}), subject="bicubic")
        return judge, lambda each: of_enlargements(each, pairs)
    judge = Judge(dataset, protocol, side=sides(model)[1] if model.game.directions else "", device=device).ready()
    return judge, lambda each: made_by(each, dataset, judge, protocol.count)
