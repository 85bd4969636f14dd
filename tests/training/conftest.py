"""A GANZOO_HOME in which the bundled digits are prepared, shared by all training tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny import data_for, tiny

import ganzoo
from ganzoo.tensors import read_tensors
from ganzoo.training.checkpoint import CHECKPOINT


@pytest.fixture(autouse=True)
def home(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the empty home of other tests."""
    monkeypatch.setenv("GANZOO_HOME", str(prepared))
    return prepared


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """``ganzoo.train`` on the bundled digits with tiny networks; new runs go to ``tmp_path / "run"``.

    Without the report's figures and without waiting for the disk, which take longer than the training.
    """
    monkeypatch.setattr("ganzoo.training.session.write_report", lambda run: None)
    monkeypatch.setattr("os.fsync", lambda handle: None)

    def run(variant: str | None = None, *, overrides: dict[str, Any] | None = None, **options: Any) -> Path:
        if variant is not None:
            chosen = tiny(variant) | (overrides or {})
            data = options.get("dataset") or data_for(variant, tmp_path)
            defaults = {"dataset": data, "out": tmp_path / "run", "overrides": chosen}
            options = defaults | options
        return ganzoo.train(variant, device="cpu", quiet=True, **options)

    return run


@pytest.fixture
def saved() -> Callable[[Path], tuple[dict[str, Any], dict[str, Any]]]:
    """The tensors of a run's checkpoint, and of its header what a repetition must share."""

    def read(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        tensors, header = read_tensors(run / CHECKPOINT)
        return tensors, {key: header[key] for key in ("trainer", "data", "config")}

    return read
