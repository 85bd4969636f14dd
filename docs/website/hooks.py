"""What mkdocs does beside building the pages in docs/: it adds those made of the package, and sets formulas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import model_pages
import reference_pages
import variant_pages
from latex2mathml.converter import convert
from mkdocs.structure.files import File

SECTIONS = {
    "Variants": variant_pages.pages(),
    "Models": model_pages.pages(),
    "Reference": reference_pages.pages(),
}
GENERATED = {path for pages in SECTIONS.values() for path in pages}
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
OUTSIDE = re.compile(r"\[[^\]]*\]\(\.\./(?!docs/)([^)#]+)\)")
THIN_SPACE = '<mspace width="0.16em"/>'
GALLERY = "<!-- gallery -->"


def on_config(config: Any) -> Any:
    """Fill the generated sections of the navigation; pages nobody listed go to the end of the hand-written ones."""
    for entry in config.nav:
        ((title, below),) = entry.items()
        if title in SECTIONS:
            entry[title] = [{Path(path).stem: path} if "/index" not in path else path for path in SECTIONS[title]]
        elif title == "Use":
            below += _unlisted(config)
    config.nav = [entry for entry in config.nav if list(entry.values()) != [[]]]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages and the pictures they show."""
    for path, text in (item for section in SECTIONS.values() for item in section.items()):
        files.append(File.generated(config, path, content=text))
    for path, picture in (model_pages.pictures() | variant_pages.pictures()).items():
        files.append(File.generated(config, path, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Name files outside docs/ instead of linking to them, and show the bundled models where a page asks for them."""
    if page.file.src_uri not in GENERATED:
        markdown = OUTSIDE.sub(r"`\1`", markdown)
    return markdown.replace(GALLERY, model_pages.gallery())


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Set formulas as MathML, which browsers draw without scripts and fonts of ours."""
    return FORMULA.sub(_formula, html)


def _formula(found: re.Match[str]) -> str:
    latex = found[3]
    for entity, character in ENTITIES.items():
        latex = latex.replace(entity, character)
    formula = str(convert(latex.strip(), display="block" if found[2] == "[" else "inline"))
    return formula.replace("<mi>log</mi>", f"<mi>log</mi>{THIN_SPACE}")


def _unlisted(config: Any) -> list[str]:
    listed = str(config.nav)
    return [file.name for file in sorted(Path(config.docs_dir).glob("*.md")) if f"'{file.name}'" not in listed]
