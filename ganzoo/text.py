"""Text as numbers: its bytes, so that no vocabulary has to be kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def encode(texts: Sequence[str]) -> np.ndarray:
    """Texts as the bytes of their UTF-8, (n, longest) uint8, shorter ones filled up with zeros.

    Capitals and runs of blanks say nothing here: "A  Red" is "a red".
    """
    rows = [" ".join(text.lower().replace("\0", " ").split()).encode() for text in texts]
    codes = np.zeros((len(rows), max(map(len, rows), default=0) or 1), np.uint8)
    for code, row in zip(codes, rows, strict=True):
        code[: len(row)] = np.frombuffer(row, np.uint8)
    return codes


def decode(codes: Iterable[np.ndarray]) -> list[str]:
    """The texts of rows of bytes."""
    return [bytes(code).rstrip(b"\0").decode() for code in codes]
