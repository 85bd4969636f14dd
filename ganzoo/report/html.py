"""A run as one HTML file that needs nothing else: state, samples, curves, configuration, data, commands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.registry import GAMES
from ganzoo.report.advice import showing
from ganzoo.report.curves import charts
from ganzoo.report.diagnose import judge
from ganzoo.report.embedded import data_uri, png
from ganzoo.report.meaning import PHASES
from ganzoo.report.record import Record, read_run
from ganzoo.report.template import render
from ganzoo.words import duration, number
from ganzoo.writing import new_file

if TYPE_CHECKING:
    from PIL import Image

PAGE = "report.html"
NEWEST_SIDE = 560
MOST_FRAMES = 12
# The frames may take this much together, as PNG; their side is chosen to fit.
FRAME_BYTES = 1_400_000
LEAST_SIDE = 160


@dataclass(frozen=True)
class Frame:
    """A sample grid of the run's past, as a data URI."""

    step: int
    image: str


def write_report(run: Path) -> Path:
    """Write ``report.html`` into a run's folder and return its path; works at any time of a training."""
    record = read_run(run)
    page = render("report.html", **_contents(record))
    with new_file(run / PAGE) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return run / PAGE


def _contents(record: Record) -> dict[str, Any]:
    diagnosis = judge(record)
    grids = [(step, image) for step, file in _picked(record.samples) if (image := _opened(file)) is not None]
    return {
        "title": record.config.get("title") or record.folder.name,
        "variant": record.config.get("name", ""),
        "paper": record.config.get("paper"),
        "dataset": record.data.get("label") or record.data.get("name") or "",
        "diagnosis": diagnosis,
        "phase_meaning": PHASES.get(diagnosis.phase, ""),
        "newest": _newest(grids),
        "frames": list(_frames(grids)),
        "legend": GAMES.get(record.game).legend if record.game in GAMES.names() else "",
        "charts": charts(record),
        "facts": list(_facts(record)),
        "data": list(_data(record.data)),
        "commands": list(_commands(record)),
        "settings": list(_settings(record.config)),
        "deviations": record.config.get("deviations") or [],
    }


def _picked(samples: Sequence[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """At most MOST_FRAMES, evenly spaced, the first and last among them."""
    if len(samples) <= MOST_FRAMES:
        return list(samples)
    return [samples[round(i * (len(samples) - 1) / (MOST_FRAMES - 1))] for i in range(MOST_FRAMES)]


def _opened(file: Path) -> Image.Image | None:
    """A grid, None if it cannot be read: one is being written when a run is killed."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            return image.convert("L" if image.mode == "L" else "RGB")
    except (OSError, ValueError):
        return None


def as_data_uri(file: Path, side: int) -> str | None:
    """An image file as a data URI, no larger than ``side`` pixels; None if it cannot be read."""
    image = _opened(file)
    return None if image is None else data_uri(png(_fitted(image, side)))


def _newest(grids: Sequence[tuple[int, Image.Image]]) -> Frame | None:
    if not grids:
        return None
    step, image = grids[-1]
    return Frame(step, data_uri(png(_fitted(image, NEWEST_SIDE))))


def _frames(grids: Sequence[tuple[int, Image.Image]]) -> Iterator[Frame]:
    """The grids at the largest size at which they fit into the page."""
    if len(grids) < 2:
        return
    side = _affordable_side((grids[0][1], grids[-1][1]), FRAME_BYTES / len(grids))
    for step, image in grids:
        yield Frame(step, data_uri(png(_fitted(image, side))))


def _affordable_side(images: Sequence[Image.Image], size: float) -> int:
    """The side at which PNGs take ``size`` bytes, as bytes grow with the area."""
    probes = [_fitted(image, 2 * LEAST_SIDE) for image in images]
    cost = max(len(png(probe)) / max(probe.size) ** 2 for probe in probes)
    return max(LEAST_SIDE, min(NEWEST_SIDE, int((size / cost) ** 0.5)))


def _fitted(image: Image.Image, side: int) -> Image.Image:
    """No larger than ``side`` pixels; small ones grow by a whole factor, so that pixels stay square."""
    from PIL import Image

    factor = side / max(image.size)
    if factor >= 2:
        whole = int(factor)
        return image.resize((image.width * whole, image.height * whole), Image.Resampling.NEAREST)
    if factor >= 1:
        return image
    return image.resize(
        (max(1, round(image.width * factor)), max(1, round(image.height * factor))), Image.Resampling.LANCZOS
    )


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    last = record.history[-1] if record.history else {}
    if record.steps:
        yield "steps", f"{record.step:,} of {record.steps:,}"
    if "images_seen" in last:
        yield "images seen", f"{last['images_seen']:,}"
    if "seconds" in last:
        yield "training time", duration(last["seconds"])
    if record.scores:
        best = min(record.scores, key=lambda entry: entry["score"])
        yield f"best {best['title']}", f"{number(best['score'])} at step {best['step']:,}"
    if record.speed:
        yield "images per second", number(record.speed)
    request = record.request
    for name, value in (("preset", request.get("preset") or "none"), ("seed", request.get("seed") or 0)):
        yield name, str(value)
    yield "precision", request.get("precision") or "fp32"


def _data(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("name", "split", "count", "resolution", "channels", "classes", "licence", "fingerprint"):
        value = data.get(key)
        if value in (None, "", []):
            continue
        if key == "count":
            yield "images", f"{value:,}"
        elif key == "resolution":
            yield key, " × ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        elif key == "classes":
            yield key, ", ".join(map(str, value[:20])) + (f" and {len(value) - 20} more" if len(value) > 20 else "")
        else:
            yield key, str(value)


def _commands(record: Record) -> Iterator[tuple[str, str]]:
    folder = shlex.quote(str(record.folder))
    if record.steps:
        longer = f" --steps {2 * record.steps}" if record.finished else ""
        yield "go on" if longer else "resume", f"ganzoo train --resume {folder}{longer}"
    yield showing(record)
    if again := _command(record.request):
        yield "the same again", again


def _command(request: Mapping[str, Any]) -> str:
    """The command line that started the run."""
    from ganzoo.training.plan import Request, command

    if request.get("command"):
        return str(request["command"])
    known = {field.name: request.get(field.name) for field in fields(Request)}
    return command(Request(**known)) if known.get("variant") else ""


def _settings(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from ganzoo.config import flatten

    for key, value in flatten(config):
        if key.partition(".")[0] not in ("deviations", "title", "name", "classes", "paper"):
            yield key, _setting(value)


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_setting, value)) or "none"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_setting(each)}" for key, each in value.items()) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
