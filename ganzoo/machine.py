"""The machine that networks run on: device, precision, determinism."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ganzoo.errors import GanzooError
from ganzoo.words import plural

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Settings:
    """How a game is played on a machine, apart from what it is."""

    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    accumulate: int = 1
    compile: bool = False

    def autocast(self) -> torch.autocast:
        """The precision of forward passes inside."""
        dtype = PRECISIONS[self.precision]
        return torch.autocast(torch.device(self.device).type, dtype or torch.bfloat16, enabled=dtype is not None)


@contextlib.contextmanager
def torch_defaults() -> Iterator[None]:
    """What torch makes inside is float32 and on the CPU unless more is said, whatever a program has set."""
    dtype = torch.get_default_dtype()
    elsewhere = torch.get_default_device().type != "cpu"  # asked first: torch.device costs each call a little
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu") if elsewhere else contextlib.nullcontext():
            yield
    finally:
        torch.set_default_dtype(dtype)


@contextlib.contextmanager
def left_alone(device: torch.device) -> Iterator[None]:
    """A program's random numbers and its choice of algorithms are afterwards what they were."""
    backend, strict = torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warns)
        torch.backends.cudnn.benchmark = backend


def threads_may_starve(device: torch.device) -> bool:
    """Whether other work keeps processors busy whose threads would spin while they wait for each other."""
    if device.type != "cpu" or torch.get_num_threads() == 1 or "OMP_WAIT_POLICY" in os.environ:
        return False
    return hasattr(os, "getloadavg") and os.getloadavg()[0] >= 1


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory left, of the processor's or of a GPU's."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """CUDA's convolutions and products with all digits of float32; torch rounds those of convolutions (TF32)."""
    backends: Any = torch.backends
    newer = hasattr(backends, "fp32_precision")  # torch 2.9
    name, full = ("fp32_precision", "ieee") if newer else ("allow_tf32", False)
    switches = (backends.cudnn.conv if newer else backends.cudnn, backends.cuda.matmul)
    before = [getattr(switch, name) for switch in switches]
    try:
        for switch in switches:
            setattr(switch, name, full)
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            setattr(switch, name, value)


def pick_device(name: str | torch.device) -> torch.device:
    """``cpu``, ``cuda``, ``cuda:1`` or ``mps``; ``auto`` takes CUDA where it is, else the CPU.

    Raises GanzooError for other devices and for those that are not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = re.fullmatch(r"(cpu|cuda|mps)(?::(\d+))?", str(name))
    if not found:
        raise GanzooError(f"unknown device '{name}'; give auto, cpu, cuda, cuda:1 or mps")
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if int(found[2] or 0) >= there[found[1]]:
        raise GanzooError(f"device '{name}' is not available on this machine; give auto or cpu")
    return torch.device(found[0])


def make_deterministic() -> None:
    """Ask torch for deterministic algorithms only."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def hardware(device: torch.device) -> str:
    """The processor a run used, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {plural(torch.get_num_threads(), 'thread')}"


def _processor() -> str:
    """The processor's model where the system tells it, else its kind."""
    with contextlib.suppress(OSError):
        if found := re.search(r"^model name\s*: (.+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE):
            return found[1].strip()
    return f"{platform.processor() or platform.machine()} CPU"


def check_precision(name: str, device: torch.device) -> str:
    """The precision's name, if the device has it."""
    if name not in PRECISIONS:
        raise GanzooError(f"unknown precision '{name}'; give {', '.join(PRECISIONS)}")
    if name == "fp16" and device.type == "cpu":
        raise GanzooError("precision fp16 needs CUDA; use fp32 (on a CPU also the faster one)")
    return name
