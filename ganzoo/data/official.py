"""Readers of the official binary formats: IDX, CIFAR, STL-10, ImageNet-32's npz; none unpickles.

Each takes the files and the dataset, and returns the splits it finds; none where the files are not in its format.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np

from ganzoo.data.datasets import Dataset
from ganzoo.data.decode import Geometry
from ganzoo.data.files import Files
from ganzoo.data.packed import Chunk
from ganzoo.data.source import Split
from ganzoo.errors import GanzooError

CHUNK_BYTES = 16 << 20
MAX_IDX_COUNT = 10_000_000


def read_idx(files: Files, dataset: Dataset) -> list[Split]:
    """MNIST's format: ``train-images-idx3-ubyte`` and so on, gzipped or not, anywhere in the tree."""
    found: dict[tuple[str, str], str] = {}
    for name in files.matching(r"(train|t10k|test)[-_.](images|labels)[-_.]idx[13][-_.]ubyte(\.gz)?"):
        part, kind = re.split(r"[-_.]", name.rpartition("/")[2])[:2]
        found.setdefault(("train" if part == "train" else "test", kind), name)
    if dataset.bundled:
        found = {("train", kind): name for (_, kind), name in found.items()}
    return [
        _idx_split(files, dataset, split, found[split, "images"], found.get((split, "labels")))
        for split in ("train", "test")
        if (split, "images") in found
    ]


def read_cifar(files: Files, dataset: Dataset) -> list[Split]:
    """CIFAR's binary version: records of one or two label bytes and 3x32x32 pixels."""
    coarse_and_fine = len(dataset.classes) == 100
    train = files.matching(r"train\.bin" if coarse_and_fine else r"data_batch_[1-5]\.bin")
    test = files.matching(r"test\.bin" if coarse_and_fine else r"test_batch\.bin")
    if not train + test and files.matching(r"data_batch_[1-5]|batches\.meta|(train|test|meta)"):
        raise GanzooError(
            f"{files.path} is the Python (pickled) version of {dataset.title.split(',')[0]}, which ganzoo does not "
            f"read because pickles can run code; use {dataset.sources[0].file} from {dataset.homepage}"
        )
    header = 2 if coarse_and_fine else 1
    return [
        _record_split(files, dataset, split, names, header)
        for split, names in (("train", train), ("test", test))
        if names
    ]


def read_stl10(files: Files, dataset: Dataset) -> list[Split]:
    """STL-10's binary version: column-major planes of 3x96x96, labels 1 … 10 in files of their own."""
    splits = []
    for split in ("train", "test", "unlabeled"):
        images, labels = files.matching(rf"{split}_X\.bin"), files.matching(rf"{split}_y\.bin")
        if images:
            targets = np.frombuffer(files.read(labels[0]), np.uint8).astype(np.int64) - 1 if labels else None
            splits.append(_stl10_split(files, dataset, split, images[0], targets))
    return splits


def read_npz(files: Files, dataset: Dataset) -> list[Split]:
    """Downsampled ImageNet: npz files with ``data`` (n, 3·32·32) and ``labels`` 1 … 1000."""
    batches = files.matching(r"train_data_batch_\d+\.npz")
    named = {
        "train": sorted(batches, key=lambda name: int(re.findall(r"\d+", name)[-1])),
        "val": files.matching(r"val_data\.npz"),
    }
    return [_npz_split(files, dataset, split, names) for split, names in named.items() if names]


def _array_split(
    dataset: Dataset, name: str, count: int, chunks: Callable[[], Iterable[Chunk]], labelled: bool
) -> Split:
    def read(geometry: Geometry, skipped: list[str]) -> Iterator[Chunk]:
        return (geometry.chunk(images, labels) for images, labels in chunks())

    assert dataset.resolution is not None
    classes = dataset.classes if labelled else ()
    square = dataset.resolution[0] == dataset.resolution[1]
    return Split(name, count, dataset.channels, dataset.resolution, read, classes, labelled, square)


def _idx_split(files: Files, dataset: Dataset, split: str, images: str, labels: str | None) -> Split:
    with _stream(files, images) as file:
        count, height, width = _idx_header(files, images, file, 3)
    if (height, width) != dataset.resolution or not 0 < count <= MAX_IDX_COUNT:
        raise GanzooError(
            f"'{images}' in {files.path} says it holds {count:,} images of {height}x{width}; "
            f"{dataset.name} has {sum(dataset.counts.values()):,} of 28x28"
        )
    targets = _idx_labels(files, dataset, labels, count) if labels else None

    def chunks() -> Iterator[Chunk]:
        with _stream(files, images) as file:
            _idx_header(files, images, file, 3)
            for start, stop in _ranges(count, height * width):
                data = _exactly(files, images, file, (stop - start) * height * width)
                pixels = np.frombuffer(data, np.uint8).reshape(-1, height, width, 1)
                yield pixels, None if targets is None else targets[start:stop]

    return _array_split(dataset, split, count, chunks, targets is not None)


