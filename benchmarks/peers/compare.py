"""ganzoo's training speed against its peers': ``python -m benchmarks.peers.compare`` (see README.md here)."""

from __future__ import annotations

import json
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from benchmarks.duel import CLOCKS, SIDES, alternate, result

PEERS = ("tutorial", "torchgan", "vegans", "mimicry", "scores")


@click.command()
@click.argument("peers", nargs=-1, type=click.Choice(PEERS))
@click.option("--pairs", default=9, help="Alternations of each comparison.")
@click.option("--seconds", default=2.0, help="Length of each block.")
@click.option("--threads", default=2, help="For either side.")
@click.option("--scale", default=1.0, help="Factor on widths and batches, for a quick look.")
@click.option("--clock", default="wall", type=click.Choice(list(CLOCKS)), help="cpu is steadier on a busy machine.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the numbers as JSON too.")
def main(peers: tuple[str, ...], pairs: int, seconds: float, threads: int, scale: float, clock: str, out) -> None:
    options = ["--threads", str(threads), "--scale", str(scale), "--clock", clock]
    rows = []
    for peer in peers or PEERS:
        for duel in import_module(f"benchmarks.peers.{peer}").DUELS:
            commands = [[sys.executable, "-m", "benchmarks.peers.side", peer, duel, side, *options] for side in SIDES]
            rows.append(result(*alternate(commands, pairs, seconds)))
            print(line(rows[-1]), flush=True)
    if out:
        out.write_text(json.dumps({**machine(threads, clock), "duels": rows}, indent=2) + "\n", encoding="utf-8")


def line(row: dict[str, Any]) -> str:
    """A duel as one line."""
    speeds = f"{row['peer_images_per_second']:8.1f} → {row['ganzoo_images_per_second']:8.1f} images/s"
    spread = f"{row['ratio']:.2f}× ({row['least']:.2f}–{row['most']:.2f}, {row['pairs']} pairs)"
    return f"{row['peer']:16} {row['what']:58} {speeds}  {spread}"


def machine(threads: int, clock: str) -> dict[str, Any]:
    """What was measured on, without a name."""
    import torch

    return {"torch": torch.__version__, "processor": platform.machine(), "threads": threads, "clock": clock}


if __name__ == "__main__":
    main()
