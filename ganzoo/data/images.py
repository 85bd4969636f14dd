"""Reader of image files: any folder, zip or tar of them, decoded by several threads with flat memory."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np

from ganzoo.data.captions import find_captions, packed
from ganzoo.data.datasets import Dataset
from ganzoo.data.decode import Geometry, Look, Unreadable, decode, look
from ganzoo.data.files import Files
from ganzoo.data.layout import Layout, find_layout
from ganzoo.data.packed import Chunk
from ganzoo.data.sides import choose_kind, find_sides, refuse_no_pairs
from ganzoo.data.source import Split
from ganzoo.progress import Progress

CHUNK_BYTES = 16 << 20
SURVEY_STEP = 4096
THREADS = min(8, os.cpu_count() or 1)
Reader = Callable[[Geometry, list[str]], Iterator[Chunk]]
Items = list[tuple[str, "int | None"]]


@dataclass
class Survey:
    """What the headers of a collection's images say; unreadable ones with the reason.

    examples: an image of each size.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    examples: dict[tuple[int, int], str] = field(default_factory=dict)
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    gray: int = 0
    lossy: int = 0
    rotated: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, seen: Look) -> None:
        self.sizes[seen.size] += 1
        self.examples.setdefault(seen.size, name)
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


def read_images(
    files: Files, dataset: Dataset | None, progress: Progress | None = None, kinds: Sequence[str] = ()
) -> list[Split]:
    """The splits of a collection of image files; their headers are read now, their pixels later.

    kinds: what the collection is wanted as, see :func:`ganzoo.data.sides.choose_kind`.
    """
    layout = lay_out(files, dataset, kinds)
    seen = survey(files, layout.names, progress)
    sizes = panel_sizes(files, layout, seen)
    return [
        Split(
            name=split,
            count=len(items),
            channels=seen.channels,
            size=next(iter(sizes)) if len(sizes) == 1 else None,
            read=_reader(files, items, layout),
            classes=layout.classes if items[0][1] is not None and layout.kind == "images" else (),
            labelled=items[0][1] is not None and layout.kind != "captions",
            square=all(height == width for height, width in sizes),
            lossy=seen.lossy_format,
            kind=layout.kind,
        )
        for split, items in layout.splits.items()
    ]


def lay_out(files: Files, dataset: Dataset | None = None, kinds: Sequence[str] = ()) -> Layout:
    """The layout of a collection, as a named dataset has it or as one of the wanted kinds."""
    kind = dataset.kind if dataset else choose_kind(files, kinds)
    if kind == "captions":
        return find_captions(files)
    return find_sides(files, kind) if kind in ("pairs", "unpaired") else find_layout(files, dataset)


def panel_sizes(files: Files, layout: Layout, seen: Survey) -> set[tuple[int, int]]:
    """The (height, width) that single pictures have; raises GanzooError for halves that cannot be."""
    if layout.kind != "pairs" or layout.partners:
        return set(seen.sizes)
    refuse_no_pairs(files, seen.examples)
    return {(height, width // 2) for height, width in seen.sizes}


def survey(files: Files, names: list[str], progress: Progress | None = None) -> Survey:
    """Read the header of every image."""
    seen = Survey()
    for start in range(0, len(names), SURVEY_STEP):
        batch = names[start : start + SURVEY_STEP]
        with ThreadPoolExecutor(THREADS) as pool, quiet():
            results = list(pool.map(lambda name: _look(files, name), batch))
        for name, result in zip(batch, results, strict=True):
            if isinstance(result, Look):
                seen.add(name, result)
            else:
                seen.unreadable[name] = result
        if progress:
            progress("looking at", start + len(batch), len(names))
    return seen


def read_image(files: Files, name: str, geometry: Geometry, partner: str | None = None) -> np.ndarray | str:
    """What is packed of an image, (n, H, W, C), with its partner beside it if it has one, or why it cannot be read."""
    try:
        if partner:
            return geometry.joined([geometry.panel(decode(files.read(each))) for each in (name, partner)])[None]
        return geometry.pieces(decode(files.read(name)))
    except (Unreadable, OSError) as error:
        return str(error)


def _look(files: Files, name: str) -> Look | str:
    try:
        with _held(files), files.open(name) as file:
            return look(file)  # type: ignore[arg-type]
    except (Unreadable, OSError) as error:
        return str(error)


def _reader(files: Files, items: Items, layout: Layout) -> Reader:
    partners = layout.partners
    captions = packed([layout.captions[name] for name, _ in items]) if layout.captions else None

    def read(geometry: Geometry, skipped: list[str]) -> Iterator[Chunk]:
        step = max(1, CHUNK_BYTES // (geometry.height * geometry.width * geometry.panels * geometry.channels))
        if geometry.fit == "tile":  # an image is many
            step = THREADS
        for start in range(0, len(items), step):
            batch = items[start : start + step]
            with ThreadPoolExecutor(THREADS) as pool, quiet():
                results = list(
                    pool.map(lambda item: read_image(files, item[0], geometry, partners.get(item[0])), batch)
                )
            skipped += [f"{name}: {r}" for (name, _), r in zip(batch, results, strict=True) if isinstance(r, str)]
            if chunk := _chunk(batch, results):
                yield chunk if captions is None else (chunk[0], captions[chunk[1]])

    return read


def _chunk(batch: Items, results: list[np.ndarray | str]) -> Chunk | None:
    kept = [(label, r) for (_, label), r in zip(batch, results, strict=True) if not isinstance(r, str)]
    if not kept:
        return None
    labels = [label for label, pieces in kept if label is not None for _ in pieces]
    return np.concatenate([pieces for _, pieces in kept]), np.array(labels, np.int64) if labels else None


def _held(files: Files) -> AbstractContextManager[object]:
    return files.lock or nullcontext()


@contextmanager
def quiet() -> Iterator[None]:
    """PIL's warnings on odd files would interrupt the progress line; what is wrong is counted instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
