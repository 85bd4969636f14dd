"""Datasets ready to train on: what is prepared is found, what is not is downloaded or read and packed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.data import store
from ganzoo.data.datasets import Dataset
from ganzoo.data.download import download
from ganzoo.data.files import signature
from ganzoo.data.packed import PackedDataset
from ganzoo.data.packing import Request, derive, pack_source
from ganzoo.data.sides import KINDS
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.progress import Progress
from ganzoo.registry import DATASETS

Card = dict[str, Any]


@dataclass(frozen=True)
class _Target:
    """What was asked for: a registered dataset or a path, and the packs of it that exist."""

    text: str
    dataset: Dataset | None
    path: Path | None
    packs: list[Card]


def open_dataset(
    name_or_path: str | Path,
    *,
    resolution: int | None = None,
    width: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    split: str = "train",
    default_resolution: int | None = None,
    kinds: Sequence[str] = (),
    progress: Progress | None = None,
    before: Callable[[], None] | None = None,
) -> PackedDataset:
    """A dataset by name, or from a folder, zip or tar of images, or a packed folder.

    What is not prepared yet is prepared now (and downloaded, where its licence allows). resolution: height and,
    unless ``width`` is given, width; None takes the data's own, or ``default_resolution`` where images differ in
    size. channels: 1, 3, or the data's. kinds: what it may be (images, labelled, pairs, unpaired,
    captions), most wanted first; None of it is refused. before: called before anything is prepared; what it raises
    prevents that.
    """
    request = Request(resolution, channels, fit, default_resolution, tuple(kinds), width)
    return _prepare(_identify(name_or_path, None), request, split, False, progress, before)[0]


def prepare(
    name_or_path: str | Path,
    *,
    source: str | Path | None = None,
    resolution: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    split: str | None = None,
    strict: bool = False,
    kind: str | None = None,
    progress: Progress | None = None,
) -> list[PackedDataset]:
    """Pack every split of a dataset, or the one named; packs that exist already are returned as they are.

    source: the user's own copy of a named dataset. strict: refuse unreadable images instead of skipping them.
    kind: images, pairs, unpaired or captions; what the images look like if left out.
    """
    request = Request(resolution, channels, fit, kinds=(kind,) if kind else ())
    return _prepare(_identify(name_or_path, source), request, split, strict, progress)


def require_dataset(name_or_path: str | Path, split: str | None = None) -> None:
    """Raise GanzooError for data that :func:`open_dataset` would not find; nothing is downloaded or prepared."""
    target = _identify(name_or_path, None)
    _refuse_split(target, split)
    if target.dataset and target.path is None and not target.packs:
        _refuse_manual(target.dataset, Request())


def _prepare(
    target: _Target,
    request: Request,
    split: str | None,
    strict: bool,
    progress: Progress | None,
    before: Callable[[], None] | None = None,
) -> list[PackedDataset]:
    if target.dataset:
        _refuse_kind(target.text, target.dataset.kind, request)
    if target.path and (target.path / store.CARD).is_file():
        pack = PackedDataset.open(target.path)
        _refuse_kind(target.text, pack.kind, request)
        return [derive(pack, request, progress)]
    _refuse_split(target, split)
    if found := _existing(target.packs, request, split):
        _refuse_skipped(found, strict)
        return found
    if before:
        before()
    if parents := _originals(target.packs, request, split):
        _refuse_skipped(parents, strict)
        return [derive(parent, request, progress) for parent in parents]
    path = target.path or _obtain(target, request, progress)
    return pack_source(path, target.dataset, request, split, strict, progress)


def _identify(name_or_path: str | Path, source: str | Path | None) -> _Target:
    """A registered name wins over a folder of the same name; a label such as cifar10-jpeg is a name too."""
    text = str(name_or_path)
    if text in DATASETS.names():
        dataset: Dataset = DATASETS.get(text)
        if source is None:
            return _Target(text, dataset, None, _one_label(store.find_packs(text), text))
        path = _existing_path(source, f" to prepare {text} from")
        key = signature(path)
        packs = [pack for pack in store.find_packs(text) if pack["source"]["signature"] == key]
        return _Target(text, dataset, path, packs)
    if source is not None:
        raise UnknownName("dataset", text, DATASETS.names())
    if packs := store.find_packs(text):
        return _Target(text, DATASETS.get(packs[0]["name"]), None, packs)
    if not isinstance(name_or_path, Path) and not _looks_like_path(text):
        raise UnknownName("dataset", text, DATASETS.names())
    path = _existing_path(name_or_path, "; `ganzoo data list` shows the datasets that have names")
    return _Target(text, None, path, store.find_packs(signature(path)))


def _looks_like_path(text: str) -> bool:
    return bool(re.search(r"[/\\~]|^\.|\.(zip|tar|t?gz)$", text)) or Path(text).exists()


def _existing_path(path: str | Path, purpose: str) -> Path:
    full = Path(path).expanduser().absolute()
    if not full.exists():
        raise GanzooError(f"there is no file or folder {full}{purpose}")
    return full


def _one_label(packs: list[Card], name: str) -> list[Card]:
    """The packs of the genuine dataset where there are any, else those of the copy prepared last."""
    labels = [pack["label"] for pack in packs]
    label = name if name in labels or not labels else labels[-1]
    return [pack for pack in packs if pack["label"] == label]


def _existing(packs: list[Card], request: Request, split: str | None) -> list[PackedDataset]:
    """The packs that answer the request; none unless every wanted split is there."""
    found = {pack["split"]: pack["folder"] for pack in packs if _answers(pack, request)}
    wanted = _wanted(packs, split)
    return [PackedDataset.open(found[name]) for name in wanted] if found.keys() >= set(wanted) else []


def _answers(pack: Card, request: Request) -> bool:
    native = pack["native"]
    size = request.resolution or native["default"] or request.default_resolution
    return (
        _admits(request, pack["kind"])
        and pack["resolution"] == [size, request.width or size]
        and pack["channels"] == (request.channels or native["channels"])
        and (
            pack["fit"] == request.fit
            or (native["square"] and request.width in (None, size) and "tile" not in (pack["fit"], request.fit))
        )
    )


def _admits(request: Request, kind: str) -> bool:
    plain = kind in ("labelled", "captions") and "images" in request.kinds
    return not request.kinds or kind in request.kinds or plain


def _refuse_kind(name: str, kind: str, request: Request) -> None:
    if not _admits(request, kind):
        wanted = " or ".join(KINDS[each] for each in request.kinds)
        raise GanzooError(f"{name} is a set of {KINDS[kind]}, but what is wanted here is {wanted}")


def _refuse_split(target: _Target, split: str | None) -> None:
    known = target.packs[-1]["source"]["splits"] if target.packs else target.dataset.counts if target.dataset else ()
    if split and known and split not in known:
        raise GanzooError(f"{target.text} has no split '{split}'; it has {', '.join(known)}")


def _originals(packs: list[Card], request: Request, split: str | None) -> list[PackedDataset]:
    """The packs that hold the source's own pixels, from which any geometry can be derived."""
    originals = {p["split"]: p["folder"] for p in packs if p["identity"] and _admits(request, p["kind"])}
    wanted = _wanted(packs, split)
    return [PackedDataset.open(originals[name]) for name in wanted] if originals.keys() >= set(wanted) else []


