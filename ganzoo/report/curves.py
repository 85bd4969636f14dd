"""A run's curves as small SVG charts that take their colours from the page."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganzoo.report.meaning import meaning
from ganzoo.report.record import Record
from ganzoo.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 500
# Colours that stand for the page's: the lines' --line-1 … --line-4, text and rules.
LINES = ("#010101", "#020202", "#030303", "#040404")
TEXT, RULE = "#0a0a0a", "#0b0b0b"
FAKE, REAL = 0, 1


@dataclass(frozen=True)
class Line:
    """One curve: its name, the key it was logged under, and its colour's number.

    dashed: for comparison. dotted: with a dot at each value, for few of them.
    """

    name: str
    key: str
    colour: int
    dashed: bool = False
    dotted: bool = False


@dataclass(frozen=True)
class Legend:
    """A line's name and last value. colour: 1 … 4."""

    name: str
    value: str
    colour: int
    dashed: bool


@dataclass(frozen=True)
class Chart:
    """A finished chart: what it shows, how to read it, and its SVG."""

    title: str
    reading: str
    legend: list[Legend]
    svg: str


@dataclass(frozen=True)
class _Plan:
    title: str
    reading: str
    lines: Sequence[Line]
    level: float | None = None
    limits: tuple[float, float] | None = None
    log: bool = False


def charts(record: Record) -> list[Chart]:
    """The charts for which a run has logged something."""
    plans = [*_scores(record), *_losses(record), *_contest(record), *_optimisation(record), *_samples(), *_speed()]
    history = sorted([*thinned(record.history), *record.scores], key=lambda entry: entry["step"])
    drawn = (_draw(plan, history) for plan in plans)
    return [chart for chart in drawn if chart is not None]


def thinned(history: Sequence[dict[str, Any]], most: int = MOST_POINTS) -> list[dict[str, Any]]:
    """At most ``most`` entries, evenly spaced, the first and last among them."""
    if len(history) <= most:
        return list(history)
    return [history[round(i * (len(history) - 1) / (most - 1))] for i in range(most)]


def _losses(record: Record) -> Iterator[_Plan]:
    told = meaning(record.loss)
    for player in record.players:
        terms = _terms(record, player)
        names = sorted(terms, key=lambda term: (term != "adversarial", term))
        first = FAKE if player.startswith("generator") else REAL
        others = [colour for colour in range(len(LINES)) if colour not in (FAKE, REAL)]
        colours = [first, *others]
        lines = [
            Line(term.replace("_", " "), f"{player}/{term}", colours[min(i, len(colours) - 1)])
            for i, term in enumerate(names)
        ]
        readings = {"discriminator": told.discriminator, "generator": told.generator}
        reading = readings.get(player, f"What the {player} minimises.")
        yield _Plan(f"{player.capitalize()} loss", reading, lines, level=told.chance.get(player))


def _contest(record: Record) -> Iterator[_Plan]:
    told = meaning(record.loss)
    probabilities = record.values("d_real") + record.values("d_fake")
    inside = bool(probabilities) and min(probabilities) >= 0 and max(probabilities) <= 1
    yield _Plan(
        "D(x) and D(G(z))",
        told.reading,
        [Line("D(x), real", "d_real", REAL), Line("D(G(z)), samples", "d_fake", FAKE)],
        level=0.5,
        limits=(0, 1) if inside else None,
    )
    yield _Plan("Critic gap", told.reading, [Line("gap", "critic_gap", REAL)], level=0.0)
    yield _Plan(
        "Discriminator accuracy",
        "Share of real images and of samples that it judges rightly. At 1 for long, the generator learns little; "
        "0.5 is guessing.",
        [Line("on real images", "real_accuracy", REAL), Line("on samples", "fake_accuracy", FAKE)],
        level=0.5,
        limits=(0, 1),
    )


