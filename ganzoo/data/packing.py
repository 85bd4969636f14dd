"""From a source's splits to packs: the geometry, the label, the JSON, and where it all goes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.data import store
from ganzoo.data.captioned_digits import read_captioned_digits
from ganzoo.data.datasets import UNKNOWN_TERMS, Dataset
from ganzoo.data.decode import FITS, Geometry
from ganzoo.data.files import open_files, signature
from ganzoo.data.images import read_images
from ganzoo.data.official import read_cifar, read_idx, read_npz, read_stl10
from ganzoo.data.packed import Chunk, PackedDataset, write_pack
from ganzoo.data.sides import KINDS
from ganzoo.data.source import Split
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.progress import Progress

OFFICIAL = {
    "idx": read_idx,
    "cifar": read_cifar,
    "stl10": read_stl10,
    "npz": read_npz,
    "captioned-digits": read_captioned_digits,
}
MAX_RESOLUTION = 4096
SKIPPED_LISTED = 100
CHUNK_BYTES = 16 << 20


class SeveralSizes(GanzooError):
    """Images that have no one size, where none was asked for."""


@dataclass(frozen=True)
class Request:
    """The geometry asked for; None leaves it to the data (to default_resolution, where sizes differ).

    kinds: what the images may be read as, most wanted first; empty takes what they look like. width: of images
    that shall not be square.
    """

    resolution: int | None = None
    channels: int | None = None
    fit: str = "crop"
    default_resolution: int | None = None
    kinds: tuple[str, ...] = ()
    width: int | None = None

    def __post_init__(self) -> None:
        for size in (self.resolution, self.default_resolution, self.width):
            if size is not None and not 1 <= size <= MAX_RESOLUTION:
                raise GanzooError(f"resolution {size} is not between 1 and {MAX_RESOLUTION}")
        if self.channels not in (None, 1, 3):
            raise GanzooError(f"{self.channels} channels cannot be prepared; choose 1 (gray) or 3 (colour)")
        if strange := set(self.kinds) - set(KINDS):
            raise UnknownName("kind", strange.pop(), KINDS)
        if self.fit not in FITS:
            raise GanzooError(f"unknown fit '{self.fit}'; choose {', '.join(FITS)}")


def pack_source(
    path: Path,
    dataset: Dataset | None,
    request: Request,
    only: str | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> list[PackedDataset]:
    """Read originals and pack each of their splits (or the one named)."""
    splits = _read(path, dataset, progress, request.kinds)
    about = _about(path, dataset, splits)
    wanted = [split for split in splits if only in (None, split.name)]
    if not wanted:
        raise GanzooError(f"{path} has no split '{only}'; it has {', '.join(split.name for split in splits)}")
    geometry = _geometry(path, about["native"], request, splits[0].panels)
    packs = [_pack(split, about, geometry, strict, progress) for split in wanted]
    for pack in packs:
        _drop_outdated(pack)
    return packs


def derive(parent: PackedDataset, request: Request, progress: Progress | None = None) -> PackedDataset:
    """The same images at another geometry, resized from a pack that holds them untouched."""
    geometry = _geometry(parent.folder, parent.info["native"], request, parent.panels)
    if (geometry.height, geometry.width, geometry.channels) == (*parent.resolution, parent.channels):
        return parent
    if not parent.info["identity"]:
        raise GanzooError(
            f"{parent.folder} holds images that were resized already; prepare from the originals at "
            f"{geometry.height}x{geometry.width} instead"
        )

    def read(geometry: Geometry, skipped: list[str]) -> Iterator[Chunk]:
        images = parent.numpy("images")
        beside = parent.numpy(parent.beside) if parent.beside else None
        step = max(1, CHUNK_BYTES // int(np.prod(images.shape[1:])))
        for start in range(0, len(images), step):
            rows = slice(start, start + step)
            yield geometry.chunk(images[rows], None if beside is None else np.array(beside[rows]))

    split = Split(
        parent.split,
        parent.count,
        parent.channels,
        parent.resolution,
        read,
        parent.classes,
        bool(parent.info["labels"]),
        kind="images" if parent.kind == "labelled" else parent.kind,
    )
    about = {key: parent.info[key] for key in ("name", "label", "registered", "family", "licence", "source", "native")}
    return _pack(split, about, geometry, False, progress, parent.info["skipped"])


def _read(path: Path, dataset: Dataset | None, progress: Progress | None, kinds: Sequence[str]) -> list[Split]:
    files = open_files(path, [source.file for source in dataset.sources] if dataset else ())
    official = OFFICIAL.get(dataset.layout) if dataset else None
    splits = official(files, dataset) if official and dataset else []
    return splits or read_images(files, dataset, progress, kinds)


def _about(path: Path, dataset: Dataset | None, splits: list[Split]) -> dict[str, Any]:
    """What the JSON of every pack of this source says."""
    name = dataset.name if dataset else _slug(path)
    sizes = {split.size for split in splits}
    size = sizes.pop() if len(sizes) == 1 else None
    return {
        "name": name,
        "label": _label(dataset, splits) if dataset else name,
        "registered": dataset is not None,
        "family": dataset.family if dataset else "folder",
        "licence": dataset.licence if dataset else UNKNOWN_TERMS,
        "source": {
            "path": str(path),
            "signature": signature(path),
            "splits": [split.name for split in splits],
            "lossy": next((split.lossy for split in splits if split.lossy), ""),
        },
        "native": {
            "size": list(size) if size else None,
            "channels": dataset.channels if dataset else max(split.channels for split in splits),
            "square": all(split.square for split in splits),
            "default": _default_resolution(dataset, size),
        },
    }


def _label(dataset: Dataset, splits: list[Split]) -> str:
    """The dataset's name, marked where this copy is not the real thing: celeba-10k, cifar10-jpeg."""
    label = dataset.name
    odd = [split.count for split in splits if dataset.counts.get(split.name, split.count) != split.count]
    if odd:
        label += f"-{odd[0] // 1000}k" if odd[0] % 1000 == 0 else f"-{odd[0]}"
    lossy = next((split.lossy for split in splits if split.lossy), "")
    return f"{label}-{lossy}" if lossy and dataset.lossless else label


