"""What ganzoo keeps in its home: prepared data, downloads, statistics, weights and models from the hub."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ganzoo import hub
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.home import ganzoo_home
from ganzoo.weights import WEIGHTS


@dataclass(frozen=True)
class Kept:
    """Something that can be made or fetched again. used: seconds since the epoch when it was last read or written."""

    kind: str
    name: str
    path: Path
    bytes: int
    used: float


def kept(pattern: str = "*") -> list[Kept]:
    """What is kept under names that match a shell pattern; raises UnknownName if nothing is."""
    everything = [_measured(kind, name, path) for kind, name, path in _places()]
    found = [item for item in everything if fnmatchcase(item.name, pattern)]
    if not found and pattern != "*":
        raise UnknownName("cached item", pattern, {item.name for item in everything})
    return found


def what_is_wrong(item: Kept) -> str:
    """Read all of an item and say what is damaged about it; empty if nothing is."""
    try:
        return CHECKS[item.kind](item) or ""
    except GanzooError as error:
        return str(error)


def clear(item: Kept) -> None:
    """Remove an item; raises GanzooError where that is not allowed."""
    try:
        if item.path.is_dir():
            shutil.rmtree(item.path)
        else:
            item.path.unlink()
    except OSError as error:
        raise GanzooError(f"cannot remove {item.path}: {error.strerror}") from error


def _places() -> Iterator[tuple[str, str, Path]]:
    home = ganzoo_home()
    for kind, pattern in (("data", "datasets/[!.]*"), ("download", "downloads/[!.]*"), ("weights", "weights/[!.]*")):
        for path in sorted(home.glob(pattern)):
            yield kind, path.name, path
    for path in sorted(home.glob("statistics/[!.]*.safetensors")):
        yield "statistics", path.stem, path
    for path in sorted(hub.models_folder().glob("models--*--*")):
        yield "model", path.name.removeprefix("models--").replace("--", "/", 1), path


def _measured(kind: str, name: str, path: Path) -> Kept:
    files = [file for file in (path, *path.rglob("*")) if file.is_file() and not file.is_symlink()]
    facts = [file.stat() for file in files]
    used = max((max(fact.st_atime, fact.st_mtime) for fact in facts), default=path.stat().st_mtime)
    return Kept(kind, name, path, sum(fact.st_size for fact in facts), used)


def _check_data(item: Kept) -> None:
    from ganzoo.data.packed import PackedDataset
    from ganzoo.data.store import CARD

    for card in sorted(item.path.glob(f"[!.]*/{CARD}")):
        PackedDataset.open(card.parent).verify()


def _check_download(item: Kept) -> str:
    from ganzoo.data.download import what_is_wrong
    from ganzoo.registry import DATASETS

    known = DATASETS.get(item.name).sources if item.name in DATASETS.names() else ()
    files = [(source, item.path / source.file) for source in known]
    wrong = [
        f"{file.name}: {what}" for source, file in files if file.is_file() and (what := what_is_wrong(source, file))
    ]
    return "; ".join(wrong)


def _check_weights(item: Kept) -> str:
    from ganzoo.data.download import what_is_wrong
    from ganzoo.metrics.features import INCEPTION

    return what_is_wrong(INCEPTION, item.path) if item.path.name == INCEPTION.file else ""


def _check_statistics(item: Kept) -> None:
    from ganzoo.tensors import read_tensors

    read_tensors(item.path)


def _check_model(item: Kept) -> str:
    folders = sorted((item.path / "snapshots").glob("*"))
    wrong = [f"{file.name} is damaged" for folder in folders for file in hub.damaged(folder)]
    if not all((folder / WEIGHTS).is_file() for folder in folders or [item.path]):
        wrong.append(f"its download broke off before {WEIGHTS}")
    return ", ".join(wrong)


CHECKS: dict[str, Callable[[Kept], str | None]] = {
    "data": _check_data,
    "download": _check_download,
    "weights": _check_weights,
    "statistics": _check_statistics,
    "model": _check_model,
}
