"""Tensors on disk: safetensors with a JSON header, written whole or not at all. Never pickle."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.foreign import parse_json


def save_tensors(path: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header atomically; raises GanzooError and leaves an older file alone if it cannot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    # One metadata key: with several, safetensors writes them in random order.
    metadata = {"config": json.dumps(config, sort_keys=True)}
    # clone: safetensors refuses tensors that share memory.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        # safetensors makes its files private; this one gets the permissions any other new file has.
        temporary.touch()
        mode = temporary.stat().st_mode
        save_file(plain, temporary, metadata=metadata)
        temporary.chmod(mode)
        _flush(temporary)
        os.replace(temporary, path)
        _flush(path.parent)
        # What processes that were killed while writing have left behind.
        for leftover in path.parent.glob(f".{path.name}.*"):
            leftover.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise GanzooError(f"cannot write {path}: {error}; free some space or choose another --out") from error


def halved(tensor: Tensor) -> Tensor:
    """Kernels and matrices as float16; the rest, which is small or needs the range, as it is."""
    if tensor.ndim < 2 or not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if bool(half.isfinite().all()) else tensor


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the JSON header of a file; raises GanzooError for anything that is not one of ours."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if "config" not in metadata:
                raise GanzooError(f"{path} was not written by ganzoo: its header has no 'config'")
            header = parse_json(metadata["config"])
            if not isinstance(header, dict):
                raise GanzooError(f"{path} was not written by ganzoo: its header holds no mapping")
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118
    except FileNotFoundError as error:
        raise GanzooError(f"{path} does not exist") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise GanzooError(
            f"{path} is not a safetensors file ganzoo can read ({error}); pickled checkpoints are not loaded"
        ) from error


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