def _wanted(packs: list[Card], split: str | None) -> list[str]:
    return [split] if split else packs[-1]["source"]["splits"] if packs else []


def _refuse_skipped(packs: list[PackedDataset], strict: bool) -> None:
    for pack in packs:
        if strict and pack.info["skipped"]["count"]:
            raise GanzooError(
                f"{pack.label} {pack.split} was prepared without {pack.info['skipped']['count']} unreadable images, "
                f"e.g. {pack.info['skipped']['files'][0]}; mend or remove them"
            )


def _obtain(target: _Target, request: Request, progress: Progress | None) -> Path:
    """Where a registered dataset's originals lie, after downloading them if need be."""
    dataset, packs = target.dataset, target.packs
    assert dataset is not None
    for pack in packs:
        path = Path(pack["source"]["path"])
        if path.exists() and signature(path) == pack["source"]["signature"]:
            return path
    if packs and packs[-1]["label"] != dataset.name:
        raise GanzooError(
            f"{packs[-1]['label']} is not prepared as asked and its source {packs[-1]['source']['path']} is gone; "
            f"run: {_command(dataset, request)}"
        )
    if dataset.bundled:
        return Path(__file__).parent / dataset.bundled
    _refuse_manual(dataset, request)
    folder = store.downloads_folder(dataset.name)
    for source in dataset.sources:
        download(source, folder, name=dataset.name, progress=progress)
    return folder


def _refuse_manual(dataset: Dataset, request: Request) -> None:
    if dataset.manual:
        command = _command(dataset, request)
        raise GanzooError(f"{dataset.title}: {dataset.manual}; then run: {command} ({dataset.accepts})")


def _command(dataset: Dataset, request: Request) -> str:
    size = f" --resolution {request.resolution}" if request.resolution else ""
    return f"ganzoo data prepare {dataset.name} --from FILE_OR_FOLDER{size}"
