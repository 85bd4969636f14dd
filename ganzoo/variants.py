"""The variants' YAML files: where they are and how they are read. Imports neither torch nor pydantic."""

from __future__ import annotations

import importlib.util
import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ganzoo.errors import GanzooError, UnknownName
from ganzoo.registry import plugins


def list_variants(pattern: str = "*") -> list[str]:
    """Names of the variants that match a shell pattern such as ``wgan*``, sorted."""
    return sorted(name for name in variant_files() if fnmatch(name, pattern))


def is_variant_file(name: str) -> bool:
    """Whether a variant's name is a path to somebody's own YAML file."""
    return name.endswith((".yaml", ".yml"))


def read_variant(name: str) -> dict[str, Any]:
    """The YAML of a variant, or of a file of the user's, as written, unvalidated; raises UnknownName."""
    if is_variant_file(name):
        return read_yaml(Path(name).expanduser())
    files = variant_files()
    if name not in files:
        raise UnknownName("variant", name, files)
    return read_yaml(files[name])


@cache
def variant_files() -> dict[str, Path]:
    """Each variant's file: those shipped with ganzoo, then those in plugins' ``zoo_configs`` folders."""
    files: dict[str, Path] = {}
    for folder in _folders():
        files.update({file.stem: file for file in sorted(folder.glob("*.yaml"))})
    return files


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file; raises GanzooError naming the file and line of a mistake."""
    if not path.is_file():
        raise GanzooError(f"there is no file {path}")
    try:
        value = parse_yaml(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise GanzooError(f"{path} is not valid YAML: {one_line(error)}") from error
    except UnicodeDecodeError as error:
        raise GanzooError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    if not isinstance(value, dict):
        raise GanzooError(f"{path} must hold a mapping of keys to values")
    return value


def parse_yaml(text: str) -> Any:
    """YAML, with repeated keys refused and ``2e-4`` read as the number it is."""
    return yaml.load(text, Loader=_Loader)


def one_line(error: yaml.YAMLError) -> str:
    """A YAML error as one line."""
    return " ".join(str(error).split())


def _folders() -> list[Path]:
    package = Path(__file__).parent
    shipped = package / "zoo_configs"
    folders = [shipped if shipped.is_dir() else package.parent / "zoo_configs"]
    for plugin in plugins():
        spec = importlib.util.find_spec(plugin.module.split(".")[0])
        folders += [Path(place) / "zoo_configs" for place in (spec and spec.submodule_search_locations) or ()]
    return folders


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        repeated = sorted({key for key in keys if keys.count(key) > 1})
        if repeated:
            raise yaml.constructor.ConstructorError(None, None, f"key '{repeated[0]}' is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 2e-4 and 1.5e5 as text.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
