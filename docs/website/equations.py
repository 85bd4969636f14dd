"""What players minimise, as formulas: losses, penalties and the terms that games add, by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ganzoo.config import Component, Config
from ganzoo.registry import GAMES, PENALTIES

X, Z = r"\mathbb{E}_{x}", r"\mathbb{E}_{z}"
FAKE = r"D(G(z))"

LOSSES = {
    "minimax": (
        rf"-{X} \log \sigma(D(x)) - {Z} \log\left(1 - \sigma({FAKE})\right)",
        rf"{Z} \log\left(1 - \sigma({FAKE})\right)",
    ),
    "non-saturating": (
        rf"-{X} \log \sigma(D(x)) - {Z} \log\left(1 - \sigma({FAKE})\right)",
        rf"-{Z} \log \sigma({FAKE})",
    ),
    "least-squares": (
        rf"\frac{{1}}{{2}} {X} (D(x) - 1)^2 + \frac{{1}}{{2}} {Z} {FAKE}^2",
        rf"\frac{{1}}{{2}} {Z} ({FAKE} - 1)^2",
    ),
    "hinge": (rf"{X} \max(0, 1 - D(x)) + {Z} \max(0, 1 + {FAKE})", rf"-{Z} {FAKE}"),
    "wasserstein": (rf"{Z} {FAKE} - {X} D(x)", rf"-{Z} {FAKE}"),
    "relativistic-paired": (
        rf"-\mathbb{{E}}_{{x,z}} \log \sigma(D(x) - {FAKE})",
        rf"-\mathbb{{E}}_{{x,z}} \log \sigma({FAKE} - D(x))",
    ),
    "relativistic-average": (
        rf"-{X} \log \sigma(D(x) - {Z}{FAKE}) - {Z} \log\left(1 - \sigma({FAKE} - {X}D(x))\right)",
        rf"-{Z} \log \sigma({FAKE} - {X}D(x)) - {X} \log\left(1 - \sigma(D(x) - {Z}{FAKE})\right)",
    ),
}
"""The discriminator's loss and the generator's."""

SLOPE = r"\lVert \nabla D(%s) \rVert_2"
PENALTY_TERMS = {
    "gradient-penalty": r"\mathbb{E}_{\hat{x}} \left(" + SLOPE % r"\hat{x}" + r" - %(target)s\right)^2",
    "zero-centred": r"\mathbb{E}_{\hat{x}} " + SLOPE % r"\hat{x}" + "^2",
    "dragan": r"\mathbb{E}_{\tilde{x}} \left(" + SLOPE % r"\tilde{x}" + r" - 1\right)^2",
    "r1": rf"\frac{{1}}{{2}} {X} " + SLOPE % "x" + "^2",
    "r2": rf"\frac{{1}}{{2}} {Z} " + SLOPE % "G(z)" + "^2",
    "consistency": rf"{X} \left(D(x) - D(T(x))\right)^2",
}
"""What a penalty's weight multiplies."""

WHERE = {
    "gradient-penalty": r"$\hat{x}$: random points between a real and a generated image",
    "zero-centred": r"$\hat{x}$: random points between a real and a generated image",
    "dragan": r"$\tilde{x}$: real images with noise of %(spread)s times their standard deviation",
    "consistency": r"$T$: a random mirroring and a shift by up to %(shift)s pixels",
}

FACTORS = {
    "paired": ("D", "discriminator_weight"),
    "unpaired": ("G", "adversarial"),
    "superres": ("G", "adversarial_weight"),
}
"""Whose adversarial loss a game multiplies, and by which of its options."""

Terms = list[tuple[str, str]]


def adversarial(loss: str) -> Terms:
    """Who minimises what, as LaTeX; nothing for losses that have no formula here."""
    pair = LOSSES.get(loss, ())
    return [(rf"\mathcal{{L}}_{player}", formula) for player, formula in zip("DG", pair, strict=False)]


def factor(config: Config) -> str:
    """What a game does to the adversarial losses, in words; empty where it leaves them as they are."""
    if config.game.name not in FACTORS:
        return ""
    player, option = FACTORS[config.game.name]
    value = given(GAMES.get(config.game.name), config.game)[option]
    return rf"$\mathcal{{L}}_{player}$ is multiplied by {number(value)}." if value != 1 else ""


def penalty(component: Component) -> tuple[str, str]:
    """A penalty's term as LaTeX, and what its letters mean; empty for those that have no formula here."""
    options = given(PENALTIES.get(component.name), component)
    term, where = PENALTY_TERMS.get(component.name, ""), WHERE.get(component.name, "")
    weight = number(options.get("weight", 1))
    return (rf"{weight} \cdot {term % _numbers(options)}" if term else "", where % _numbers(options))


def game_terms(config: Config) -> Terms:
    """What a game adds to the adversarial losses: who minimises it, and the term."""
    terms = GAME_TERMS.get(config.game.name)
    return terms(given(GAMES.get(config.game.name), config.game)) if terms else []


