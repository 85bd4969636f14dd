"""A labelled data set made by a conditional model: class folders to add to real images, or to train on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ganzoo.arguments import whole
from ganzoo.data.layout import SPLITS
from ganzoo.errors import GanzooError
from ganzoo.games.translation import from_images
from ganzoo.random import derive
from ganzoo.sampling import write_images
from ganzoo.words import plural
from ganzoo.writing import new_folder
from ganzoo.zoo import Model

CARD = "MODEL.md"


def augment(
    model: Model,
    out: str | Path,
    *,
    per_class: int = 500,
    labels: Sequence[str | int] = (),
    seed: int = 0,
    truncation: float = 1.0,
    batch_size: int = 64,
    progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Write ``per_class`` images of each class, or of ``labels``, as ``<class>/00000.png``, … into a folder.

    The folder must be empty or new, appears when all is done, and is a data set to train on. Beside the classes lie
    a ``README.md`` that says how it was made and the model's card. Image i of a class depends on nothing but the
    seed, the class and i. Raises GanzooError for a model without classes and for labels it does not know.
    """
    if not model.classes:
        translates = from_images(model.config.game.name)
        instead = "translate MODEL IMAGES" if translates else f"sample MODEL -n {per_class}"
        raise GanzooError(
            f"this {model.config.name} was trained without labels, so there are no classes to make images of; "
            f"`ganzoo {instead} --out DIR/` makes one folder of them"
        )
    numbers = list(dict.fromkeys(model.class_number(label) for label in labels)) or range(len(model.classes))
    out, seed = Path(out).expanduser(), whole(seed, "seed")
    with new_folder(out) as folder:
        for done, number in enumerate(numbers):
            if progress:
                progress("drawing", done * per_class, len(numbers) * per_class)
            place = folder / _folder_names(model.classes)[number]
            place.mkdir()
            options: dict[str, Any] = {"label": number, "truncation": truncation, "batch_size": batch_size}
            write_images(model.batches(per_class, seed=derive(seed, "augment", number), **options), place)
        # Without its pictures: a sample grid here would be taken for one of the data's images.
        (folder / CARD).write_text(re.sub(r"!\[.*?\]\(.*?\)\n*", "", model.card), encoding="utf-8")
        readme = _readme(model, len(numbers), per_class, seed, truncation)
        (folder / "README.md").write_text(readme, encoding="utf-8")
    return out


def _folder_names(classes: Sequence[str]) -> list[str]:
    """A folder's name for each class: no path, not hidden, no name of a split, and no other class's."""
    plain = [re.sub(r'[\\/:*?"<>|\x00-\x1f]', "-", name).strip(". ") for name in classes]
    safe = [f"{name}_" if name.lower() in SPLITS else name for name in plain]
    folded = [name.lower() for name in safe]
    return [
        f"{i} {name}".strip() if not name or folded.count(name.lower()) > 1 else name for i, name in enumerate(safe)
    ]


def _readme(model: Model, classes: int, per_class: int, seed: int, truncation: float) -> str:
    images = f"{plural(classes * per_class, 'image')}, {per_class:,} of each class"
    return (
        f"# Images made by a {model.config.title}\n\n{images}, were drawn from the model that [{CARD}]({CARD}) "
        f"describes, with seed {seed} and truncation {truncation:g}. They show nothing real. Its data, licence and "
        "limits are theirs too.\n"
    )
