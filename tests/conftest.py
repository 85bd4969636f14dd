"""What tests share: tiny models with untrained weights, and a home of their own."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from small import small_model

from ganzoo.zoo import Model, load, save

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def not_the_users_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What lives longer than a test does not touch the user's home either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_HOME", str(tmp_path_factory.mktemp("shared-home")))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty GANZOO_HOME, so that no test sees or touches the user's; subprocesses inherit it."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("GANZOO_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that tests share; data sets and statistics are prepared in it when first asked for."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command line in this process, as the installed command does: ``cli("list", "wgan*")``."""

    def run(*args: object) -> Result:
        from ganzoo.cli import main

        monkeypatch.setattr(sys, "argv", ["ganzoo", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        return Result(int(stop.value.code or 0), *capsys.readouterr())

    return run


class Result:
    """What a command line left: exit code, output, complaints."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err

    def sentence(self) -> str:
        """The one line a failing command says; asserts that it failed so."""
        assert self.code == 1, (self.code, self.out, self.err)
        assert self.err.startswith("ganzoo: ") and self.err.count("\n") == 1, self.err
        return self.err


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a fresh interpreter with arguments, in a folder of its own unless told otherwise."""

    def run(*args: object, cwd: Path = tmp_path, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        command = [sys.executable, *map(str, args)]
        return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory of a small untrained DCGAN, 16 × 16 gray; read-only."""
    return save(small_model("dcgan", image_channels=1), tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="session")
def conditional_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory of a small untrained projection GAN, 16 × 16 colour, with three classes; read-only."""
    model = small_model("sngan-projection", classes=["cat", "dog", "owl"])
    return save(model, tmp_path_factory.mktemp("conditional") / "conditional")


@pytest.fixture
def tiny_model(tiny_model_dir: Path) -> Model:
    """The unconditional tiny model."""
    return load(tiny_model_dir)


@pytest.fixture
def conditional_model(conditional_model_dir: Path) -> Model:
    """The conditional tiny model."""
    return load(conditional_model_dir)
