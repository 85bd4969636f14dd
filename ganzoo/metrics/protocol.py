"""What must be the same for two scores to be comparable, and the protocols that are frozen under a name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ganzoo.errors import GanzooError, UnknownName

CUSTOM = "custom"


@dataclass(frozen=True)
class Protocol:
    """How generated images are made and compared.

    extractor: what they are seen through. count: how many are made. split, reference_count: which real images they
    are compared with, drawn by ``reference_seed``; None is all of the split. compared: how many of either side are
    compared one by one, by KID, precision and recall. labels: how a conditional model's are drawn. weights: which of
    a model's. uint8: how images in [-1, 1] are rounded. The rest: the metrics' own numbers.
    """

    name: str = CUSTOM
    extractor: str = "inception"
    count: int = 10_000
    split: str = "train"
    reference_count: int | None = None
    reference_seed: int = 0
    compared: int = 10_000
    labels: str = "data"
    weights: str = "average where the variant has one"
    uint8: str = "(x * 127.5 + 128) clamped to 0 ... 255"
    is_splits: int = 10
    kid_subsets: int = 100
    kid_subset_size: int = 1000
    prc_neighbours: int = 3
    ppl_epsilon: float = 1e-4

    def identity(self, **facts: Any) -> str:
        """16 hexadecimal digits: a hash of everything here, its name apart, and of ``facts``."""
        content: Mapping[str, Any] = {k: v for k, v in asdict(self).items() if k != "name"} | facts
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


PROTOCOLS = {
    each.name: each
    for each in (
        Protocol("gz-inception-50k", "inception", 50_000),
        Protocol("gz-lite-10k", "efficientnet-lite0", 10_000, reference_count=10_000),
        Protocol("gz-mnist-10k", "mnist-classifier", 10_000, reference_count=10_000),
    )
}
"""Frozen: a protocol that should change gets another name."""


def choose(name: str | None, **wishes: Any) -> Protocol:
    """A protocol by name, or one of one's own: the defaults with ``wishes``, of which None says nothing.

    Raises GanzooError for a wish that contradicts a named protocol.
    """
    given = {key: value for key, value in wishes.items() if value is not None}
    if given.get("count", 2) < 2:
        raise GanzooError(f"a score needs at least 2 images, not {given['count']}")
    if name is None or name == CUSTOM:
        return replace(Protocol(), **given)
    if name not in PROTOCOLS:
        raise UnknownName("protocol", name, PROTOCOLS)
    protocol = PROTOCOLS[name]
    for key, value in given.items():
        if getattr(protocol, key) != value:
            raise GanzooError(f"protocol {name} says {key} {getattr(protocol, key)}, not {value}; leave one out")
    return protocol
