"""Reader of image files: any folder, zip or tar of them, decoded by several threads with flat memory."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np

from ganzoo.data.datasets import Dataset
from ganzoo.data.decode import Geometry, Look, Unreadable, decode, look
from ganzoo.data.files import Files
from ganzoo.data.layout import find_layout
from ganzoo.data.packed import Chunk
from ganzoo.data.source import Split

CHUNK_BYTES = 16 << 20
SURVEY_STEP = 4096
THREADS = min(8, os.cpu_count() or 1)
Items = list[tuple[str, "int | None"]]
Progress = Callable[[str, int, int], None]


@dataclass
class Survey:
    """What the headers of a collection's images say; unreadable ones with the reason."""

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    gray: int = 0
    lossy: int = 0
    rotated: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)

    def add(self, seen: Look) -> None:
        self.sizes[seen.size] += 1
        self.modes[seen.mode] += 1
        self.formats[seen.format] += 1
        self.gray += seen.gray
        self.lossy += seen.lossy
        self.rotated += seen.rotated

    @property
    def size(self) -> tuple[int, int] | None:
        """The one size all images share."""
        return next(iter(self.sizes)) if len(self.sizes) == 1 else None

    @property
    def channels(self) -> int:
        return 1 if self.gray == self.sizes.total() else 3

    @property
    def lossy_format(self) -> str:
        formats = [name.lower() for name, _ in self.formats.most_common() if name != "PNG"]
        return formats[0].replace("mpo", "jpeg") if self.lossy else ""


def read_images(files: Files, dataset: Dataset | None, progress: Progress | None = None) -> list[Split]:
    """The splits of a collection of image files; their headers are read now, their pixels later."""
    layout = find_layout(files, dataset)
    names = [name for items in layout.splits.values() for name, _ in items]
    seen = survey(files, names, progress)
    square = all(height == width for height, width in seen.sizes)
    return [
        Split(
            name=split,
            count=len(items),
            channels=seen.channels,
            size=seen.size,
            read=_reader(files, items),
            classes=layout.classes if items[0][1] is not None else (),
            labelled=items[0][1] is not None,
            square=square,
            lossy=seen.lossy_format,
        )
        for split, items in layout.splits.items()
    ]


def survey(files: Files, names: list[str], progress: Progress | None = None) -> Survey:
    """Read the header of every image."""
    seen = Survey()
    for start in range(0, len(names), SURVEY_STEP):
        batch = names[start : start + SURVEY_STEP]
        with ThreadPoolExecutor(THREADS) as pool, quiet():
            results = list(pool.map(lambda name: _look(files, name), batch))
        for name, result in zip(batch, results, strict=True):
            if isinstance(result, Look):
                seen.add(result)
            else:
                seen.unreadable[name] = result
        if progress:
            progress("looking at", start + len(batch), len(names))
    return seen


def read_image(files: Files, name: str, geometry: Geometry) -> np.ndarray | str:
    """One image's pixels, or why it cannot be read."""
    try:
        return geometry.image(decode(files.read(name)))
    except (Unreadable, OSError) as error:
        return str(error)


def _look(files: Files, name: str) -> Look | str:
    try:
        with _held(files), files.open(name) as file:
            return look(file)  # type: ignore[arg-type]
    except (Unreadable, OSError) as error:
        return str(error)


def _reader(files: Files, items: Items) -> Callable[[Geometry, list[str]], Iterator[Chunk]]:
    def read(geometry: Geometry, skipped: list[str]) -> Iterator[Chunk]:
        step = max(1, CHUNK_BYTES // (geometry.height * geometry.width * geometry.channels))
        for start in range(0, len(items), step):
            batch = items[start : start + step]
            with ThreadPoolExecutor(THREADS) as pool, quiet():
                results = list(pool.map(lambda item: read_image(files, item[0], geometry), batch))
            skipped += [f"{name}: {r}" for (name, _), r in zip(batch, results, strict=True) if isinstance(r, str)]
            if chunk := _chunk(batch, results):
                yield chunk

    return read


def _chunk(batch: Items, results: list[np.ndarray | str]) -> Chunk | None:
    kept = [(label, r) for (_, label), r in zip(batch, results, strict=True) if not isinstance(r, str)]
    if not kept:
        return None
    labels = [label for label, _ in kept if label is not None]
    return np.stack([image for _, image in kept]), np.array(labels, np.int64) if labels else None


def _held(files: Files) -> AbstractContextManager[object]:
    return files.lock or nullcontext()


@contextmanager
def quiet() -> Iterator[None]:
    """PIL's warnings on odd files would interrupt the progress line; what is wrong is counted instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
