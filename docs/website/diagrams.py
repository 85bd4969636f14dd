"""Who plays with whom: a game's networks and what flows between them, as SVG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from ganzoo.config import Config

WIDTH, HEIGHT = 138, 56
COLUMN, ROW = 168, 88
MARGIN = 10
BELOW = 16


@dataclass(frozen=True)
class Box:
    """Something that flows or a network, at a place of a grid. kind: data, network or loss."""

    column: float
    row: float
    title: str
    note: str = ""
    kind: str = "data"

    @property
    def left(self) -> float:
        return MARGIN + self.column * COLUMN

    @property
    def top(self) -> float:
        return MARGIN + self.row * ROW

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + WIDTH / 2, self.top + HEIGHT / 2


@dataclass(frozen=True)
class Drawing:
    """Boxes by name and arrows between them; ``around``: arrows that pass below everything else."""

    boxes: dict[str, Box]
    arrows: list[tuple[str, str]]
    around: list[tuple[str, str]]


def diagram(config: Config) -> str:
    """The SVG of a configuration's game."""
    draw = GAMES.get(config.game.name, _from_noise if config.latent else _networks_alone)
    return _svg(draw(config), f"The game of {config.title}")


def _from_noise(config: Config) -> Drawing:
    latent = config.latent
    boxes = {
        "z": Box(0, 0, "latent z", f"{latent.size}, {latent.distribution}" if latent else ""),
        "generator": _network(config, "generator", 1, 0),
        "made": Box(2, 0, "made image", _shape(config)),
        "real": Box(2, 1, "real image", _shape(config)),
        "discriminator": _network(config, "discriminator", 3, 0.5),
        "loss": Box(4, 0.5, "losses", config.loss.name, "loss"),
    }
    arrows = [("z", "generator"), ("generator", "made"), ("made", "discriminator"), ("real", "discriminator")]
    around = []
    if config.conditional:
        boxes["label"] = Box(1, 1, "label y")
        arrows.append(("label", "generator"))
        around.append(("label", "discriminator"))
    return Drawing(boxes, [*arrows, ("discriminator", "loss")], around)


def _paired(config: Config) -> Drawing:
    boxes = {
        "input": Box(0, 0, "input a", _shape(config)),
        "generator": _network(config, "generator", 1, 0),
        "made": Box(2, 0, "made output"),
        "target": Box(2, 1, "target b"),
        "discriminator": _network(config, "discriminator", 3, 0),
        "loss": Box(4, 0, "losses", config.loss.name, "loss"),
        "distance": Box(3, 1, "distance", "made output to b", "loss"),
    }
    arrows = [("input", "generator"), ("generator", "made"), ("made", "discriminator"), ("target", "discriminator")]
    arrows += [("made", "distance"), ("target", "distance"), ("discriminator", "loss")]
    return Drawing(boxes, arrows, [])


def _unpaired(config: Config) -> Drawing:
    boxes, arrows = {}, []
    for row, here, there in ((0, "a", "b"), (2, "b", "a")):
        forth, back, judge = f"generator_{here}{there}", f"generator_{there}{here}", f"discriminator_{there}"
        chain = [
            Box(0, row, f"image {here.upper()}", _shape(config)),
            _network(config, forth, 1, row),
            Box(2, row, f"made {there.upper()}"),
            _network(config, back, 3, row),
            Box(4, row, f"{here.upper()} again", "compared with A" if here == "a" else "compared with B", "loss"),
        ]
        boxes |= {f"{here}{i}": box for i, box in enumerate(chain)}
        boxes[judge] = _network(config, judge, 2, row + 1)
        boxes[f"real {there}"] = Box(1, row + 1, f"image {there.upper()}")
        boxes[f"loss {there}"] = Box(3, row + 1, "losses", config.loss.name, "loss")
        arrows += [(f"{here}{i}", f"{here}{i + 1}") for i in range(4)]
        arrows += [(f"{here}2", judge), (f"real {there}", judge), (judge, f"loss {there}")]
    return Drawing(boxes, arrows, [])


def _superres(config: Config) -> Drawing:
    boxes = {
        "small": Box(0, 0, "small image s", "made by bicubic filter"),
        "generator": _network(config, "generator", 1, 0),
        "made": Box(2, 0, "made image", _shape(config)),
        "real": Box(2, 1, "real image x", _shape(config)),
        "discriminator": _network(config, "discriminator", 3, 0),
        "frozen": Box(3, 1, "frozen network", str(config.game.options.get("features", "")), "network"),
        "loss": Box(4, 0, "losses", config.loss.name, "loss"),
        "distance": Box(4, 1, "distance", "of its features", "loss"),
    }
    arrows = [("small", "generator"), ("generator", "made")]
    arrows += [(image, judge) for image in ("made", "real") for judge in ("discriminator", "frozen")]
    return Drawing(boxes, [*arrows, ("discriminator", "loss"), ("frozen", "distance")], [])


