"""Random draws that do not depend on how a batch is split.

Drawing from a :class:`Stream`, every draw is made for the global batch from (seed, stream, draw number) and
this process keeps its rows, so N processes, or K accumulated micro-batches, see what one process with one
batch would. From :class:`Samples`, each image has numbers of its own. Otherwise the draws are torch's. A
training step therefore carries no generator state: step and seed say everything, which is what makes
resuming exact.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Stream:
    """Where a step's draws come from: this process holds ``rows`` of the ``total`` examples, from ``offset`` on."""

    seed: int
    name: str
    rows: int
    total: int
    offset: int = 0
    draws: int = field(default=0, init=False)


@dataclass
class Samples:
    """Numbers of its own for each sample of a batch, from its (seed, index): no neighbour matters."""

    seeds: Sequence[tuple[int, int]]
    draws: int = field(default=0, init=False)


_stream: ContextVar[Stream | Samples | None] = ContextVar("ganzoo_random_stream", default=None)


_torchs_own = threading.RLock()


@contextmanager
def torchs_own(*, seed: int | None = None) -> Iterator[None]:
    """Torch's own generator, seeded if asked, for what is made inside; other threads wait and find it as it was."""
    with _torchs_own, torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        yield


@contextmanager
def drawing_from(stream: Stream | Samples) -> Iterator[None]:
    """Take the draws made inside from ``stream``."""
    token = _stream.set(stream)
    try:
        yield
    finally:
        _stream.reset(token)


def normal(*shape: int, device: torch.device | str = "cpu") -> Tensor:
    """Standard normal numbers; the first dimension is the batch."""
    return _draw(torch.randn, shape, device)


def uniform(*shape: int, device: torch.device | str = "cpu") -> Tensor:
    """Numbers uniform in [0, 1); the first dimension is the batch."""
    return _draw(torch.rand, shape, device)


def derive(seed: int, *parts: object) -> int:
    """A 63-bit seed for a purpose, e.g. ``derive(seed, "sample", 3)``; different purposes share nothing."""
    text = "/".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, *parts: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for a purpose, see :func:`derive`."""
    return torch.Generator(device).manual_seed(derive(seed, *parts))


def keep_out_of_graphs() -> None:
    """Make compiled networks call back for their draws; needed once, before anything is compiled."""
    # Not a decorator: it would import torch's compiler, which takes as long as torch itself.
    global _draw
    _draw = torch.compiler.disable(_draw)


def _draw(draw: Callable[..., Tensor], shape: tuple[int, ...], device: torch.device | str) -> Tensor:
    stream = _stream.get()
    if stream is None:
        return draw(shape, device=device)
    stream.draws += 1
    if isinstance(stream, Samples):
        return _sample_rows(stream, draw, shape, device)
    return _batch_rows(stream, draw, shape, device)


def _batch_rows(
    stream: Stream, draw: Callable[..., Tensor], shape: tuple[int, ...], device: torch.device | str
) -> Tensor:
    own = generator(stream.seed, stream.name, stream.draws, device=device)
    # A pass over real and fake images together asks for several rows per example.
    passes, rest = divmod(shape[0], stream.rows)
    if rest:
        return draw(shape, generator=own, device=device)
    everyone = draw((passes, stream.total, *shape[1:]), generator=own, device=device)
    return everyone[:, stream.offset : stream.offset + stream.rows].flatten(0, 1)


def _sample_rows(
    stream: Samples, draw: Callable[..., Tensor], shape: tuple[int, ...], device: torch.device | str
) -> Tensor:
    # Drawn on the CPU, so that a seed means the same image on every device.
    own = (generator(seed, "sample", index, stream.draws) for seed, index in stream.seeds)
    rows = [draw(shape[1:], generator=each, device="cpu") for each in own]
    return torch.stack(rows).to(device)
