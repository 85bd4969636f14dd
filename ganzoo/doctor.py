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
    """What was found, and what is wrong, each trouble with what to do."""

    facts: dict[str, str]
    troubles: list[str]

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
    troubles = [*_old(), *_broken_imports(), *_broken_plugins(), *_unusable(home)]
    return Health(facts | _devices(), troubles)


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


def _unusable(home: Path) -> Iterator[str]:
    """What is wrong with the folder for data and weights."""
    place = home
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        yield f"{home} cannot be written to ({error.strerror}); set GANZOO_HOME to a folder that can"
        return
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        yield f"only {free / 2**20:.0f} MiB are free in {home}; set GANZOO_HOME to a larger disk"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.partition("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())
