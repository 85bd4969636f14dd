"""Run folders as training leaves them, without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ganzoo.config import resolve
from ganzoo.zoo import save_grid


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """A run of a variant with the given log entries, steps and sample grids."""

    def make(
        entries: list[dict[str, Any]], *, variant: str = "dcgan", steps: int = 1000, grids: int = 2, torn: bool = False
    ) -> Path:
        run = tmp_path / "run"
        run.mkdir()
        config = resolve(variant, family="mnist", preset="cpu", overrides={"schedule.steps": steps}).config
        data = {"name": "mnist-10k", "label": "mnist-10k", "count": 10_000, "licence": "MIT", "fingerprint": "abc"}
        stored = {
            "config": config.model_dump(mode="json"),
            "run": {"variant": variant, "dataset": "mnist-10k", "preset": "cpu"},
            "data": data,
        }
        (run / "config.yaml").write_text(yaml.safe_dump(stored))
        lines = [json.dumps(each) for each in entries] + (['{"step": 99'] if torn else [])
        (run / "metrics.jsonl").write_text("\n".join(lines))
        for i in range(grids):
            save_grid(torch.rand(16, 1, 8, 8) * 2 - 1, run / "samples" / f"step-{100 * (i + 1):08d}.png")
        return run

    return make
