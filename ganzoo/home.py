"""Where ganzoo keeps what it downloads and prepares, and whether it may use the network."""

from __future__ import annotations

import os
from pathlib import Path


def ganzoo_home() -> Path:
    """The folder for prepared data, downloads and weights: ``$GANZOO_HOME`` or the user's cache folder."""
    chosen = os.environ.get("GANZOO_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("ganzoo", appauthor=False))


def offline() -> bool:
    """Whether ``GANZOO_OFFLINE`` forbids opening any socket."""
    return os.environ.get("GANZOO_OFFLINE", "0") not in ("", "0")
