"""Text from the templates beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any


def render(name: str, **values: Any) -> str:
    """The template ``name`` (``card.md``, ``report.html``) filled in; HTML is escaped, Markdown is not."""
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