def given(constructor: Callable[..., Any], component: Component) -> dict[str, Any]:
    """A component's keywords, with the constructor's own where nothing is said."""
    parameters = inspect.signature(constructor).parameters.items()
    defaults = {name: each.default for name, each in parameters if each.default is not inspect.Parameter.empty}
    return defaults | component.options


def number(value: float) -> str:
    """A number as people write it."""
    return f"{value:g}"


def _numbers(options: dict[str, Any]) -> dict[str, str]:
    return {key: number(value) for key, value in options.items() if isinstance(value, int | float)}


def _paired(game: dict[str, Any]) -> Terms:
    power = {"l1": "_1", "l2": "_2^2"}[game["reconstruction"]]
    weight = number(game["reconstruction_weight"])
    return [(r"\mathcal{L}_G", rf"{weight}\; \mathbb{{E}}_{{a,b}} \lVert b - G(a) \rVert{power}")]


def _unpaired(game: dict[str, Any]) -> Terms:
    cycle, identity = number(game["cycle"]), number(game["cycle"] * game["identity"])
    there_and_back = r"\mathbb{E}_{a} \lVert G_{BA}(G_{AB}(a)) - a \rVert_1"
    back_and_there = r"\mathbb{E}_{b} \lVert G_{AB}(G_{BA}(b)) - b \rVert_1"
    same = r"\mathbb{E}_{b} \lVert G_{AB}(b) - b \rVert_1 + \mathbb{E}_{a} \lVert G_{BA}(a) - a \rVert_1"
    terms = [(r"\mathcal{L}_G", rf"{cycle} \left({there_and_back} + {back_and_there}\right)")]
    return terms + ([(r"\mathcal{L}_G", rf"{identity} \left({same}\right)")] if game["identity"] else [])


def _superres(game: dict[str, Any]) -> Terms:
    power = {"l1": "_1", "l2": "_2^2"}
    pixel = rf"{X} \lVert G(s) - x \rVert{power[game['pixel']]}"
    features = rf"{X} \lVert \varphi(G(s)) - \varphi(x) \rVert{power[game['perceptual']]}"
    weighted = ((game["pixel_weight"], pixel), (game["perceptual_weight"], features))
    return [(r"\mathcal{L}_G", rf"{number(weight)}\; {term}") for weight, term in weighted if weight]


def _stylegan2(game: dict[str, Any]) -> Terms:
    length = r"\left(\lVert J_w^{\top} y \rVert_2 - a\right)^2"
    weight = number(game["path_length"])
    return [(r"\mathcal{L}_G", rf"{weight}\; \mathbb{{E}}_{{w,y}} {length}")] if game["path_length"] else []


def _fastgan(game: dict[str, Any]) -> Terms:
    error = rf"{X} \lVert \varphi(R(f)) - \varphi(x) \rVert"
    return [(r"\mathcal{L}_D", rf"{number(game['reconstruction'])}\; {error}")]


def _ssgan(game: dict[str, Any]) -> Terms:
    real, fake = number(game["real_weight"]), number(game["fake_weight"])
    return [
        (r"\mathcal{L}_D", rf"-{real}\; \mathbb{{E}}_{{x,r}} \log Q(r \mid x^r)"),
        (r"\mathcal{L}_G", rf"-{fake}\; \mathbb{{E}}_{{z,r}} \log Q(r \mid G(z)^r)"),
    ]


GAME_TERMS: dict[str, Callable[[dict[str, Any]], Terms]] = {
    "paired": _paired,
    "unpaired": _unpaired,
    "superres": _superres,
    "stylegan2": _stylegan2,
    "fastgan": _fastgan,
    "ssgan": _ssgan,
}
NOTATION = {
    "paired": r"$a$ is an input, $b$ its target; $D(x)$ stands for $D(a, b)$ and $D(G(z))$ for $D(a, G(a))$. "
    "Distances are means over an image's values.",
    "unpaired": r"Each side has its own pair of these losses, with $G_{AB}(a)$ or $G_{BA}(b)$ for $G(z)$. "
    "Distances are means over an image's values.",
    "superres": r"$s$ is the image $x$ made small, $\varphi$ a frozen pretrained network; $G(s)$ stands for $G(z)$. "
    "Distances are means over values.",
    "stylegan2": r"$w$ are styles, $J_w$ the generator's Jacobian there, $y$ images of noise, $a$ a long-term mean.",
    "fastgan": r"$f$ are the discriminator's maps of $x$, $R$ rebuilds images from them, $\varphi$ is frozen.",
    "ssgan": r"$x^r$ is $x$ turned by $r$ quarters, $Q(r \mid x)$ the discriminator's guess at $r$.",
    "text": r"$D$ and $G$ also see the text; see [texts](../texts.md) for the terms that teach them to heed it.",
}
MEANING = (
    r"$x$ is a real image, $z$ a latent, $D$ gives logits, $\sigma$ is the logistic function. "
    r"Each player minimises its own loss."
)