def _optimisation(record: Record) -> Iterator[_Plan]:
    yield _Plan(
        "Gradient norms",
        "On a logarithmic scale. Steady is good; growth by powers of ten comes before divergence, "
        "and a fall to nothing means that a player has stopped learning.",
        [Line(player, f"{player}/gradient_norm", _colour(player, i)) for i, player in enumerate(record.players)],
        log=True,
    )


def _samples() -> Iterator[_Plan]:
    yield _Plan(
        "Diversity",
        "How much samples differ from each other, as a share of how much the data do. "
        "It should come close to 1; a fall towards 0 is mode collapse.",
        [Line("samples", "diversity", FAKE)],
        level=1.0,
        limits=(0, math.nan),
    )
    yield _Plan(
        "Saturation",
        "Share of values that are pure black or white. Samples should settle where the data are.",
        [Line("samples", "saturation", FAKE), Line("data", "real_saturation", REAL, dashed=True)],
        limits=(0, math.nan),
    )


def _scores(record: Record) -> Iterator[_Plan]:
    scores = [entry for entry in (*record.history, *record.scores) if "score" in entry]
    title = next((entry["title"] for entry in scores if "title" in entry), "distance")
    best = min(scores, key=lambda entry: entry["score"], default={"step": 0})
    yield _Plan(
        "Scores",
        "The Fréchet distance to the data, of samples made while training. Lower is better; lowest at step "
        f"{best['step']:,}, whose model was kept.",
        [Line(title, "score", FAKE, dotted=True)],
        limits=(0, math.nan),
    )


def _speed() -> Iterator[_Plan]:
    yield _Plan(
        "Learning rate",
        "As the schedule sets it, step by step.",
        [Line("generator", "lr/generator", FAKE), Line("discriminator", "lr/discriminator", REAL, dashed=True)],
        limits=(0, math.nan),
    )
    yield _Plan(
        "Images per second",
        "Real images used in training. Dips are other work on the machine, samples and checkpoints.",
        [Line("images/s", "images_per_second", 2)],
        limits=(0, math.nan),
    )


def _terms(record: Record, player: str) -> set[str]:
    keys = {key for entry in thinned(record.history) for key in entry}
    return {key.partition("/")[2] for key in keys if key.startswith(f"{player}/")} - {"gradient_norm"}


def _colour(player: str, position: int) -> int:
    known = {"generator": FAKE, "discriminator": REAL}
    return known.get(player, min(position, len(LINES) - 1))


def _draw(plan: _Plan, history: Sequence[dict[str, Any]]) -> Chart | None:
    """The chart of a plan, None if nothing of it was logged."""
    series = [(line, *_points(history, line.key, plan.log)) for line in plan.lines]
    series = [(line, steps, values) for line, steps, values in series if values]
    if not series:
        return None
    finite = [value for _, _, values in series for value in values if math.isfinite(value)]
    low, high, cut = _limits(plan, finite)
    svg = _svg(lambda axes: _fill(axes, plan, series, (low, high)))
    legend = [Legend(line.name, number(values[-1]), line.colour + 1, line.dashed) for line, _, values in series]
    return Chart(plan.title, plan.reading + (" A few values lie outside the frame." if cut else ""), legend, svg)


def _points(history: Sequence[dict[str, Any]], key: str, positive: bool) -> tuple[list[int], list[float]]:
    """Steps and values of a key; what cannot be drawn is NaN, which breaks the line."""
    steps, values = [], []
    for entry in history:
        value = entry.get(key)
        if isinstance(value, int | float):
            drawable = math.isfinite(value) and (value > 0 or not positive)
            steps.append(entry["step"])
            values.append(float(value) if drawable else math.nan)
    return (steps, values) if any(map(math.isfinite, values)) else ([], [])