def _text(config: Config) -> Drawing:
    boxes = {
        "z": Box(0, 0, "latent z", str(config.latent.size) if config.latent else ""),
        "caption": Box(0, 1, "text", "bytes"),
        "text": _network(config, "text", 1, 1, "text encoder"),
        "generator": _network(config, "generator", 1, 0, "stage I"),
        "small": Box(2, 0, "small image"),
        "discriminator": _network(config, "discriminator", 2, 1),
        "generator_two": _network(config, "generator_two", 3, 0, "stage II"),
        "large": Box(4, 0, "large image", _shape(config)),
        "discriminator_two": _network(config, "discriminator_two", 4, 1, "discriminator"),
    }
    arrows = [("z", "generator"), ("caption", "text"), ("text", "generator"), ("text", "discriminator")]
    arrows += [("generator", "small"), ("small", "generator_two"), ("generator_two", "large")]
    arrows += [("small", "discriminator"), ("large", "discriminator_two")]
    return Drawing(boxes, arrows, [("text", "generator_two"), ("text", "discriminator_two")])


def _networks_alone(config: Config) -> Drawing:
    return Drawing({name: _network(config, name, i % 5, i // 5) for i, name in enumerate(config.networks)}, [], [])


GAMES: dict[str, Callable[[Config], Drawing]] = {
    "paired": _paired,
    "unpaired": _unpaired,
    "superres": _superres,
    "text": _text,
}


def _network(config: Config, player: str, column: float, row: float, title: str = "") -> Box:
    name, _, side = player.partition("_")
    shown = title or (f"{name} {side.upper()}" if len(side) <= 2 else player.replace("_", " "))
    return Box(column, row, shown, config.networks[player].name, "network")


def _shape(config: Config) -> str:
    height, width = config.size
    return f"{height} × {width}, {'gray' if config.image_channels == 1 else 'colour'}"


def _svg(drawing: Drawing, label: str) -> str:
    boxes = drawing.boxes.values()
    width = max(box.left for box in boxes) + WIDTH + MARGIN
    height = max(box.top for box in boxes) + HEIGHT + MARGIN + (2 * BELOW if drawing.around else 0)
    parts = [_arrow(drawing.boxes[one], drawing.boxes[other]) for one, other in drawing.arrows]
    parts += [_around(drawing.boxes[one], drawing.boxes[other], height - BELOW) for one, other in drawing.around]
    parts += [_box(box) for box in boxes]
    head = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    head = f'<defs>{head}<path d="M0 0L8 4L0 8z"/></marker></defs>'
    opening = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
    return f'<div class="game">{opening}{head}{"".join(parts)}</svg></div>'


def _box(box: Box) -> str:
    x, y = box.middle
    edge = f'<rect x="{box.left:g}" y="{box.top:g}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
    title = f'<text x="{x:g}" y="{y - (4 if box.note else -5):g}">{escape(box.title)}</text>'
    note = f'<text class="note" x="{x:g}" y="{y + 14:g}">{_fitting(box.note)}</text>' if box.note else ""
    return f'<g class="{box.kind}">{edge}{title}{note}</g>'


def _fitting(note: str) -> str:
    return escape(note if len(note) <= 24 else f"{note[:23]}…")


def _arrow(one: Box, other: Box) -> str:
    (x, y), (to_x, to_y) = one.middle, other.middle
    if one.column == other.column:
        sign = 1 if to_y > y else -1
        return _path(f"M{x:g} {y + sign * HEIGHT / 2:g}V{to_y - sign * (HEIGHT / 2 + 1):g}")
    x, to_x = x + WIDTH / 2, to_x - WIDTH / 2 - 1
    bend = (x + to_x) / 2
    return _path(f"M{x:g} {y:g}C{bend:g} {y:g} {bend:g} {to_y:g} {to_x:g} {to_y:g}")


def _around(one: Box, other: Box, level: float) -> str:
    x, to_x = one.middle[0], other.middle[0]
    return _path(f"M{x:g} {one.top + HEIGHT:g}V{level:g}H{to_x:g}V{other.top + HEIGHT + 1:g}")


def _path(line: str) -> str:
    return f'<path class="flow" d="{line}" marker-end="url(#head)"/>'
