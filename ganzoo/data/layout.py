"""Which files of a collection are images, and which split and class each belongs to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ganzoo.data.datasets import Dataset
from ganzoo.data.files import Files
from ganzoo.errors import GanzooError

EXTENSIONS = (
    ".png .jpg .jpeg .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .pnm .tga .jp2 .jfif .avif .ico".split()  # noqa: SIM905
)
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "unlabeled": "unlabeled",
    "unlabelled": "unlabeled",
}
EXPECTED = "images directly, one folder per class, or train/ val/ test/ with either inside"
_UNPAIRED = {"trainA", "trainB", "testA", "testB"}


@dataclass
class Layout:
    """Image names by split with their class (None: unlabelled), all classes, and what was left out.

    kind: "pairs" (an image is its two halves, or is completed by its partner), "unpaired" (the classes are the
    two sides), "captions" (in the place of a class is an image's number) or "images". partners: the B images of A
    images that lie in files of their own. captions: those of each image.
    """

    splits: dict[str, list[tuple[str, int | None]]]
    classes: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    kind: str = "images"
    partners: dict[str, str] = field(default_factory=dict)
    captions: dict[str, list[str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Every image file."""
        return [name for items in self.splits.values() for name, _ in items] + list(self.partners.values())


def image_paths(files: Files, expected: str = EXPECTED) -> dict[str, tuple[str, ...]]:
    """The parts of each image's name; raises GanzooError, with what was ``expected``, if there is no image."""
    images = [name for name in files.sizes if PurePosixPath(name).suffix.lower() in EXTENSIONS]
    if not images:
        raise GanzooError(_nothing_found(files, expected))
    return {name: PurePosixPath(name).parts for name in images}


def find_layout(files: Files, dataset: Dataset | None = None) -> Layout:
    """Sort a collection's images into splits and classes by their folders."""
    paths = image_paths(files)
    _refuse_unpaired(files, paths.values())
    notes: list[str] = []
    splits = by_split(without_wrapper(paths), notes)
    labelled = dataset is None or bool(dataset.classes)
    by_class = {split: _by_class(parts) for split, parts in splits.items()} if labelled else {}
    names = {name for found in by_class.values() if found for name in found.values()}
    if not names or (len(names) == 1 and dataset is None):
        return Layout({split: [(name, None) for name in parts] for split, parts in splits.items()}, (), notes)
    classes = _dataset_classes(files, names, dataset) if dataset else {c: i for i, c in enumerate(_natural(names))}
    return Layout(
        {
            split: [(name, classes[found[name]] if (found := by_class[split]) else None) for name in parts]
            for split, parts in splits.items()
        },
        dataset.classes if dataset else tuple(_natural(names)),
        notes,
    )


def _nothing_found(files: Files, expected: str) -> str:
    others = Counter(PurePosixPath(name).suffix.lower() or "no extension" for name in files.sizes)
    there = f"it holds {', '.join(f'{n} {s}' for s, n in others.most_common(3))}" if others else "it is empty"
    return f"no images in {files.path} (looked for {' '.join(EXTENSIONS)}; {there}); expected {expected}"


def _refuse_unpaired(files: Files, paths: Iterable[tuple[str, ...]]) -> None:
    if any(_UNPAIRED & set(parts[:-1]) for parts in paths):
        raise GanzooError(
            f"{files.path} has trainA and trainB folders: unpaired data, which is no set of images to learn; "
            "give one of the folders, or train a variant that translates between the two"
        )


def without_wrapper(paths: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Drop the leading folders that all images share, up to one that names a split."""
    while len({parts[0] for parts in paths.values()}) == 1 and all(len(parts) > 1 for parts in paths.values()):
        if next(iter(paths.values()))[0].lower() in SPLITS:
            break
        paths = {name: parts[1:] for name, parts in paths.items()}
    return paths


def by_split(paths: dict[str, tuple[str, ...]], notes: list[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """The images of each split with what is left of their names."""
    splits: dict[str, dict[str, tuple[str, ...]]] = {}
    outside = []
    for name, parts in paths.items():
        split = SPLITS.get(parts[0].lower()) if len(parts) > 1 else None
        if split:
            splits.setdefault(split, {})[name] = parts[1:]
        else:
            outside.append(name)
    if not splits:
        return {"train": paths}
    if outside:
        notes.append(f"{len(outside):,} images outside the train, val and test folders left out, e.g. {outside[0]}")
    return {split: splits[split] for split in ("train", "val", "test", "unlabeled") if split in splits}


def _by_class(paths: dict[str, tuple[str, ...]]) -> dict[str, str] | None:
    """Image → class folder; None where images lie outside class folders."""
    if any(len(parts) < 2 for parts in paths.values()):
        return None
    return {name: parts[0] for name, parts in paths.items()}


def _dataset_classes(files: Files, names: set[str], dataset: Dataset) -> dict[str, int]:
    """Folder name → index in the dataset's own order of classes."""
    known = {_plain(name): index for index, name in enumerate(dataset.classes)}
    numbered = {str(index): index for index in range(len(dataset.classes))}
    table = known if _plain(next(iter(names))) in known else numbered
    strangers = sorted(name for name in names if _plain(name) not in table)
    if strangers:
        raise GanzooError(
            f"{files.path} has class folders that {dataset.name} does not know: {', '.join(strangers[:3])}; "
            f"its classes are {', '.join(dataset.classes[:10])}"
        )
    return {name: table[_plain(name)] for name in names}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _natural(names: Iterable[str]) -> list[str]:
    """Sorted, with 2 before 10."""
    return sorted(
        names, key=lambda name: [(p.isdigit(), int(p) if p.isdigit() else 0, p) for p in re.split(r"(\d+)", name)]
    )
