"""Runs what the pages show, block after block, as a reader would who types it in.

Blocks of Python share one namespace per page and, with its shell commands, one folder. A comment right before a
block says what is done with it instead:

    <!-- not run: why -->            nothing, but its commands are parsed like all others
    <!-- slow -->                    it is run in the slow tests only
    <!-- run with --steps 2 -->      these flags are added to its trainings
    <!-- file: name -->              it is written to that file
"""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from ganzoo import registry
from ganzoo.cli import ganzoo as command_line

TOP = Path(__file__).parents[1]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
SHELLS = ("sh", "bash", "console")
BLOCK = re.compile(r"(?:^<!-- ([^\n]+) -->\n\s*)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARKS = re.compile(r"not run: .+|slow|run with .+|file: .+|")
REGISTRIES = [value for value in vars(registry).values() if isinstance(value, registry.Registry)]


@dataclass(frozen=True)
class Block:
    """A fenced block. line: where its text begins in the page."""

    language: str
    text: str
    mark: str
    line: int

    @property
    def skipped(self) -> bool:
        return self.mark.startswith("not run:")

    @property
    def slow(self) -> bool:
        return self.mark == "slow"

    def commands(self) -> list[list[str]]:
        """The words of each command; of a console's lines, those with a prompt are commands."""
        text = self.text.replace("\\\n", " ")
        lines = [line.strip() for line in text.splitlines()]
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[2], found[3], found[1] or "", 1 + text.count("\n", 0, found.start(3)))
        for found in BLOCK.finditer(text)
    ]


def parsed(words: list[str]) -> click.Context:
    """A ``ganzoo`` command's options; raises a click error for those that it has not."""
    command, name, rest = command_line, words[0], words[1:]
    while isinstance(command, click.Group) and rest:
        name, rest = rest[0], rest[1:]
        found = command.get_command(click.Context(command), name)
        assert found, f"there is no command {name}"
        command = found
    return command.make_context(name, rest)


@dataclass
class Reader:
    """Somebody who does what a page says, in a folder."""

    page: Path
    folder: Path
    cli: Callable[..., Any]
    monkeypatch: pytest.MonkeyPatch
    namespace: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})

    def do(self, block: Block) -> None:
        if block.mark.startswith("file: "):
            (self.folder / block.mark.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            # Empty lines before it, so that tracebacks name the page's lines.
            code = compile("\n" * (block.line - 1) + block.text, str(self.page), "exec")
            exec(code, self.namespace)
        elif block.language in SHELLS:
            for words in block.commands():
                self.type_in([str(Path(word).expanduser()) if word.startswith("~") else word for word in words], block)

    def type_in(self, words: list[str], block: Block) -> None:
        place = f"{self.page.name}:{block.line}: {shlex.join(words)}"
        if words[0] == "python" and words[1].endswith(".py"):
            with strangers_apart(self.folder):
                self.monkeypatch.setattr(sys, "argv", words[1:])
                ended = _exit_code(words[1])
            assert ended == 0, place
        else:
            assert words[0] == "ganzoo", f"{place}: only ganzoo and python FILE can be run here; mark the block"
            more = shlex.split(block.mark.removeprefix("run with ")) if block.mark.startswith("run with ") else []
            result = self.cli(*words[1:], *(more if words[1] == "train" else []))
            assert result.code == 0, f"{place}: {result.err}"


@contextmanager
def strangers_apart(folder: Path) -> Iterator[None]:
    """Inside, only ganzoo's components are known and no module of ``folder``; what comes to be known is forgotten."""
    components, modules = _strangers(), _modules(folder)
    try:
        yield
    finally:
        _strangers(), _modules(folder)
        for each, before in zip(REGISTRIES, components, strict=True):
            each._components |= before
        sys.modules.update(modules)


def _strangers() -> list[dict[str, Any]]:
    """Take what is not ganzoo's out of the registries."""
    found = [
        {name: part for name, part in each._components.items() if not part.__module__.startswith("ganzoo.")}
        for each in REGISTRIES
    ]
    for each, components in zip(REGISTRIES, found, strict=True):
        each._components = {name: part for name, part in each._components.items() if name not in components}
    return found


def _modules(folder: Path) -> dict[str, Any]:
    """Take a folder's modules out of the imported ones."""
    inside = [name for name, module in sys.modules.items() if str(folder) in str(getattr(module, "__file__", ""))]
    return {name: sys.modules.pop(name) for name in inside}


def _exit_code(file: str) -> int:
    try:
        runpy.run_path(file, run_name="__main__")
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0
