"""Collections of images with captions: in a list of them, or in a text file for each image.

``captions.jsonl`` has a line {"file": …, "caption": …} or {"file": …, "captions": […]} for each image,
``captions.csv`` a row for each caption below the heading file,caption; both name files from their own folder or from
``images/`` in it. Without a list, the lines of a text file are the captions of the image of the same name (CUB:
``text/<class>/`` beside ``images/<class>/``; Oxford flowers: ``text_c10/<class>/`` beside ``jpg/``).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from ganzoo.data.files import Files
from ganzoo.data.layout import Layout, by_split, image_paths, without_wrapper
from ganzoo.errors import GanzooError
from ganzoo.text import encode

LONGEST = 4096
LISTS = r"captions\.(jsonl|csv)"
EXPECTED = "captions.jsonl or captions.csv beside the images, or a text file of the same name for each"
Captions = dict[str, list[str]]


def has_captions(files: Files) -> bool:
    """Whether a collection looks as if it had captions: a list of them, or a folder called text…"""
    folders = {part for name in files.matching(r".+\.txt") for part in PurePosixPath(name).parts[:-1]}
    return bool(files.matching(LISTS)) or any(folder.startswith("text") for folder in folders)


def find_captions(files: Files) -> Layout:
    """The layout of a collection with captions; raises GanzooError unless every image has one."""
    paths, notes = image_paths(files, EXPECTED), list[str]()
    lists = files.matching(LISTS)
    found = _listed(files, lists, paths) if lists else _in_text_files(files, paths, notes)
    if not found:
        raise GanzooError(f"{files.path} has no captions; expected {EXPECTED}")
    if lonely := [name for name in paths if not found.get(name)]:
        raise GanzooError(f"'{lonely[0]}' in {files.path} has no caption ({len(lonely):,} such images); write one")
    splits = by_split(without_wrapper(paths), notes)
    numbered: dict[str, list[tuple[str, int | None]]] = {
        split: [(name, number) for number, name in enumerate(parts)] for split, parts in splits.items()
    }
    return Layout(numbered, (), notes, "captions", captions=found)


def packed(captions: Sequence[Sequence[str]]) -> np.ndarray:
    """The captions of each image, (n, most of one image, longest) uint8."""
    codes = encode([text for texts in captions for text in texts])
    rows = [(image, number) for image, texts in enumerate(captions) for number in range(len(texts))]
    array = np.zeros((len(captions), max(map(len, captions)), codes.shape[1]), np.uint8)
    array[tuple(np.array(rows).T)] = codes
    return array


def _listed(files: Files, lists: Sequence[str], paths: Mapping[str, object]) -> Captions:
    found: Captions = {}
    missing = []
    for name in lists:
        folder = PurePosixPath(name).parent
        for file, text in _entries(files, name):
            places = (str(folder / file), str(folder / "images" / file))
            place = next((place for place in places if place in paths), None)
            if place is None:
                missing.append((name, file))
            elif text.strip():
                found.setdefault(place, []).append(_checked(files, name, text))
    if missing:
        name, file = missing[0]
        raise GanzooError(
            f"'{name}' in {files.path} has a caption for '{file}', which is no image there ({len(missing):,} such "
            "captions); take it out or add the image"
        )
    return found


def _entries(files: Files, name: str) -> Iterator[tuple[str, str]]:
    """The (file, caption) pairs of a list."""
    number = 0
    try:
        if name.endswith(".csv"):
            number, rows = 1, csv.DictReader(io.StringIO(_text(files, name), newline=""))
            if not {"file", "caption"} <= set(rows.fieldnames or ()):
                raise ValueError
            for row in rows:
                number = rows.line_num
                yield row["file"] or "", row["caption"] or ""
            return
        for line in io.StringIO(_text(files, name), newline=None):
            number += 1
            if line.strip():
                yield from _entry(json.loads(line))
    except (ValueError, csv.Error) as error:
        wanted = "the heading file,caption" if name.endswith(".csv") else 'lines like {"file": …, "caption": …}'
        raise GanzooError(f"line {number} of '{name}' in {files.path} cannot be read; expected {wanted}") from error


def _entry(values: Any) -> Iterator[tuple[str, str]]:
    """The pairs of a line's values; raises ValueError for what has none."""
    if not isinstance(values, dict):
        raise ValueError
    file, texts = values.get("file"), values.get("captions", [values.get("caption")])
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in (file, *texts)):
        raise ValueError
    yield from ((str(file), text.strip()) for text in texts)


def _in_text_files(files: Files, paths: Mapping[str, tuple[str, ...]], notes: list[str]) -> Captions:
    by_stem: dict[str, list[PurePosixPath]] = {}
    for name in files.matching(r".+\.txt"):
        by_stem.setdefault(PurePosixPath(name).stem, []).append(PurePosixPath(name))
    found, taken = {}, set[PurePosixPath]()
    for image in map(PurePosixPath, paths):
        texts = by_stem.get(image.stem, [])
        beside = [text for text in texts if text.parent.name == image.parent.name] if len(texts) > 1 else texts
        if len(beside) == 1:
            name = str(beside[0])
            taken.add(beside[0])
            lines = filter(str.strip, _text(files, name).splitlines())
            found[str(image)] = [_checked(files, name, line) for line in lines]
    # A text file elsewhere, such as a README, is none of captions.
    folders = {text.parent for text in taken}
    if left := [text for texts in by_stem.values() for text in texts if text.parent in folders and text not in taken]:
        notes.append(f"{len(left):,} text files are of no image, e.g. {min(left)}")
    return found


def _text(files: Files, name: str) -> str:
    try:
        return files.read(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GanzooError(f"'{name}' in {files.path} is not UTF-8 text ({error.reason}); save it as UTF-8") from error


def _checked(files: Files, name: str, text: str) -> str:
    if len(text.encode()) > LONGEST:
        raise GanzooError(f"'{name}' in {files.path} has a caption of {len(text):,} characters; at most {LONGEST:,}")
    return text
