"""Names for components: networks, losses, penalties, augmentations, games, datasets, extractors, metrics.

A component registers itself where it is defined::

    @NETWORKS.register("dcgan-generator")
    class DCGANGenerator(nn.Module): ...

Names are read from the source text of the registry's package, so listing imports nothing and a look-up
imports only the module that defines the name. Third parties add components through modules named in the
entry-point group ``ganzoo.plugins``.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

from ganzoo.errors import GanzooError, UnknownName, first_line

Component = TypeVar("Component")
PLUGIN_GROUP = "ganzoo.plugins"


class Registry:
    """Components of one kind by name, imported when first asked for."""

    def __init__(self, constant: str, kind: str, package: str):
        self.constant, self.kind, self.package = constant, kind, package
        self._components: dict[str, Any] = {}
        self._modules: dict[str, str] | None = None

    def register(self, name: str) -> Callable[[Component], Component]:
        """Return a decorator that makes a class, function or object available as ``name``."""

        def add(component: Component) -> Component:
            existing = self._components.get(name)
            if existing is not None and not _same_definition(existing, component):
                raise GanzooError(f"{self.kind} '{name}' is defined twice; rename one of them")
            self._components[name] = component
            return component

        return add

    def names(self) -> list[str]:
        """All known names, sorted."""
        import_plugins()
        return sorted({*self._builtin(), *self._components})

    def get(self, name: str) -> Any:
        """The component called ``name``; raises UnknownName with the nearest matches."""
        if name not in self._components:
            module = self._builtin().get(name)
            if module:
                importlib.import_module(module)
            else:
                import_plugins()
        if name not in self._components:
            raise UnknownName(self.kind, name, self.names())
        return self._components[name]

    def create(self, name: str, options: Mapping[str, Any], **given: Any) -> Any:
        """Construct ``name`` from a configuration's keywords and what the caller gives.

        Raises GanzooError naming a keyword the constructor does not have, or the value it refuses.
        """
        constructor = self.get(name)
        accepted = _keywords(constructor)
        for key in (*options, *given):
            if key not in accepted:
                raise UnknownName(f"keyword of {self.kind} '{name}':", key, accepted)
        try:
            return constructor(**{**given, **options})
        except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            values = ", ".join(f"{key}={value!r}" for key, value in options.items())
            raise GanzooError(
                f"{self.kind} '{name}' cannot be built with {values or 'its defaults'}: {first_line(error)}"
            ) from error

    @property
    def folder(self) -> Path:
        """Where the source files are that register ganzoo's own components."""
        return Path(__file__).parent.joinpath(*self.package.split(".")[1:])

    def _builtin(self) -> dict[str, str]:
        if self._modules is None:
            self._modules = _scan(self.constant, self.package, self.folder)
        return self._modules


def _scan(constant: str, package: str, folder: Path) -> dict[str, str]:
    """Map each name registered in a ganzoo package's source text to the module that registers it."""
    pattern = re.compile(rf'^\s*@?{constant}\.register\(\s*"([^"]+)"', re.MULTILINE)
    return {
        name: f"{package}.{file.stem}"
        for file in sorted(folder.glob("*.py"))
        for name in pattern.findall(file.read_text(encoding="utf-8"))
    }


def _keywords(constructor: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(constructor).parameters if name != "self"]


def _same_definition(one: Any, other: Any) -> bool:
    """Whether a module was merely imported again."""
    place = [(getattr(x, "__module__", None), getattr(x, "__qualname__", None)) for x in (one, other)]
    return place[0] == place[1] and place[0] != (None, None)


@cache
def plugins() -> tuple[EntryPoint, ...]:
    """The installed plugins (entry points of the group ``ganzoo.plugins``), unimported."""
    return tuple(entry_points(group=PLUGIN_GROUP))


@cache
def import_plugins() -> None:
    """Import every plugin module, which registers its components."""
    for plugin in plugins():
        try:
            plugin.load()
        except Exception as error:
            raise GanzooError(
                f"plugin '{plugin.name}' ({plugin.value}) cannot be imported: {error}; mend or uninstall it"
            ) from error


NETWORKS = Registry("NETWORKS", "network", "ganzoo.nets")
ADVERSARIAL = Registry("ADVERSARIAL", "loss", "ganzoo.losses")
PENALTIES = Registry("PENALTIES", "penalty", "ganzoo.losses")
AUGMENTS = Registry("AUGMENTS", "augmentation", "ganzoo.losses")
GAMES = Registry("GAMES", "game", "ganzoo.games")
DATASETS = Registry("DATASETS", "dataset", "ganzoo.data")
EXTRACTORS = Registry("EXTRACTORS", "extractor", "ganzoo.metrics")
METRICS = Registry("METRICS", "metric", "ganzoo.metrics")
