"""The named datasets with what is prepared of each, as plain data for tables; imports neither torch nor numpy."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ganzoo.data.datasets import Dataset
from ganzoo.data.store import find_packs
from ganzoo.errors import UnknownName
from ganzoo.registry import DATASETS


def catalogue() -> list[dict[str, Any]]:
    """One row per named dataset, then one per folder of images prepared here."""
    packs = find_packs()
    named = [
        _row(DATASETS.get(name), [p for p in packs if p["name"] == name and p["registered"]])
        for name in DATASETS.names()
    ]
    own = {pack["source"]["signature"]: pack for pack in packs if not pack["registered"]}
    return named + [_own_row(pack, [p for p in packs if p["source"]["signature"] == key]) for key, pack in own.items()]


def describe(name: str) -> dict[str, Any]:
    """Everything known of one dataset, registered or prepared from somebody's images."""
    packs = [{**pack, "folder": str(pack["folder"])} for pack in _packs(name)]
    if name not in DATASETS.names():
        if not packs:
            raise UnknownName("dataset", name, DATASETS.names())
        if not packs[0]["registered"]:
            return {"name": packs[0]["name"], "licence": packs[0]["licence"], "packs": packs}
        name = packs[0]["name"]
    dataset: Dataset = DATASETS.get(name)
    facts = asdict(dataset)
    shown = ("name", "title", "family", "kind", "licence", "terms", "homepage", "manual", "accepts", "notes", "bundled")
    return {
        **{key: list(facts[key]) if key == "notes" else facts[key] for key in shown if facts[key]},
        "images": _images(dataset),
        "size": _size(dataset),
        "classes": list(dataset.classes),
        "sources": list(facts["sources"]),
        "packs": packs,
    }


def _packs(name: str) -> list[dict[str, Any]]:
    """Packs by name or label, or of the images at a path."""
    if packs := find_packs(name):
        return packs
    path = str(Path(name).expanduser().absolute())
    own = [pack for pack in find_packs() if not pack["registered"]]
    return [pack for pack in own if pack["source"]["path"] == path] or [p for p in own if p["name"] == name]


def _row(dataset: Dataset, packs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "kind": dataset.kind,
        "size": _size(dataset),
        "images": _images(dataset),
        "state": _state(packs) or ("bundled" if dataset.bundled else "by hand" if dataset.manual else "downloads"),
        "prepared": [str(pack["folder"]) for pack in packs],
        "title": dataset.title,
        "licence": dataset.licence,
    }


def _own_row(pack: dict[str, Any], packs: list[dict[str, Any]]) -> dict[str, Any]:
    size = pack["native"]["size"]
    return {
        "name": pack["source"]["path"],
        "kind": pack["kind"],
        "size": f"{size[0]}x{size[1]}" if size else "mixed",
        "images": ", ".join(f"{count:,} {split}" for split, count in {p["split"]: p["count"] for p in packs}.items()),
        "state": _state(packs),
        "prepared": [str(p["folder"]) for p in packs],
        "title": "your own images",
        "licence": pack["licence"],
    }


def _state(packs: list[dict[str, Any]]) -> str:
    sizes: dict[str, set[int]] = {}
    for pack in packs:
        sizes.setdefault(pack["label"], set()).add(pack["resolution"][0])
    return ", ".join(f"{label} at {'/'.join(map(str, sorted(found)))}" for label, found in sizes.items())


def _size(dataset: Dataset) -> str:
    return f"{dataset.resolution[0]}x{dataset.resolution[1]}" if dataset.resolution else "mixed"


def _images(dataset: Dataset) -> str:
    return ", ".join(f"{count:,} {split}" for split, count in dataset.counts.items()) or "varies"
