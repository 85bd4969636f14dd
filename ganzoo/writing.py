"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganzoo.errors import GanzooError


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to, which becomes ``path`` at the end, replacing an older file.

    Raises GanzooError and leaves an older file alone if it cannot be written.
    """
    path = Path(path).expanduser()
    temporary = _beside(path)
    try:
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
    finally:
        if temporary.exists():
            temporary.unlink()


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder to fill, which becomes ``path`` at the end; a non-empty ``path`` is refused."""
    path = Path(path).expanduser().absolute()
    require_empty(path)
    temporary = _beside(path)
    try:
        with _explained(path):
            temporary.mkdir(parents=True)
            yield temporary
            if path.is_dir():
                path.rmdir()
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_empty(folder: Path, otherwise: str = "") -> None:
    """Refuse a folder that holds something, or is a file. otherwise: what else can be done about a full one."""
    if folder.is_dir() and any(folder.iterdir()):
        raise GanzooError(f"{folder} is not empty; choose another --out{otherwise}")
    if folder.exists() and not folder.is_dir():
        raise GanzooError(f"{folder} is a file; choose another --out")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise GanzooError(f"cannot write {path}: {reason}; free some space or choose another --out") from error


def _beside(path: Path) -> Path:
    # The suffix stays: writers choose a format by it.
    return path.with_name(f".{uuid.uuid4().hex[:8]}.partial.{path.name}")