def _limits(plan: _Plan, values: Sequence[float]) -> tuple[float, float, bool]:
    """The axis's ends, and whether values lie beyond: single spikes may, where they would flatten all else."""
    ordered = sorted(math.log10(value) for value in values) if plan.log else sorted(values)
    cut = len(ordered) // 50
    inner = ordered[cut : len(ordered) - cut]
    if plan.level is not None:
        inner = sorted([*inner, plan.level])
    tight = ordered[-1] - ordered[0] > 3 * (inner[-1] - inner[0])
    low, high = (inner[0], inner[-1]) if tight else (min(inner[0], ordered[0]), max(inner[-1], ordered[-1]))
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - margin, high + margin
    if plan.log:
        return 10**low, 10**high, tight
    if plan.limits is not None:
        low = plan.limits[0]
        high = high if math.isnan(plan.limits[1]) else plan.limits[1] + 0.02
    return low, high, tight


def _fill(
    axes: Axes, plan: _Plan, series: Sequence[tuple[Line, list[int], list[float]]], ends: tuple[float, float]
) -> None:
    if plan.log:
        axes.set_yscale("log")
    if plan.level is not None:
        axes.axhline(plan.level, color=TEXT, linewidth=0.7, alpha=0.45, dashes=(3, 3))
    for line, steps, values in series:
        smooth = _smoothed(values, plan.log)
        style = (0, (4, 2)) if line.dashed else "-"
        marker = "o" if len(values) == 1 or line.dotted else ""
        if smooth is not values:
            axes.plot(steps, values, color=LINES[line.colour], linewidth=0.6, alpha=0.3)
        axes.plot(steps, smooth, color=LINES[line.colour], linewidth=1.4, ls=style, marker=marker, ms=3)
    last = max(steps[-1] for _, steps, _ in series)
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(*ends)


def _smoothed(values: list[float], log: bool) -> list[float]:
    """A moving average over a thirtieth of the run, where there is enough to average."""
    half = len(values) // 60
    if half == 0:
        return values
    forward, backward = (math.log, math.exp) if log else (float, float)
    smooth = []
    for i in range(len(values)):
        near = [forward(value) for value in values[max(0, i - half) : i + half + 1] if math.isfinite(value)]
        smooth.append(backward(sum(near) / len(near)) if near and math.isfinite(values[i]) else math.nan)
    return smooth


def _svg(fill: Callable[[Axes], None]) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ganzoo"}):
        figure = Figure(figsize=(5.0, 2.5))
        axes = figure.add_axes((0.115, 0.12, 0.87, 0.83))
        _style(axes)
        fill(axes)
        _ticks(axes)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True)
    return _for_page(text.getvalue())


def _style(axes: Axes) -> None:
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set(color=TEXT, alpha=0.5, linewidth=0.7)
    axes.grid(axis="y", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=TEXT, labelsize=9, pad=5)


def _ticks(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _steps(value)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        decades = math.log10(high / low)
        axes.yaxis.set_major_locator(
            LogLocator(subs=(1,) if decades > 2 else (1, 3) if decades > 1 else (1, 2, 5), numticks=6)
        )
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def _steps(value: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _for_page(svg: str) -> str:
    """An SVG without what a page has already or must not have: fonts, sizes, metadata, global ids and styles."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    view = re.search(r'viewBox="[^"]*"', svg)
    svg = re.sub(r"<svg[^>]*>", f'<svg {view.group() if view else ""} aria-hidden="true">', svg, count=1)
    svg = re.sub(r'<g id="[^"]*"(/?)>', r"<g\1>", svg)
    svg = re.sub(r"font(-size|-family)?: [^;\"]*;?", "", svg)
    svg = re.sub(r"(\d\.\d)\d+(?=[ \"\n])", r"\1", svg)
    for number_, sentinel in enumerate(LINES, start=1):
        svg = svg.replace(sentinel, f"var(--line-{number_})")
    svg = svg.replace(TEXT, "currentColor").replace(RULE, "var(--rule)")
    return re.sub(r"\s*\n\s*", " ", svg)
