"""Look at somebody's images before training: what is there, what is wrong, and what training will do with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from math import gcd
from pathlib import Path
from typing import Any

from ganzoo.data.decode import Unreadable, decode
from ganzoo.data.files import Files, open_files
from ganzoo.data.images import THREADS, Survey, lay_out, panel_sizes, quiet, survey
from ganzoo.data.layout import Layout
from ganzoo.progress import Progress
from ganzoo.text import encode

STEP = 4096
LISTED = 20
IMBALANCE = 10  # largest to smallest class from which on a warning is due
FEW = 1000


@dataclass
class Report:
    """What ``check`` found. Counters map a property to the number of images that have it.

    unreadable: file → reason. duplicates: groups of byte-identical files. plan: what training will do, in words.
    """

    path: str
    files: int
    images: int
    splits: dict[str, int]
    classes: dict[str, int]
    formats: dict[str, int]
    modes: dict[str, int]
    sizes: dict[str, int]
    aspect_ratios: dict[str, int]
    rotated: int
    unreadable: dict[str, str]
    duplicates: list[list[str]]
    warnings: list[str] = field(default_factory=list)
    plan: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


def check(path: str | Path, progress: Progress | None = None, kind: str | None = None) -> Report:
    """Decode every image of a folder, zip or tar once and report on them.

    kind: images, pairs, unpaired or captions; what the images look like if left out.
    """
    path = Path(path).expanduser().absolute()
    files = open_files(path)
    layout = lay_out(files, kinds=(kind,) if kind else ())
    names = layout.names
    seen = survey(files, names)
    panel_sizes(files, layout, seen)
    unreadable, digests = _read_all(files, names, progress)
    labels = Counter(label for items in layout.splits.values() for _, label in items if label is not None)
    report = Report(
        path=str(path),
        files=len(files.sizes),
        images=len(names),
        splits={split: len(items) for split, items in layout.splits.items()},
        classes={name: labels[index] for index, name in enumerate(layout.classes)},
        formats=dict(seen.formats.most_common()),
        modes=dict(seen.modes.most_common()),
        sizes={f"{width}x{height}": n for (height, width), n in seen.sizes.most_common(LISTED)},
        aspect_ratios=_aspect_ratios(seen),
        rotated=seen.rotated,
        unreadable=unreadable,
        duplicates=_duplicates(digests),
    )
    report.warnings = [*layout.notes, *_warnings(report, seen)]
    report.plan = _plan(report, layout, seen)
    return report


def _read_all(files: Files, names: list[str], progress: Progress | None) -> tuple[dict[str, str], dict[str, str]]:
    """Why images cannot be decoded, and the checksum of each file that could be read."""
    unreadable, digests = {}, {}
    for start in range(0, len(names), STEP):
        batch = names[start : start + STEP]
        with ThreadPoolExecutor(THREADS) as pool, quiet():
            results = list(pool.map(lambda name: _read(files, name), batch))
        for name, (digest, reason) in zip(batch, results, strict=True):
            digests[name] = digest
            if reason:
                unreadable[name] = reason
        if progress:
            progress("decoding", start + len(batch), len(names))
    return unreadable, digests


def _read(files: Files, name: str) -> tuple[str, str]:
    try:
        data = files.read(name)
    except OSError as error:
        return "", str(error)
    digest = hashlib.sha256(data).hexdigest()
    try:
        decode(data)
    except Unreadable as error:
        return digest, str(error)
    return digest, ""


def _duplicates(digests: dict[str, str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name, digest in digests.items():
        groups.setdefault(digest, []).append(name)
    return [names for digest, names in groups.items() if digest and len(names) > 1]


def _aspect_ratios(seen: Survey) -> dict[str, int]:
    ratios: Counter[str] = Counter()
    for (height, width), count in seen.sizes.items():
        divisor = gcd(height, width)
        simple = max(height, width) // divisor <= 20
        ratios[f"{width // divisor}:{height // divisor}" if simple else f"{width / height:.2f}:1"] += count
    return dict(ratios.most_common(LISTED))


def _warnings(report: Report, seen: Survey) -> list[str]:
    warnings = []
    if report.unreadable:
        warnings.append(f"{len(report.unreadable):,} unreadable images, e.g. {next(iter(report.unreadable))}")
    if report.duplicates:
        extra = sum(len(names) - 1 for names in report.duplicates)
        warnings.append(f"{extra:,} files are exact copies of others, e.g. {' = '.join(report.duplicates[0][:2])}")
    if report.classes and max(report.classes.values()) >= IMBALANCE * max(1, min(report.classes.values())):
        most = max(report.classes, key=report.classes.__getitem__)
        least = min(report.classes, key=report.classes.__getitem__)
        warnings.append(
            f"unbalanced classes: {report.classes[most]:,} of {most}, {report.classes[least]:,} of {least}; "
            "samples of rare classes will be worse"
        )
    if seen.lossy:
        warnings.append(f"{seen.lossy:,} images are stored lossily; compression artefacts will be learnt as well")
    if report.images - len(report.unreadable) < FEW:
        warnings.append(f"fewer than {FEW:,} images: a GAN will soon know them by heart")
    return warnings


def _plan(report: Report, layout: Layout, seen: Survey) -> list[str]:
    """What `ganzoo train --dataset` will do with these images."""
    good = report.images - len(report.unreadable)
    plan = [f"learn from {report.splits.get('train', 0):,} images of the train split"]
    if len(report.splits) == 1 and "train" in report.splits:
        plan = [f"learn from {good:,} images"]
    plan.append(_plan_sides(layout, seen))
    plan.append(_plan_size(seen))
    plan.append("work in gray (1 channel)" if seen.channels == 1 else "work in colour (3 channels)")
    alpha = sum(n for mode, n in seen.modes.items() if mode in ("RGBA", "LA", "PA") or mode.endswith("+alpha"))
    policies = {
        "put {} images with transparency on white": alpha,
        "copy {} gray images to 3 channels": seen.gray if seen.channels == 3 else 0,
        "scale {} images of 16 or more bits to 8": sum(n for m, n in seen.modes.items() if m[0] in "IF"),
        "convert {} CMYK images to RGB": seen.modes["CMYK"],
        "turn {} images as their EXIF data says": seen.rotated,
        "skip {} unreadable images": len(report.unreadable),
    }
    return plan + [text.format(f"{count:,}") for text, count in policies.items() if count]


def _plan_sides(layout: Layout, seen: Survey) -> str:
    if layout.captions:
        texts = [text for each in layout.captions.values() for text in each]
        return (
            f"learn from {len(texts):,} captions of up to {encode(texts).shape[1]:,} bytes with a variant such as "
            "stackgan, or from the images alone"
        )
    if layout.kind == "pairs":
        return "take the " + ("images of A/ and B/ by name" if layout.partners else "halves A|B of each") + " as pairs"
    if layout.kind == "unpaired":
        return "translate between the unpaired images of the sides A and B"
    if layout.classes:
        return f"use {len(layout.classes)} class folders as labels"
    wide = [height * 2 == width for height, width in seen.sizes]
    return "use no labels" + (" (as halves A|B of pairs with a variant such as pix2pix)" if wide and all(wide) else "")


def _plan_size(seen: Survey) -> str:
    if seen.size and seen.size[0] == seen.size[1]:
        return f"keep {seen.size[0]}x{seen.size[0]} unless --resolution says otherwise"
    odd = sum(n for (height, width), n in seen.sizes.items() if height != width)
    crop = f", keeping the centre square of {odd:,} that are not square (--fit pad|stretch: otherwise)" if odd else ""
    return f"resize all to --resolution, or the variant's own{crop}"
