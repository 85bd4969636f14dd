"""Results and suites as they are after a run, without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from ganzoo.benchmark.results import Result, write_result


def score(value: float, metric: str = "fid", **changes: Any) -> dict[str, Any]:
    """A score record."""
    record = {
        "metric": metric,
        "title": f"{metric.upper()}[mnist-classifier]",
        "best": "lower" if metric in ("fid", "kid") else "higher",
        "value": value,
        "subject": "model",
        "protocol": "gz-mnist-10k",
        "protocol_id": f"id-of-{metric}",
        "extractor": {"name": "mnist-classifier"},
        "real": {"dataset": "mnist", "split": "train", "count": 10_000},
        "fake": {"count": 10_000, "trained_on": {"label": "mnist"}},
    }
    return record | changes


def result(row: str = "dcgan", seed: int = 0, fid: float = 10.0, **changes: Any) -> Result:
    """A result of the mnist suite."""
    values: dict[str, Any] = {
        "suite": "made",
        "row": row,
        "kind": "model",
        "variant": row,
        "title": row.upper(),
        "dataset": "mnist",
        "seed": seed,
        "protocol": "gz-mnist-10k",
        "scores": {"fid": score(fid), "precision": score(0.5, "precision")},
        "steps": 1000,
        "planned_steps": 1000,
        "cpu_seconds": 1200.0,
        "wall_seconds": 1300.0,
        "budget": "20 minutes of processor time",
        "request": {"variant": row, "dataset": "mnist", "steps": 1000},
        "command": f"ganzoo train {row} --dataset mnist --steps 1000",
        "commit": None,
        "date": "2026-01-01 00:00",
        "curves": [{"step": step, "generator/adversarial": 1 / step, "diversity": 0.5} for step in (1, 10, 100)],
    }
    return Result.model_validate(values | changes)


def of_own(row: str, **changes: Any) -> Result:
    """A result of a row of :func:`suite_file`'s suite with its variant's own settings."""
    request = {"variant": row, "dataset": "mnist-10k", "preset": "cpu", "resolution": 28, "seed": 0, "steps": 2}
    told = {"suite": "own", "request": request, "scoring": {"metrics": ["fid"]}, "budget": "2 steps"}
    return result(row, **(told | changes))


def data_row(fid: float, protocol: str = "gz-mnist-10k") -> Result:
    """A calibration."""
    scores = {"fid": score(fid, protocol=protocol, protocol_id="of halves", fake={"count": 5000})}
    return result("real-halves-mnist", kind="data", variant=None, title="other half of the real images", scores=scores)


def stored(folder: Path, *results: Result) -> Path:
    """A folder with results, the first of them with a grid."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(results):
        if number == 0:
            Image.new("L", (64, 64), 128).save(folder / f"{each.name}.png")
            each = each.model_copy(update={"grid": f"{each.name}.png"})
        write_result(each, folder)
    return folder


def suite_file(folder: Path, **changes: Any) -> Path:
    """A suite of one's own with two rows."""
    values: dict[str, Any] = {
        "name": "own",
        "title": "My suite",
        "about": "Small.",
        "defaults": {
            "dataset": "mnist-10k",
            "preset": "cpu",
            "resolution": 28,
            "seeds": [0, 1],
            "budget": {"steps": 2},
        },
        "cells": ["gan", {"variant": "dcgan", "name": "wide", "overrides": {"latent.size": 12}}],
    }
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path