def _default_resolution(dataset: Dataset | None, size: tuple[int, int] | None) -> int | None:
    square = size[0] if size and size[0] == size[1] else None
    wanted = dataset.pack_resolution if dataset else None
    return min(square, wanted) if square and wanted else square or wanted


def _geometry(path: Path, native: dict[str, Any], request: Request, panels: int) -> Geometry:
    size = request.resolution or native["default"] or request.default_resolution
    if not size:
        raise SeveralSizes(
            f"the images of {path} are not all of one square size; choose one with --resolution, "
            "e.g. --resolution 64 (--fit crop|pad|stretch says how they are made square)"
        )
    width = request.width or size
    fit = _fit(path, native, request.fit, (size, width), panels)
    return Geometry(size, width, request.channels or native["channels"], fit, panels)


def _same_shape(native: dict[str, Any], height: int, width: int) -> bool:
    """Whether all images need resizing only."""
    return bool(native["square"]) and height == width


def _fit(path: Path, native: dict[str, Any], fit: str, size: tuple[int, int], panels: int) -> str:
    """The fit asked for, or crop where it makes no difference."""
    if fit != "tile" or native["size"] == [*size]:
        return "crop" if _same_shape(native, *size) else fit
    if panels > 1:
        raise GanzooError(f"{path} holds pairs, which cannot be cut into tiles; give --fit crop, pad or stretch")
    if native["size"] and any(have < want for have, want in zip(native["size"], size, strict=True)):
        raise GanzooError(
            f"the images of {path} are smaller than a tile of {size[1]}x{size[0]}; give a smaller --resolution, "
            "or --fit crop to enlarge them"
        )
    return fit


