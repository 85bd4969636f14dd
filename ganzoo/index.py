"""The index of models, ``weights/index.json``: what ``ganzoo list --kind models`` shows, read without torch.

``python -m ganzoo.index [hf-hub:org/name …]`` writes it anew from the bundled model directories, with the models on
the hub that it had and those named.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ganzoo import hub, weights
from ganzoo.checksum import checksum
from ganzoo.errors import GanzooError
from ganzoo.foreign import parse_json, printable
from ganzoo.writing import new_file

BUNDLED = "bundled"
MEND = "run: python -m ganzoo.index"
FRONT_MATTER = re.compile(r"---\n(.*?)^---\n", re.DOTALL | re.MULTILINE)
LICENCE = re.compile(r"^(license|license_name):(.*)", re.MULTILINE)
Entry = dict[str, Any]


def read_index() -> dict[str, Entry]:
    """What is known of each model by name: bundled ones, and those on the hub that have a name here."""
    file = weights.index_file()
    try:
        return dict(parse_json(file.read_text(encoding="utf-8"))) if file.is_file() else {}
    except (ValueError, TypeError) as error:
        raise GanzooError(f"{file} is damaged ({error}); install ganzoo anew, or in a checkout {MEND}") from error


def known_models() -> list[str]:
    """The models of the index, those bundled but not in it yet, and what was fetched from the hub besides."""
    return sorted({*read_index(), *weights.bundled_models(), *hub.fetched()})


def known_model(name: str) -> Entry:
    """What the index, or else the model itself, says of one; ``where`` is ``bundled``, ``cached`` or ``hub``."""
    bundled = weights.bundled_models()
    entry = read_index().get(name)
    if entry is None:
        entry = described(bundled[name], BUNDLED) if name in bundled else described(hub.fetched()[name], name)
    source = entry["source"]
    return entry | {"where": source if source == BUNDLED else "cached" if hub.cached(hub.parse(source)) else "hub"}


def verify(file: Path, entry: Mapping[str, Any], advice: str) -> None:
    """Refuse a weights file that is not the one an entry of the index is of."""
    found = checksum(file)
    if found != entry["sha256"]:
        raise GanzooError(f"{file} is damaged: its sha256 is {found[:16]}…, not {entry['sha256'][:16]}…; {advice}")


def write_index(more: Iterable[str] = ()) -> Path:
    """Write the index of what is bundled, of the models on the hub that it had, and of ``more`` of those."""
    entries = {name: entry for name, entry in read_index().items() if entry["source"] != BUNDLED}
    places = {name: (folder, BUNDLED) for name, folder in weights.bundled_models().items()}
    for reference in more:
        repo, folder = hub.parse(reference).repo, hub.fetch(reference)
        places[repo.partition("/")[2]] = folder, str(hub.Reference(repo, folder.name))
    for name, (folder, source) in places.items():
        entries[name] = described(folder, source) | {"sha256": checksum(folder / weights.WEIGHTS)}
    with new_file(weights.index_file()) as temporary:
        text = json.dumps(entries, indent=2, sort_keys=True, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return weights.index_file()


def described(folder: Path, source: str) -> Entry:
    """What a model directory's config.json, or else its weights' header, and its card's front matter say."""
    from ganzoo.facts import stored

    try:
        told = stored(folder)
        config, facts = told.get("config") or _header(folder)["config"], told["facts"]
        data, height = facts.get("data") or {}, config["resolution"]
        return {
            "variant": config["name"],
            "task": _task(config),
            "data": data.get("label") or data.get("name") or "",
            "resolution": f"{height}×{config.get('width') or height}×{config['image_channels']}",
            "bytes": (folder / weights.WEIGHTS).stat().st_size,
            "score": _score(facts.get("scores") or ()),
            "licence": _licence(folder / "README.md"),
            "source": source,
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GanzooError(f"{folder} is no readable model directory ({error!r}); remove it or make it anew") from error


def _header(folder: Path) -> dict[str, Any]:
    """What the weights' file says of itself; none of the weights is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / weights.WEIGHTS, framework="numpy") as file:
            return dict(parse_json(file.metadata()["config"]))
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _task(config: Mapping[str, Any]) -> str:
    """What becomes of what, in a few words."""
    if "scale" in config["game"]:
        return "super-resolution"
    if config.get("direction"):
        return "image to image"
    given = "text" if config.get("captions") else "labels" if config.get("conditional") else "noise"
    return f"{given} to images"


def _licence(card: Path) -> str:
    """The licence that a card's front matter names; read as text, for that of a stranger may be no YAML."""
    found = FRONT_MATTER.match(card.read_text(encoding="utf-8")) if card.is_file() else None
    named = dict(LICENCE.findall(found[1])) if found else {}
    return printable((named.get("license_name") or named.get("license") or "").strip(" '\""))


def _score(records: Iterable[Mapping[str, Any]]) -> Entry | None:
    """A model's first score that real images or the bicubic filter have, too, and theirs; else its first one."""
    beside: dict[str, dict[str, float]] = {"real": {}, "bicubic": {}}
    made = []
    for each in records:
        subject = each.get("subject") or ""
        other = next((scores for name, scores in beside.items() if name in subject), None)
        if other is None:
            made.append(each)
        else:
            other.setdefault(each["title"], each["value"])
    if not made:
        return None
    first = next((each for each in made if any(each["title"] in scores for scores in beside.values())), made[0])
    values = {name: scores.get(first["title"]) for name, scores in beside.items()}
    return {key: first[key] for key in ("title", "value", "protocol")} | values


if __name__ == "__main__":
    print(write_index(sys.argv[1:]))
