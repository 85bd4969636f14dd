"""Protocols: frozen under their names, and another id for whatever makes scores incomparable."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from ganzoo.errors import GanzooError, UnknownName
from ganzoo.metrics.protocol import PROTOCOLS, Protocol, choose

# Never to change: a protocol that should gets another name.
FROZEN = {
    "gz-inception-50k": "5d85340dbe647e2a",
    "gz-lite-10k": "0f187d5ad04f67f3",
    "gz-mnist-10k": "b2c8394d1e3ab150",
}


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_named_protocols_are_frozen(name):
    assert PROTOCOLS[name].identity() == FROZEN[name]


@pytest.mark.parametrize("field", [field.name for field in fields(Protocol) if field.name != "name"])
def test_whatever_is_changed_makes_another_protocol(field):
    other = replace(Protocol(), **{field: 7 if field != "extractor" else "timm:resnet18"})
    assert other.identity() != Protocol().identity()
    assert replace(Protocol(), name="mine").identity() == Protocol().identity()


def test_the_reference_and_the_weights_belong_to_the_id():
    protocol = Protocol()
    ids = {protocol.identity(metric=m, real={"split": s}) for m in ("fid", "kid") for s in ("train", "test")}
    assert len(ids) == 4


def test_nothing_contradicts_a_named_protocol():
    assert choose("gz-lite-10k", count=10_000, split=None).extractor == "efficientnet-lite0"
    assert choose(None, count=50).count == 50
    with pytest.raises(GanzooError, match="gz-lite-10k says count 10000, not 500"):
        choose("gz-lite-10k", count=500)
    with pytest.raises(UnknownName, match="gz-lite-10k"):
        choose("gz-lite")
