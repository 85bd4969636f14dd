"""Collections with two sides: pairs of corresponding images, and unpaired images of two kinds.

Pairs lie side by side in one file (A left, B right) or under the same name in parallel folders (``A/`` and ``B/``,
or ``trainA/`` and ``trainB/``); unpaired images lie in such folders under any names and in any numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ganzoo.data.captions import has_captions
from ganzoo.data.files import Files
from ganzoo.data.layout import SPLITS, Layout, by_split, image_paths, without_wrapper
from ganzoo.errors import GanzooError

SIDES = ("A", "B")
ORDER = ("train", "val", "test")
_FOLDER = re.compile(rf"({'|'.join(SPLITS)})?[_-]?([AB])")
KINDS = {
    "images": "images",
    "labelled": "labelled images",
    "pairs": "pairs of images",
    "unpaired": "unpaired images of two kinds",
    "captions": "images with captions",
}


@dataclass(frozen=True)
class Place:
    """Where an image of a two-sided collection belongs; key: what its partner on the other side shares."""

    split: str
    side: str
    key: str


def choose_kind(files: Files, wanted: Sequence[str] = ()) -> str:
    """What a collection is to be read as: the first of the ``wanted`` kinds that it can be, or what it looks like."""
    if len(wanted) == 1:
        return wanted[0]
    places = _places(files)
    if not wanted:
        return _looks_like(files, places)
    if places is None:
        return next(kind for kind in wanted if kind != "unpaired")
    return wanted[0]


def find_sides(files: Files, kind: str) -> Layout:
    """The layout of a two-sided collection."""
    places = _places(files)
    if places is None:
        if kind == "unpaired":
            raise GanzooError(f"{files.path} has no two sides; expected folders trainA/ and trainB/, or A/ and B/")
        return _side_by_side(files)
    for split in _splits(places):
        if missing := set(SIDES) - {place.side for place in places.values() if place.split == split}:
            side = missing.pop()
            raise GanzooError(f"{files.path} has no images on side {side} of '{split}'; put some into {split}{side}/")
    return _parallel(files, places) if kind == "pairs" else _unpaired(places)


def refuse_no_pairs(files: Files, sizes: Mapping[tuple[int, int], str]) -> None:
    """Refuse images that cannot be two pictures side by side. sizes: (height, width) → a file that has it."""
    for (height, width), name in sizes.items():
        if width % 2:
            raise GanzooError(
                f"'{name}' in {files.path} is {width} pixels wide, which is odd: a pair is A|B, two halves side by side"
            )
        if width <= height:
            raise GanzooError(
                f"'{name}' in {files.path} is {width}x{height}, which is no pair side by side (A|B); "
                "put pairs next to each other, or under the same names into A/ and B/, and unpaired images of two "
                "kinds into trainA/ and trainB/"
            )


def _looks_like(files: Files, places: dict[str, Place] | None) -> str:
    if has_captions(files):
        return "captions"
    if places is None:
        return "images"
    if not _unmatched(places):
        return "pairs"
    named = any(re.search(rf"(^|/)({'|'.join(SPLITS)})[_-]?[AB]/", name) for name in places)
    return "unpaired" if named else "images"


def _places(files: Files) -> dict[str, Place] | None:
    """Each image's place; None unless all images lie in folders of the one or the other side."""
    found = {name: _place(parts) for name, parts in image_paths(files).items()}
    if any(place is None for place in found.values()):
        return None
    return {name: place for name, place in found.items() if place is not None}


def _place(parts: tuple[str, ...]) -> Place | None:
    for position, part in enumerate(parts[:-1]):
        if match := _FOLDER.fullmatch(part):
            rest = (*parts[:position], *parts[position + 1 :])
            named = match[1] or next((part for part in rest[:-1] if part.lower() in SPLITS), "train")
            key = "/".join(part for part in rest if part.lower() not in SPLITS)
            return Place(SPLITS[named.lower()], match[2], re.sub(r"([_-]?[AB])?\.\w+$", "", key))
    return None


def _side_by_side(files: Files) -> Layout:
    notes: list[str] = []
    found = by_split(without_wrapper(image_paths(files)), notes)
    return Layout({split: _unlabelled(parts) for split, parts in found.items()}, (), notes, "pairs")


def _parallel(files: Files, places: dict[str, Place]) -> Layout:
    if lonely := _unmatched(places):
        place = places[lonely[0]]
        other = "B" if place.side == "A" else "A"
        raise GanzooError(
            f"'{lonely[0]}' in {files.path} has no partner of the same name on side {other} "
            f"({len(lonely):,} such images): unpaired data, which `ganzoo train cyclegan` learns from"
        )
    of = {(place.split, place.side, place.key): name for name, place in places.items()}
    partners = {name: of[place.split, "B", place.key] for name, place in places.items() if place.side == "A"}
    splits = {split: _unlabelled(name for name in partners if places[name].split == split) for split in _splits(places)}
    return Layout(splits, kind="pairs", partners=partners)


def _unlabelled(names: Iterable[str]) -> list[tuple[str, int | None]]:
    return [(name, None) for name in names]


def _unpaired(places: dict[str, Place]) -> Layout:
    splits: dict[str, list[tuple[str, int | None]]] = {}
    for split in _splits(places):
        sides = [[name for name, place in places.items() if (place.split, place.side) == (split, s)] for s in SIDES]
        splits[split] = [(name, label) for label, names in enumerate(sides) for name in names]
    return Layout(splits, SIDES, kind="unpaired")


def _unmatched(places: dict[str, Place]) -> list[str]:
    """Images without exactly one partner on the other side."""
    counts = Counter((place.split, place.key, place.side) for place in places.values())
    return [name for name, place in places.items() if any(counts[place.split, place.key, side] != 1 for side in SIDES)]


def _splits(places: dict[str, Place]) -> list[str]:
    present = {place.split for place in places.values()}
    return [split for split in ORDER if split in present]
