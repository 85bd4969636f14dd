"""Scores while a run trains: ``scores.jsonl``, and the best model so far beside the last one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from ganzoo.config import Config
from ganzoo.data.packed import PackedDataset
from ganzoo.errors import GanzooError
from ganzoo.games.translation import from_images
from ganzoo.metrics.evaluate import default_extractor
from ganzoo.metrics.judge import Judge, Record
from ganzoo.metrics.protocol import choose
from ganzoo.metrics.samples import of_model
from ganzoo.report.card import model_card
from ganzoo.training.logging import SCORES, read_metrics
from ganzoo.zoo import Model, save

BEST = "model-best"
# As many real images as the frozen protocols compare with, so that their statistics serve both.
REFERENCE = 10_000


class Contest:
    """Scores a run's generator by FID now and then and keeps the best one in ``model-best/``.

    The data's statistics are seen to at once, so that whatever they lack is said before training starts.
    step: where the run goes on; scores of later steps are dropped.
    """

    def __init__(self, run: Path, config: Config, dataset: PackedDataset, device: torch.device, *, step: int = 0):
        if from_images(config.game.name):
            raise GanzooError(f"{config.name} makes images from images, which --eval-every cannot score; leave it out")
        schedule = config.schedule
        extractor = schedule.eval_extractor or default_extractor(dataset.label)
        self.run, self.dataset = run, dataset
        protocol = choose(None, extractor=extractor, count=schedule.eval_samples, reference_count=REFERENCE)
        self.judge = Judge(dataset, protocol, device=device).ready()
        self.history = read_metrics(run, step, SCORES)

    def enter(self, model: Model) -> Record:
        """Score a model as it is after ``model.facts["steps"]`` steps; it is saved if none was better."""
        images = of_model(model, self.judge.protocol.count, self.dataset)
        record = self.judge.records(images, model)[0]
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
