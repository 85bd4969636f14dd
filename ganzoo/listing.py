"""What there is and what it says about itself: the facts behind ``ganzoo list`` and ``ganzoo info``.

Listing reads YAML, the datasets' facts and the components' source text, so it imports nothing heavy.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, UnknownName
from ganzoo.hub import PREFIX
from ganzoo.index import known_model, known_models
from ganzoo.metrics.protocol import PROTOCOLS
from ganzoo.registry import ADVERSARIAL, AUGMENTS, DATASETS, EXTRACTORS, GAMES, METRICS, NETWORKS, PENALTIES, Registry
from ganzoo.variants import is_variant_file, list_variants, read_variant
from ganzoo.words import number

SEE = re.compile(r"See :func:`(\w+)`[.;]?")


def entries(kind: str, pattern: str = "*") -> list[dict[str, Any]]:
    """A row for each name of a kind that matches a shell pattern; raises UnknownName if none does."""
    if kind not in KINDS:
        raise UnknownName("kind", kind, KINDS)
    known = sorted(KINDS[kind].names())
    names = [name for name in known if fnmatchcase(name, pattern)]
    if not names and pattern != "*":
        raise UnknownName(KINDS[kind].singular, pattern, known)
    return [{"name": name, **KINDS[kind].row(name)} for name in names]


def describe(
    name: str,
    *,
    kind: str | None = None,
    dataset: str | None = None,
    preset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything known of a name of any kind, or of the path of a model or of a variant's YAML file.

    kind: which one, where several are called so; the rest: what a variant meets. Raises UnknownName.
    """
    kinds = [each for each in KINDS if name in KINDS[each].names()]
    if kind is not None and kind not in kinds:
        raise UnknownName(KINDS[kind].singular, name, KINDS[kind].names())
    own = is_variant_file(name)
    if not kinds and not own and not Path(name).exists() and not name.startswith(PREFIX):
        if len(Path(name).parts) > 1:
            raise GanzooError(f"there is no run or model {name}")
        raise UnknownName("name", name, {known for each in KINDS.values() for known in each.names()})
    chosen = kind or (kinds[0] if kinds else "variants" if own else "models")
    facts = {"kind": KINDS[chosen].singular, "name": name, "also": [each for each in kinds if each != chosen]}
    given = {"dataset": dataset, "preset": preset, "overrides": overrides}
    given = {key: value for key, value in given.items() if value}
    if given and chosen != "variants":
        raise GanzooError(f"{name} is a {facts['kind']}; data sets, presets and overrides belong to variants")
    return facts | KINDS[chosen].describe(name, **given)


@dataclass(frozen=True)
class Kind:
    """A kind of name: its row in a list, and all that is known of one."""

    singular: str
    names: Callable[[], Iterable[str]]
    row: Callable[[str], dict[str, Any]]
    describe: Callable[..., dict[str, Any]]


def _variant_row(name: str) -> dict[str, Any]:
    variant = read_variant(name)
    paper = variant.get("paper") or {}
    return {
        "title": variant.get("title", ""),
        "year": paper.get("year"),
        "labels": "yes" if variant.get("conditional") else "no",
    }


def _model_row(name: str) -> dict[str, Any]:
    entry = known_model(name)
    score, size = entry["score"], entry["bytes"] / 1e6
    return {
        "task": entry["task"],
        "data": entry["data"],
        "resolution": entry["resolution"],
        "size": f"{size:.1f} MB",
        "score": f"{score['title']} {number(score['value'])} ({score['protocol']})" if score else "",
        "licence": entry["licence"],
        "weights": entry["where"],
    }


def _dataset_row(name: str) -> dict[str, Any]:
    dataset = DATASETS.get(name)
    return {
        "title": dataset.title,
        "resolution": "×".join(map(str, dataset.resolution or ())) or "varies",
        "images": sum(dataset.counts.values()) or None,
        "classes": len(dataset.classes) or None,
    }


def _protocol_row(name: str) -> dict[str, Any]:
    protocol = PROTOCOLS[name]
    real = "all" if protocol.reference_count is None else f"{protocol.reference_count:,}"
    against = f"{protocol.count:,} images against {real} of the {protocol.split} split, seen through"
    return {"description": f"{against} {protocol.extractor}"}


def _component_row(registry: Registry, name: str) -> dict[str, Any]:
    documented = _documented(registry.folder, registry.constant)
    doc = documented[name] if name in documented else _doc(registry.get(name))
    return {"description": _plain(doc.partition("\n")[0])}


@cache
def _documented(folder: Path, constant: str) -> dict[str, str]:
    """Docstrings of what a folder's source registers, by name; one that only refers to a function has that one's."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.py"))]
    body = [node for tree in trees for node in tree.body]
    definitions = [node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    docs = {node.name: ast.get_docstring(node) or "" for node in definitions}
    docs |= {name: docs.get(see[1], doc) for name, doc in docs.items() if (see := SEE.match(doc))}
    found = {}
    for node in definitions:
        for decorator in node.decorator_list:
            found[_registered(decorator, constant)] = docs[node.name]
    for statement in body:  # REGISTRY.register("name")(Class)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and statement.value.args:
            found[_registered(statement.value.func, constant)] = docs.get(ast.unparse(statement.value.args[0]), "")
    return {name: doc for name, doc in found.items() if name}


def _registered(call: ast.expr, constant: str) -> str | None:
    """The name in ``CONSTANT.register("name")``."""
    if isinstance(call, ast.Call) and ast.unparse(call.func) == f"{constant}.register":
        return str(ast.literal_eval(call.args[0]))
    return None


def _plain(doc: str) -> str:
    """A docstring's line without its markup."""
    return SEE.sub("", doc).replace("``", "").strip()


