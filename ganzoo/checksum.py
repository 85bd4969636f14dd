"""Checksums of files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def checksum(file: Path, kind: str = "sha256") -> str:
    """A file's checksum in hexadecimal, read a piece at a time. kind: sha256, or md5 where a source gives no other."""
    digest = hashlib.new(kind, usedforsecurity=False)
    with file.open("rb") as opened:
        while data := opened.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
