"""What to try after a run: the flags, and why."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ganzoo.annealing import at
from ganzoo.report.record import Record


@dataclass(frozen=True)
class Advice:
    """Something to try: why, and the flags or the command for it."""

    why: str
    flags: str


Remedies = Iterator[Advice]


def advise(record: Record, troubles: Mapping[str, str]) -> Iterator[Advice]:
    """What to do next about a run's ``troubles`` (by the names of health.findings), or without any."""
    config, folder = record.config, shlex.quote(str(record.folder))
    remedies = {
        "divergence": _against_divergence,
        "collapse": _against_collapse,
        "vanished": _against_vanishing,
        "dominance": _against_dominance,
        "chance": _against_chance,
        "saturation": _against_saturation,
    }
    given = {advice.flags: advice for trouble in troubles for advice in remedies[trouble](config, record.request)}
    if record.history and not record.finished and record.diverged is None:
        yield Advice("go on from the last checkpoint", f"ganzoo train --resume {folder}")
    if record.finished and not troubles and record.steps:
        yield Advice("look at what it makes", showing(record)[1])
        yield Advice("train for longer", f"ganzoo train --resume {folder} --steps {2 * record.steps}")
    yield from given.values()


def showing(record: Record) -> tuple[str, str]:
    """What shows what a run's model makes: a word for it, and the command."""
    from ganzoo.games.translation import from_images

    folder = shlex.quote(str(record.folder))
    if from_images(record.game):
        return "translate", f"ganzoo translate {folder} IMAGES --out translated/"
    return "sample", f"ganzoo sample {folder} -n 64 --out grid.png"


def _against_divergence(config: Mapping[str, Any], request: Mapping[str, Any]) -> Remedies:
    if request.get("precision") not in (None, "fp32"):
        yield Advice("half precision may overflow", "--precision fp32")
    yield from _slower(config, "discriminator")
    yield from _slower(config, "generator")
    yield from _penalty(config)
    if not config.get("schedule", {}).get("clip_gradients"):
        yield Advice("bound single bad steps", "-o schedule.clip_gradients=10")


def _against_collapse(config: Mapping[str, Any], request: Mapping[str, Any]) -> Remedies:
    yield from _penalty(config)
    yield from _slower(config, "generator")
    if batch := config.get("schedule", {}).get("batch_size"):
        yield Advice("show the discriminator more images at a time", f"--batch-size {2 * batch}")
    yield Advice("some collapses are bad luck", f"--seed {(request.get('seed') or 0) + 1}")


def _against_vanishing(config: Mapping[str, Any], request: Mapping[str, Any]) -> Remedies:
    if _name(config.get("loss")) == "minimax":
        yield Advice("the minimax loss starves a losing generator", "-o loss=non-saturating")
    else:
        yield from _against_dominance(config, request)


def _against_dominance(config: Mapping[str, Any], request: Mapping[str, Any]) -> Remedies:
    repeats = config.get("schedule", {}).get("discriminator_steps", 1)
    if repeats > 1:
        yield Advice("let the discriminator move less often", f"-o schedule.discriminator_steps={repeats // 2}")
    yield from _slower(config, "discriminator")
    yield from _penalty(config)


def _against_chance(config: Mapping[str, Any], request: Mapping[str, Any]) -> Remedies:
    repeats = config.get("schedule", {}).get("discriminator_steps", 1)
    yield Advice("let the discriminator move more often", f"-o schedule.discriminator_steps={repeats + 1}")
    yield from _slower(config, "generator")


def _against_saturation(config: Mapping[str, Any], request: Mapping[str, Any]) -> Remedies:
    yield from _slower(config, "generator")


def _slower(config: Mapping[str, Any], player: str) -> Remedies:
    lr = config.get("optimizers", {}).get(player, {}).get("lr")
    if lr:
        yield Advice(f"halve the {player}'s learning rate", f"-o optimizers.{player}.lr={at(lr, 0) / 2:g}")


def _penalty(config: Mapping[str, Any]) -> Remedies:
    if config.get("penalties"):
        return
    # Batch norm mixes the images of a batch, and a penalty needs each image's own gradient.
    batch_norm = config.get("networks", {}).get("discriminator", {}).get("norm") == "batch"
    norm = "-o networks.discriminator.norm=layer " if batch_norm else ""
    yield Advice("keep the discriminator smooth", f"{norm}-o 'penalties=[{{name: r1, weight: 5}}]'")


def _name(component: Any) -> str:
    return str(component.get("name") if isinstance(component, Mapping) else component or "")
