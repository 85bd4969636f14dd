"""One process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganzoo.errors import GanzooError


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Whether this process got the folder to itself; the system frees it when the process ends, however it does."""
    try:
        import fcntl
    except ImportError as error:
        raise GanzooError("benchmarks need file locks of Linux or macOS; run them there") from error
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
