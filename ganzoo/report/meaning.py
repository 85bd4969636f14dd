"""What the numbers of a game mean, loss by loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Meaning:
    """How to read a loss's numbers.

    chance: a player's adversarial loss while nobody can tell real from fake, where that says something.
    """

    discriminator: str
    generator: str
    reading: str
    chance: Mapping[str, float] = field(default_factory=dict)


_PROBABILITY = (
    "The probability of being real that the discriminator gives to real images, D(x), and to generated ones, D(G(z)). "
    "Both near 0.5: it cannot tell. Near 1 and 0: the generator is losing."
)
_GAP = "How much more real the critic finds real images than generated ones. "

MEANINGS = {
    "minimax": Meaning(
        "1.39 while the discriminator cannot tell real from fake, near 0 when it always can.",
        "−0.69 while the discriminator cannot tell. Near 0 the generator gets next to no gradient.",
        _PROBABILITY,
        {"discriminator": 1.386, "generator": -0.693},
    ),
    "non-saturating": Meaning(
        "1.39 while the discriminator cannot tell real from fake, near 0 when it always can.",
        "0.69 while the discriminator cannot tell; it rises as the generator falls behind.",
        _PROBABILITY,
        {"discriminator": 1.386, "generator": 0.693},
    ),
    "least-squares": Meaning(
        "0.25 while the discriminator cannot tell real from fake, near 0 when it always can.",
        "0.125 while the discriminator cannot tell, 0.5 when it is never fooled.",
        "The discriminator's mean output, whose targets are 1 for real and 0 for generated images. "
        "Both near 0.5: it cannot tell.",
        {"discriminator": 0.25, "generator": 0.125},
    ),
    "hinge": Meaning(
        "2 while the discriminator cannot tell real from fake, 0 once all images are beyond its margins.",
        "Minus the score of generated images. Its height means nothing by itself.",
        "The discriminator's scores as probabilities of being real. A margin of 1 is 0.73 and 0.27; "
        "both near 0.5: it cannot tell.",
        {"discriminator": 2.0},
    ),
    "wasserstein": Meaning(
        "The adversarial term is minus the estimated distance between data and samples: rising towards 0 is progress.",
        "Minus the critic's score of samples. Its sign and height mean nothing by themselves.",
        _GAP + "It follows the distance between data and samples: falling is progress.",
    ),
    "relativistic-paired": Meaning(
        "0.69 while the critic cannot tell which of two images is real, near 0 when it always can.",
        "0.69 while the critic cannot tell which of two images is real; it rises as the generator falls behind.",
        _GAP + "Near 0: it cannot tell. Above about 5 the generator is losing.",
        {"discriminator": 0.693, "generator": 0.693},
    ),
    "relativistic-average": Meaning(
        "1.39 while real images look no more real than the average sample, near 0 when they always do.",
        "1.39 while samples look as real as the average real image; it rises as the generator falls behind.",
        _GAP + "Near 0: it cannot tell. Above about 5 the generator is losing.",
        {"discriminator": 1.386, "generator": 1.386},
    ),
}
UNKNOWN = Meaning(
    "What the discriminator minimises.",
    "What the generator minimises.",
    "What the discriminator makes of real and of generated images; close together: it cannot tell.",
)

PHASES = {
    "starting": "too early to tell",
    "pre-training": "the generator learns alone, from the pixels' distance; the discriminator comes later",
    "collapsing": "samples are far less varied than the data",
    "discriminator ahead": "the discriminator is nearly always right; the generator has yet to catch up",
    "contested": "each player wins some rounds, which is what working training looks like",
    "generator ahead": "the discriminator can hardly tell: good at the end, early on a sign that it is too weak",
}


def meaning(loss: str) -> Meaning:
    """How to read the numbers of the adversarial loss called ``loss``."""
    return MEANINGS.get(loss, UNKNOWN)
