"""The index of models, ``weights/index.json``: what ``ganzoo list --kind models`` shows, read without torch.

``python -m ganzoo.index [hf-hub:org/name …]`` writes it anew from the bundled model directories, with the models on
the hub that it had and those named.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ganzoo import hub, weights
from ganzoo.checksum import checksum
from ganzoo.errors import GanzooError
from ganzoo.writing import new_file

BUNDLED = "bundled"
MEND = "run: python -m ganzoo.index"
Entry = dict[str, Any]


def read_index() -> dict[str, Entry]:
    """What is known of each model by name: bundled ones, and those on the hub that have a name here."""
    file = weights.index_file()
    try:
        entries = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise GanzooError(f"{file} is damaged ({error}); install ganzoo anew, or in a checkout {MEND}") from error
    return dict(entries)


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
    """What a model directory's config.json and its card's front matter say."""
    try:
        stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config, facts, card = stored["config"], stored.get("facts") or {}, _front_matter(folder / "README.md")
        data, height = facts.get("data") or {}, config["resolution"]
        return {
            "variant": config["name"],
            "task": card.get("pipeline_tag") or "",
            "data": data.get("label") or data.get("name") or "",
            "resolution": f"{height}×{config.get('width') or height}×{config['image_channels']}",
            "bytes": (folder / weights.WEIGHTS).stat().st_size,
            "score": _score(facts.get("scores") or ()),
            "licence": card.get("license_name") or card.get("license") or "",
            "source": source,
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise GanzooError(f"{folder} is no readable model directory ({error!r}); remove it or make it anew") from error


def _front_matter(card: Path) -> dict[str, Any]:
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    parts = text.split("---\n", 2)
    found = yaml.load(parts[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if len(parts) == 3 else {}
    return found if isinstance(found, dict) else {}


def _score(records: Iterable[Mapping[str, Any]]) -> Entry | None:
    """The first score of a model, and what real images reach by the same measure."""
    first, *others = [*records] or [{}]
    if not first:
        return None
    real = [each["value"] for each in others if each["title"] == first["title"] and "real" in each["subject"]]
    kept = {key: first[key] for key in ("title", "value", "protocol")}
    return kept | {"real": real[0] if real else None}


if __name__ == "__main__":
    print(write_index(sys.argv[1:]))