def _describe_variant(
    name: str, dataset: str | None = None, preset: str | None = None, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    from ganzoo.config import changes, resolve, settings

    family, facts = _data_facts(dataset) if dataset else (None, {})
    meet = partial(resolve, name, family=family, dataset=facts, overrides=overrides)
    resolved, plain, variant = meet(preset=preset), meet(), read_variant(name)
    configuration = settings(resolved.config)
    return {
        "title": resolved.config.title,
        "paper": resolved.config.paper and resolved.config.paper.model_dump(),
        "labels": resolved.config.conditional,
        "deviations": resolved.config.deviations,
        "configuration": {
            key: {"value": value, "origin": resolved.origin(key)} for key, value in configuration.items()
        },
        "dataset_presets": sorted(variant.get("presets") or {}),
        "machine_presets": {
            machine: changes(plain.config, meet(preset=machine).config)
            for machine in variant.get("machine_presets") or {}
        },
    }


def _data_facts(dataset: str) -> tuple[str | None, dict[str, Any]]:
    """The family of a data set's presets and what the data decides, as far as known without preparing it."""
    from ganzoo.data.store import CARD, read_card

    if dataset in DATASETS.names():
        known = DATASETS.get(dataset)
        return known.family, {"image_channels": known.channels, "classes": list(known.classes)}
    if Path(dataset, CARD).is_file():
        card = read_card(Path(dataset))
        return card.get("family"), {"image_channels": card["channels"], "classes": list(card.get("classes") or [])}
    if not Path(dataset).exists():
        raise UnknownName("dataset or path", dataset, DATASETS.names())
    return None, {}


def _describe_model(name: str) -> dict[str, Any]:
    from ganzoo.config import settings
    from ganzoo.zoo import load, weights_file

    model, file = load(name), weights_file(name)
    return {
        "title": model.config.title,
        "variant": model.config.name,
        "file": str(file),
        "bytes": file.stat().st_size,
        "parameters": {
            network: sum(parameter.numel() for parameter in child.parameters())
            for network, child in model.game.named_children()
        },
        "classes": model.classes,
        "facts": model.facts,
        "configuration": {key: {"value": value, "origin": "model"} for key, value in settings(model.config).items()},
        "card": model.card,
    }


def _describe_dataset(name: str) -> dict[str, Any]:
    from ganzoo.data.store import find_packs

    dataset = DATASETS.get(name)
    facts = {key: value for key, value in asdict(dataset).items() if key not in ("name", "kind", "sources")}
    facts["resolution"] = _dataset_row(name)["resolution"]
    files = [{"file": source.file, "bytes": source.size, "sha256": source.sha256} for source in dataset.sources]
    prepared = [str(pack["folder"]) for pack in find_packs(name)]
    return facts | {"contents": dataset.kind, "files": files, "prepared": prepared}


def _describe_component(registry: Registry, name: str) -> dict[str, Any]:
    component = registry.get(name)
    required = inspect.Parameter.empty
    options = {
        key: "required" if parameter.default is required else parameter.default
        for key, parameter in inspect.signature(component).parameters.items()
    }
    return {"doc": _doc(component), "module": component.__module__, "options": options}


def _describe_metric(name: str) -> dict[str, Any]:
    metric = METRICS.get(name)
    return {"doc": _doc(metric), "module": metric.__module__}


def _describe_protocol(name: str) -> dict[str, Any]:
    return {key: value for key, value in asdict(PROTOCOLS[name]).items() if key != "name"}


def _doc(component: Any) -> str:
    """A component's docstring with that of the function it refers to."""
    doc = inspect.getdoc(component) or ""
    reference = SEE.search(doc)
    function = getattr(sys.modules[component.__module__], reference[1], None) if reference else None
    if function is None:
        return doc
    below = inspect.getdoc(function) or ""
    return below if SEE.match(doc) else f"{doc}\n\n{below}"


def _component_kind(registry: Registry) -> Kind:
    return Kind(
        registry.kind, registry.names, partial(_component_row, registry), partial(_describe_component, registry)
    )


KINDS = {
    "variants": Kind("variant", list_variants, _variant_row, _describe_variant),
    "models": Kind("model", known_models, _model_row, _describe_model),
    "datasets": Kind("dataset", DATASETS.names, _dataset_row, _describe_dataset),
    "losses": _component_kind(ADVERSARIAL),
    "penalties": _component_kind(PENALTIES),
    "augments": _component_kind(AUGMENTS),
    "networks": _component_kind(NETWORKS),
    "games": _component_kind(GAMES),
    "extractors": _component_kind(EXTRACTORS),
    "metrics": Kind("metric", METRICS.names, partial(_component_row, METRICS), _describe_metric),
    "protocols": Kind("protocol", PROTOCOLS.keys, _protocol_row, _describe_protocol),
}