def _pack(
    split: Split,
    about: dict[str, Any],
    geometry: Geometry,
    strict: bool,
    progress: Progress | None,
    skipped: dict[str, Any] | None = None,
) -> PackedDataset:
    folder = _folder(about, split, geometry)
    existing = store.read_card(folder) if (folder / store.CARD).is_file() else None
    replace = existing is not None and existing["source"]["signature"] != about["source"]["signature"]
    if existing and not replace:
        return PackedDataset.open(folder)
    _check_space(split.count * geometry.height * geometry.width * geometry.panels * geometry.channels)
    native = about["native"]
    same_size = native["size"] == [geometry.height, geometry.width]

    def info() -> dict[str, Any]:
        return {
            **about,
            "kind": "labelled" if split.labelled and split.kind == "images" else split.kind,
            "panels": split.panels,
            "split": split.name,
            "classes": list(split.classes),
            "fit": geometry.fit,
            "identity": same_size and geometry.channels == native["channels"],
            "transform": _transform(native, geometry),
            "skipped": skipped or {"count": len(split.skipped), "files": split.skipped[:SKIPPED_LISTED]},
        }

    return write_pack(folder, _chunks(split, geometry, strict, progress), info, replace=replace)


def _folder(about: dict[str, Any], split: Split, geometry: Geometry) -> Path:
    home = about["label"] if about["registered"] else f"{about['label']}-{about['source']['signature'][:8]}"
    plain = _same_shape(about["native"], geometry.height, geometry.width) and geometry.fit != "tile"
    fit = "" if plain else f"-{geometry.fit}"
    kind = "" if split.kind == "images" else f"{split.kind}-"
    size = f"{geometry.height}x{geometry.width}x{geometry.channels}"
    return store.datasets_folder() / home / f"{kind}{split.name}-{size}{fit}"


def _chunks(split: Split, geometry: Geometry, strict: bool, progress: Progress | None) -> Iterator[Chunk]:
    """The split's chunks, reporting progress and stopping at the first unreadable image when strict."""
    done = 0
    for chunk in split.chunks(geometry):
        _refuse(split, strict)
        yield chunk
        done += len(chunk[0])
        if progress:
            progress(f"packing {split.name}", done, max(done, split.count))  # an image may be many tiles
    _refuse(split, strict)
    if done == 0:
        raise GanzooError(f"none of the {split.count:,} images could be read, e.g. {split.skipped[0]}")


def _refuse(split: Split, strict: bool) -> None:
    if strict and split.skipped:
        raise GanzooError(f"unreadable image {split.skipped[0]}; mend or remove it, or prepare without --strict")


def _drop_outdated(pack: PackedDataset) -> None:
    """Remove other geometries of the same label and split that came from another source."""
    same = [c for c in store.find_packs(pack.label) if (c["label"], c["split"]) == (pack.label, pack.split)]
    for card in same:
        if card["source"]["signature"] != pack.info["source"]["signature"]:
            shutil.rmtree(card["folder"], ignore_errors=True)


def _check_space(needed: int) -> None:
    home = store.ganzoo_home()
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    if shutil.disk_usage(place).free < needed:
        raise store.disk_full(home, needed)


def _transform(native: dict[str, Any], geometry: Geometry) -> str:
    size = f"{geometry.height}x{geometry.width}"
    steps = []
    if geometry.fit == "tile":
        steps.append(f"cut into tiles of {size}")
    elif native["size"] != [geometry.height, geometry.width]:
        centre = "centre square kept" if geometry.height == geometry.width else "centre kept"
        fits = {"crop": centre, "pad": "padded with black", "stretch": "stretched"}
        steps += [] if _same_shape(native, geometry.height, geometry.width) else [fits[geometry.fit]]
        steps.append(f"resized to {size} (Lanczos)")
    if native["channels"] > geometry.channels:
        steps.append("colour to gray (ITU-R 601 luma)")
    elif native["channels"] < geometry.channels:
        steps.append("gray copied to 3 channels")
    return ", ".join(steps) or "none"


def _slug(path: Path) -> str:
    stem = re.sub(r"(\.(zip|tgz|tar|gz|bz2|xz))+$", "", path.name.lower())
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-") or "images"
