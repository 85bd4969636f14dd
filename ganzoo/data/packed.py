"""Packed datasets: one memory-mapped uint8 array per field and a JSON that says what it is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.data.store import CARD, read_card, writing_to
from ganzoo.errors import GanzooError
from ganzoo.text import decode

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
TITLE = b"ganzoo packed dataset 1"  # what fingerprints begin with
ROWS = 4096
ABANDONED_AFTER = 24 * 3600  # seconds
# images (n, H, W, C) uint8; labels (n,) int64, or captions (n, most of one image, longest) uint8
Chunk = tuple[np.ndarray, "np.ndarray | None"]


class PackedDataset:
    """A prepared dataset; opening one reads only its JSON."""

    def __init__(self, folder: Path, info: dict[str, Any]):
        self.folder, self.info = folder, info
        self.name: str = info["name"]
        self.label: str = info["label"]
        self.family: str = info["family"]
        self.kind: str = info["kind"]
        self.panels: int = info.get("panels", 1)
        self.split: str = info["split"]
        self.classes: tuple[str, ...] = tuple(info["classes"])
        self.count: int = info["count"]
        self.resolution: tuple[int, int] = (info["resolution"][0], info["resolution"][1])
        self.channels: int = info["channels"]
        self.fingerprint: str = info["fingerprint"]

    @classmethod
    def open(cls, folder: str | Path) -> PackedDataset:
        """Open a folder that ``write_pack`` wrote."""
        folder = Path(folder)
        info = read_card(folder)
        if info.get("format") != FORMAT:
            raise GanzooError(
                f"{folder} was prepared by another version of ganzoo (format {info.get('format')}, "
                f"this one reads {FORMAT}); delete it and prepare again"
            )
        return cls(folder, info)

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        height, width = self.resolution
        return f"<{self.label} {self.split}: {self.count:,} images {height}x{width}x{self.channels}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedDataset.open, (self.folder,)

    @cached_property
    def images(self) -> Tensor:
        """(N, H, W, C) uint8, sharing the memory map; pairs are (N, H, 2 · W, C)."""
        return _tensor(self.numpy("images"))

    @property
    def images_a(self) -> Tensor:
        """(N, H, W, C) uint8: the left halves of pairs, or the first side of unpaired images."""
        return self._side(0)

    @property
    def images_b(self) -> Tensor:
        """The other side; row i belongs to row i of ``images_a`` in pairs."""
        return self._side(1)

    @cached_property
    def labels(self) -> Tensor | None:
        """(N,) int64 indices into ``classes``; None where there are none."""
        return _tensor(self.numpy("labels")) if self.info["labels"] else None

    @cached_property
    def captions(self) -> Tensor | None:
        """(N, most of one image, longest) uint8: each image's captions as :mod:`ganzoo.text` writes them."""
        return _tensor(self.numpy("captions")) if self.beside == "captions" else None

    @property
    def beside(self) -> str | None:
        """The field that belongs to each image."""
        return "labels" if self.info["labels"] else "captions" if self.info.get("captions") else None

    def example_captions(self, n: int = 16) -> list[str]:
        """The first captions of ``n`` images from all over the set, and the longest caption of all."""
        captions = self.numpy("captions")
        chosen = captions[np.linspace(0, len(captions) - 1, n).astype(int), 0]
        everything = captions.reshape(-1, captions.shape[2])
        longest = (everything != 0).sum(1).argmax()
        return list(dict.fromkeys(decode([*chosen, everything[longest]])))

    def different_captions(self) -> list[str]:
        """Every caption once; beside them the empty one, where an image has fewer than others."""
        captions = self.numpy("captions")
        return decode(np.unique(captions.reshape(-1, captions.shape[2]), axis=0))

    def _side(self, side: int) -> Tensor:
        if self.panels == 2:
            return self.images.chunk(2, 2)[side]
        # Side A was packed before side B.
        first = next(iter(self.info["class_counts"].values()))
        return self.images[first:] if side else self.images[:first]

    def numpy(self, field: str) -> np.ndarray:
        """The array of ``field``, mapped from disk; writes to it stay private to this process."""
        try:
            array = np.load(self.folder / f"{field}.npy", mmap_mode="c")
        except (OSError, ValueError) as error:
            raise self._damaged(field, error) from error
        if len(array) != self.count:
            raise self._damaged(field, f"{len(array)} rows instead of {self.count}")
        return array

    def verify(self) -> None:
        """Read everything and refuse contents that are not those of the fingerprint."""
        digest, images = hashlib.sha256(TITLE), self.numpy("images")
        for start in range(0, len(images), ROWS):
            digest.update(np.ascontiguousarray(images[start : start + ROWS]).data)
        digest.update(repr(images.shape).encode())
        if self.beside:
            values = self.numpy(self.beside)
            digest.update(repr(values.shape).encode() if values.ndim > 1 else b"")
            digest.update(values.tobytes())
        if digest.hexdigest() != self.fingerprint:
            raise self._damaged("images", "not the contents it had")

    def _damaged(self, field: str, what: object) -> GanzooError:
        return GanzooError(
            f"{self.folder / field}.npy is missing or damaged ({what}); "
            f"delete {self.folder} and prepare {self.name} again"
        )


