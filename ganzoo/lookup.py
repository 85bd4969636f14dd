"""Where the weights are that a name or a path stands for: a path, bundled, cached, or on the hub."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path

from ganzoo import hub
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.index import BUNDLED, MEND, read_index, verify
from ganzoo.weights import WEIGHTS, bundled_models


def weights_file(name_or_path: str | Path) -> Path:
    """The weights of a run, a model directory, a file, a name or ``hf-hub:org/name``; the latter are fetched once.

    Raises GanzooError if there are none, or if a named file is not what it should be.
    """
    path, name = Path(os.path.expanduser(name_or_path)), str(name_or_path)
    if name.startswith(hub.PREFIX):
        return hub.fetch(name) / WEIGHTS
    if found := own_weights(path):
        return found
    if name in list_models():
        return _named(name)
    if os.path.exists(path):
        raise GanzooError(f"{path} holds no model: expected {WEIGHTS} in it or in its model/ folder")
    beside = path.parent.glob("*") if os.path.isdir(path.parent) else ()
    near = (str(each) for each in beside if (each / WEIGHTS).is_file() or (each / "model").is_dir())
    raise UnknownName("model or path", str(path), [*list_models(), *near])


def own_weights(path: Path) -> Path | None:
    """The weights that a path leads to, itself or in it as in a model directory or a run; None if there are none."""
    candidates = (path, path / WEIGHTS, path / "model" / WEIGHTS)
    # os.path's, unlike Path's, is false for a name that no file can have.
    return next((candidate for candidate in candidates if os.path.isfile(candidate)), None)


def list_models(pattern: str = "*") -> list[str]:
    """Names of models that match a shell pattern: those that come with ganzoo, and those it knows on the hub."""
    return sorted(name for name in {*bundled_models(), *read_index()} if fnmatchcase(name, pattern))


def _named(name: str) -> Path:
    entry, bundled = read_index().get(name), bundled_models()
    if name in bundled:
        file, advice = bundled[name] / WEIGHTS, f"install ganzoo anew, or if you made this model, {MEND}"
    else:
        assert entry is not None
        if entry["source"] == BUNDLED:
            raise GanzooError(f"the weights of {name} are missing from this installation; install ganzoo anew")
        file = hub.fetch(entry["source"]) / WEIGHTS
        advice = f"run: ganzoo cache clear {hub.parse(entry['source']).repo}"
    if entry:
        verify(file, entry, advice)
    return file
