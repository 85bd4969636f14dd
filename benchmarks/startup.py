"""Processor time of starting: ``python -m benchmarks.startup [MODEL]``.

The command line and ``import ganzoo`` may cost 0.3 s; loading a model and drawing 16 samples 1.5 s more than
``import torch``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

LIMITS = {"import ganzoo": 0.3, "ganzoo --help": 0.3, "ganzoo list": 0.3, "load + 16 samples": 1.5}
LOAD = "import ganzoo, sys; ganzoo.load(sys.argv[1]).sample(16)"


@click.command()
@click.argument("model", required=False)
@click.option("--repeats", default=5)
@click.option("--json", "as_json", is_flag=True)
def main(model: str | None, repeats: int, as_json: bool) -> None:
    """Print the processor seconds (median) of each way to start; MODEL: a name or path, else a fresh wgan-gp."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(model or untrained_model(Path(folder)), repeats)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for name, seconds in found.items():
        limit = LIMITS.get(name)
        print(f"{name:20} {seconds:6.2f} s" + (f"   (limit {limit} s)" if limit else ""))


def measure(model: str | Path, repeats: int) -> dict[str, float]:
    """Median processor seconds by name; loading counts beyond ``import torch``."""
    python = sys.executable
    commands = {
        "python": [python, "-c", ""],
        "import ganzoo": [python, "-c", "import ganzoo"],
        "ganzoo --help": [python, "-m", "ganzoo", "--help"],
        "ganzoo list": [python, "-m", "ganzoo", "list"],
        "import torch": [python, "-c", "import torch"],
        "load + 16 samples": [python, "-c", LOAD, str(model)],
    }
    rounds = [{name: processor_seconds(command) for name, command in commands.items()} for _ in range(repeats)]
    found = {name: statistics.median(each[name] for each in rounds) for name in commands}
    found["load + 16 samples"] -= found["import torch"]
    return {name: round(seconds, 3) for name, seconds in found.items()}


def processor_seconds(command: Sequence[str]) -> float:
    """User and system time of a process and its children."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def untrained_model(folder: Path) -> Path:
    """A model directory of wgan-gp at its CIFAR-10 size."""
    import ganzoo
    from ganzoo.config import resolve
    from ganzoo.games.base import create_game

    config = resolve("wgan-gp", family="cifar").config
    return ganzoo.save(ganzoo.Model(config, create_game(config, networks=("generator",))), folder / "model")


if __name__ == "__main__":
    main()
