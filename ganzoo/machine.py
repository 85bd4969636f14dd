"""The machine that networks run on: device, precision, determinism."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from dataclasses import dataclass

import torch

from ganzoo.errors import GanzooError

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}

# From malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


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


def pick_device(name: str) -> torch.device:
    """``auto`` takes CUDA where it is; raises GanzooError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise GanzooError(f"unknown device '{name}'; give auto, cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise GanzooError(f"device '{name}' is not available on this machine; use --device cpu")
    return device


def make_deterministic() -> None:
    """Ask torch for deterministic algorithms only."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def keep_freed_memory() -> None:
    """Let glibc reuse large freed blocks: giving each back to the system costs 6 % of a step in page faults."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        if libc.mallopt(M_MMAP_THRESHOLD, 2**30):  # older ones refuse more than 32 MiB
            libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def hardware(device: torch.device) -> str:
    """The processor a run used, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def check_precision(name: str, device: torch.device) -> str:
    """The precision's name, if the device has it."""
    if name not in PRECISIONS:
        raise GanzooError(f"unknown precision '{name}'; give {', '.join(PRECISIONS)}")
    if name == "fp16" and device.type == "cpu":
        raise GanzooError("precision fp16 needs CUDA; use fp32 (on a CPU also the faster one)")
    return name
