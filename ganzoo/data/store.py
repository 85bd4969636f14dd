"""Where packed datasets lie in ``ganzoo_home()`` and which are there; reads only their JSON."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.home import ganzoo_home

CARD = "dataset.json"
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def datasets_folder() -> Path:
    """Holds one folder per dataset, which holds one folder per split and geometry."""
    return ganzoo_home() / "datasets"


def downloads_folder(name: str) -> Path:
    """Holds the files downloaded for the dataset ``name``."""
    return ganzoo_home() / "downloads" / name


def find_packs(name: str | None = None) -> list[dict[str, Any]]:
    """What is prepared of the dataset (or label, or folder signature) ``name``, oldest first.

    Each entry is a pack's JSON with its ``folder``. Without a name: everything.
    """
    cards = sorted(datasets_folder().glob(f"*/[!.]*/{CARD}"), key=_age)
    packs = [{**read_card(card.parent), "folder": card.parent} for card in cards]
    return [pack for pack in packs if name is None or name in _names(pack)]


def read_card(folder: Path) -> dict[str, Any]:
    """A pack's ``dataset.json``."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GanzooError(f"{folder} holds no readable {CARD} ({error}); delete it and prepare again") from error
    if not isinstance(card, dict) or "fingerprint" not in card:
        raise GanzooError(f"{folder / CARD} does not describe a packed dataset; delete it and prepare again")
    return card


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Say in one sentence that the disk is full or the folder cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(folder) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise GanzooError(
                f"cannot write to {folder} ({error.strerror}); set GANZOO_HOME to a folder you can write to"
            ) from error
        raise


def disk_full(folder: Path, needed: int | None = None) -> GanzooError:
    """The error for a disk without room for ``needed`` bytes."""
    amount = f"{needed / 1e6:,.0f} MB are needed; " if needed else ""
    return GanzooError(
        f"no space left for {folder}: {amount}free some or set GANZOO_HOME to another disk; "
        "nothing was left half-written"
    )


def _age(card: Path) -> tuple[float, str]:
    try:
        return card.stat().st_mtime, str(card)
    except OSError:
        return 0.0, str(card)


def _names(pack: dict[str, Any]) -> tuple[str, ...]:
    """What a pack answers to: somebody's folder called cifar10 is not the dataset of that name."""
    signature: str = pack["source"]["signature"]
    return (pack["name"], pack["label"]) if pack["registered"] else (signature,)
