"""One side of a duel: ``python -m benchmarks.peers.side tutorial dcgan-32 ganzoo``, then numbers of steps on stdin."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import click

from benchmarks.duel import CLOCKS, SIDES, serve


@click.command()
@click.argument("peer")
@click.argument("duel")
@click.argument("side", type=click.Choice(SIDES))
@click.option("--threads", default=2)
@click.option("--scale", default=1.0)
@click.option("--clock", default="wall", type=click.Choice(list(CLOCKS)))
def main(peer: str, duel: str, side: str, threads: int, scale: float, clock: str) -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = str(threads)  # numpy's, which reads it once; torch's are set below
    import torch

    from ganzoo.memory import keep_freed_memory

    if side == "ganzoo":
        keep_freed_memory()  # as ganzoo's commands do; it holds for a whole process
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        # Standard output is the conversation; libraries like to print.
        with contextlib.redirect_stdout(sys.stderr):
            both = import_module(f"benchmarks.peers.{peer}").DUELS[duel](Path(folder), scale)
        serve(both, side, clock)


if __name__ == "__main__":
    main()