def _idx_labels(files: Files, dataset: Dataset, name: str, count: int) -> np.ndarray:
    with _stream(files, name) as file:
        (rows,) = _idx_header(files, name, file, 1)
        labels = np.frombuffer(_exactly(files, name, file, min(rows, count)), np.uint8).astype(np.int64)
    if rows != count:
        raise GanzooError(f"'{name}' in {files.path} holds {rows:,} labels for {count:,} images")
    _check_labels(files, name, labels, count, len(dataset.classes))
    return labels


def _idx_header(files: Files, name: str, file: IO[bytes], dimensions: int) -> tuple[int, ...]:
    magic = _exactly(files, name, file, 4)
    if magic != bytes([0, 0, 8, dimensions]):
        raise GanzooError(f"'{name}' in {files.path} is not an IDX file of {dimensions}-dimensional uint8 data")
    return struct.unpack(f">{dimensions}I", _exactly(files, name, file, 4 * dimensions))


def _record_split(files: Files, dataset: Dataset, split: str, names: list[str], header: int) -> Split:
    record = header + 3 * 32 * 32
    for name in names:
        if files.sizes[name] == 0 or files.sizes[name] % record:
            raise _truncated(files, name)

    def chunks() -> Iterator[Chunk]:
        for name in names:
            with files.open(name) as file:
                for start, stop in _ranges(files.sizes[name] // record, record):
                    data = _exactly(files, name, file, (stop - start) * record)
                    rows = np.frombuffer(data, np.uint8).reshape(-1, record)
                    labels = rows[:, header - 1].astype(np.int64)
                    _check_labels(files, name, labels, len(rows), len(dataset.classes))
                    yield rows[:, header:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels

    count = sum(files.sizes[name] // record for name in names)
    return _array_split(dataset, split, count, chunks, labelled=True)


def _stl10_split(files: Files, dataset: Dataset, split: str, name: str, targets: np.ndarray | None) -> Split:
    record = 3 * 96 * 96
    count = files.sizes[name] // record
    if count == 0 or files.sizes[name] % record:
        raise _truncated(files, name)
    if targets is not None:
        _check_labels(files, name, targets, count, len(dataset.classes))

    def chunks() -> Iterator[Chunk]:
        with files.open(name) as file:
            for start, stop in _ranges(count, record):
                data = _exactly(files, name, file, (stop - start) * record)
                pixels = np.frombuffer(data, np.uint8).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)
                yield pixels, None if targets is None else targets[start:stop]

    return _array_split(dataset, split, count, chunks, targets is not None)


def _npz_split(files: Files, dataset: Dataset, split: str, names: list[str]) -> Split:
    def chunks() -> Iterator[Chunk]:
        for name in names:
            yield from _npz_chunks(files, name, len(dataset.classes))

    count = sum(len(_npz_labels(files, name)) for name in names)
    return _array_split(dataset, split, count, chunks, labelled=True)


def _npz_chunks(files: Files, name: str, classes: int) -> Iterator[Chunk]:
    labels = _npz_labels(files, name)
    _check_labels(files, name, labels, len(labels), classes)
    with zipfile.ZipFile(io.BytesIO(files.read(name))) as archive, archive.open("data.npy") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if shape != (len(labels), 3 * 32 * 32) or dtype != np.uint8:
            raise GanzooError(f"'{name}' in {files.path} holds {dtype} data of shape {shape}, not (n, 3072) uint8")
        for start, stop in _ranges(len(labels), 3 * 32 * 32):
            data = _exactly(files, name, file, (stop - start) * 3 * 32 * 32)
            pixels = np.frombuffer(data, np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            yield pixels, labels[start:stop]


def _npz_labels(files: Files, name: str) -> np.ndarray:
    try:
        with np.load(io.BytesIO(files.read(name)), allow_pickle=False) as arrays:
            return np.asarray(arrays["labels"]).astype(np.int64) - 1
    except (ValueError, KeyError, OSError) as error:
        raise GanzooError(f"'{name}' in {files.path} holds no array of labels ({error})") from error


@contextmanager
def _stream(files: Files, name: str) -> Iterator[IO[bytes]]:
    """A file's bytes, gunzipped."""
    with files.open(name) as file:
        yield gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file  # type: ignore[misc]


def _exactly(files: Files, name: str, file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise _truncated(files, name)
    return data


def _truncated(files: Files, name: str) -> GanzooError:
    return GanzooError(f"'{name}' in {files.path} is damaged or truncated; download or copy it again")


def _check_labels(files: Files, name: str, labels: np.ndarray, count: int, classes: int) -> None:
    if len(labels) != count:
        raise GanzooError(f"'{name}' in {files.path} holds {len(labels):,} labels for {count:,} images")
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise GanzooError(f"'{name}' in {files.path} holds labels outside the {classes} classes")


def _ranges(count: int, row_bytes: int) -> Iterator[tuple[int, int]]:
    step = max(1, CHUNK_BYTES // row_bytes)
    return ((start, min(start + step, count)) for start in range(0, count, step))