def write_pack(
    folder: Path, chunks: Iterable[Chunk], info: Callable[[], dict[str, Any]], *, replace: bool
) -> PackedDataset:
    """Stream chunks of images into a new pack at ``folder``; memory stays flat, the folder appears complete.

    info: called once the chunks are through; count, shapes and fingerprint are added to it. replace: whether an
    existing pack gives way; otherwise it stays and is what comes back (another process may have been faster).
    """
    with writing_to(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder.parent)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        facts = _write_arrays(temporary, chunks)
        with writing_to(folder.parent):
            card = {"format": FORMAT, **info(), **facts}
            card["resolution"] = [card["resolution"][0], card["resolution"][1] // card.get("panels", 1)]
            sides = ["A", "B"] if facts["labels"] and card["kind"] == "unpaired" else []
            card["class_counts"] = _class_counts(card["classes"] or sides, temporary)
            _write_json(temporary / CARD, card)
            temporary.chmod(0o755)
            _move_into_place(temporary, folder, replace)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return PackedDataset.open(folder)


def _remove_abandoned(folder: Path) -> None:
    """Delete what killed processes left behind."""
    for left in folder.glob(".new-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_AFTER:
                shutil.rmtree(left, ignore_errors=True)


def _write_arrays(folder: Path, chunks: Iterable[Chunk]) -> dict[str, Any]:
    """images.npy and labels.npy or captions.npy, hashed on their way to disk."""
    digest = hashlib.sha256(TITLE)
    count, shape, beside = 0, None, []
    with open(folder / "images.npy", "wb") as file:
        for images, belonging in chunks:
            with writing_to(folder.parent):
                if shape is None:
                    shape = images.shape[1:]
                    start = _write_header(file, (0, *shape), np.uint8)
                data = np.ascontiguousarray(images).data
                file.write(data)
            digest.update(data)
            count += len(images)
            if belonging is not None:
                beside.append(belonging)
        if shape is None:
            raise GanzooError("no image could be read; nothing was prepared")
        with writing_to(folder.parent):
            file.seek(0)
            if _write_header(file, (count, *shape), np.uint8) != start:
                raise GanzooError("the array's header changed its size; please report this")
            _to_disk(file)
    digest.update(repr((count, *shape)).encode())
    facts = _write_beside(folder, np.concatenate(beside), digest) if beside else {"labels": False}
    return facts | {
        "count": count,
        "resolution": [int(shape[0]), int(shape[1])],
        "channels": int(shape[2]),
        "fingerprint": digest.hexdigest(),
    }


def _write_beside(folder: Path, values: np.ndarray, digest: Any) -> dict[str, Any]:
    """The labels or captions of all images."""
    if values.ndim == 1:
        digest.update(_write_array(folder / "labels.npy", values.astype(np.int64)))
        return {"labels": True}
    digest.update(repr(values.shape).encode())
    digest.update(_write_array(folder / "captions.npy", values))
    return {"labels": False, "captions": int((values[:, :, 0] != 0).sum())}


def _write_header(file: Any, shape: tuple[int, ...], dtype: Any) -> int:
    """Write an .npy header (numpy pads it so that the first axis can grow) and return its length."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.tell()


def _write_array(path: Path, array: np.ndarray) -> bytes:
    with writing_to(path.parent.parent), open(path, "wb") as file:
        np.save(file, array)
        _to_disk(file)
    return array.tobytes()


def _class_counts(classes: list[str], folder: Path) -> dict[str, int]:
    if not classes:
        return {}
    counts = np.bincount(np.load(folder / "labels.npy"), minlength=len(classes))
    return dict(zip(classes, map(int, counts), strict=True))


def _write_json(path: Path, value: dict[str, Any]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        _to_disk(file)


def _to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _move_into_place(temporary: Path, folder: Path, replace: bool) -> None:
    """Rename; where a pack is in the way, keep it or put it aside first."""
    if replace and folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
        with suppress(FileNotFoundError):  # another process was faster
            os.rename(folder, aside / "pack")
        shutil.rmtree(aside, ignore_errors=True)
    try:
        os.rename(temporary, folder)
    except OSError:
        if not (folder / CARD).exists():
            raise


def _tensor(array: np.ndarray) -> Tensor:
    import torch

    return torch.from_numpy(array)
