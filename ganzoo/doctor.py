"""Is this machine ready? Versions, devices, folders, and what is known not to work together."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.home import ganzoo_home, offline
from ganzoo.registry import import_plugins, plugins

PACKAGES = ("torch", "torchvision", "timm", "safetensors", "torch-fidelity", "numpy", "pydantic", "matplotlib")
IMPORTS = ("torch", "torchvision", "timm", "safetensors.torch", "torch_fidelity", "matplotlib", "PIL.Image")
# Releases before these are known to break what ganzoo uses; the reason is for people.
OLDEST = {
    "torch": ((2, 6), "it loads pickles by default and lacks torch.compiler.set_stance"),
    "timm": ((1, 0, 11), "its older modules were renamed"),
    "torch-fidelity": ((0, 4), "it calls functions that scipy 1.18 and numpy 1.24 removed"),
}
LEAST_FREE = 2**30


@dataclass(frozen=True)
class Health:
    """What was found, what is wrong, and what may surprise; each trouble and note with what to do."""

    facts: dict[str, str]
    troubles: list[str]
    notes: list[str]

    def as_json(self) -> dict[str, object]:
        """Plain values that JSON can hold."""
        return asdict(self)


def examine() -> Health:
    """Look at the installation; never raises for what it finds."""
    home = ganzoo_home()
    facts = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    facts |= {name: _version(name) or "missing" for name in ("torch-ganzoo", *PACKAGES)}
    facts |= {"home": str(home), "offline": "yes" if offline() else "no"}
    facts["plugins"] = ", ".join(plugin.name for plugin in plugins()) or "none"
    troubles = [*_old(), *_broken_imports(), *_broken_plugins(), *_mixed_tf32(), *_unusable(home)]
    facts["free space"] = f"{shutil.disk_usage(_existing(home)).free / 1e9:.1f} GB"
    return Health(facts | _devices(), troubles, [*_unpaired(), *_idle_gpu(), *_crowded(), *_namesake(), *_no_onnx()])


def _devices() -> dict[str, str]:
    try:
        import torch
    except ImportError:
        return {}
    cuda = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    mps = "yes" if torch.backends.mps.is_available() else "no"
    return {"threads": f"{torch.get_num_threads()} of {os.cpu_count()}", "cuda": ", ".join(cuda) or "no", "mps": mps}


def _old() -> Iterator[str]:
    for name, (oldest, why) in OLDEST.items():
        found = _version(name)
        if found and _numbers(found) < oldest:
            needed = ".".join(map(str, oldest))
            yield f"{name} {found} is too old: {why}; pip install '{name}>={needed}'"


def _broken_imports() -> Iterator[str]:
    """Torch and torchvision of different builds, for one, only fail when they are imported."""
    for name in IMPORTS:
        try:
            importlib.import_module(name)
        except Exception as error:
            package = name.partition(".")[0]
            reason = " ".join(str(error).split())
            yield f"{package} cannot be imported ({reason}); install torch, torchvision and {package} anew, together"


def _broken_plugins() -> Iterator[str]:
    try:
        import_plugins()
    except GanzooError as error:
        yield str(error)


def _mixed_tf32() -> Iterator[str]:
    """A plugin or start-up file may have set TF32 by torch's old switch, another by its new one."""
    try:
        import torch

        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32  # noqa: B018 - reading is the test
    except ImportError:
        return
    except RuntimeError:
        yield "TF32 was set both by allow_tf32 and by fp32_precision, which torch refuses; use one of them everywhere"


def _unpaired() -> Iterator[str]:
    """Since torch 1.13, torchvision's minor version runs 15 ahead of torch's."""
    torch, torchvision = (_numbers(_version(name) or "")[:2] for name in ("torch", "torchvision"))
    if len(torch) == len(torchvision) == 2 and torch[0] == 2 and torchvision != (0, torch[1] + 15):
        found = f"torch {_version('torch')} goes with torchvision 0.{torch[1] + 15}, not {_version('torchvision')}"
        yield f"{found}; install the two together"


def _idle_gpu() -> Iterator[str]:
    try:
        import torch
    except ImportError:
        return
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        build = "was built without CUDA" if torch.version.cuda is None else f"cannot use it (CUDA {torch.version.cuda})"
        yield f"there is an NVIDIA driver, but this torch {build}; install a torch build that fits the driver"


def _crowded() -> Iterator[str]:
    """More threads than processors make small networks several times slower."""
    try:
        import torch
    except ImportError:
        return
    usable = _processors()
    if torch.get_num_threads() > usable:
        yield f"torch uses {torch.get_num_threads()} threads on {usable} processors; set OMP_NUM_THREADS={usable}"


def _processors() -> int:
    """The processors this process may use: its affinity, cut by a container's quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return count
    return count if quota == "max" else max(1, min(count, round(int(quota) / int(period))))


def _namesake() -> Iterator[str]:
    if _version("ganzoo"):
        yield "another project's package 'ganzoo' is installed and may hide this one; pip uninstall ganzoo"


def _no_onnx() -> Iterator[str]:
    missing = [name for name in ("onnx", "onnxscript") if not _version(name)]
    if missing:
        yield f"`ganzoo export --onnx` needs {' and '.join(missing)}; pip install 'torch-ganzoo[onnx]'"


def _unusable(home: Path) -> Iterator[str]:
    """What is wrong with the folder for data and weights."""
    place = _existing(home)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        yield f"{home} cannot be written to ({error.strerror}); set GANZOO_HOME to a folder that can"
        return
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        yield f"only {free / 2**20:.0f} MiB are free in {home}; set GANZOO_HOME to a larger disk"


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return folder if folder.exists() else _existing(folder.parent)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.partition("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())
