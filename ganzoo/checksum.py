"""Checksums of files and of weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def checksum(file: Path, kind: str = "sha256") -> str:
    """A file's checksum in hexadecimal, read a piece at a time. kind: sha256, or md5 where a source gives no other."""
    digest = hashlib.new(kind, usedforsecurity=False)
    with file.open("rb") as opened:
        while data := opened.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def checksum_of(network: nn.Module) -> str:
    """The sha256 of a network's names and weights, in hexadecimal."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
